//! Names to which zsh gives a meaning, asked of the real one: what it does not hand on unharmed, kz refuses to write for shells.
//!
//! Candidates are all words of the program that can be names, and all parameters that it and its modules have.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Command;

use crate::support::Sandbox;

/// All that zsh has by itself.
const PARAMETERS: &str = "zmodload zsh/parameter zsh/zleparameter zsh/system zsh/datetime zsh/mapfile zsh/zutil zsh/complete; print -l ${(k)parameters}";

/// Each name in a subshell: what is exported, what a program then sees and is called, and whether anything is said.
const SCRIPT: &str = r#"me=$(/usr/bin/id -un)
while read -r name; do
  seen=$( (builtin export "$name=games"; /usr/bin/printenv "$name"; /bin/sh -c 'echo $0'; /usr/bin/id -un) 2>&1 )
  [ "$seen" = "games"$'\n'"/bin/sh"$'\n'"$me" ] || print -r -- "$name"
done <names"#;

fn zsh(sandbox: &Sandbox, script: &str) -> BTreeSet<String> {
    let mut command = Command::new("zsh");
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", "/").args(["-f", "-c", script]);
    sandbox.run(&mut command).expect_code(0).stdout().lines().map(str::to_owned).collect()
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The words of the program itself: names that do something only when they are set are in no list.
fn words() -> BTreeSet<String> {
    let program = std::fs::read("/usr/bin/zsh").unwrap();
    let words = program.split(|byte| *byte == 0).filter_map(|word| std::str::from_utf8(word).ok());
    words
        .filter(|word| {
            word.len() < 30 && word.chars().all(|c| c.is_ascii_uppercase() || c == '_' || c == '0')
        })
        .filter(|word| word.len() > 2 && is_name(word))
        .map(str::to_owned)
        .collect()
}

/// Which of these names kz refuses for a shell.
fn refused(sandbox: &Sandbox, names: &BTreeSet<String>) -> BTreeSet<String> {
    let mut config = "[secrets]\n".to_owned();
    for name in names {
        let _ = writeln!(config, "{name} = {{ provider = \"file\", ref = \"x\" }}");
    }
    sandbox.file(".keyzero.toml", config);
    sandbox.file("x", "games");
    let run = sandbox.kz(&["export", "--format", "shell", "--output", "out"]).expect_code(4);
    let causes = run.stderr();
    causes
        .lines()
        .filter_map(|line| line.strip_prefix("caused by: ")?.split_once(": its name is one"))
        .map(|(name, _)| name.to_owned())
        .collect()
}

#[test]
fn a_name_that_zsh_does_not_hand_on_unharmed_is_refused() {
    let sandbox = Sandbox::new();
    let mut names = words();
    names.extend(zsh(&sandbox, PARAMETERS).into_iter().filter(|name| is_name(name)));
    // Names that lie beside these and mean nothing.
    names.extend(["USERNAMES", "paths", "GIDS"].map(str::to_owned));
    let lines: Vec<&str> = names.iter().flat_map(|name| [name.as_str(), "\n"]).collect();
    sandbox.file("names", lines.concat());
    let spoilt = zsh(&sandbox, SCRIPT);
    for known in ["USERNAME", "GID", "HISTSIZE", "REPORTTIME", "ARGV0", "status", "path", "argv"] {
        assert!(spoilt.contains(known), "zsh was not asked of {known}");
    }
    let mut spoilt = spoilt;
    // The dynamic linker's word, not zsh's: whichever program comes next says that it cannot load this.
    spoilt.remove("LD_PRELOAD");
    let refused = refused(&sandbox, &names);
    let missed: Vec<&String> = spoilt.difference(&refused).collect();
    assert!(missed.is_empty(), "zsh spoils, and kz writes: {missed:?}");
    assert!(
        ["USERNAMES", "paths", "GIDS", "HOME"].iter().all(|name| !refused.contains(*name)),
        "{refused:?}"
    );
}
