//! What the command has changes or ends: it is started anew, told or stopped, and what it was lent is given back. The command itself
//! writes down what it has and whether a former one still runs; the server counts what it is asked.

use std::path::PathBuf;
use std::process::{Child, Stdio};

use nix::sys::signal::Signal;
use serde_json::json;

use super::{is_alive, lines, number, ready, send, wait_for};
use crate::vault::stage::Stage;
use kz_fakes::fake_server::Reply;
use kz_fakes::vault::Transport;
use kz_fakes::vault::script::{Act, Rule};

const QUICK: [&str; 6] = ["--watch", "1s", "--settle", "50ms", "--settle-max", "1s"];

/// It says what it has, whether any former one still runs, and ends when it is asked to.
const COMMAND: &str = "\
for old in $(sed -n 's/^ready //p' log); do kill -0 $old 2>/dev/null && echo \"beside $old\" >> log; done
trap 'echo ended $$ >> log; exit 0' TERM
trap 'echo told >> log' HUP
echo \"value $A\" >> log; env | grep -c VAULT_TOKEN >> log
echo ready $$ >> log
while :; do sleep 0.05; done";

fn stage() -> (Stage, PathBuf) {
    let stage = Stage::new(Transport::Http2);
    stage.fake.write("secret/data/app", &json!({ "data": { "value": "old" } }));
    stage.secrets(&[("A", "secret/data/app/value")], "");
    let log = stage.sandbox.file("log", "");
    (stage, log)
}

fn start(stage: &Stage, options: &[&str]) -> Child {
    let words = [&["run", "--supervise"][..], options, &["--", "sh", "-c", COMMAND]].concat();
    let mut kz = stage.command(&words);
    kz.current_dir(stage.sandbox.path("")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    kz.spawn().unwrap()
}

fn stderr(kz: Child) -> (Option<i32>, String) {
    let output = kz.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn change(stage: &Stage, value: &str) {
    stage.fake.write("secret/data/app", &json!({ "data": { "value": value } }));
}

#[test]
fn a_rotation_starts_the_command_anew_when_the_old_one_is_gone() {
    let (stage, log) = stage();
    let kz = start(&stage, &QUICK);
    let first = ready(&log);
    change(&stage, "rotated");
    wait_for("the second one", || ready(&log) != first);
    let second = ready(&log);
    send(number(&kz), Signal::SIGTERM);
    let (code, said) = stderr(kz);
    assert_eq!(code, Some(0), "{said}");
    let first = [format!("ready {first}"), format!("ended {first}")];
    let second = [format!("ready {second}"), format!("ended {second}")];
    let expected = [
        &["value old", "0"].map(String::from)[..],
        &first,
        &["value rotated", "0"].map(String::from),
        &second,
    ];
    assert_eq!(lines(&log), expected.concat(), "{said}");
    assert!(said.contains("A changed: `sh` is started anew") && !said.contains("rotated"), "{said}");
}

#[test]
fn a_value_that_stays_restarts_nothing() {
    let (stage, log) = stage();
    let kz = start(&stage, &QUICK);
    let first = ready(&log);
    change(&stage, "old");
    let requests = || stage.fake.requests("secret/data/app");
    let before = requests();
    wait_for("it is read again", || requests() >= before + 2);
    send(number(&kz), Signal::SIGTERM);
    assert_eq!(stderr(kz).0, Some(0));
    let ready = |line: &&String| line.starts_with("ready");
    assert_eq!(lines(&log).iter().filter(ready).count(), 1);
    assert!(!is_alive(first));
}

#[test]
fn a_change_tells_the_command_or_ends_kz() {
    let (stage, log) = stage();
    let kz = start(&stage, &[&QUICK[..], &["--on-change", "signal:HUP"]].concat());
    let first = ready(&log);
    change(&stage, "new");
    wait_for("it is told", || lines(&log).contains(&"told".to_owned()));
    assert_eq!(ready(&log), first);
    send(number(&kz), Signal::SIGTERM);
    assert_eq!(stderr(kz).0, Some(0));

    let (stage, log) = self::stage();
    let kz = start(&stage, &[&QUICK[..], &["--on-change", "exit"]].concat());
    let first = ready(&log);
    change(&stage, "new");
    let (code, said) = stderr(kz);
    assert_eq!(code, Some(75), "{said}");
    assert!(said.contains("`sh` is stopped, and kz ends") && !is_alive(first), "{said}");
    assert!(lines(&log).contains(&format!("ended {first}")));
}

#[test]
fn one_that_does_not_stop_is_killed_and_started_anew() {
    let (stage, log) = stage();
    let command = COMMAND.replace("trap 'echo ended $$ >> log; exit 0' TERM", "trap 'echo deaf >> log' TERM");
    let options =
        [&["run", "--supervise"][..], &QUICK, &["--stop-timeout", "200ms", "--", "sh", "-c", &command]];
    let mut kz = stage.command(&options.concat());
    kz.current_dir(stage.sandbox.path("")).stdout(Stdio::null()).stderr(Stdio::piped());
    let kz = kz.spawn().unwrap();
    let first = ready(&log);
    change(&stage, "new");
    wait_for("the second one", || ready(&log) != first);
    let said = lines(&log);
    assert!(said.contains(&"deaf".to_owned()) && said.contains(&"value new".to_owned()), "{said:?}");
    assert!(!said.iter().any(|line| line.starts_with("beside")), "{said:?}");
    send(number(&kz), Signal::SIGTERM);
    let (_, said) = stderr(kz);
    assert!(said.contains("`sh` did not end within 0.2 s, and was killed"), "{said}");
}

/// Credentials, each for so many seconds, which can be prolonged or not.
fn lend_first(stage: &Stage, seconds: &[u64], renewable: bool) {
    for (number, seconds) in (1..).zip(seconds) {
        let body = json!({
            "lease_id": format!("database/creds/app/{number}"), "lease_duration": seconds, "renewable": renewable,
            "data": { "value": format!("lent-{number}") },
        });
        let reply = Reply::new(200, "application/json", body.to_string());
        stage.fake.script(Rule::new("database/creds/app", Act::Answer(reply)).times(1));
    }
}

/// Some that cannot, and then no more.
fn lend(stage: &Stage, seconds: &[u64]) {
    lend_first(stage, seconds, false);
    let gone = json!({ "errors": ["permission denied"] }).to_string();
    let reply = Reply::new(403, "application/json", gone);
    stage.fake.script(Rule::new("database/creds/app", Act::Answer(reply)));
}

#[test]
fn a_lease_is_replaced_before_it_ends_and_without_another_the_command_is_stopped() {
    let (stage, log) = stage();
    stage.secrets(&[("A", "database/creds/app/value")], "");
    lend(&stage, &[4, 4]);
    let kz = start(&stage, &["--settle", "50ms"]);
    let (code, said) = stderr(kz);
    let lines = lines(&log);
    let values: Vec<&String> = lines.iter().filter(|line| line.starts_with("value")).collect();
    assert_eq!(values, ["value lent-1", "value lent-2"], "{said}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("ended")).count(), 2, "{lines:?}\n{said}");
    assert!(!lines.iter().any(|line| line.starts_with("beside")), "{lines:?}");
    assert_eq!(code, Some(75), "{said}");
    assert!(said.contains("[KZ122]") && said.contains("`sh` was stopped"), "{said}");
}

/// The server knows nothing of the lease any more, as after its database was restored, so kz takes another one; the first would live for
/// forty seconds, of which two thirds are over by then.
#[test]
fn what_the_old_command_was_lent_is_given_back_when_the_new_one_has_run_for_a_while() {
    let (stage, log) = stage();
    stage.secrets(&[("A", "database/creds/app/value")], "");
    lend_first(&stage, &[40, 3600], true);
    let lost = json!({ "errors": ["lease not found"] }).to_string();
    let lost = Reply::new(400, "application/json", lost);
    stage.fake.script(Rule::new("sys/leases/renew", Act::Answer(lost)).times(1));
    let kz = start(&stage, &["--settle", "50ms"]);
    let first = ready(&log);
    wait_for("the second one", || ready(&log) != first);
    let second = ready(&log);
    let given_back = || stage.fake.requests("sys/leases/revoke");
    assert_eq!(given_back(), 0, "the second one has hardly begun");
    wait_for("it is given back", || given_back() == 1);
    assert!(is_alive(second) && !is_alive(first));
    send(number(&kz), Signal::SIGTERM);
    assert_eq!(stderr(kz).0, Some(0));
    assert_eq!(given_back(), 2, "and the second at the end");
}

/// Whoever starts kz anew is to take another one: kz stops the command before the end, asks for nothing more, and says why.
#[test]
fn a_lease_that_is_left_to_whoever_starts_kz_anew_ends_the_command_before_it_ends() {
    let (stage, log) = stage();
    stage.secrets(&[("A", "database/creds/app/value")], "[resolve]\nlease = \"exit\"\n");
    lend(&stage, &[4]);
    let kz = start(&stage, &[]);
    let first = ready(&log);
    let (code, said) = stderr(kz);
    assert_eq!(code, Some(75), "{said}");
    assert!(said.contains("`[resolve] lease = \"exit\"`") && said.contains("[KZ122]"), "{said}");
    assert!(lines(&log).contains(&format!("ended {first}")) && !is_alive(first));
    assert_eq!(stage.fake.requests("database/creds/app"), 1, "it asks for no other");
}

/// The server takes the request and never answers. kz would wait for it for a quarter of an hour; the lease ends in seconds.
#[test]
fn a_command_does_not_outlive_its_lease_while_a_backend_hangs() {
    let (stage, log) = stage();
    stage.secrets(&[("A", "database/creds/app/value")], "");
    lend_first(&stage, &[4], false);
    stage.fake.script(Rule::new("database/creds/app", Act::Hang));
    let kz = start(&stage, &["--timeout", "1h"]);
    let first = ready(&log);
    let (code, said) = stderr(kz);
    assert_eq!(code, Some(75), "{said}");
    assert!(said.contains("[KZ122]") && !is_alive(first), "{said}");
    assert!(lines(&log).contains(&format!("ended {first}")));
}

/// The lease would last an hour, and ends with the token of a few seconds that it hangs on; that cannot be renewed, and nobody can log in
/// again.
#[test]
fn a_command_does_not_outlive_the_token_that_its_lease_hangs_on() {
    for act in [Act::Hang, Act::Reset, Act::Status(503, Vec::new()), Act::Status(403, Vec::new())] {
        let (mut stage, log) = stage();
        stage.token = None;
        stage.sandbox.file("password", "lovelace");
        let auth = "auth = { method = \"userpass\", username = \"ada\", password_file = \"password\" }";
        stage.secrets(&[("A", "database/creds/app/value")], &format!("[providers.vault]\n{auth}\n"));
        let login = json!({ "auth": { "client_token": "hvs.short", "accessor": "a", "policies": ["app"], "token_policies": ["app"],
            "metadata": {}, "lease_duration": 4, "renewable": false, "entity_id": "", "token_type": "service", "orphan": true } });
        let reply = Reply::new(200, "application/json", login.to_string());
        stage.fake.script(Rule::new("auth/userpass/login", Act::Answer(reply)).times(1));
        lend_first(&stage, &[3600], true);
        stage.fake.script(Rule::new("", act.clone()));
        let kz = start(&stage, &["--timeout", "1h"]);
        let first = ready(&log);
        let (code, said) = stderr(kz);
        assert_eq!(code, Some(75), "{act:?}\n{said}");
        assert!(said.contains("[KZ122]") && !is_alive(first), "{act:?}\n{said}");
        assert!(lines(&log).contains(&format!("ended {first}")), "{act:?}");
    }
}

/// A value that was another one for a moment, and a document that was written anew with what it had, start nothing anew.
#[test]
fn a_value_that_is_again_what_the_command_has_restarts_nothing() {
    let (stage, log) = stage();
    let kz = start(&stage, &["--watch", "1s", "--settle", "1h", "--settle-max", "1h"]);
    ready(&log);
    let requests = || stage.fake.requests("secret/data/app");
    for value in ["new", "old"] {
        change(&stage, value);
        let before = requests();
        wait_for("it is read", || requests() >= before + 2);
    }
    send(number(&kz), Signal::SIGTERM);
    let (code, said) = stderr(kz);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(lines(&log).iter().filter(|line| line.starts_with("ready")).count(), 1, "{said}");
}

#[test]
fn when_kz_ends_everything_is_given_back() {
    let mut stage = Stage::new(Transport::Http2);
    stage.token = None;
    stage.fake.configure(|vault| {
        vault.database_role("", "app");
        vault.policy("", "app", &["database/creds/app"]);
        vault.user("", "userpass", "ada", "lovelace", &["app"]);
    });
    stage.sandbox.file("password", "lovelace");
    let auth = "auth = { method = \"userpass\", username = \"ada\", password_file = \"password\" }";
    stage.secrets(&[("A", "database/creds/app/username")], &format!("[providers.vault]\n{auth}\n"));
    for (options, left) in [(&[][..], (0, 0)), (&["--no-revoke"], (1, 1))] {
        let log = stage.sandbox.file("log", "");
        let kz = start(&stage, options);
        ready(&log);
        assert_eq!(stage.fake.configure(|vault| (vault.leases(), vault.tokens())), (1, 1));
        send(number(&kz), Signal::SIGTERM);
        let (code, said) = stderr(kz);
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(stage.fake.configure(|vault| (vault.leases(), vault.tokens())), left, "{said}");
    }
}

#[test]
fn before_the_command_runs_a_request_to_stop_ends_kz() {
    use std::os::unix::process::ExitStatusExt as _;
    let (stage, log) = stage();
    stage.fake.script(Rule::new("secret/data/app", Act::Hang));
    let mut kz = start(&stage, &[]);
    wait_for("kz asks", || stage.fake.requests("secret/data/app") > 0);
    send(number(&kz), Signal::SIGTERM);
    assert_eq!(kz.wait().unwrap().signal(), Some(15));
    assert!(lines(&log).is_empty());
}
