//! What an export was lent is gone on with, by `kz export --watch` and by the next `kz export`: no other credential is taken, and
//! nothing is written. Counted at the fake.

use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use kz_fakes::vault::Transport;

use crate::support::Run;
use crate::vault::stage::Stage;
use crate::watch::Watcher;

const WORDS: [&str; 4] = ["--format", "files", "--output", "out"];
const USER: (&str, &str) = ("U", "database/creds/app#username");
const PASSWORD: (&str, &str) = ("P", "database/creds/app#password");
const LASTING: (&str, &str) = ("D", "secret/data/app#value");
const CREDENTIAL: &str = "database/creds/app";
const TOKEN: &str = "auth/token/renew-accessor";
const LEASE: &str = "sys/leases/renew";

/// A Vault that lends database users to who logs in as `ada`, and lets her keep tokens alive.
fn stage(section: &str) -> Stage {
    let stage = strict_stage(section);
    stage.fake.configure(|vault| {
        vault.grant("", "app", TOKEN, &["update"]);
        vault.grant("", "app", "sys/leases/revoke", &["update"]);
    });
    stage
}

/// One that does not.
fn strict_stage(section: &str) -> Stage {
    let mut stage = Stage::new(Transport::Plain);
    stage.token = None;
    stage.fake.write("secret/data/app", &serde_json::json!({ "data": { "value": "one" } }));
    stage.fake.configure(|vault| {
        vault.database_role("", "app");
        vault.policy("", "app", &["secret/data/app", CREDENTIAL]);
        vault.user("", "userpass", "ada", "lovelace", &["app"]);
    });
    stage.sandbox.file("password", "lovelace");
    let auth = "auth = { method = \"userpass\", username = \"ada\", password_file = \"password\" }";
    stage.secrets(&[USER, PASSWORD, LASTING], &format!("{section}\n[providers.vault]\n{auth}\n"));
    std::fs::create_dir_all(stage.sandbox.path("out")).expect("a directory");
    stage
}

fn export(stage: &Stage) -> Run {
    stage.kz(&[&["export"], &WORDS[..]].concat()).expect_code(0)
}

/// How often each path was asked for since so many requests.
fn asked(stage: &Stage, since: usize, path: &str) -> usize {
    stage.fake.seen().iter().skip(since).filter(|seen| seen.path == path).count()
}

fn requests(stage: &Stage) -> usize {
    stage.fake.seen().len()
}

fn read(stage: &Stage, name: &str) -> String {
    std::fs::read_to_string(stage.sandbox.path(name)).unwrap_or_default()
}

/// Which set there is, and the inode of each file.
fn lying(stage: &Stage) -> (std::path::PathBuf, Vec<u64>) {
    let inode = |name| std::fs::metadata(stage.sandbox.path(name)).expect("a file").ino();
    let generation = std::fs::read_link(stage.sandbox.path("out/..data")).expect("a link");
    (generation, ["out/U", "out/P", "out/D"].map(inode).to_vec())
}

#[test]
fn a_watch_goes_on_with_what_the_export_before_it_was_lent() {
    let stage = stage("");
    export(&stage);
    let (before, since, user) = (lying(&stage), requests(&stage), read(&stage, "out/U"));
    let note = read(&stage, "out/.kz/leases");
    assert!(!note.is_empty() && !note.contains(&user) && !note.contains(&read(&stage, "out/P")), "{note}");
    let watcher = Watcher::start(&stage.sandbox, stage.command(&[]), &WORDS);
    watcher.until("it watches", || watcher.stderr().contains("1 leased"));
    assert!(watcher.stderr().contains("going on with 1 lease of the export before"), "{}", watcher.stderr());
    let counts = [CREDENTIAL, TOKEN, LEASE].map(|path| asked(&stage, since, path));
    assert_eq!(counts, [0, 1, 1], "no credential is asked for, and one renewal each");
    assert_eq!(lying(&stage), before, "nothing is written");
    // What changes is written, with the values that were kept.
    stage.fake.write("secret/data/app", &serde_json::json!({ "data": { "value": "two" } }));
    watcher.until("it is written", || read(&stage, "out/D") == "two");
    assert_eq!((read(&stage, "out/U"), asked(&stage, since, CREDENTIAL)), (user, 0));
    watcher.stop();
    assert_eq!(stage.fake.configure(|vault| vault.leases()), 0, "it is given back");
}

#[test]
fn a_watch_that_is_killed_is_gone_on_with_too() {
    let stage = stage("");
    let watcher = Watcher::start(&stage.sandbox, stage.command(&[]), &WORDS);
    watcher.until("it watches", || watcher.stderr().contains("1 leased"));
    drop(watcher);
    let (before, since) = (lying(&stage), requests(&stage));
    let watcher = Watcher::start(&stage.sandbox, stage.command(&[]), &WORDS);
    watcher.until("it watches", || watcher.stderr().contains("1 leased"));
    assert_eq!([CREDENTIAL, TOKEN, LEASE].map(|path| asked(&stage, since, path)), [0, 1, 1]);
    assert_eq!(lying(&stage), before);
    watcher.stop();
}

#[test]
fn an_export_after_an_export_takes_no_other_credential_and_writes_nothing() {
    let stage = stage("");
    export(&stage);
    for _ in 0..3 {
        let (before, since) = (lying(&stage), requests(&stage));
        let run = export(&stage);
        assert_eq!([CREDENTIAL, TOKEN, LEASE].map(|path| asked(&stage, since, path)), [0, 1, 1]);
        assert_eq!(lying(&stage), before, "{}", run.describe());
    }
    assert_eq!(stage.fake.configure(|vault| vault.leases()), 1);
}

#[test]
fn where_the_token_may_not_be_kept_alive_it_is_said_and_the_credential_stays_for_its_time() {
    let stage = strict_stage("");
    export(&stage);
    let (before, since) = (lying(&stage), requests(&stage));
    let watcher = Watcher::start(&stage.sandbox, stage.command(&[]), &WORDS);
    watcher.until("it watches", || watcher.stderr().contains("1 leased"));
    let said = watcher.stderr();
    assert!(
        said.contains("1 lease of them cannot be renewed, or kz may not") && said.contains(TOKEN),
        "{said}"
    );
    assert_eq!((asked(&stage, since, CREDENTIAL), lying(&stage)), (0, before));
    watcher.stop();
    let said = read(&stage, "stderr");
    assert!(said.contains("`sys/leases/revoke`"), "what stays is said\n{said}");
}

fn shell(stage: &Stage, script: &str) {
    stage.sandbox.run(Command::new("sh").args(["-euc", script])).expect_code(0);
}

/// After this, another credential is taken.
fn taken_anew(section: &str, meanwhile: impl FnOnce(&Stage)) {
    let stage = stage(section);
    export(&stage);
    meanwhile(&stage);
    let since = requests(&stage);
    let run = export(&stage);
    assert_eq!(asked(&stage, since, CREDENTIAL), 1, "{}", run.describe());
}

#[test]
fn what_cannot_be_gone_on_with_is_taken_anew() {
    // It has ended.
    taken_anew("", |stage| stage.fake.configure(|vault| vault.leases.clear()));
    // So has what it hangs on.
    taken_anew("", |stage| {
        stage.fake.configure(|vault| {
            vault.tokens.retain(|_, token| token.policies.iter().any(|one| one == "root"));
        });
    });
    // Somebody has changed a file, taken the set away, or written another note.
    taken_anew("", |stage| shell(stage, "chmod 600 out/P && printf x > out/P && chmod 400 out/P"));
    taken_anew("", |stage| shell(stage, "rm out/..data"));
    taken_anew("", |stage| shell(stage, "printf nonsense > out/.kz/leases"));
    taken_anew("", |stage| shell(stage, "chmod 644 out/.kz/leases"));
    // A secret more is made of it.
    taken_anew("", |stage| {
        let text = read(stage, ".keyzero.toml");
        let more = "N = { provider = \"vault\", ref = \"database/creds/app#password\" }\n";
        stage.sandbox.file(".keyzero.toml", text.replacen("[secrets]\n", &format!("[secrets]\n{more}"), 1));
    });
    // The configuration wants it so.
    taken_anew("[resolve]\nlease = \"reissue\"\n", |_| {});
}

#[test]
fn what_is_in_no_file_of_its_own_is_not_noted() {
    let stage = stage("[[outputs]]\nformat = \"env\"\npath = \"all.env\"\n");
    stage.kz(&["export", "--output", "out"]).expect_code(0);
    assert!(!stage.sandbox.path("out/.kz/leases").exists());
    let since = requests(&stage);
    stage.kz(&["export", "--output", "out"]).expect_code(0);
    assert_eq!(asked(&stage, since, CREDENTIAL), 1);
}
