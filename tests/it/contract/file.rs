//! The contract's rows of `file`.

use super::{BYTES, Row, Scene, Situation, fields};
use crate::support::Sandbox;

pub(super) fn rows(situation: Situation, sandbox: &Sandbox, canary: &str) -> Row {
    let scene = Scene::new("[secrets]\nV = { provider = \"file\", ref = \"source\" }\n");
    let with = |content: &[u8]| {
        sandbox.file("source", content);
    };
    match situation {
        Situation::Present => with(canary.as_bytes()),
        Situation::Empty => with(b""),
        Situation::Binary => with(BYTES),
        Situation::Absent => return Row::Scene(scene.words(&["does not exist"])),
        Situation::Denied => {
            with(canary.as_bytes());
            sandbox.mode("source", 0o600);
            return Row::Scene(scene.words(&["may not be read by uid 65532"]));
        }
        Situation::Malformed => {
            sandbox.file("broken.json", format!("{{\"a\": \"{canary}\", {canary}}}"));
            let scene = Scene::new("[secrets]\nV = { provider = \"file\", ref = \"broken.json#a\" }\n");
            return Row::Scene(scene.words(&["JSON"]));
        }
        Situation::Huge => {
            let file = std::fs::File::create(sandbox.path("source")).expect("a file");
            file.set_len(65 << 20).expect("room");
            return Row::Scene(scene.words(&["more than"]));
        }
        Situation::Fields => {
            sandbox.file("source.json", fields(canary));
            return Row::Scene(Scene::new(
                "[secrets]\n\
                 A = { provider = \"file\", ref = \"source.json#a\" }\n\
                 B = { provider = \"file\", ref = \"source.json#b.c\" }\n\
                 C = { provider = \"file\", ref = \"source.json#/e\" }\n",
            ));
        }
        Situation::Failing | Situation::Untrusted => {
            return Row::DoesNotApply("nothing is contacted: the kernel has the files");
        }
        Situation::Unset => return Row::DoesNotApply("it takes no setting up, and no credential"),
        Situation::Unreachable => return Row::DoesNotApply("a path is there or it is not"),
        Situation::Slow | Situation::Deadline => {
            return Row::DoesNotApply("only regular files are read, and the kernel has those");
        }
    }
    Row::Scene(scene)
}
