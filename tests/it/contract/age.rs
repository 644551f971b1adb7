//! The contract's rows of `age`: files that Debian's age wrote.

use std::process::Command;

use super::{BYTES, Row, Scene, Situation, fields};
use crate::support::Sandbox;

const SECTION: &str = "[providers.age]\nidentity_file = \"identity\"\n";

fn keygen(sandbox: &Sandbox, name: &str) -> String {
    sandbox.run(Command::new("age-keygen").args(["--output", name])).expect_code(0);
    sandbox.mode(name, 0o644);
    sandbox.run(Command::new("age-keygen").args(["-y", name])).expect_code(0).stdout().trim().to_owned()
}

fn encrypt(sandbox: &Sandbox, recipient: &str, content: &[u8], to: &str) {
    sandbox.file("plain", content);
    let mut age = Command::new("age");
    age.args(["--encrypt", "--recipient", recipient, "--output", to, "plain"]);
    sandbox.run(&mut age).expect_code(0);
    std::fs::remove_file(sandbox.path("plain")).expect("a file");
}

pub(super) fn rows(situation: Situation, sandbox: &Sandbox, canary: &str) -> Row {
    let scene =
        Scene::new(&format!("[secrets]\nV = {{ provider = \"age\", ref = \"source.age\" }}\n{SECTION}"));
    let recipient = keygen(sandbox, "identity");
    let with = |content: &[u8]| encrypt(sandbox, &recipient, content, "source.age");
    match situation {
        Situation::Present => with(canary.as_bytes()),
        Situation::Empty => with(b""),
        Situation::Binary => with(BYTES),
        Situation::Absent => return Row::Scene(scene.words(&["does not exist"])),
        Situation::Denied => {
            let other = keygen(sandbox, "other");
            encrypt(sandbox, &other, canary.as_bytes(), "source.age");
            return Row::Scene(scene.words(&["identit"]));
        }
        Situation::Malformed => {
            with(canary.as_bytes());
            let whole = std::fs::read(sandbox.path("source.age")).expect("a file");
            sandbox.file("source.age", &whole[..whole.len() - 1]);
        }
        Situation::Huge => {
            let file = std::fs::File::create(sandbox.path("source.age")).expect("a file");
            file.set_len(65 << 20).expect("room");
            return Row::Scene(scene.words(&["more than"]));
        }
        Situation::Fields => {
            encrypt(sandbox, &recipient, fields(canary).as_bytes(), "source.json.age");
            let secrets = "[secrets]\n\
                 A = { provider = \"age\", ref = \"source.json.age#a\" }\n\
                 B = { provider = \"age\", ref = \"source.json.age#b.c\" }\n\
                 C = { provider = \"age\", ref = \"source.json.age#/e\" }\n";
            return Row::Scene(Scene::new(&format!("{secrets}{SECTION}")));
        }
        Situation::Unset => {
            with(canary.as_bytes());
            return Row::Scene(Scene::new("[secrets]\nV = { provider = \"age\", ref = \"source.age\" }\n"));
        }
        Situation::Failing | Situation::Untrusted => {
            return Row::DoesNotApply("nothing is contacted: the kernel has the files");
        }
        Situation::Unreachable => return Row::DoesNotApply("a path is there or it is not"),
        Situation::Slow | Situation::Deadline => {
            return Row::DoesNotApply("only regular files are read, and the kernel has those");
        }
    }
    Row::Scene(scene)
}
