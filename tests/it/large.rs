//! Documents of many megabytes, from each kind of source: byte for byte below the limit, and one error above it.

use std::process::Command;

use crate::support::{Run, Sandbox, kz_binary};
use crate::vault::stage::Stage;
use kz_fakes::vault::Transport;

/// What consul-template delivers, and more than Vault's usual neighbours let through.
const LARGE: usize = 17_500_000;

/// Bytes of which no two thousand in a row are alike, so that none can be lost or moved unseen.
fn large() -> String {
    let mut text: String = (0..).map(|line| format!("line {line}\n")).take(LARGE / 12).collect();
    while text.len() < LARGE {
        text.push('.');
    }
    text
}

/// A limit in MiB, as the configuration says it.
fn limit(mebibytes: usize) -> String {
    format!("[resolve]\nmax_document_size = \"{mebibytes}MiB\"\n")
}

/// `kz export` of the files of a sandbox.
fn export(sandbox: &Sandbox) -> Run {
    let mut command = Command::new(kz_binary());
    command.args(["export", "--format", "files", "--output", "out"]).env("KEYZERO_AGE_IDENTITY_FILE", "key");
    sandbox.run(&mut command)
}

#[test]
fn a_document_of_vault_arrives_byte_for_byte_over_both_protocols() {
    let value = large();
    for transport in [Transport::Http1, Transport::Http2] {
        let stage = Stage::new(transport);
        std::fs::create_dir(stage.sandbox.path("out")).unwrap();
        stage.fake.write("secret/data/large", &serde_json::json!({ "data": { "value": value } }));
        stage.secrets(&[("LARGE", "secret/data/large/value")], "");
        stage.kz(&["export", "--format", "files", "--output", "out"]).expect_code(0);
        assert!(std::fs::read(stage.sandbox.path("out/LARGE")).unwrap() == value.as_bytes(), "{transport:?}");
        stage.secrets(&[("LARGE", "secret/data/large/value")], &limit(16));
        let words = "the answer has more than 16 MiB [KZ119]";
        let run = stage.kz(&["export", "--format", "files", "--output", "out"]).expect_unresolved();
        run.expect_stderr(&[words, "raise `max_document_size` in `[resolve]`"]);
    }
}

#[test]
fn a_file_and_a_sealed_file_arrive_byte_for_byte_and_both_keep_to_the_limit() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("out")).unwrap();
    let value = large();
    sandbox.file("plain", &value);
    let mut seal = Command::new("sh");
    seal.args(["-c", "age-keygen -o key 2>/dev/null && age -r \"$(age-keygen -y key)\" -o sealed.age plain"]);
    sandbox.run(&mut seal).expect_code(0);
    let secrets = "[secrets]\nPLAIN = { provider = \"file\", ref = \"plain\" }\n\
                   SEALED = { provider = \"age\", ref = \"sealed.age\" }\n";
    sandbox.file(".keyzero.toml", secrets);
    export(&sandbox).expect_code(0);
    for name in ["out/PLAIN", "out/SEALED"] {
        assert!(std::fs::read(sandbox.path(name)).unwrap() == value.as_bytes(), "{name}");
    }
    sandbox.file(".keyzero.toml", format!("{secrets}{}", limit(16)));
    let told = export(&sandbox).expect_unresolved().expect_stderr(&["PLAIN", "SEALED"]);
    assert_eq!(told.stderr().matches("has more than 16 MiB [KZ119]").count(), 2, "{}", told.describe());
}

/// The limit is no ceiling of kz's own: what is said to fit does.
#[test]
fn the_limit_can_be_raised_above_the_usual_one() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("out")).unwrap();
    let secrets = "[secrets]\nA = { provider = \"file\", ref = \"zeros\" }\n";
    let zeros = std::fs::File::create(sandbox.path("zeros")).unwrap();
    zeros.set_len((64 << 20) + 1).unwrap();
    sandbox.file(".keyzero.toml", secrets);
    export(&sandbox).expect_unresolved().expect_stderr(&["has more than 64 MiB [KZ119]"]);
    sandbox.file(".keyzero.toml", format!("{}{}", secrets, limit(65)));
    export(&sandbox).expect_code(0);
    assert_eq!(std::fs::metadata(sandbox.path("out/A")).unwrap().len(), (64 << 20) + 1);
}
