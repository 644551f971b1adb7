//! What TLS costs in CPU, beside what it costs curl in the same run: most of a short process's work.

use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::scene::{Scene, processor};
use crate::support::kz_binary;
use kz_fakes::vault::{Transport, Vault};

/// Short runs vary: the mean of so many.
const RUNS: u32 = 50;

pub(crate) fn measure() {
    let config = "[secrets]\nA = { provider = \"vault\", ref = \"secret/data/a/value\" }\n\
                  B = { provider = \"vault\", ref = \"secret/data/b/value\" }\n";
    let scene: Scene<Vault> = Scene::new(Transport::Http2, config, |_, _| Vec::new());
    for name in ["a", "b"] {
        scene.fake.write(&format!("secret/data/{name}"), &json!({ "data": { "value": "v" } }));
    }
    let (token, url) = (scene.fake.configure(|vault| vault.root()), scene.fake.url());
    let mut kz = Command::new(kz_binary());
    kz.args(["--quiet", "export", "--format", "env"]);
    kz.envs([("VAULT_ADDR", &*url), ("VAULT_CACERT", "ca.pem"), ("VAULT_TOKEN", &token)]);
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail", "--cacert", "ca.pem"]);
    curl.arg("--header").arg(format!("X-Vault-Token: {token}")).arg(format!("{url}/v1/secret/data/a"));
    let kz = mean(&scene, &mut kz);
    let curl = mean(&scene, &mut curl);
    println!("\nOver TLS, on this machine, mean of {RUNS} runs, CPU ms");
    println!("{:<36} {:>7.1}  <= curl", "kz export, 2 documents", kz.as_secs_f64() * 1e3);
    println!("{:<36} {:>7.1}", "curl, 1 document", curl.as_secs_f64() * 1e3);
}

/// User and system time of one run.
fn mean(scene: &Scene<Vault>, command: &mut Command) -> Duration {
    let used = processor();
    for _ in 0..RUNS {
        scene.sandbox.run(command).expect_code(0);
    }
    processor().saturating_sub(used) / RUNS
}
