//! Servers and proxies that lie, flood and never end. For each row: kz ends by its deadline with one error in its own words,
//! nothing is delivered, nothing of the server's text is repeated, and the memory stays small however much is sent.

use std::io::Read as _;
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::support::{Sandbox, kz_binary};
use kz_fakes::vault::tls::{Authority, Flaw};

mod attacks;

use attacks::{Peer, ROWS, Row, Who};

/// Peak memory in KiB: what a start with TLS takes, and some buffers.
const PEAK: u64 = 48 << 10;
/// Stands in what servers send, and nowhere in what kz says.
const CANARY: &str = "CANARY_flood";

/// Attacks everybody who comes.
fn listen(who: Who, attack: fn(&mut dyn Peer), config: Arc<ServerConfig>) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let config = Arc::clone(&config);
            thread::spawn(move || {
                if matches!(who, Who::Http2 | Who::Login) {
                    let session = ServerConnection::new(config).expect("a session");
                    return attack(&mut StreamOwned::new(session, stream));
                }
                let mut request = [0; 4096];
                let _ = stream.read(&mut request);
                attack(&mut stream);
            });
        }
    });
    address
}

/// What is wrong with kz there, if anything is.
fn attacked(row: &Row, authority: &Authority) -> Option<String> {
    let config = authority.server_config(Flaw::None, &[b"h2"]);
    let address = listen(row.who, row.attack, Arc::new(config));
    let sandbox =
        Sandbox::with_config("[secrets]\nA = { provider = \"vault\", ref = \"secret/data/a/b\" }\n");
    sandbox.file("ca.pem", authority.pem());
    let mut command = Command::new("/usr/bin/time");
    command.args(["--quiet", "-f", "%M", "-o", "peak"]).arg(kz_binary());
    command.args(["--quiet", "--timeout", "5s", "export", "--format", "env", "--output", "out"]);
    command.env("VAULT_CACERT", "ca.pem");
    match row.who {
        Who::Login => command.env("VAULT_ROLE_ID", "role").env("VAULT_SECRET_ID", "kz-tests-secret-id"),
        _ => command.env("VAULT_TOKEN", "t"),
    };
    match row.who {
        Who::Server => command.env("VAULT_ADDR", format!("http://{address}")),
        Who::Proxy => command
            .env("VAULT_ADDR", "https://vault.test:8200")
            .env("HTTPS_PROXY", format!("http://{address}")),
        Who::Http2 | Who::Login => command.env("VAULT_ADDR", format!("https://{address}")),
    };
    let run = sandbox.run(&mut command);
    let peak = std::fs::read_to_string(sandbox.path("peak")).expect("a peak");
    let peak: u64 = peak.lines().last().and_then(|line| line.parse().ok()).expect("KiB");
    let stderr = run.stderr();
    let errors = stderr.lines().filter(|line| line.starts_with("kz: error: ")).count();
    let causes = stderr.lines().filter(|line| line.starts_with("caused by: ")).count();
    // 75 where the flood took until the deadline.
    let is_right = matches!(run.output.status.code(), Some(1 | 75))
        && (errors, causes) == (1, 1)
        && stderr.contains(row.words)
        && !stderr.contains(CANARY)
        && !sandbox.path("out").exists()
        && peak <= PEAK;
    (!is_right).then(|| format!("{:?}: {}: {peak} KiB\n{}", row.who, row.what, run.describe()))
}

#[test]
fn whoever_floods_or_lies_gets_an_end_one_error_and_little_memory() {
    let authority = Authority::new();
    // A few at once: each flood takes all that a processor gives.
    let mut failed = Vec::new();
    for rows in ROWS.chunks(4) {
        thread::scope(|scope| {
            let all: Vec<_> = rows.iter().map(|row| scope.spawn(|| attacked(row, &authority))).collect();
            failed.extend(all.into_iter().filter_map(|one| one.join().expect("no panic")));
        });
    }
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), ROWS.len(), failed.join("\n"));
}
