//! One value runs through every command and every failing case; its bytes, plain or encoded, may
//! appear in the intended output and nowhere else: no stream, no argument, no file.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;

use crate::support::{Run, Sandbox, kz_binary};

/// Different in every run, so that nothing can have been recorded earlier.
pub(crate) fn canary() -> String {
    let nanoseconds = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("a clock").as_nanos();
    format!("canary-{nanoseconds:x}-Zq")
}

/// The forms in which a careless program would show it.
fn forms(canary: &str) -> Vec<Vec<u8>> {
    let standard = base64::engine::general_purpose::STANDARD_NO_PAD;
    let mut forms = vec![canary.as_bytes().to_vec(), canary.to_uppercase().into_bytes()];
    let hexadecimal: Vec<String> = canary.bytes().map(|byte| format!("{byte:02x}")).collect();
    forms.push(hexadecimal.concat().into_bytes());
    // Whatever stands before it, one of three alignments is what base64 makes of its middle.
    forms.extend((0..3).map(|skip| standard.encode(&canary[skip..skip + 15]).into_bytes()));
    forms.push(format!("{:?}", &canary.as_bytes()[..8]).trim_matches(['[', ']']).as_bytes().to_vec());
    forms
}

fn contains(haystack: &[u8], needles: &[Vec<u8>]) -> bool {
    needles.iter().any(|needle| haystack.windows(needle.len()).any(|window| window == needle))
}

#[track_caller]
pub(crate) fn assert_clean(run: &Run, canary: &str) {
    let forms = forms(canary);
    assert!(!contains(&run.output.stdout, &forms), "stdout has the value\n{}", run.describe());
    assert!(!contains(&run.output.stderr, &forms), "stderr has the value\n{}", run.describe());
}

/// Every way to place a value and have something around it go wrong.
fn failing_configurations(canary: &str) -> Vec<String> {
    let secrets = |lines: &str| format!("[secrets]\nV = {{ provider = \"env\", ref = \"V\" }}\n{lines}\n");
    vec![
        secrets("X = { provider = \"env\", ref = \"MISSING\" }"),
        secrets("X = { provider = \"env\", ref = \"V\", encoding = \"base64\" }"),
        secrets("X = { provider = \"env\", ref = \"V\", encoding = \"hex\" }"),
        secrets("X = { provider = \"env\", ref = \"V#field\" }"),
        secrets("X = { provider = \"file\", ref = \"broken.json#a.b\" }"),
        secrets("X = { provider = \"file\", ref = \"broken.toml#a\" }"),
        secrets("X = { provider = \"file\", ref = \"broken.env#a\" }"),
        secrets("X = { provider = \"file\", ref = \"good.json#a.b.c\" }"),
        secrets("X = { provider = \"file\", ref = \"good.json#z\" }"),
        secrets("X = { provider = \"age\", ref = \"good.json\" }"),
        secrets("X = { provider = \"vault\", ref = \"secret/data/a/b\" }"),
        secrets("X = { provider = \"file\", ref = \"lines\" }\nY = { template = \"{{ X }}\" }"),
        secrets("Y = { template = \"{{ V.attribute }}\" }"),
        secrets("Y = { template = \"{{ V() }}\" }"),
        secrets("Y = { template = \"{{ V | tojson | nosuch }}\" }"),
        secrets("Y = { template = \"{{ V + 1 }}\" }"),
        // The value itself, where none belongs.
        format!("[secrets]\nA = \"{canary}\"\n"),
        format!("[secrets]\nA = {canary}\n"),
        format!("[secrets]\nA = {{ provider = \"env\", ref = \"x\", default = \"{canary}\", oops = 1 }}\n"),
        format!("[secrets]\nA = {{ provider = \"env\", oops = \"{canary}\" }}\n"),
        format!("[secrets]\nA = {{ template = \"postgres://app:{canary}@db\" }}\n"),
        format!("[secrets]\nA = {{ template = \"{{{{ '{canary}' | nosuch }}}}\" }}\n"),
        format!("[secrets]\nA = \"\"\"\n{canary}\n"),
        format!("[providers.vault]\ntoken = \"{canary}\"\naddress = \"https://u:{canary}@h\"\n"),
        format!("[providers.age]\nidentity = \"{canary}\"\n"),
    ]
}

fn sandbox_with(canary: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("broken.json", format!("{{\"a\": {{\"b\": \"{canary}\"}}, \"c\": {canary} }}"));
    sandbox.file("good.json", format!("{{\"a\": {{\"b\": \"{canary}\"}}}}"));
    sandbox.file("broken.toml", format!("a = \"{canary}\"\nb = {canary}\n"));
    sandbox.file("broken.env", format!("a={canary}\nb=$({canary})\n"));
    sandbox.file("lines", format!("{canary}\nsecond line\n"));
    sandbox.file("binary", [b"\xff".as_slice(), canary.as_bytes()].concat());
    sandbox
}

fn kz(sandbox: &Sandbox, canary: &str, words: &[&str]) -> Run {
    sandbox.run(Command::new(kz_binary()).args(words).env("V", canary))
}

#[test]
fn a_failing_command_shows_no_part_of_a_value() {
    let canary = canary();
    let sandbox = sandbox_with(&canary);
    for configuration in failing_configurations(&canary) {
        sandbox.file(".keyzero.toml", &configuration);
        for words in [
            &["-v", "validate"][..],
            &["-v", "export", "--format", "env", "--output", "out"],
            &["-v", "export", "--format", "json"],
            &["-v", "export", "--format", "files", "--output", "."],
            &["-v", "run", "--", "true"],
            &["-v", "status"],
            &["-v", "status", "--format", "json"],
            &["-v", "plan"],
            &["-v", "plan", "--format", "json"],
            &["-v", "plan", "--format", "hcl"],
            &["-v", "validate", "--log-format", "json"],
            &["-v", "export", "--log-format", "json", "--format", "env", "--output", "out"],
            &["-v", "run", "--log-format", "json", "--", "true"],
        ] {
            let run = kz(&sandbox, &canary, words);
            // What contacts nothing cannot know of a failing backend.
            assert!(
                matches!(words[1], "validate" | "plan") || !run.output.status.success(),
                "{configuration}\n{}",
                run.describe()
            );
            assert_clean(&run, &canary);
            assert!(!sandbox.path("out").exists(), "{configuration}\n{}", run.describe());
            assert!(
                !sandbox.path("V").exists() && !sandbox.path("X").exists(),
                "{configuration}\n{}",
                run.describe()
            );
        }
    }
}

/// Neither a character nor the length of a value: two values of different lengths look alike, also where
/// they stand in documents that are broken behind them.
#[test]
fn status_is_the_same_whatever_the_value() {
    let canary = canary();
    let longer = format!("{canary}{canary}");
    // In the others the value is in the configuration itself.
    let mut configurations: Vec<String> =
        failing_configurations(&canary).into_iter().filter(|text| !text.contains(&canary)).collect();
    configurations.push(
        "[secrets]\nA = { provider = \"env\", ref = \"V\" }\nB = { provider = \"file\", ref = \"good.json#a.b\" }\n\
         C = { template = \"{{ A }}{{ B }}\" }\nD = { provider = \"file\", ref = \"none\", default = \"d\" }\n"
            .to_owned(),
    );
    let mut tables = 0;
    for configuration in configurations {
        for form in ["table", "json"] {
            let see = |value: &str| {
                let sandbox = sandbox_with(value);
                sandbox.file(".keyzero.toml", &configuration);
                let run = kz(&sandbox, value, &["-v", "status", "--format", form]);
                assert_clean(&run, value);
                let directory = sandbox.path("").to_string_lossy().into_owned();
                let [stdout, stderr] = [run.stdout(), run.stderr()].map(|text| text.replace(&directory, ""));
                (run.output.status.code(), stdout, stderr)
            };
            let seen = see(&canary);
            tables += usize::from(seen.1.contains("ok"));
            assert_eq!(seen, see(&longer), "{configuration}");
        }
    }
    assert!(tables >= 20, "only {tables} were worth comparing");
}

#[test]
fn a_value_that_fits_no_format_is_not_shown() {
    let canary = canary();
    let sandbox = sandbox_with(&canary);
    sandbox.file(".keyzero.toml", "[secrets]\nB = { provider = \"file\", ref = \"binary\" }\n");
    for words in [&["export", "--format", "env"][..], &["export", "--format", "json"]] {
        let run = kz(&sandbox, &canary, words).expect_code(4);
        assert_clean(&run, &canary);
    }
}

#[test]
fn a_target_that_cannot_be_written_gets_no_part_of_a_value_anywhere() {
    let canary = canary();
    let sandbox = sandbox_with(&canary);
    sandbox.file(".keyzero.toml", "[secrets]\nV = { provider = \"env\", ref = \"V\" }\n");
    sandbox.file("target/taken/x", "");
    for output in ["nowhere/out", "target", "target/taken", "/proc/self/out"] {
        let run =
            kz(&sandbox, &canary, &["-v", "export", "--format", "env", "--output", output]).expect_code(4);
        assert_clean(&run, &canary);
    }
    let run =
        kz(&sandbox, &canary, &["-v", "export", "--format", "files", "--output", "nowhere"]).expect_code(4);
    assert_clean(&run, &canary);
    assert!(!anywhere(&sandbox.path("target"), &canary), "{}", run.describe());
}

#[test]
fn a_command_that_does_not_start_shows_nothing() {
    let canary = canary();
    let sandbox = sandbox_with(&canary);
    sandbox.file(".keyzero.toml", "[secrets]\nV = { provider = \"env\", ref = \"V\" }\n");
    for (words, code) in [
        (&["-v", "run", "--", "no-such"][..], 127),
        (&["-v", "run", "--", "./lines"], 126),
        (&["run", "--"], 125),
    ] {
        let run = kz(&sandbox, &canary, words).expect_code(code);
        assert_clean(&run, &canary);
    }
    sandbox.file(".env", format!("A={canary}\nB={canary} {canary}\n"));
    sandbox.mode(".env", 0o400);
    let run = kz(&sandbox, &canary, &["run", "--env-file", ".env", "--", "true"]).expect_code(125);
    assert_clean(&run, &canary);
}

#[test]
fn a_value_goes_where_it_is_meant_to_and_only_there() {
    let canary = canary();
    let sandbox = sandbox_with(&canary);
    sandbox.file(".keyzero.toml", "[secrets]\nV = { provider = \"env\", ref = \"V\" }\n");
    sandbox.file("env/x", "");
    sandbox.file("files/x", "");
    for words in [
        &["-v", "export", "--format", "env", "--output", "env/.env"][..],
        &["-v", "export", "--format", "files", "--output", "files"],
    ] {
        assert_clean(&kz(&sandbox, &canary, words).expect_code(0), &canary);
    }
    assert!(anywhere(&sandbox.path("env"), &canary) && anywhere(&sandbox.path("files"), &canary));
    assert_eq!(kz(&sandbox, &canary, &["export", "--format", "env"]).stdout(), format!("V={canary}\n"));
    let run = kz(&sandbox, &canary, &["-v", "run", "--", "sh", "-c", "tr '\\0' ' ' < /proc/$$/cmdline"])
        .expect_code(0);
    assert_clean(&run, &canary);
}

/// Neither what is read nor kz's own credentials are looked at: a plan is the same without them.
#[test]
fn a_plan_holds_no_value_and_no_credential() {
    let canary = canary();
    let configuration = "[secrets]\nV = { provider = \"env\", ref = \"V\" }\nF = { provider = \"file\", ref = \"lines\" }\n\
        S = { provider = \"vault\", ref = \"secret/data/a#b\" }\nT = { template = \"{{ V }}{{ S }}\" }\n\
        Q = { provider = \"aws-sm\", ref = \"q\" }\nP = { provider = \"aws-ssm\", ref = \"/p\" }\n\
        G = { provider = \"gcp-sm\", ref = \"g\" }\n\
        [providers.vault]\nauth = { method = \"approle\", role_id_file = \"lines\", secret_id_file = \"lines\" }\n";
    for form in ["table", "json", "hcl", "iam"] {
        let sandbox = sandbox_with(&canary);
        sandbox.file(".keyzero.toml", configuration);
        let words = ["-v", "plan", "--format", form];
        let credentials = [
            "VAULT_TOKEN",
            "VAULT_SECRET_ID",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "GOOGLE_OAUTH_ACCESS_TOKEN",
        ];
        let mut command = Command::new(kz_binary());
        command.args(words).env("V", &canary).envs(credentials.map(|name| (name, canary.as_str())));
        let run = sandbox.run(&mut command).expect_code(0);
        assert_clean(&run, &canary);
        std::fs::remove_file(sandbox.path("lines")).expect("a file to miss");
        assert_eq!(sandbox.kz(&words).expect_code(0).stdout(), run.stdout());
    }
}

#[test]
fn what_needs_no_value_shows_none() {
    let canary = canary();
    let sandbox = sandbox_with(&canary);
    sandbox.file("compose.yaml", format!("services: {{ {canary}: {{}} }}\n"));
    sandbox.file("pod.yaml", format!("kind: Pod # {canary}\n"));
    for words in [&["-v", "init", "--print"][..], &["-v", "init"], &["schema"], &["completions", "bash"]] {
        assert_clean(&kz(&sandbox, &canary, words).expect_code(0), &canary);
    }
    sandbox.file(".keyzero.toml", format!("[secrets]\nA = \"{canary}\"\n"));
    assert_clean(&kz(&sandbox, &canary, &["-v", "init"]).expect_code(2), &canary);
}

/// Whether a file below `directory` holds the value.
fn anywhere(directory: &Path, canary: &str) -> bool {
    let forms = forms(canary);
    std::fs::read_dir(directory).expect("a directory").flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            anywhere(&path, canary)
        } else {
            std::fs::read(&path).is_ok_and(|text| contains(&text, &forms))
        }
    })
}
