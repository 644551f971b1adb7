//! Every CCTV vector of the age format gets the verdict that it states, from the provider as kz builds it.
#![expect(clippy::expect_used, reason = "a test ends where what it needs is missing")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use kz::provider::settings::Settings;
use kz::provider::{FailureKind, Outcome, age};
use sha2::{Digest, Sha256};

use crate::support::Sandbox;
use crate::support::tools;
use crate::surroundings::{Directory, fetch_one, paths};

/// An identity that no vector is encrypted to, beside the passphrase of a vector that has no identity.
const UNRELATED: &str = "AGE-SECRET-KEY-184JMZMVQH3E6U0PSL869004Y3U2NYV7R30EU99CSEDNPH02YUVFSZW44VU";

/// As cctv-age 0.2.0 has them.
const VECTORS: usize = 143;

struct Vector {
    name: String,
    header: Vec<(String, String)>,
    file: Vec<u8>,
}

impl Vector {
    fn parse(path: &Path) -> Self {
        let content = std::fs::read(path).expect("a vector");
        let end = content.windows(2).position(|pair| pair == b"\n\n").expect("an end of the header");
        let header = std::str::from_utf8(&content[..end]).expect("a header of text");
        let header = header.lines().map(|line| line.split_once(": ").expect("a key and a value"));
        Self {
            name: path.file_name().expect("a name").to_string_lossy().into_owned(),
            header: header.map(|(key, value)| (key.into(), value.into())).collect(),
            file: content[end + 2..].to_vec(),
        }
    }

    fn all(&self, key: &str) -> Vec<&str> {
        self.header.iter().filter(|(known, _)| known == key).map(|(_, value)| value.as_str()).collect()
    }

    fn one(&self, key: &str) -> Option<&str> {
        self.all(key).first().copied()
    }

    /// What the provider makes of it. A vector with several passphrases is given the first.
    fn outcome(&self) -> Outcome {
        let sandbox = Sandbox::new();
        let identities = match self.all("identity") {
            none if none.is_empty() => UNRELATED.into(),
            identities => identities.join("\n"),
        };
        let settings = self.settings(&sandbox, &identities);
        sandbox.file("vector.age", &self.file);
        fetch_one(&*age::build(&settings, &Directory(sandbox.path("."))), "vector.age")
    }

    fn settings(&self, sandbox: &Sandbox, identities: &str) -> Settings {
        let identity_file = sandbox.file("identities", identities);
        match self.one("passphrase") {
            Some(passphrase) => {
                let passphrase_file = sandbox.file("passphrase", passphrase);
                paths(&[("identity_file", &identity_file), ("passphrase_file", &passphrase_file)])
            }
            None => paths(&[("identity_file", &identity_file)]),
        }
    }

    /// What is wrong with the outcome, if anything.
    fn divergence(&self) -> Option<String> {
        let expected = self.one("expect").expect("a verdict");
        let outcome = self.outcome();
        let agrees = match &outcome {
            Outcome::Found(found) => {
                let digest = hex(&Sha256::digest(found.content.expose()));
                expected == "success" && self.one("payload") == Some(&digest)
            }
            Outcome::Blank(_) | Outcome::Readable | Outcome::Absent | Outcome::AbsentBecause(_) => false,
            Outcome::Failed(failure) => match verdict(expected) {
                Some((kind, words)) => {
                    failure.kind == kind && words.iter().any(|part| failure.cause.contains(part))
                }
                None => false,
            },
        };
        (!agrees).then(|| format!("{}: expected {expected}, got {outcome:?}", self.name))
    }
}

/// The kind of failure that a verdict is in kz, and how its words can go.
fn verdict(expected: &str) -> Option<(FailureKind, &'static [&'static str])> {
    match expected {
        "no match" => {
            let words = &["is not encrypted to the given identities", "is encrypted with another passphrase"];
            Some((FailureKind::Denied, words))
        }
        "HMAC failure" => Some((FailureKind::Malformed, &["authentication code is wrong"])),
        "header failure" => {
            let words =
                &["is empty", "has a damaged header", "work factor", "has a version of the age format"];
            Some((FailureKind::Malformed, words))
        }
        "payload failure" => Some((FailureKind::Malformed, &["has a damaged payload"])),
        "armor failure" => Some((FailureKind::Malformed, &["has damaged armor", "is not an age file"])),
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn directory() -> PathBuf {
    tools().join("cctv-age")
}

#[test]
fn all_vectors_get_the_verdict_that_they_state() {
    let directory = directory();
    let entries = std::fs::read_dir(&directory);
    let entries =
        entries.unwrap_or_else(|_| panic!("no vectors in {}: run `make setup`", directory.display()));
    let files = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_none() && !hidden(path)).collect();
    files.sort();
    assert_eq!(files.len(), VECTORS, "run `make setup` to have the vectors of cctv-age 0.2.0");
    let divergences: Vec<_> = files.iter().filter_map(|path| Vector::parse(path).divergence()).collect();
    assert!(divergences.is_empty(), "{} divergences:\n{}", divergences.len(), divergences.join("\n"));
}

fn hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}
