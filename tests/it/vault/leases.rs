//! What is lent to kz and does not reach anybody: nothing of it is left, however kz ends.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::Run;
use crate::vault::stage::Stage;
use kz_fakes::fake_server::Reply;
use kz_fakes::vault::Transport;
use kz_fakes::vault::script::{Act, Rule};

/// A Vault that lends database users, to who logs in as `ada`.
fn stage(refs: &[(&str, &str)]) -> Stage {
    let mut stage = Stage::new(Transport::Http2);
    stage.token = None;
    stage.fake.write("secret/data/app", &serde_json::json!({ "data": { "value": "v" } }));
    stage.fake.configure(|vault| {
        vault.database_role("", "app");
        vault.policy("", "app", &["secret/data/app", "secret/data/none", "database/creds/app"]);
        vault.user("", "userpass", "ada", "lovelace", &["app"]);
    });
    stage.sandbox.file("password", "lovelace");
    let auth = "auth = { method = \"userpass\", username = \"ada\", password_file = \"password\" }";
    stage.secrets(refs, &format!("[providers.vault]\n{auth}\n"));
    stage
}

/// How many leases and tokens there are.
fn left(stage: &Stage) -> (usize, usize) {
    stage.fake.configure(|vault| (vault.leases(), vault.tokens()))
}

const USER: (&str, &str) = ("U", "database/creds/app/username");
const PLAIN: (&str, &str) = ("A", "secret/data/app/value");
const ABSENT: (&str, &str) = ("X", "secret/data/none/value");

#[test]
fn of_a_credential_that_is_not_delivered_nothing_is_left() {
    let json = &["export", "--format", "json"][..];
    for (what, refs, words, code) in [
        ("kz only looks", &[USER, PLAIN][..], &["status"][..], 0),
        ("another secret is absent", &[USER, ABSENT], json, 1),
        ("a field is misspelt", &[("U", "database/creds/app#nobody"), PLAIN], json, 1),
        ("there is no directory", &[USER], &["export", "--format", "json", "--output", "none/x"], 4),
        ("there is no directory for a set", &[USER], &["export", "--format", "files", "--output", "none"], 4),
        ("there is no such command", &[USER], &["run", "--", "/no/such/command"], 127),
        ("the interpreter of the script is missing", &[USER], &["run", "--", "./script"], 127),
        (
            "the reader may not read it",
            &[USER],
            &["export", "--format", "json", "--output", "x", "--for", "4242"],
            4,
        ),
    ] {
        let stage = stage(refs);
        stage.sandbox.file("script", "#!/no/such/interpreter\n");
        stage.sandbox.mode("script", 0o755);
        let run = stage.kz(words).expect_code(code);
        assert_eq!(left(&stage), (0, 0), "{what}\n{}", run.describe());
    }
}

/// What a real server answers while its database is away is a 400 (`lease-revoke-database-down` of the recording).
#[test]
fn a_revocation_that_fails_in_the_engine_is_tried_again_and_one_that_is_refused_is_not() {
    let away = "failed to revoke entry: resp: (*logical.Response)(nil) err: failed to connect to `user=a database=b`";
    let denied = "1 error occurred:\n\t* permission denied\n\n";
    for (status, error, times, requests, words) in [
        (400, away, 1, 2, None),
        (400, away, 9, 3, Some("is that database, or cloud, away?")),
        (403, denied, 9, 1, Some("a policy with `update` on `sys/leases/revoke`")),
        (500, "internal error", 2, 3, None),
        (400, "lease_id is missing", 9, 1, Some("a policy with `update`")),
    ] {
        let mut stage = stage(&[USER, ABSENT]);
        // It is nobody's to end, so that the lease is given back by itself.
        stage.token = Some(stage.fake.configure(|vault| vault.root()));
        stage.secrets(&[USER, ABSENT], "");
        let body = serde_json::json!({ "errors": [error] }).to_string();
        let answer = Act::Answer(Reply::new(status, "application/json", body));
        stage.fake.script(Rule::new("sys/leases/revoke", answer).times(times));
        let run = stage.kz(&["export", "--format", "json"]).expect_unresolved();
        let what = format!("{status} {error} {times}\n{}", run.describe());
        assert_eq!(stage.fake.requests("sys/leases/revoke"), requests, "{what}");
        assert_eq!(run.stderr().contains("does not take it back"), words.is_some(), "{what}");
        assert!(words.is_none_or(|words| run.stderr().contains(words)), "{what}");
        assert!(!run.stderr().contains("user=a"), "{what}");
    }
}

#[test]
fn for_a_command_that_cannot_start_nobody_is_asked() {
    let stage = stage(&[USER]);
    for (name, content, mode) in [
        ("carriage-return", "#!/bin/sh\r\necho\n", 0o755),
        ("interpreter", "#!/no/such/interpreter\n", 0o755),
        ("directory", "#!/tmp\n", 0o755),
        ("mode", "#!/bin/sh\n", 0o644),
    ] {
        stage.sandbox.file(name, content);
        stage.sandbox.mode(name, mode);
    }
    for (command, code) in [
        ("/tmp", 126),
        ("/no/such/command", 127),
        ("/etc/passwd", 126),
        ("/etc/passwd/x", 127),
        ("no-such-command", 127),
        ("./carriage-return", 127),
        ("./interpreter", 127),
        ("./directory", 126),
        ("./mode", 126),
    ] {
        stage.kz(&["run", "--", command]).expect_code(code);
        assert_eq!(stage.fake.seen().len(), 0, "{command}");
    }
}

#[test]
fn a_limit_of_documents_that_no_login_fits_leaves_no_token() {
    let stage = stage(&[PLAIN]);
    let config = std::fs::read_to_string(stage.sandbox.path(".keyzero.toml")).unwrap();
    stage.sandbox.file(".keyzero.toml", format!("{config}[resolve]\nmax_document_size = \"1B\"\n"));
    let run = stage.kz(&["export", "--format", "json"]).expect_unresolved();
    run.expect_stderr(&["more than 1 B", "KZ119"]);
    assert_eq!((left(&stage), stage.fake.requests("secret/data/app")), ((0, 0), 1));
}

/// A crash loop, as Kubernetes and Compose make of a pod whose configuration is wrong.
#[test]
fn fifty_restarts_with_one_secret_absent_leave_nothing() {
    let stage = stage(&[USER, ABSENT]);
    for _ in 0..50 {
        stage.kz(&["export", "--format", "json"]).expect_unresolved();
    }
    assert_eq!(left(&stage), (0, 0));
}

#[test]
fn what_is_delivered_stays_and_is_told_until_when() {
    let stage = stage(&[USER, PLAIN]);
    let run: Run = stage.kz(&["export", "--format", "json"]).expect_code(0);
    assert_eq!(left(&stage), (1, 1), "{}", run.describe());
    run.expect_stderr(&["leased until", "nobody renews it after kz: U"]);
}

#[test]
fn a_request_to_stop_gives_back_first() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let stage = stage(&[USER, ("K", "kv/app/value")]);
        // The credential is made, and what is read beside it never comes.
        stage.fake.configure(|vault| vault.policy("", "app", &["database/creds/app", "kv/app"]));
        stage.fake.script(Rule::new("kv/app", Act::Status(503, Vec::new())));
        let mut kz = stage.spawn(&["--quiet", "export", "--format", "json"]);
        let end = Instant::now() + Duration::from_secs(30);
        while left(&stage).0 == 0 {
            assert!(Instant::now() < end, "no credential was made");
            std::thread::sleep(Duration::from_millis(5));
        }
        kill(Pid::from_raw(kz.id().cast_signed()), signal).unwrap();
        let status = kz.wait().unwrap();
        let ended_by = std::os::unix::process::ExitStatusExt::signal(&status);
        assert_eq!((ended_by, left(&stage)), (Some(signal as i32), (0, 0)), "{signal}");
    }
}

/// Waits until it is so, as it will be soon.
#[track_caller]
fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_mins(1);
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Asks kz to stop, and waits until it has taken note.
fn ask_to_stop(kz: &std::process::Child, signal: Signal) {
    kill(Pid::from_raw(kz.id().cast_signed()), signal).unwrap();
    let waits = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", kz.id())).unwrap_or_default();
        let pending = status.lines().find_map(|line| line.strip_prefix("ShdPnd:\t"));
        let pending = pending.and_then(|pending| u64::from_str_radix(pending, 16).ok()).unwrap_or(0);
        pending & 1 << (signal as u32 - 1) != 0
    };
    until("it takes no note of the signal", || !waits());
}

/// The signal that it ended by. Every request that is held is answered meanwhile.
fn ended_by(stage: &Stage, kz: &mut std::process::Child) -> Option<i32> {
    let status = loop {
        stage.fake.release();
        match kz.try_wait().unwrap() {
            Some(status) => break status,
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[test]
fn a_request_to_stop_waits_for_what_is_on_its_way_and_gives_it_back() {
    for (signal, held, answered) in [
        (Signal::SIGTERM, "auth/userpass/login/ada", 0),
        (Signal::SIGINT, "auth/userpass/login/ada", 0),
        (Signal::SIGHUP, "database/creds/app", 1),
        (Signal::SIGTERM, "database/creds/app", 1),
    ] {
        for words in [&["export", "--format", "json"][..], &["run", "--", "/bin/true"]] {
            let stage = stage(&[USER]);
            stage.fake.hold();
            let mut kz = stage.spawn(&[&["--quiet"], words].concat());
            for _ in 0..answered {
                until("no login came", || stage.fake.held() == 1);
                stage.fake.release();
            }
            until("no request came", || stage.fake.requests(held) == 1 && stage.fake.held() == 1);
            ask_to_stop(&kz, signal);
            assert_eq!(ended_by(&stage, &mut kz), Some(signal as i32), "{held}");
            assert_eq!(left(&stage), (0, 0), "{signal} {held} {words:?}");
            assert_eq!(stage.fake.requests("auth/token/revoke-self"), 1, "{signal} {held} {words:?}");
        }
    }
}

#[test]
fn a_request_to_stop_ends_kz_also_where_an_answer_never_comes() {
    for (hangs, words) in [
        ("auth/userpass/login", "the answer to kz's login did not come"),
        ("database/creds", "the answer to a read did not come"),
    ] {
        let stage = stage(&[USER]);
        stage.fake.script(Rule::new(hangs, Act::Hang));
        let mut command = stage.command(&["--timeout", "86400s", "export", "--format", "json"]);
        command.current_dir(stage.sandbox.path("")).stdout(std::process::Stdio::null());
        let kz = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
        until("no request came", || stage.fake.requests(hangs) == 1);
        ask_to_stop(&kz, Signal::SIGTERM);
        let output = kz.wait_with_output().unwrap();
        let ended_by = std::os::unix::process::ExitStatusExt::signal(&output.status);
        assert_eq!(ended_by, Some(Signal::SIGTERM as i32));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(words), "{said}");
        assert_eq!((left(&stage), stage.fake.requests(hangs)), ((0, 0), 1), "{said}");
    }
}

#[test]
fn a_request_to_stop_that_comes_while_another_exporter_is_waited_for_gives_back() {
    for (words, lock) in [
        (&["export", "--format", "json", "--output", "out/secrets.json"][..], "out"),
        (&["export", "--format", "files", "--output", "out"], "out/.kz/lock"),
        (&["export", "--format", "template", "--template", "t", "--output", "out/t.conf"], "out"),
    ] {
        let stage = stage(&[USER]);
        stage.sandbox.file("t", "{{ U }}");
        stage.sandbox.file("out/.kz/lock", "");
        stage.sandbox.mode("out/.kz", 0o700);
        stage.sandbox.mode("out/.kz/lock", 0o600);
        let lock = std::fs::File::open(stage.sandbox.path(lock)).unwrap();
        lock.try_lock().expect("nobody else has it");
        let mut kz = stage.spawn(&[&["--quiet", "--timeout", "86400s"], words].concat());
        // clock_nanosleep
        let sleeps = || {
            let call = std::fs::read_to_string(format!("/proc/{}/syscall", kz.id())).unwrap_or_default();
            call.starts_with("230 ")
        };
        until("it does not wait for the lock", || left(&stage).0 == 1 && sleeps());
        ask_to_stop(&kz, Signal::SIGTERM);
        assert_eq!(ended_by(&stage, &mut kz), Some(Signal::SIGTERM as i32), "{words:?}");
        assert_eq!(left(&stage), (0, 0), "{words:?}");
        assert!(
            !stage.sandbox.path("out/secrets.json").exists() && !stage.sandbox.path("out/..data").exists()
        );
    }
}

/// Whoever reads stdout may take any time, and kz ends like any other program that writes there.
#[test]
fn a_request_to_stop_ends_kz_while_nobody_reads_what_it_prints() {
    let stage = stage(&[PLAIN, ("B", "secret/data/large/value")]);
    let large = "x".repeat(1 << 20);
    stage.fake.write("secret/data/large", &serde_json::json!({ "data": { "value": large } }));
    stage.fake.configure(|vault| vault.policy("", "app", &["secret/data/app", "secret/data/large"]));
    let mut command = stage.command(&["--quiet", "export", "--format", "json"]);
    command.current_dir(stage.sandbox.path("")).stdout(std::process::Stdio::piped());
    let mut kz = command.spawn().unwrap();
    let writes = || {
        let call = std::fs::read_to_string(format!("/proc/{}/syscall", kz.id())).unwrap_or_default();
        call.starts_with("1 0x1 ")
    };
    until("it does not write", writes);
    kill(Pid::from_raw(kz.id().cast_signed()), Signal::SIGTERM).unwrap();
    assert_eq!(ended_by(&stage, &mut kz), Some(Signal::SIGTERM as i32));
}

/// Until when the token lives is good to know, and nothing that a delivery waits for, or fails by.
#[test]
fn a_look_at_the_token_that_is_never_answered_costs_no_delivery() {
    let mut stage = stage(&[USER]);
    stage.token = Some(stage.fake.configure(|vault| vault.root()));
    stage.secrets(&[USER], "");
    stage.fake.script(Rule::new("auth/token/lookup-self", Act::Hang));
    let run = stage.kz(&["export", "--format", "json"]).expect_code(0);
    run.expect_stderr(&["leased until"]);
    assert_eq!(stage.fake.configure(|vault| vault.leases()), 1);
}

/// An error of the server's.
fn error(status: u16, error: &str) -> Act {
    Act::Answer(Reply::new(status, "application/json", serde_json::json!({ "errors": [error] }).to_string()))
}

#[test]
fn a_token_that_stays_is_named_once_with_its_life_and_the_reason() {
    let denied = "1 error occurred:\n\t* permission denied\n\n";
    for (path, status, words, asked) in [
        ("auth/token/lookup-self", 403, "(a policy with `read` on `auth/token/lookup-self` lets it)", 1),
        ("auth/token/lookup-self", 500, "Vault does not tell whether it is kz's own", 1),
        ("auth/token/revoke-self", 403, "(a policy with `update` on `auth/token/revoke-self` lets it)", 1),
        ("auth/token/revoke-self", 500, "Vault failed to end it", 3),
    ] {
        for command in [&["export", "--format", "json"][..], &["run", "--", "/bin/true"], &["status"]] {
            let stage = stage(&[PLAIN]);
            stage.fake.script(Rule::new(path, error(status, denied)).times(9));
            let run = stage.kz(command).expect_code(0);
            let said = run.stderr();
            let lines: Vec<&str> = said.lines().filter(|line| line.contains("kz's own token")).collect();
            let [line] = lines[..] else { panic!("{path} {status} {}", run.describe()) };
            assert!(line.starts_with("kz: warning: kz's own token stays for 3"), "{line}");
            assert!(line.contains(words), "{line}");
            assert_eq!(stage.fake.requests(path), asked, "{path} {status}");
        }
    }
}

/// An answer that was lost on its way: the next one says that there is no such token.
#[test]
fn a_token_that_has_ended_is_not_said_to_stay() {
    for path in ["auth/token/lookup-self", "auth/token/revoke-self"] {
        let stage = stage(&[PLAIN]);
        stage.fake.script(Rule::new(path, error(403, "permission denied")).times(9));
        let run = stage.kz(&["export", "--format", "json"]).expect_code(0);
        assert!(!run.stderr().contains("token stays"), "{}", run.describe());
    }
}

#[test]
fn a_lease_that_stays_is_said_to_live_no_longer_than_its_token() {
    let stage = stage(&[USER, ABSENT]);
    // The fake's leases live as long as its tokens, so that this one's token ends sooner by far.
    let auth = serde_json::json!({ "request_id": "r", "auth": { "client_token": "hvs.of-a-minute", "lease_duration": 60 } });
    stage.fake.script(Rule::new(
        "auth/userpass/login/ada",
        Act::Answer(Reply::new(200, "application/json", auth.to_string())),
    ));
    let lent = serde_json::json!({ "request_id": "r", "lease_id": "database/creds/app/1", "renewable": true, "lease_duration": 2_764_800,
        "data": { "username": "u", "password": "p" }, "wrap_info": null, "warnings": null, "auth": null });
    for (path, answer) in [
        ("database/creds/app", (200, lent)),
        ("secret/data/none", (404, serde_json::json!({ "errors": [] }))),
    ] {
        stage.fake.script(Rule::new(
            path,
            Act::Answer(Reply::new(answer.0, "application/json", answer.1.to_string())),
        ));
    }
    let denied = "1 error occurred:\n\t* permission denied\n\n";
    for path in ["auth/token/lookup-self", "sys/leases/revoke"] {
        stage.fake.script(Rule::new(path, error(403, denied)).times(9));
    }
    let run = stage.kz(&["export", "--format", "json"]).expect_unresolved();
    let said = run.stderr();
    let line = said.lines().find(|line| line.contains("does not take it back")).expect("a warning");
    let number = |after: &str| -> u64 {
        let rest = line.split_once(after).unwrap_or_else(|| panic!("{line}")).1;
        rest.split(' ').next().unwrap().parse().unwrap()
    };
    assert!(number("it is valid for ") <= 60 && number("kz's own token stays for ") <= 60, "{line}");
    assert!(line.contains("`sys/leases/revoke`") && line.contains("`auth/token/lookup-self`"), "{line}");
}
