//! Names that shells have by themselves: each is refused, or is set by the file like any other.

use std::collections::BTreeSet;
use std::path::Path;

use kz::output::Item;
use kz::secret::Secret;

use crate::form::Form;
use crate::judge::{Judge, Verdict};
use crate::reader::{Reader, command};

/// What each shell knows without having been told.
const QUESTIONS: [(&str, &[&str]); 4] = [
    ("/bin/bash", &["-c", "compgen -v"]),
    ("/bin/dash", &["-c", "set"]),
    ("/bin/busybox", &["sh", "-c", "set"]),
    ("/usr/bin/fish", &["--no-config", "-c", "set --names"]),
];

/// Names that do something though no shell lists them.
const FURTHER: &[&str] = &[
    "BASHPID",
    "BASH_ARGV0",
    "BASH_COMPAT",
    "BASH_REMATCH",
    "CDPATH",
    "COLUMNS",
    "COMP_WORDBREAKS",
    "EPOCHREALTIME",
    "EPOCHSECONDS",
    "FUNCNAME",
    "FUNCNEST",
    "GLOBIGNORE",
    "HISTCMD",
    "HISTSIZE",
    "HOME",
    "IFS",
    "LINENO",
    "LINES",
    "MAIL",
    "MAILCHECK",
    "OLDPWD",
    "OPTARG",
    "OPTIND",
    "PATH",
    "PPID",
    "PS1",
    "PS2",
    "PS4",
    "PWD",
    "RANDOM",
    "SECONDS",
    "SHELL",
    "SHLVL",
    "SRANDOM",
    "TERM",
    "TMOUT",
    "UID",
    "USER",
    "umask",
    "status",
    "version",
    "history",
    "hostname",
    "argv",
    "fish_pid",
    "COMP_LINE",
    "REPLY",
    "MAPFILE",
    "READLINE_LINE",
    "COPROC",
    "DIRSTACK",
    "GROUPS",
];

/// All of them.
pub fn candidates(here: &Path) -> Vec<String> {
    let mut names: BTreeSet<String> = FURTHER.iter().map(|name| (*name).to_owned()).collect();
    for (shell, words) in QUESTIONS {
        let answer = command(shell, here).args(words).output().unwrap();
        let answer = String::from_utf8_lossy(&answer.stdout).into_owned();
        let words = answer.lines().filter_map(|line| line.split('=').next()).map(str::to_owned);
        // Of a locale that is not there a shell complains, and takes it.
        let words = words.filter(|name| !name.starts_with("LC_"));
        names.extend(words.filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')));
    }
    names.into_iter().collect()
}

/// Each name by itself, where the form takes it, with values that such a variable would not have. A file that sets
/// nothing else is as long as what it sets, so `PATH` and the like are compared too.
pub fn judge(form: Form, reader: &Reader, directory: &Path, names: &[String]) -> Verdict {
    let writer = |items: &[Item]| form.encode(items).unwrap().expose().to_vec();
    let judge = Judge { reader, writer: &writer, directory: directory.to_owned() };
    let mut all = Verdict::default();
    for name in names {
        for value in ["kz value", "7"] {
            let item = Item { name: name.clone(), value: Secret::new(value.into()) };
            if form.encode(std::slice::from_ref(&item)).is_ok() {
                let verdict = judge.judge(&[&item]);
                all.values += 1;
                all.executions += verdict.executions;
                all.mismatches.extend(verdict.mismatches);
            }
        }
    }
    all
}
