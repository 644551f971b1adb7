//! The completion files of all shells, loaded and driven by the real shells, with a kz on PATH that notes each run:
//! completing runs nothing. PowerShell is in no package, so its text is read.

use std::fs;
use std::process::Command;

use clap_complete::Shell;

use crate::support::{Run, Sandbox};

/// What a text would run, were it not kept from it: in each language's own way.
const CANARY: &str = "a `kz canary` $(kz canary) \"$(kz canary)\" '$(kz canary)' ’;kz canary;’ \" ; kz canary ; \" \
    ' ; kz canary ; ' (kz canary) [kz canary] ]:x:{kz canary}' : \\ {kz canary} \n kz canary # {{ kz canary }}";

const SHELLS: [Shell; 5] = [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell];

/// A sandbox with the scripts as `kz-bash` and so on, and a kz that notes that it was run.
fn stage(script: impl Fn(Shell) -> Vec<u8>) -> Sandbox {
    let sandbox = Sandbox::new();
    for shell in SHELLS {
        sandbox.file(&format!("kz-{shell}"), script(shell));
    }
    // zsh loads it by this name from fpath.
    sandbox.file("functions/_kz", script(Shell::Zsh));
    sandbox.file("bin/kz", format!("#!/bin/sh\necho \"$@\" >> {}\n", sandbox.path("runs").display()));
    sandbox.mode("bin/kz", 0o755);
    sandbox
}

fn kz_itself() -> Sandbox {
    let sandbox = Sandbox::new();
    let scripts = SHELLS.map(|shell| {
        (shell, sandbox.kz(&["completions", &shell.to_string()]).expect_code(0).stdout().into_bytes())
    });
    stage(|wanted| scripts.iter().find(|(shell, _)| *shell == wanted).expect("a script").1.clone())
}

/// kz's definition with [`CANARY`] wherever a text stands.
fn hostile() -> clap::Command {
    fn poison(command: clap::Command) -> clap::Command {
        let value = || clap::builder::PossibleValue::new("value").help(CANARY);
        command
            .about(CANARY)
            .mut_args(|argument| argument.help(CANARY))
            .arg(
                clap::Arg::new("canary")
                    .long("canary")
                    .value_name("X[:`kz canary`]")
                    .value_parser(clap::builder::PossibleValuesParser::new([value()]))
                    .help(CANARY),
            )
            .mut_subcommands(poison)
    }
    poison(kz::cli::command())
}

/// In the sandbox, with its kz first on PATH.
fn shell(sandbox: &Sandbox, program: &str, arguments: &[&str]) -> Run {
    let path = std::env::var("PATH").expect("PATH");
    let mut command = Command::new(program);
    command.env("PATH", format!("{}:{path}", sandbox.path("bin").display()));
    command.env("HOME", sandbox.path(".")).env("TERM", "dumb");
    sandbox.run(command.args(arguments))
}

/// How often the sandbox's kz was run.
fn runs(sandbox: &Sandbox) -> usize {
    fs::read_to_string(sandbox.path("runs")).unwrap_or_default().lines().count()
}

/// Lines to complete: each command and option of kz followed by nothing, by a dash, and by the value of an option.
fn lines() -> Vec<Vec<String>> {
    let mut definition = kz::cli::command();
    definition.build();
    let mut lines = vec![words(&["kz", ""]), words(&["kz", "-"]), words(&["kz", "--log-format", ""])];
    for command in definition.get_subcommands() {
        let name = command.get_name();
        lines.extend([words(&["kz", name, ""]), words(&["kz", name, "-"]), words(&["kz", name, "--"])]);
        for option in command.get_opts().filter_map(clap::Arg::get_long) {
            lines.push(words(&["kz", name, &format!("--{option}"), ""]));
        }
    }
    assert!(lines.len() > 50, "only {} lines", lines.len());
    lines
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// Calls the function that the script registers, for each line of `lines` (words apart by spaces, the last empty
/// when it ends with one), and prints what is offered.
const BASH: &str = r#"
    source kz-bash
    read -r -a registered <<< "$(complete -p kz)"
    for index in "${!registered[@]}"; do
        if [ "${registered[index]}" = -F ]; then function=${registered[index + 1]}; fi
    done
    while IFS= read -r line; do
        read -r -a COMP_WORDS <<< "$line"
        case $line in *' ') COMP_WORDS+=('') ;; esac
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
        "$function" kz "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    done < lines
"#;

/// Completes each line as TAB does, in an interactive zsh at a terminal of its own, and prints what that showed.
const ZSH: &str = r#"
    zmodload zsh/zpty
    zpty z 'zsh -f -i'
    zpty -w z 'stty -echo columns 200 rows 1000; PS1=; fpath=($PWD/functions $fpath); autoload -Uz compinit; compinit -u -D'
    zpty -w z 'zstyle ":completion:*" verbose yes; LISTMAX=100000'
    zpty -w z 'all() { while IFS= read -r line; do BUFFER=$line; CURSOR=$#BUFFER; zle list-choices; zle -R; done < lines; BUFFER=exit; zle accept-line }'
    zpty -w z 'zle -N all; bindkey "^X" all; print ready""-now'
    zpty -r z reply '*ready-now*'
    zpty -w -n z $'\C-x'
    while zpty -r z reply; do print -rn -- "$reply"; done
    zpty -d z
"#;

const FISH: &str = r#"
    source kz-fish
    while read -l --delimiter=\n line
        complete -C "$line"
    end < lines
"#;

/// The completer is a function of the words; outside of an editor its candidates are told by a function of ours.
const ELVISH: &str = r#"
    use str
    use file
    var script = (slurp < kz-elvish)
    set script = (str:replace 'edit:complex-candidate' 'candidate' $script)
    set script = (str:replace '(wcswidth $text)' '(count $text)' $script)
    set script = (str:replace 'set edit:completion:arg-completer[kz] =' 'set completer =' $script)
    fn candidate {|text &display=''| print $text"\t"$display"\n" }
    var completer = $nil
    var space = (ns [&candidate~=$candidate~ &completer=$completer])
    eval &ns=$space &on-end={|ns| set completer = $ns[completer] } $script
    from-lines < lines | each {|line|
        var words = [(str:split ' ' $line)]
        try { $completer $@words } catch reason { echo failed: $line (to-string $reason[reason]) }
    }
"#;

/// What a shell printed when it had loaded its script and was asked about all `lines`.
fn drive(sandbox: &Sandbox, which: Shell, lines: &[Vec<String>]) -> Run {
    let lines: String = lines.iter().map(|line| line.join(" ") + "\n").collect();
    sandbox.file("lines", lines);
    match which {
        Shell::Bash => shell(sandbox, "bash", &["--norc", "-c", BASH]),
        Shell::Zsh => shell(sandbox, "zsh", &["-f", "-c", ZSH]),
        Shell::Fish => shell(sandbox, "fish", &["--no-config", "-c", FISH]),
        Shell::Elvish => shell(sandbox, "elvish", &["-norc", "-c", ELVISH]),
        other => panic!("{other} is not driven"),
    }
}

const DRIVEN: [Shell; 4] = [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish];

#[test]
fn completing_each_command_and_option_runs_nothing_in_any_shell() {
    for which in DRIVEN {
        let sandbox = kz_itself();
        let run = drive(&sandbox, which, &lines()).expect_code(0);
        assert_eq!(runs(&sandbox), 0, "{which} ran kz\n{}", run.describe());
        let offered = run.stdout();
        for word in ["--env-file", "--dialect", "validate", "--starts-per-day"] {
            assert!(offered.contains(word), "{which} does not offer {word}\n{}", run.describe());
        }
        assert!(!offered.contains("failed:"), "{}", run.describe());
    }
}

#[test]
fn a_text_that_is_full_of_commands_runs_none_of_them_in_any_shell() {
    let mut lines = lines();
    lines.extend([words(&["kz", "--canary", ""]), words(&["kz", "run", "--canary", ""])]);
    for which in DRIVEN {
        let sandbox = stage(|shell| kz::cli::completion_script(shell, hostile()));
        let run = drive(&sandbox, which, &lines).expect_code(0);
        assert_eq!(runs(&sandbox), 0, "{which} ran kz\n{}", run.describe());
        assert!(run.stdout().contains("--canary"), "{}", run.describe());
    }
}

#[test]
fn a_run_of_kz_by_a_completion_is_noticed() {
    // What the generator makes of the texts as they are, which is how fish came to run kz.
    let raw = |shell| {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut hostile(), "kz", &mut script);
        script
    };
    let sandbox = stage(raw);
    drive(&sandbox, Shell::Fish, &lines());
    assert!(runs(&sandbox) > 0, "fish ran nothing");
    // The others hold the generator's quotes; a command that stands in the script is noticed there too.
    for which in [Shell::Bash, Shell::Zsh, Shell::Elvish] {
        let sandbox = stage(|shell| {
            let script = kz::cli::completion_script(shell, kz::cli::command());
            let text = String::from_utf8(script).expect("text");
            let run = if shell == Shell::Elvish { "e:kz canary" } else { "kz canary" };
            let last = match shell {
                Shell::Bash | Shell::Zsh => text.replacen("_kz() {\n", &format!("_kz() {{\n{run}\n"), 1),
                _ => text.replacen("{|@words|\n", &format!("{{|@words|\n{run}\n"), 1),
            };
            last.into_bytes()
        });
        let run = drive(&sandbox, which, &[words(&["kz", ""])]);
        assert!(runs(&sandbox) > 0, "{which} ran nothing\n{}", run.describe());
    }
}

#[test]
fn powershells_strings_hold_no_quote_and_no_expansion() {
    let script = kz::cli::completion_script(Shell::PowerShell, hostile());
    let text = String::from_utf8(script).expect("text");
    let results: Vec<&str> = text.lines().filter(|line| line.contains("[CompletionResult]::new(")).collect();
    assert!(results.len() > 100, "only {} results", results.len());
    for line in results {
        // Four arguments, of which three are in single quotes: six quotes, none of them inside.
        assert_eq!(line.matches(['\'', '’', '‘', '‚', '‛']).count(), 6, "{line}");
        assert!(!line.contains(['`', '$', '"', '{', '}']), "{line}");
    }
}

#[test]
fn bash_completes_commands_options_and_values() {
    for (line, offered) in [
        (["kz", "expo"].as_slice(), "export"),
        (&["kz", "run", "--env-f"], "--env-file"),
        (&["kz", "export", "--format", "f"], "files"),
        (&["kz", "completions", "b"], "bash"),
    ] {
        let run = drive(&kz_itself(), Shell::Bash, &[words(line)]).expect_code(0);
        assert_eq!(run.stdout().split_whitespace().collect::<Vec<_>>(), [offered], "{}", run.describe());
        assert_eq!(run.stderr(), "", "{}", run.describe());
    }
}
