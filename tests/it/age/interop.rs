//! Files made by Debian's `age`, keys made by `age-keygen` and `ssh-keygen`: what others write, the provider reads.
#![expect(clippy::expect_used, reason = "a test ends where what it needs is missing")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use kz::provider::{FailureKind, Outcome, age};

use crate::support::Sandbox;
use crate::surroundings::{Directory, fetch_one, paths};

const PLAINTEXT: &[u8] = b"DATABASE_URL=postgres://\xff\nTOKEN=t\r\n";
const PASSPHRASE: &str = "correct horse battery staple";

struct Peer {
    sandbox: Sandbox,
}

impl Peer {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        sandbox.file("plain", PLAINTEXT);
        Self { sandbox }
    }

    /// Runs a foreign tool that has to succeed, and gives its output.
    #[track_caller]
    fn run(&self, command: &str, arguments: &[&str]) -> String {
        let run = self.sandbox.run(Command::new(command).args(arguments));
        run.expect_code(0).stdout()
    }

    /// An identity in `name`; gives its recipient.
    #[track_caller]
    fn age_key(&self, name: &str) -> String {
        self.run("age-keygen", &["-o", name]);
        self.run("age-keygen", &["-y", name]).trim().into()
    }

    /// An SSH key pair in `name` and `name.pub`.
    #[track_caller]
    fn ssh_key(&self, name: &str, passphrase: &str, kind: &[&str]) {
        let arguments = [&["-q", "-f", name, "-N", passphrase, "-C", "kz", "-t"], kind].concat();
        self.run("ssh-keygen", &arguments);
    }

    /// Runs age on a terminal of its own, where it asks twice for the passphrase.
    fn with_typed_passphrase(&self, command: &str) {
        let mut child = Command::new("script")
            .args(["-qefc", command, "/dev/null"])
            .current_dir(self.sandbox.path("."))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("`script` of Debian's bsdutils");
        let mut typed = child.stdin.take().expect("its terminal");
        write!(typed, "{PASSPHRASE}\n{PASSPHRASE}\n").expect("a passphrase");
        assert!(child.wait().expect("its end").success(), "{command}");
    }

    fn fetch(&self, settings: &[(&'static str, &str)]) -> Outcome {
        let files: Vec<(_, PathBuf)> =
            settings.iter().map(|(setting, name)| (*setting, self.sandbox.path(name))).collect();
        let settings: Vec<(_, &Path)> =
            files.iter().map(|(setting, path)| (*setting, path.as_path())).collect();
        fetch_one(&*age::build(&paths(&settings), &Directory(self.sandbox.path("."))), "sealed.age")
    }

    #[track_caller]
    fn opens_with(&self, settings: &[(&'static str, &str)]) {
        match self.fetch(settings) {
            Outcome::Found(found) => assert_eq!(found.content.expose(), PLAINTEXT),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn fails_with(&self, settings: &[(&'static str, &str)], kind: FailureKind, words: &str) {
        match self.fetch(settings) {
            Outcome::Failed(failure) => {
                assert_eq!(failure.kind, kind, "{failure:?}");
                assert!(failure.cause.contains(words), "{failure:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn either_of_two_recipients_opens_binary_and_armor() {
    let peer = Peer::new();
    let (one, two) = (peer.age_key("one"), peer.age_key("two"));
    for armor in [&[][..], &["-a"]] {
        let arguments = [armor, &["-r", &one, "-r", &two, "-o", "sealed.age", "plain"]].concat();
        peer.run("age", &arguments);
        peer.opens_with(&[("identity_file", "one")]);
        peer.opens_with(&[("identity_file", "two")]);
    }
    peer.age_key("three");
    peer.fails_with(
        &[("identity_file", "three")],
        FailureKind::Denied,
        "not encrypted to the given identities",
    );
}

#[test]
fn a_large_file_and_an_empty_one_come_whole() {
    let peer = Peer::new();
    let recipient = peer.age_key("key");
    for length in [0, 65_536, 300_000] {
        let content: Vec<u8> = (0_u32..length).map(|index| (index % 251) as u8).collect();
        peer.sandbox.file("plain", &content);
        peer.run("age", &["-r", &recipient, "-o", "sealed.age", "plain"]);
        match peer.fetch(&[("identity_file", "key")]) {
            Outcome::Found(found) => assert_eq!(found.content.expose(), content, "{length} bytes"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn ssh_keys_open_what_age_encrypted_to_their_public_half() {
    let kinds: [(&str, &[&str]); 3] = [
        ("ed25519", &["ed25519"]),
        ("rsa", &["rsa", "-b", "2048"]),
        ("pem", &["rsa", "-b", "2048", "-m", "PEM"]),
    ];
    for (name, kind) in kinds {
        let peer = Peer::new();
        peer.ssh_key(name, "", kind);
        peer.run("age", &["-R", &format!("{name}.pub"), "-o", "sealed.age", "plain"]);
        peer.opens_with(&[("identity_file", name)]);
        let key = std::fs::read_to_string(peer.sandbox.path(name)).expect("a key");
        peer.sandbox.file("crlf", key.replace('\n', "\r\n"));
        peer.opens_with(&[("identity_file", "crlf")]);
        peer.sandbox.file("cut", &key[..key.len() / 2]);
        peer.fails_with(&[("identity_file", "cut")], FailureKind::Malformed, "damaged SSH private key");
    }
}

#[test]
fn a_protected_ssh_key_takes_the_passphrase_file_and_nobody_is_asked() {
    let peer = Peer::new();
    peer.ssh_key("key", PASSPHRASE, &["ed25519"]);
    peer.run("age", &["-R", "key.pub", "-o", "sealed.age", "plain"]);
    peer.fails_with(&[("identity_file", "key")], FailureKind::Misconfigured, "no `passphrase_file` is set");
    peer.sandbox.file("passphrase", PASSPHRASE);
    peer.opens_with(&[("identity_file", "key"), ("passphrase_file", "passphrase")]);
    peer.sandbox.file("wrong", "wrong");
    let wrong = [("identity_file", "key"), ("passphrase_file", "wrong")];
    peer.fails_with(&wrong, FailureKind::Denied, "protected by another passphrase");
}

#[test]
fn an_ssh_key_of_another_kind_is_refused_by_name_of_the_kinds() {
    let peer = Peer::new();
    peer.ssh_key("key", "", &["ecdsa"]);
    let recipient = peer.age_key("other");
    peer.run("age", &["-r", &recipient, "-o", "sealed.age", "plain"]);
    peer.fails_with(&[("identity_file", "key")], FailureKind::Malformed, "ssh-ed25519 and ssh-rsa");
}

#[test]
fn a_typed_passphrase_is_the_one_in_the_file() {
    let peer = Peer::new();
    peer.with_typed_passphrase("age -p -o sealed.age plain");
    peer.sandbox.file("passphrase", format!("{PASSPHRASE}\n"));
    peer.opens_with(&[("passphrase_file", "passphrase")]);
}

#[test]
fn an_identity_file_that_age_encrypted_with_a_passphrase_opens() {
    let peer = Peer::new();
    let recipient = peer.age_key("key");
    peer.run("age", &["-r", &recipient, "-o", "sealed.age", "plain"]);
    peer.with_typed_passphrase("age -p -a -o key.age key");
    peer.sandbox.file("passphrase", PASSPHRASE);
    peer.opens_with(&[("identity_file", "key.age"), ("passphrase_file", "passphrase")]);
    peer.fails_with(
        &[("identity_file", "key.age")],
        FailureKind::Misconfigured,
        "no `passphrase_file` is set",
    );
}
