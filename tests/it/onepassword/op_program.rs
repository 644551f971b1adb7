//! kz and the `op` program: a stand-in that speaks what the real one's documentation says of `op inject`. The real
//! one was not run: it signs in to 1Password's own servers.

use std::fmt::Write as _;
use std::process::Command;

use crate::canary::{assert_clean, canary};
use crate::support::{Run, Sandbox, kz_binary};

/// Replaces `{{ op://… }}` on stdin by what lies in `values/`; fails for all when one is missing, as the real one does.
const STAND_IN: &str = r#"#!/bin/sh
echo "$*" >> "$HOME/calls"
env | grep -c OP_SERVICE_ACCOUNT_TOKEN=example-service-token >> "$HOME/tokens"
if [ -e "$HOME/trouble" ]; then cat "$HOME/trouble" >&2; exit 1; fi
while IFS= read -r line; do
    case $line in
    '{{ op://'*' }}')
        reference=${line#\{\{ op://}; reference=${reference% \}\}}
        file=$HOME/values/$(printf %s "$reference" | tr '/?=' '___')
        if [ ! -e "$file" ]; then echo "[ERROR] 2026/11/25 12:00:00 \"$reference\" isn't an item in the vault: $(cat "$HOME/canary")" >&2; exit 1; fi
        cat "$file"; echo ;;
    *) printf '%s\n' "$line" ;;
    esac
done
"#;

struct Stage(Sandbox);

impl Stage {
    fn new(values: &[(&str, &str)]) -> Self {
        let sandbox = Sandbox::new();
        sandbox.file("bin/op", STAND_IN);
        sandbox.mode("bin/op", 0o755);
        let mut config = "[secrets]\n".to_owned();
        for (number, (reference, value)) in values.iter().enumerate() {
            let file = format!("values/{}", reference.replace(['/', '?', '='], "_"));
            if !value.is_empty() {
                sandbox.file(&file, value);
            }
            let _ = writeln!(
                config,
                "S{number} = {{ provider = \"op\", ref = \"op://{reference}\", optional = true }}"
            );
        }
        sandbox.file(".keyzero.toml", config);
        sandbox.file("canary", "");
        Self(sandbox)
    }

    fn kz(&self, words: &[&str]) -> Run {
        let path = format!("{}:/usr/bin:/bin", self.0.path("bin").display());
        let mut command = Command::new(kz_binary());
        command.args(words).env("PATH", path).env("HOME", self.0.path(""));
        self.0.run(command.env("OP_SERVICE_ACCOUNT_TOKEN", "example-service-token"))
    }

    fn calls(&self) -> usize {
        std::fs::read_to_string(self.0.path("calls")).unwrap_or_default().lines().count()
    }
}

const JSON: &[&str] = &["--timeout", "5s", "export", "--format", "json"];

#[test]
fn all_references_are_one_call_with_the_token_in_its_environment() {
    let stage = Stage::new(&[
        ("prod/db/password", "one"),
        ("prod/db/live/token", "two\nlines\n"),
        ("a/b/c?attribute=otp", "3"),
    ]);
    let run = stage.kz(JSON).expect_code(0);
    assert_eq!(
        run.stdout(),
        "{\"S0\":\"one\",\"S1\":\"two\\nlines\\n\",\"S2\":\"3\"}\n",
        "{}",
        run.describe()
    );
    assert_eq!(std::fs::read_to_string(stage.0.path("calls")).unwrap(), "inject\n");
    assert_eq!(std::fs::read_to_string(stage.0.path("tokens")).unwrap(), "1\n");
}

#[test]
fn one_that_is_missing_costs_a_few_calls_and_no_value_is_lost() {
    let canary = canary();
    let names: Vec<(String, String)> = (0..16)
        .map(|n| (format!("v/i/f{n}"), if n == 9 { String::new() } else { format!("v{n}") }))
        .collect();
    let values: Vec<(&str, &str)> =
        names.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let stage = Stage::new(&values);
    stage.0.file("canary", &canary);
    let run = stage.kz(JSON).expect_code(0);
    assert!(run.stdout().contains("\"S8\":\"v8\"") && !run.stdout().contains("S9"), "{}", run.describe());
    assert!(stage.calls() <= 1 + 2 * 4, "{} calls", stage.calls());
    assert_clean(&run, &canary);
}

#[test]
fn what_it_complains_of_is_told_in_kzs_own_words() {
    let canary = canary();
    for (complaint, words, calls) in [
        ("[ERROR] (401) Unauthorized", "does not accept the service account's token", 1),
        ("[ERROR] (403) Forbidden", "may not read it", 1),
        ("[ERROR] More than one item matches", "several items bear that name", 1),
        ("something else", "run it by hand", 1),
    ] {
        let stage = Stage::new(&[("prod/db/password", "one")]);
        stage.0.file("trouble", format!("{complaint} {canary}\n"));
        let run = stage.kz(JSON).expect_unresolved().expect_stderr(&[words]);
        assert_clean(&run, &canary);
        assert_eq!(stage.calls(), calls, "{}", run.describe());
    }
    let stage = Stage::new(&[("prod/db/password", "one")]);
    stage.0.file("trouble", "[ERROR] (429) Too Many Requests\n");
    let run = stage.kz(&["--timeout", "1s", "export", "--format", "json"]).expect_unresolved();
    assert!(run.stderr().contains("too many requests, for 1 s") && stage.calls() > 1, "{}", run.describe());
}

#[test]
fn a_program_that_does_not_end_is_ended_at_the_deadline() {
    let stage = Stage::new(&[("prod/db/password", "one")]);
    stage.0.file("bin/op", "#!/bin/sh\nexec sleep 1000\n");
    stage.0.mode("bin/op", 0o755);
    stage
        .kz(&["--timeout", "1s", "export", "--format", "json"])
        .expect_unresolved()
        .expect_stderr(&["does not end"]);
    let left = Command::new("pgrep").args(["-f", "sleep 1000"]).output().unwrap();
    assert!(left.stdout.is_empty(), "the program is still there");
}

/// One call prints many values: the few that are too large together are not too large alone.
#[test]
fn why_it_did_not_start_is_told_with_what_to_do() {
    for (op, mode, error, words) in [
        (STAND_IN, 0o755, "EAGAIN", ["the limit of processes is reached", "`ulimit -u`"]),
        (STAND_IN, 0o755, "ENOMEM", ["there is no memory for another process", "limit of memory"]),
        ("#!/bin/sh\r\n", 0o755, "", ["the interpreter that its first line names", "a carriage return"]),
        ("\x7fELF\x01\x01\x01", 0o755, "", ["another architecture", "`uname -m`"]),
        ("#!/etc/passwd\n", 0o755, "", ["it may not be executed", "`noexec`"]),
    ] {
        let stage = Stage::new(&[("prod/db/password", "v")]);
        stage.0.file("bin/op", op);
        stage.0.mode("bin/op", mode);
        let run = if error.is_empty() {
            stage.kz(JSON)
        } else {
            let path = format!("{}:/usr/bin:/bin", stage.0.path("bin").display());
            let mut command = Command::new("strace");
            let rule = format!("inject=fork,vfork,clone,clone3:error={error}");
            command.args(["-f", "-o", "/dev/null", "-e", &rule]).arg(kz_binary()).args(JSON);
            command.env("PATH", path).env("HOME", stage.0.path(""));
            stage.0.run(command.env("OP_SERVICE_ACCOUNT_TOKEN", "example-service-token"))
        };
        run.expect_unresolved().expect_stderr(&["`op` could not be run", words[0], words[1]]);
    }
}

#[test]
fn what_it_prints_is_read_to_the_limit_and_what_is_too_large_is_told() {
    let (large, larger) = ("x".repeat(700), "y".repeat(1_500));
    let stage = Stage::new(&[("v/i/a", &large), ("v/i/b", &large), ("v/i/c", &larger)]);
    let config = std::fs::read(stage.0.path(".keyzero.toml")).unwrap();
    let limited = [config.as_slice(), b"[resolve]\nmax_document_size = \"1KiB\"\n"].concat();
    stage.0.file(".keyzero.toml", limited);
    let run = stage.kz(JSON).expect_unresolved().expect_stderr(&[
        "S2 (1password `op://v/i/c`) too large: `op` printed more than 1 KiB [KZ119]",
        "raise `max_document_size` in `[resolve]`",
    ]);
    assert!(!run.stderr().contains("S0") && !run.stderr().contains("xxx"), "{}", run.describe());
}

#[test]
fn what_is_no_value_is_never_delivered_as_one() {
    for (program, words) in [
        // As it came.
        ("exec cat", "printed a reference instead"),
        // The second only; without braces; without spaces; the first by the second's reference.
        ("sed '0,/{{ op:.* }}/s//one/'", "printed a reference instead"),
        ("sed 's/{{ //; s/ }}//'", "printed a reference instead"),
        ("sed 's/{{ /{{/; s/ }}/}}/'", "printed a reference instead"),
        (
            "sed 's|{{ op://prod/db/password }}|two|; s|{{ op://prod/db/user }}|{{ op://prod/db/password }}|'",
            "printed a reference instead",
        ),
        // Cut, without the marks, nothing at all.
        ("sed 's/{{ op:.* }}/one/' | head -c 50", "printed what was not asked for"),
        ("sed 's/{{ op:.* }}/one/' | grep -v ^kz-", "printed what was not asked for"),
        ("cat >/dev/null", "printed what was not asked for"),
    ] {
        let stage = Stage::new(&[("prod/db/user", "one"), ("prod/db/password", "two")]);
        stage.0.file("bin/op", format!("#!/bin/sh\n{program}\n"));
        stage.0.mode("bin/op", 0o755);
        let run = stage.kz(JSON).expect_unresolved().expect_stderr(&["malformed", words]);
        assert_eq!(run.stdout(), "", "{program}\n{}", run.describe());
    }
}

#[test]
fn a_field_that_was_never_filled_in_is_absent() {
    let stage = Stage::new(&[("prod/db/user", "one"), ("prod/db/never filled", "two")]);
    stage.0.file("values/prod_db_never filled", "");
    let run = stage.kz(JSON).expect_code(0);
    assert_eq!(run.stdout(), "{\"S0\":\"one\"}\n", "{}", run.describe());
    let config = "[secrets]\nA = { provider = \"op\", ref = \"op://prod/db/never filled\" }\n";
    stage.0.file(".keyzero.toml", config);
    stage.kz(JSON).expect_unresolved().expect_stderr(&["absent", "`never filled` was never filled in"]);
}
