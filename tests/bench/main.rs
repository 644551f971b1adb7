//! What reading from Vault costs over a network with a round-trip time: `make bench` runs this with the release
//! binary (`KZ_BINARY`). Prints figures beside the budgets of design.md §6 and never fails on them, since they
//! vary with the machine; `tests/it/vault_counts.rs` holds the counts. No test: nothing here asserts a time.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program of measurements"
)]

#[path = "../vault_fake/mod.rs"]
mod fake;
#[path = "../fake_server/mod.rs"]
mod fake_server;
#[path = "../it/support.rs"]
mod support;

use std::fmt::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use fake::relay::Relay;
use fake::{Fake, Transport};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use serde_json::json;
use support::{Sandbox, kz_binary};

const ROUND_TRIP: Duration = Duration::from_millis(20);
/// Round trips are counted by what a longer one adds, so that the machine's own time is not counted as network.
const LONG_TRIP: Duration = Duration::from_millis(100);
/// The median of so many runs is shown.
const RUNS: usize = 5;

/// What one run cost.
struct Cost {
    elapsed: Duration,
    processor: Duration,
    peak_kib: u64,
    requests: usize,
    connections: usize,
}

/// A Vault with documents, a directory with the configuration that reads them, and the network between.
struct Scene {
    fake: Fake,
    sandbox: Sandbox,
}

impl Scene {
    fn new(transport: Transport, config: &str) -> Self {
        let scene = Self { fake: Fake::start(transport), sandbox: Sandbox::with_config(config) };
        scene.sandbox.file("ca.pem", scene.fake.ca());
        scene
    }

    fn documents(transport: Transport, count: usize) -> Self {
        let mut config = "[secrets]\n".to_owned();
        for number in 0..count {
            let _ = writeln!(
                config,
                "S{number} = {{ provider = \"vault\", ref = \"secret/data/d{number}/value\" }}"
            );
        }
        let scene = Self::new(transport, &config);
        for number in 0..count {
            scene.fake.write(
                &format!("secret/data/d{number}"),
                &json!({ "data": { "value": format!("value {number}") } }),
            );
        }
        scene
    }

    fn fields(transport: Transport, count: usize) -> Self {
        let mut config = "[secrets]\n".to_owned();
        for number in 0..count {
            let _ =
                writeln!(config, "S{number} = {{ provider = \"vault\", ref = \"secret/data/d/f{number}\" }}");
        }
        let scene = Self::new(transport, &config);
        let fields: serde_json::Map<_, _> =
            (0..count).map(|number| (format!("f{number}"), json!("value"))).collect();
        scene.fake.write("secret/data/d", &json!({ "data": fields }));
        scene
    }

    fn run(&self, round_trip: Duration) -> Cost {
        let relay = Relay::start(self.fake.address, round_trip);
        let before = self.fake.requests("");
        let mut command = Command::new("/usr/bin/time");
        command.args(["--quiet", "-f", "%M", "-o", "peak"]).arg(kz_binary());
        command.args(["--quiet", "export", "--format", "env", "--output", "out"]);
        command.env("VAULT_ADDR", format!("https://{}", relay.address)).env("VAULT_CACERT", "ca.pem");
        command.env("VAULT_TOKEN", self.fake.configure(|vault| vault.root()));
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

    fn row(&self, what: &str, budget: &str) {
        let longer = self.median(LONG_TRIP).elapsed;
        let Cost { elapsed, processor, peak_kib, requests, connections } = self.median(ROUND_TRIP);
        let added = longer.saturating_sub(elapsed).as_secs_f64();
        let trips = added / LONG_TRIP.saturating_sub(ROUND_TRIP).as_secs_f64();
        let (elapsed, processor) = (elapsed.as_millis(), processor.as_secs_f64() * 1e3);
        println!(
            "{what:<36} {trips:>5.1} {elapsed:>7} {requests:>9} {connections:>12} {processor:>7.1} {peak_kib:>9}  {budget}"
        );
    }
}

/// What all children have used so far: kz, and a millisecond of `time`.
fn processor() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("what children used");
    let microseconds = (usage.user_time() + usage.system_time()).num_microseconds();
    Duration::from_micros(u64::try_from(microseconds).expect("a time"))
}

fn main() {
    println!("\nVault over TLS, {} ms round trip, token auth, median of {RUNS} runs", ROUND_TRIP.as_millis());
    println!(
        "{:<36} {:>5} {:>7} {:>9} {:>12} {:>7} {:>9}",
        "", "RTTs", "ms", "requests", "connections", "CPU ms", "peak KiB"
    );
    for (protocol, transport, budget) in [
        ("HTTP/2", Transport::Http2, "<= 6 RTT, 1 connection"),
        ("HTTP/1.1", Transport::Http1, "<= 9 RTT, <= 32 connections"),
    ] {
        for count in [1, 10, 100, 500] {
            let budget = if count == 100 { budget } else { "" };
            Scene::documents(transport, count).row(&format!("{protocol}, documents: {count}"), budget);
        }
        Scene::fields(transport, 100).row(&format!("{protocol}, 100 fields of one document"), "1 request");
    }
}
