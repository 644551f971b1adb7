//! Shells: what they export after they sourced or evaluated a file. The only readers that could run what a value says.

use std::path::Path;

use crate::reader::{Reader, Reading, command, environment};

/// `set -a; . FILE`, and `eval "$(…)"`, in what calls itself a POSIX shell.
const SOURCE: &str = "set -a; . \"$1\"; exec /bin/cat /proc/self/environ";
const EVAL: &str = "eval \"$(/bin/cat \"$1\")\"; exec /bin/cat /proc/self/environ";
const FISH: &str = "/bin/cat $argv[1] | source; exec /bin/cat /proc/self/environ";

const SHELLS: [(&str, &[&str], &str); 5] = [
    ("dash", &["/bin/dash"], "C.UTF-8"),
    ("bash", &["/bin/bash"], "C.UTF-8"),
    ("bash in the C locale", &["/bin/bash"], "C"),
    ("bash --posix", &["/bin/bash", "--posix"], "C.UTF-8"),
    ("busybox sh", &["/bin/busybox", "sh"], "C.UTF-8"),
];

/// Those that source files.
pub fn sourcing() -> Vec<Reader> {
    SHELLS.map(|(name, words, locale)| reader(name.to_owned(), words, locale, SOURCE)).into()
}

/// Those that evaluate commands.
pub fn evaluating() -> Vec<Reader> {
    SHELLS.map(|(name, words, locale)| reader(format!("eval in {name}"), words, locale, EVAL)).into()
}

/// fish, sourcing what it is sent.
pub fn fish() -> Reader {
    reader("fish".to_owned(), &["/usr/bin/fish", "--no-config"], "C.UTF-8", FISH)
}

fn reader(name: String, words: &'static [&str], locale: &'static str, script: &'static str) -> Reader {
    Reader::shell(name, move |file, here| run(words, locale, script, file, here))
}

fn run(words: &[&str], locale: &str, script: &str, file: &Path, here: &Path) -> Reading {
    let mut shell = command(words[0], here);
    shell.args(&words[1..]).args(["-c", script]);
    if !words[0].ends_with("fish") {
        shell.arg("sh");
    }
    let output = shell.arg(file).env("LC_ALL", locale).output().map_err(|error| error.to_string())?;
    // A shell that has something to say has met something else than assignments.
    if output.status.success() && output.stderr.is_empty() {
        Ok(environment(&output.stdout))
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
