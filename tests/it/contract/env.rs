//! The contract's rows of `env`.

use super::{BYTES_BASE64, Row, Scene, Situation, fields};
use crate::support::Sandbox;

pub(super) fn rows(situation: Situation, _: &Sandbox, canary: &str) -> Row {
    let with = |config: &str, value: &str| {
        let scene = Scene::new(config);
        Row::Scene(Scene { variables: vec![("SOURCE", value.as_bytes().to_vec())], ..scene })
    };
    let plain = "[secrets]\nV = { provider = \"env\", ref = \"SOURCE\" }\n";
    match situation {
        Situation::Present => with(plain, canary),
        Situation::Empty => with(plain, ""),
        Situation::Absent => {
            let scene = Scene::new("[secrets]\nV = { provider = \"env\", ref = \"NOWHERE\" }\n");
            Row::Scene(scene.words(&["the variable is not set"]))
        }
        Situation::Malformed => {
            let config = "[secrets]\nV = { provider = \"env\", ref = \"SOURCE\", encoding = \"base64\" }\n";
            match with(config, &format!("!{canary}")) {
                Row::Scene(scene) => Row::Scene(scene.words(&["not base64"])),
                other @ Row::DoesNotApply(_) => other,
            }
        }
        // A variable cannot hold a NUL, so bytes come encoded.
        Situation::Binary => with(
            "[secrets]\nV = { provider = \"env\", ref = \"SOURCE\", encoding = \"base64\" }\n",
            BYTES_BASE64,
        ),
        Situation::Fields => with(
            "[secrets]\n\
             A = { provider = \"env\", ref = \"SOURCE#a\" }\n\
             B = { provider = \"env\", ref = \"SOURCE#b.c\" }\n\
             C = { provider = \"env\", ref = \"SOURCE#/e\" }\n",
            &fields(canary),
        ),
        Situation::Denied => Row::DoesNotApply("a process may read its own environment"),
        Situation::Unreachable => Row::DoesNotApply("nothing is contacted: the environment is kz's own"),
        Situation::Slow | Situation::Deadline => Row::DoesNotApply("a variable is there at once"),
        Situation::Failing | Situation::Untrusted => {
            Row::DoesNotApply("nothing is contacted: the environment is kz's own")
        }
        Situation::Unset => Row::DoesNotApply("it takes no setting up, and no credential"),
        Situation::Huge => Row::DoesNotApply("the kernel lets no variable exceed 128 KiB"),
    }
}
