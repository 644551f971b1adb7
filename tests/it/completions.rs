//! What a shell completes, asked of a real bash.

use std::process::Command;

use crate::support::{Sandbox, kz_binary};

/// What bash offers for the last of these words, by the function that the script registers for kz.
fn offered(words: &[&str]) -> Vec<String> {
    let sandbox = Sandbox::new();
    let script = sandbox.kz(&["completions", "bash"]).expect_code(0).stdout();
    sandbox.file("kz.bash", script);
    let asking = r#"
        set -eu
        source kz.bash
        read -r -a registered <<< "$(complete -p kz)"
        for index in "${!registered[@]}"; do
            if [ "${registered[index]}" = -F ]; then function=${registered[index + 1]}; fi
        done
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
        "$function" kz "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let run =
        sandbox.run(Command::new("bash").args(["--norc", "-c", asking, "bash"]).args(words)).expect_code(0);
    assert_eq!(run.stderr(), "", "{}", run.describe());
    run.stdout().split_whitespace().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_and_values() {
    assert_eq!(offered(&["kz", "expo"]), ["export"]);
    assert_eq!(offered(&["kz", "run", "--env-f"]), ["--env-file"]);
    assert_eq!(offered(&["kz", "export", "--format", "f"]), ["files"]);
    assert_eq!(offered(&["kz", "completions", "b"]), ["bash"]);
}

#[test]
fn every_shell_gets_every_command() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = sandbox.kz(&["completions", shell]).expect_code(0).stdout();
        for command in
            ["export", "run", "validate", "status", "plan", "init", "schema", "explain", "completions"]
        {
            assert!(script.contains(command), "{shell} lacks {command}");
        }
    }
    let kz = kz_binary();
    let check = format!("bash -n <({} completions bash)", kz.display());
    sandbox.run(Command::new("bash").args(["-c", &check])).expect_code(0);
}
