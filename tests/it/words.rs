//! Situations at three in the morning: what kz says in each, and that its hint, followed, helps.
//!
//! One table. Each row runs kz where something is wrong, compares code, words and hint, does what the hint says, and runs
//! kz again. Two situations that need a file system or a namespace of their own have their rows in `odd_disk` (KZ426) and
//! `ownership` (KZ427), where the hint is followed too.

mod rows;

use std::process::Command;

use crate::support::{Run, kz_binary};
use crate::vault::stage::{self, Stage};

/// What the hint says to do.
enum Follow {
    /// Write this instead of that in the configuration.
    Config(&'static str, &'static str),
    /// Put a file there, with this content.
    File(&'static str, &'static str),
    /// Give a variable another value.
    Variable(&'static str, &'static str),
    /// Type what stands in the hint's first pair of backticks.
    Type,
    /// Run kz in another way.
    Instead(&'static [&'static str]),
    /// What an administrator does, who is not kz's user.
    Server(fn(&Stage)),
}
use Follow::{Config, File, Instead, Server, Type, Variable};

struct Row {
    situation: &'static str,
    config: &'static str,
    files: &'static [(&'static str, &'static str)],
    variables: &'static [(&'static str, &'static str)],
    /// What is true of server and disk before.
    before: fn(&Stage),
    arguments: &'static [&'static str],
    code: &'static str,
    says: &'static str,
    hint: &'static str,
    follow: Follow,
    /// What kz, or the command that it becomes, prints when the hint was followed.
    then: &'static str,
}

const fn row(situation: &'static str, code: &'static str) -> Row {
    Row {
        situation,
        config: "[secrets]\n",
        files: &[],
        variables: &[],
        before: |_| {},
        arguments: &["export", "--format", "json", "--timeout", "3s"],
        code,
        says: "",
        hint: "",
        follow: Type,
        then: "",
    }
}

/// kz, as the row has it.
fn kz(stage: &Stage, url: &str, row: &Row, arguments: &[&str], variable: Option<(&str, &str)>) -> Run {
    let mut command = Command::new(kz_binary());
    command.args(arguments).env("VAULT_ADDR", url).env("VAULT_CACERT", "ca.pem");
    command.env("VAULT_TOKEN", stage.token.as_ref().expect("a token"));
    for (name, value) in row.variables.iter().copied().chain(variable) {
        match filled(stage, url, value) {
            value if value.is_empty() => command.env_remove(name),
            value => command.env(name, value),
        };
    }
    stage.sandbox.run(&mut command)
}

fn filled(stage: &Stage, url: &str, text: &str) -> String {
    text.replace("[VAULT]", url).replace("[TOKEN]", stage.token.as_deref().expect("a token"))
}

/// Does what the hint of this run says, and runs kz again.
fn followed(stage: &Stage, url: &str, row: &Row, before: &Run) -> Run {
    let sandbox = &stage.sandbox;
    let again = |arguments, variable| kz(stage, url, row, arguments, variable);
    match row.follow {
        Config(from, to) => {
            let config = std::fs::read_to_string(sandbox.path(".keyzero.toml")).expect("the configuration");
            assert!(config.contains(from), "{}: {config}", row.situation);
            sandbox.file(".keyzero.toml", config.replace(from, to));
        }
        File(name, content) => drop(sandbox.file(name, filled(stage, url, content))),
        Variable(name, value) => return again(row.arguments, Some((name, value))),
        Type => {
            let said = before.stderr();
            let hint = said.split("kz: hint: ").nth(1).and_then(|hint| hint.split('`').nth(1));
            let typed = hint.unwrap_or_else(|| panic!("nothing to type\n{}", before.describe()));
            sandbox.run(Command::new("sh").args(["-c", typed])).expect_code(0);
        }
        Instead(arguments) => return again(arguments, None),
        Server(act) => act(stage),
    }
    again(row.arguments, None)
}

#[test]
fn in_each_situation_the_words_say_what_is_wrong_and_the_hint_followed_helps() {
    let rows = rows::rows();
    for row in &rows {
        let (stage, url) = stage::named("running");
        stage.sandbox.file(".keyzero.toml", filled(&stage, &url, row.config));
        for (name, content) in row.files {
            stage.sandbox.file(name, content);
        }
        (row.before)(&stage);
        let before = kz(&stage, &url, row, row.arguments, None);
        let run = if row.code.is_empty() {
            before
        } else {
            let about = || format!("{}\n{}", row.situation, before.describe());
            assert!(!before.output.status.success(), "{}", about());
            for part in [row.says, row.hint, &format!("[{}]", row.code)] {
                assert!(before.stderr().contains(part), "{part:?} is not said: {}", about());
            }
            assert!(before.stderr().contains("kz: hint: "), "{}", about());
            followed(&stage, &url, row, &before)
        };
        assert!(run.stdout().contains(row.then), "{}\n{}", row.situation, run.describe());
        run.expect_code(0);
    }
    assert!(rows.len() >= 30, "only {} situations", rows.len());
}
