//! Runs every file of `tests/cases/` and compares exit code and both outputs, whole.
//!
//! A case is one text: what it shows in the first line, `NAME=value` lines for the environment, `$ kz …`,
//! then `-- name --` sections: `exit`, `stdout`, `stderr`, and any other name is a file to make
//! (`mode 0666 name` sets its mode, a name that ends in `/` is a directory). `[DIR]` stands for the
//! directory. A line that begins with `! ` is a shell command that sets the stage, as root, in a mount
//! and process namespace of its own; a case that has one runs its `$` line in that shell too, so that it may
//! begin with another command (`$ setpriv --reuid=65532 … kz …`). `& NAME` starts a Vault of `vault_stage` beside the
//! case, with its CA in `ca.pem`: `[VAULT]` is its URL, `[SERVER]` its host and port, `[TOKEN]` its root token.
//! `KZ_WITHOUT_CASES` names cases that are left out, since an emulator around kz answers for it (`make arm64`).
//! `KZ_WRITE_CASES=1` writes what was seen into the files, for a person to read before committing it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::support::{Sandbox, kz_binary};
use crate::vault::stage;

/// What a failed command must not leave: every case that exports does so to this name.
const OUTPUT: &str = "out";

struct Case {
    head: Vec<String>,
    sections: Vec<(String, String)>,
}

#[test]
fn every_case_says_what_it_said() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut files: Vec<_> =
        std::fs::read_dir(directory).expect("the cases").map(|entry| entry.expect("a case").path()).collect();
    files.sort();
    for name in std::env::var("KZ_WITHOUT_CASES").unwrap_or_default().split_whitespace() {
        let place = files.iter().position(|file| file.file_stem().is_some_and(|stem| stem == name));
        files.remove(place.unwrap_or_else(|| panic!("no case {name}")));
    }
    assert!(files.len() > 20, "only {} cases were found", files.len());
    let failures: Vec<String> = files.iter().filter_map(|file| check(file)).collect();
    assert!(
        failures.is_empty(),
        "{} of {} cases differ\n\n{}",
        failures.len(),
        files.len(),
        failures.join("\n")
    );
}

/// Runs one case; what differs, if anything.
fn check(file: &Path) -> Option<String> {
    let text = std::fs::read_to_string(file).expect("a case");
    let case = parse(&text);
    let seen = run(&case);
    let expected: BTreeMap<&str, &str> = case
        .sections
        .iter()
        .filter(|(name, _)| seen.contains_key(name.as_str()))
        .map(|(name, content)| (name.as_str(), content.as_str()))
        .collect();
    let same = seen.iter().all(|(name, content)| expected.get(name).copied().unwrap_or_default() == content);
    if same {
        return None;
    }
    if std::env::var_os("KZ_WRITE_CASES").is_some() {
        std::fs::write(file, with_results(&case, &seen)).expect("the case");
        return None;
    }
    Some(format!("== {}\n-- expected {expected:#?}\n-- seen {seen:#?}", file.display()))
}

fn parse(text: &str) -> Case {
    let mut head = Vec::new();
    let mut sections: Vec<(String, String)> = Vec::new();
    for line in text.split_inclusive('\n') {
        let name = line.trim_end().strip_prefix("-- ").and_then(|rest| rest.strip_suffix(" --"));
        match (name, sections.last_mut()) {
            (Some(name), _) => sections.push((name.to_owned(), String::new())),
            (None, Some((_, content))) => content.push_str(line),
            (None, None) => head.push(line.trim_end().to_owned()),
        }
    }
    Case { head, sections }
}

fn run(case: &Case) -> BTreeMap<&'static str, String> {
    let vault = case.head.iter().find_map(|line| line.strip_prefix("& ")).map(stage::named);
    let own;
    let sandbox = if let Some((stage, _)) = &vault {
        &stage.sandbox
    } else {
        own = Sandbox::new();
        &own
    };
    // What differs from run to run, by the names that cases have for it.
    let mut names = vec![(sandbox.path("").display().to_string().trim_end_matches('/').to_owned(), "[DIR]")];
    if let Some((stage, url)) = &vault {
        names.push((url.clone(), "[VAULT]"));
        let server = url.split_once("://").map_or("", |(_, server)| server);
        names.push((server.to_owned(), "[SERVER]"));
        names.extend(stage.token.clone().map(|token| (token, "[TOKEN]")));
    }
    let filled =
        |text: &str| names.iter().fold(text.to_owned(), |text, (value, name)| text.replace(name, value));
    for (name, content) in &case.sections {
        make(sandbox, name, &filled(content));
    }
    let mut command = command(case, sandbox);
    for assignment in case.head.iter().skip(1).filter(|line| !line.starts_with(['$', '!', '&'])) {
        if let Some((name, value)) = assignment.split_once('=') {
            command.env(name, filled(value));
        }
    }
    let run = sandbox.run(&mut command);
    let shown = |text: String| {
        let general = names.iter().fold(text, |text, (value, name)| text.replace(value, name));
        without_digest(&without_time(&without_waits(&general)))
    };
    let code = run.output.status.code().map_or_else(|| "a signal".to_owned(), |code| code.to_string());
    if code != "0" {
        assert!(!sandbox.path(OUTPUT).exists(), "a failed command left an output\n{}", run.describe());
    }
    BTreeMap::from([
        ("exit", format!("{code}\n")),
        ("stdout", shown(run.stdout())),
        ("stderr", shown(run.stderr())),
    ])
}

/// kz itself, or a shell that sets the stage first.
fn command(case: &Case, sandbox: &Sandbox) -> Command {
    let line = case.head.iter().find_map(|line| line.strip_prefix("$ ")).expect("a `$` line");
    let stage: Vec<&str> = case.head.iter().filter_map(|line| line.strip_prefix("! ")).collect();
    if stage.is_empty() {
        let mut command = Command::new(kz_binary());
        command.args(split(line.strip_prefix("kz ").expect("a `$ kz` line")));
        return command;
    }
    // Every uid may run this one. PID 1 is the shell, and kz an ordinary process that ends with it.
    sandbox.copy_kz();
    std::fs::create_dir(sandbox.path("bin")).expect("a directory");
    std::fs::rename(sandbox.path("kz"), sandbox.path("bin/kz")).expect("kz in it");
    let script = format!("set -e\nPATH=$PWD/bin:$PATH\n{}\nset +e\n{line}\nexit $?\n", stage.join("\n"));
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", &script]);
    command
}

/// The SHA-256 of kz itself, which each build changes.
fn without_digest(text: &str) -> String {
    let is_digit = |c: char| c.is_ascii_hexdigit();
    let words = text.split_inclusive(|c: char| !is_digit(c));
    let shown = words.map(|word| {
        let digits = word.trim_end_matches(|c: char| !is_digit(c));
        if digits.len() == 64 { word.replace(digits, "[SHA256]") } else { word.to_owned() }
    });
    shown.collect()
}

/// What a slow machine adds after a second.
fn without_waits(text: &str) -> String {
    text.split_inclusive('\n').filter(|line| !line.starts_with("kz: waiting for ")).collect()
}

/// Times of `--log-format json` differ; nothing else does.
fn without_time(text: &str) -> String {
    let mut shown = String::new();
    for (index, part) in text.split("{\"time\":\"").enumerate() {
        if index > 0 {
            shown.push_str("{\"time\":\"[TIME]");
        }
        shown.push_str(if index > 0 { part.trim_start_matches(|c: char| c != '"') } else { part });
    }
    shown
}

fn make(sandbox: &Sandbox, name: &str, content: &str) {
    if ["exit", "stdout", "stderr"].contains(&name) {
        return;
    }
    let (mode, name) = match name.strip_prefix("mode ").and_then(|rest| rest.split_once(' ')) {
        Some((mode, name)) => (u32::from_str_radix(mode, 8).ok(), name),
        None => (None, name),
    };
    if name.ends_with('/') {
        std::fs::create_dir_all(sandbox.path(name)).expect("a directory");
    } else {
        sandbox.file(name, content.replace("[NUL]", "\0").replace("[CR]", "\r"));
    }
    if let Some(mode) = mode {
        sandbox.mode(name, mode);
    }
}

/// Words of a command line; single quotes keep spaces.
fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in line.split('\'').enumerate() {
        if index % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

fn with_results(case: &Case, seen: &BTreeMap<&'static str, String>) -> String {
    let mut text = case.head.join("\n") + "\n";
    for (name, content) in case.sections.iter().filter(|(name, _)| !seen.contains_key(name.as_str())) {
        text.extend(["-- ", name, " --\n", content]);
    }
    for name in ["exit", "stdout", "stderr"] {
        if !seen[name].is_empty() {
            text.extend(["-- ", name, " --\n", &seen[name]]);
        }
    }
    text
}
