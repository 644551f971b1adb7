//! What doctor says of pods: in a pod's words, and of images as the kubelet starts them.

use super::{doctor, files};
use crate::support::Sandbox;

/// What an engine has, and a pod has not.
const OF_ENGINES: &[&str] = &[
    "Docker",
    "docker ",
    "Compose",
    "the engine",
    "cap_drop",
    "cap_add",
    "user: \"",
    "depends_on",
    "entrypoint:",
    "service `",
    "this service",
    "docker-compose",
];

#[test]
fn what_is_said_of_a_pod_has_no_word_of_an_engines() {
    let mut looked_at = 0;
    for file in files("tests/doctor", 0) {
        let text = std::fs::read_to_string(&file).expect("a file");
        if !text.contains("apiVersion:") {
            continue;
        }
        looked_at += 1;
        let said = doctor(&file, "text").expect_code(1).stdout();
        for word in OF_ENGINES {
            assert!(!said.contains(word), "{}: `{word}`: {said}", file.display());
        }
    }
    assert!(looked_at > 60, "{looked_at}");
}

/// Its uid decides who can read in a volume in memory.
#[test]
fn wordpress_reads_as_www_data_of_its_image() {
    let said = doctor(&crate::support::in_repository("tests/doctor/pod-wordpress.yaml"), "text").stdout();
    for uid in ["runAsUser: 33 ", "runAsUser: 82 "] {
        assert_eq!(said.matches(uid).count(), 1, "{uid}: {said}");
    }
}

/// A file of Secrets alone has no pod, and is told of nevertheless; one that a program has made is not.
#[test]
fn a_secret_by_itself_is_looked_at() {
    let sandbox = Sandbox::new();
    let secret = |name: &str, value: &str| {
        let text = format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{ name: {name} }}\nstringData: {{ password: {value} }}\n"
        );
        sandbox.file("secret.yaml", text);
        sandbox.kz(&["doctor", "secret.yaml"]).expect_code(1)
    };
    let run = secret("app", "hunter2");
    assert!(run.stdout().contains(" D516 ") && !run.stdout().contains("hunter2"), "{}", run.describe());
    for (name, value) in [("app-5t4g2mhk7d", "hunter2"), ("app", "changeme"), ("app", "'ENC[AES256,data:x]'")]
    {
        assert!(secret(name, value).stdout().is_empty(), "{name} {value}");
    }
}
