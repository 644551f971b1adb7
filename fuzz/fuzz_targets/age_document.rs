//! Any bytes as an encrypted document, beginning with valid ones that hold only [`LINES`]: opening them never
//! panics, and releases such a plaintext or none, since nobody can authenticate another.
#![no_main]

use kz::provider::settings::{Settings, Value};
use kz::provider::{Outcome, Terms, age};
use kz_fuzz::machine::{Machine, fetch};
use libfuzzer_sys::fuzz_target;

/// What the lines of every seed's plaintext are: our own, and those of the CCTV vectors.
const LINES: [&[u8]; 3] = [b"canary", b"age", b""];

thread_local!(static MACHINE: (Machine, Settings) = {
    let machine = Machine::default();
    machine.set("passphrase", Some(b"password"));
    machine.set("native", Some(include_bytes!("../identities/native")));
    machine.set("ed25519", Some(include_bytes!("../identities/ed25519")));
    machine.set("rsa", Some(include_bytes!("../identities/rsa")));
    let mut settings = Settings::default();
    let identities = ["native", "ed25519", "rsa"].map(|name| machine.path(name));
    settings.insert("identity_file", Value::Paths(identities.into()));
    settings.insert("passphrase_file", Value::Paths(vec![machine.path("passphrase")]));
    settings.insert("max_work_factor", Value::Integer(10));
    (machine, settings)
});

fuzz_target!(|bytes: &[u8]| MACHINE.with(|(machine, settings)| {
    machine.set("document", Some(bytes));
    let process = machine.process(&[]);
    let surroundings = kz::config::view::View::new(&process, &process.directory, Terms::default());
    match fetch(&*age::build(settings, &surroundings), "document") {
        Outcome::Found(found) => {
            assert!(found.content.expose().split(|&byte| byte == b'\n').all(|line| LINES.contains(&line)));
        }
        Outcome::Failed(failure) => assert!(!format!("{failure:?}").contains("canary"), "{failure:?}"),
        Outcome::Absent | Outcome::AbsentBecause(_) | Outcome::Blank(_) | Outcome::Readable => {
            panic!("the document is there")
        }
    }
}));
