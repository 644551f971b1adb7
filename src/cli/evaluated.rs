//! What a shell evaluates when kz fails: `eval "$(kz export --format shell)"` would otherwise go on without the secrets,
//! since the status of `eval` is that of the commands it is given, and of none it is 0.
//!
//! Reads the words as they were typed, since a usage error leaves nothing else. Says nothing where nobody evaluates:
//! on a terminal, into a file, for another format.

use std::ffi::OsString;

use super::stdout;

/// What fails in every POSIX shell and in fish, and ends neither by itself.
const FAILING: &[u8] = b"false\n";

/// Whether a shell evaluates stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evaluated {
    ByAShell,
    ByNobody,
}

impl Evaluated {
    /// What these words of a command line ask for, in which `command` finds the command, if there is one.
    pub(super) fn of(typed: &[OsString], command: impl FnOnce() -> Option<String>) -> Self {
        let words: Vec<&str> = typed
            .iter()
            .skip(1)
            .map(|word| word.to_str().unwrap_or("?"))
            .take_while(|word| *word != "--")
            .collect();
        let formats_for_shell = values(&words, &["--format"]).any(|format| format == "shell");
        let into_file = values(&words, &["--output", "-o"]).any(|path| path != "-");
        // The command last: it costs clap's whole definition, and nearly no start needs it.
        let is_export = || command().is_none_or(|command| command == "export");
        if formats_for_shell && !into_file && is_export() { Self::ByAShell } else { Self::ByNobody }
    }

    /// Has the shell see that kz failed.
    pub(super) fn fail(self) {
        if self == Self::ByAShell && !stdout::is_terminal() {
            // A stdout that cannot be written is told on stderr; there is nobody to tell it to here.
            let _ = stdout::print(FAILING);
        }
    }
}

/// What follows these options: as a word of its own, behind `=`, or for a letter at once.
fn values<'a>(words: &'a [&'a str], options: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    words.iter().enumerate().filter_map(move |(index, word)| {
        options.iter().find_map(|option| match word.strip_prefix(option)? {
            "" => words.get(index + 1).copied(),
            rest => rest.strip_prefix('=').or_else(|| (option.len() == 2).then_some(rest)),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str, command: Option<&str>) -> Evaluated {
        Evaluated::of(&line.split(' ').map(OsString::from).collect::<Vec<_>>(), || command.map(str::to_owned))
    }

    #[test]
    fn a_shell_evaluates_what_goes_to_stdout_in_its_format() {
        for line in [
            "kz export --format shell",
            "kz -q export --format=shell --shell fish",
            "kz export --format shell -o -",
            "kz export --format shell --output=- --no-such-option",
        ] {
            assert_eq!(of(line, Some("export")), Evaluated::ByAShell, "{line}");
        }
        assert_eq!(of("kz exprot --format shell", None), Evaluated::ByAShell);
    }

    #[test]
    fn nobody_evaluates_a_file_another_format_or_another_command() {
        for line in [
            "kz export --format json",
            "kz export --format shell -o f",
            "kz export --format shell -of",
            "kz export --format shell --output=f",
            "kz export --only a -- --format shell",
            "kz export --format",
        ] {
            assert_eq!(of(line, Some("export")), Evaluated::ByNobody, "{line}");
        }
        assert_eq!(of("kz run --format shell", Some("run")), Evaluated::ByNobody);
    }
}
