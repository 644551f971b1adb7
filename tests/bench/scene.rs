//! A backend, a directory with the configuration that reads it, and a network between that takes its time.

use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

use crate::support::{Sandbox, kz_binary};
use kz_fakes::fake_server::relay::Relay;
use kz_fakes::fake_server::{Backend, Fake, Transport};

pub(crate) const ROUND_TRIP: Duration = Duration::from_millis(20);
/// Round trips are counted by what a longer one adds, so that the machine's own time is not counted as network.
const LONG_TRIP: Duration = Duration::from_millis(100);
/// From here to the other side of the world, nearly.
pub(crate) const FAR_TRIP: Duration = Duration::from_millis(200);
/// The median of so many runs is shown.
pub(crate) const RUNS: usize = 5;

/// What one run cost.
struct Cost {
    elapsed: Duration,
    processor: Duration,
    peak_kib: u64,
    requests: usize,
    connections: usize,
}

/// What kz is told of a backend: variables, given the backend and its URL behind the relay.
type Variables<B> = fn(&Fake<B>, String) -> Vec<(&'static str, String)>;

/// A backend with secrets, and what kz is told of it.
pub(crate) struct Scene<B: Backend> {
    scheme: &'static str,
    pub(crate) fake: Fake<B>,
    pub(crate) sandbox: Sandbox,
    variables: Variables<B>,
}

impl<B: Backend> Scene<B> {
    pub(crate) fn new(transport: Transport, config: &str, variables: Variables<B>) -> Self {
        let scheme = if transport == Transport::Plain { "http" } else { "https" };
        let scene =
            Self { scheme, fake: Fake::start(transport), sandbox: Sandbox::with_config(config), variables };
        scene.sandbox.file("ca.pem", scene.fake.ca());
        scene
    }

    fn run(&self, round_trip: Duration) -> Cost {
        let relay = Relay::start(self.fake.address, round_trip);
        let before = self.fake.requests("");
        let mut command = Command::new("/usr/bin/time");
        command.args(["--quiet", "-f", "%M", "-o", "peak"]).arg(kz_binary());
        command.args(["--quiet", "export", "--format", "env", "--output", "out"]);
        command.envs((self.variables)(&self.fake, format!("{}://{}", self.scheme, relay.address)));
        let (begin, used) = (Instant::now(), processor());
        self.sandbox.run(&mut command).expect_code(0);
        let (elapsed, processor) = (begin.elapsed(), processor().saturating_sub(used));
        let peak = std::fs::read_to_string(self.sandbox.path("peak")).expect("what time wrote");
        Cost {
            elapsed,
            processor,
            peak_kib: peak.trim().parse().expect("a number"),
            requests: self.fake.requests("") - before,
            connections: relay.connections(),
        }
    }

    fn median(&self, round_trip: Duration) -> Cost {
        let mut costs: Vec<Cost> = (0..RUNS).map(|_| self.run(round_trip)).collect();
        costs.sort_by_key(|cost| cost.elapsed);
        costs.swap_remove(RUNS / 2)
    }

    /// Measures, and prints a line.
    pub(crate) fn row(&self, what: &str, budget: &str) {
        self.row_between(ROUND_TRIP, LONG_TRIP, what, budget);
    }

    /// The same of a server that is far away.
    pub(crate) fn distant_row(&self, what: &str, budget: &str) {
        self.row_between(FAR_TRIP, 2 * FAR_TRIP, what, budget);
    }

    fn row_between(&self, near: Duration, far: Duration, what: &str, budget: &str) {
        let longer = self.median(far).elapsed;
        let Cost { elapsed, processor, peak_kib, requests, connections } = self.median(near);
        let added = longer.saturating_sub(elapsed).as_secs_f64();
        let trips = added / far.saturating_sub(near).as_secs_f64();
        let (elapsed, processor) = (elapsed.as_millis(), processor.as_secs_f64() * 1e3);
        println!(
            "{what:<36} {trips:>5.1} {elapsed:>7} {requests:>9} {connections:>12} {processor:>7.1} {peak_kib:>9}  {budget}"
        );
    }
}

/// The heading of rows.
pub(crate) fn head(what: &str) {
    head_at(ROUND_TRIP, what);
}

/// The heading of rows at this distance.
pub(crate) fn head_at(round_trip: Duration, what: &str) {
    println!("\n{what}, {} ms round trip, median of {RUNS} runs", round_trip.as_millis());
    println!(
        "{:<36} {:>5} {:>7} {:>9} {:>12} {:>7} {:>9}",
        "", "RTTs", "ms", "requests", "connections", "CPU ms", "peak KiB"
    );
}

/// What all children have used so far: kz, and a millisecond of `time`.
pub(crate) fn processor() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("what children used");
    let microseconds = (usage.user_time() + usage.system_time()).num_microseconds();
    Duration::from_micros(u64::try_from(microseconds).expect("a time"))
}
