//! A Vault that is away for a while: how late its return is noticed, and how many requests it has to bear.

use std::fmt::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::scene::RUNS;
use crate::support::{Sandbox, kz_binary};
use kz_fakes::fake_server::Fake;
use kz_fakes::fake_server::script::Rule;
use kz_fakes::vault::{Transport, Vault};

/// Nobody listens for so long.
const OUTAGE: Duration = Duration::from_secs(5);
/// It answers that it is sealed for so long.
const SEALED: Duration = Duration::from_secs(20);

/// A Vault with so many documents, behind a port where nobody listens yet.
fn closed(documents: usize) -> (Fake<Vault>, Sandbox, String) {
    let fake = Fake::<Vault>::closed(Transport::Http1);
    let mut config = "[secrets]\n".to_owned();
    for number in 0..documents {
        let _ =
            writeln!(config, "S{number} = {{ provider = \"vault\", ref = \"secret/data/d{number}/value\" }}");
        fake.write(&format!("secret/data/d{number}"), &json!({ "data": { "value": "value" } }));
    }
    let sandbox = Sandbox::with_config(&config);
    sandbox.file("ca.pem", fake.ca());
    let token = fake.configure(|vault| vault.root());
    (fake, sandbox, token)
}

fn kz(fake: &Fake<Vault>, token: &str) -> Command {
    let mut command = Command::new(kz_binary());
    command.args(["--quiet", "export", "--format", "env", "--output", "out"]);
    command.env("VAULT_ADDR", fake.url()).env("VAULT_CACERT", "ca.pem").env("VAULT_TOKEN", token);
    command
}

/// What `curl` does of itself when it is told to try again: it waits a second, then two, then four.
fn curl(fake: &Fake<Vault>, token: &str) -> Command {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--fail", "--cacert", "ca.pem", "--output", "out"]);
    command.args(["--retry", "100", "--retry-connrefused", "--retry-max-time", "60", "--header"]);
    command.arg(format!("X-Vault-Token: {token}")).arg(format!("{}/v1/secret/data/d0", fake.url()));
    command
}

/// From when the server is back until all is there: the median, in seconds.
fn late(documents: usize, program: fn(&Fake<Vault>, &str) -> Command) -> f64 {
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let (fake, sandbox, token) = closed(documents);
            let opens = Instant::now() + OUTAGE;
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    std::thread::sleep(opens - Instant::now());
                    fake.open();
                });
                sandbox.run(&mut program(&fake, &token)).expect_code(0);
            });
            opens.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[RUNS / 2]
}

/// How many requests a sealed server gets until all documents are read.
fn requests(documents: usize) -> usize {
    let (fake, sandbox, token) = closed(documents);
    fake.open();
    fake.script(Rule::status("secret/", 503).until(Instant::now() + SEALED));
    sandbox.run(&mut kz(&fake, &token)).expect_code(0);
    fake.requests("secret/")
}

pub(crate) fn measure() {
    println!("\nA Vault that nobody reaches for {} s, median of {RUNS} runs", OUTAGE.as_secs());
    println!("{:<36} {:>10}", "", "s too late");
    println!("{:<36} {:>10.2}  <= 1", "kz, documents: 1", late(1, kz));
    println!("{:<36} {:>10.2}  <= 1", "kz, documents: 100", late(100, kz));
    println!("{:<36} {:>10.2}", "curl --retry-connrefused, one", late(1, curl));
    println!("\nA Vault that is sealed for {} s", SEALED.as_secs());
    println!("{:<36} {:>10}", "", "requests");
    println!("{:<36} {:>10}  <= 250", "kz, documents: 100", requests(100));
}
