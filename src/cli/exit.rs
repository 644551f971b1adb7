//! How kz ends: the one table of exit codes. `kz explain`, the help, docs/exit-codes.md and a test are made from it.
//!
//! A code is read by what starts programs again (systemd, the kubelet, a script), and that asks one thing: does it help to
//! try again? So what passes by itself has a code of its own, 75, `EX_TEMPFAIL` of sysexits.h. The rule is `patience`'s: what
//! kz tried again until its deadline may pass, what it gave up at once does not. Where both come together, waiting does
//! not help. Why so: docs/decisions/words-and-credentials.md.

use super::explain::{CATALOGUE, Code};

/// Whether the failing command is `run`, whose exit codes are others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// kz's own.
    Plain,
    /// As of `docker run`.
    Run,
}

/// How kz ends, where it does not become a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Done.
    Done,
    /// A secret could not be had, and waiting does not help.
    Never,
    /// Usage or configuration.
    Usage,
    /// The output could not be written.
    Output,
    /// It may pass by itself.
    NotYet,
    /// The command was not begun.
    NotBegun,
    /// The command cannot be executed.
    NotExecutable,
    /// The command was not found.
    NotFound,
}

/// One exit code.
#[derive(Debug)]
pub(super) struct Row {
    end: End,
    /// Of every command but `run`.
    plain: Option<u8>,
    /// Of `kz run`.
    run: Option<u8>,
    /// What it means.
    meaning: &'static str,
    /// Whether it helps to start kz again.
    again: &'static str,
}

/// All of them. A code of `kz run` that stands twice has several meanings there.
static TABLE: [Row; 8] = [
    Row {
        end: End::Done,
        plain: Some(0),
        run: None,
        meaning: "done; of `kz run` the command's own code is seen",
        again: "it is done",
    },
    Row {
        end: End::Never,
        plain: Some(1),
        run: Some(125),
        meaning: "a secret could not be resolved, and waiting does not help: absent, denied, malformed, not set up, too large, \
                  not rendered, or nothing leads to the backend as it is set up; `kz doctor` has findings; `kz check` finds \
                  damage",
        again: "no: somebody has to change something",
    },
    Row {
        end: End::Usage,
        plain: Some(2),
        run: Some(125),
        meaning: "the command line or the configuration",
        again: "no: somebody has to change something",
    },
    Row {
        end: End::Output,
        plain: Some(4),
        run: Some(125),
        meaning: "the output could not be written, a full disk among the reasons",
        again: "no: somebody has to make room, or to change the volume",
    },
    Row {
        end: End::NotYet,
        plain: Some(75),
        run: Some(75),
        meaning: "not yet: every failure is one that passes by itself, a backend that is away, throttles, is sealed or fails, \
                  a lock that another export holds, an env file that has not come, a process that the kernel does not make; \
                  of `kz run --supervise` also that kz has stopped the command, since what it was lent has ended, or for \
                  `--on-change exit`",
        again: "yes",
    },
    Row {
        end: End::NotBegun,
        plain: Some(125),
        run: Some(125),
        meaning: "the command was not begun, for any reason that waiting does not mend",
        again: "no: somebody has to change something",
    },
    Row {
        end: End::NotExecutable,
        plain: None,
        run: Some(126),
        meaning: "the command cannot be executed",
        again: "no: somebody has to change something",
    },
    Row {
        end: End::NotFound,
        plain: None,
        run: Some(127),
        meaning: "the command was not found",
        again: "no: somebody has to change something",
    },
];

impl End {
    /// How kz ends after an error that has these causes: where each of them passes by itself, so does the error.
    pub(super) fn of(code: Code, causes: &[Code]) -> Self {
        let pass = !causes.is_empty() && causes.iter().all(|cause| Self::after(*cause) == Self::NotYet);
        if pass { Self::NotYet } else { Self::after(code) }
    }

    /// How kz ends after this one.
    fn after(code: Code) -> Self {
        match (code, code.class()) {
            (Code::NotFound, _) => Self::NotFound,
            (Code::NotExecutable, _) => Self::NotExecutable,
            // A new start asks anew, and has its own code for what does not pass; a limit of processes counts others' too, which end.
            (
                Code::CredentialsEnd
                | Code::EnvFileLate
                | Code::Locked
                | Code::NotStarted
                | Code::ServerFailed
                | Code::Unreachable,
                _,
            ) => Self::NotYet,
            (_, 0 | 1) => Self::Never,
            (_, 4) => Self::Output,
            (_, 5) => Self::NotBegun,
            _ => Self::Usage,
        }
    }

    fn row(self) -> &'static Row {
        // Each has one: a test sees to it.
        TABLE.iter().find(|row| row.end == self).unwrap_or(&TABLE[1])
    }

    /// The number.
    pub(super) fn code(self, style: Style) -> u8 {
        let Row { plain, run, .. } = self.row();
        let (mine, other) = match style {
            Style::Plain => (plain, run),
            Style::Run => (run, plain),
        };
        mine.or(*other).unwrap_or(1)
    }
}

/// How kz ends after an error, as `kz explain` says it.
pub(super) fn words(code: Code) -> String {
    let end = End::after(code);
    let (plain, run) = (end.code(Style::Plain), end.code(Style::Run));
    let of_run = if plain == run { String::new() } else { format!("; for `kz run` {run}") };
    if code == Code::Unresolved {
        let passes = End::NotYet.code(Style::Plain);
        return format!("Exit code: {passes} when each of them may pass by itself, else {plain}{of_run}.");
    }
    format!("Exit code: {plain}{of_run}.")
}

/// The page `docs/exit-codes.md`.
pub fn page() -> String {
    let head = "# Exit codes\n\nMade from the program by `make generated`. They are an interface: a code keeps its meaning, and `kz explain KZ103` says of each error how \
        kz ends after it.\n\n";
    let mut text = format!(
        "{head}| code | of `kz run` | means | does it help to start kz again? | errors |\n|---|---|---|---|---|\n"
    );
    for row in &TABLE {
        let number = |code: Option<u8>| code.map_or_else(|| "–".to_owned(), |code| code.to_string());
        let Row { end, plain, run, meaning, again } = row;
        let errors = errors(*end);
        let cells = [&number(*plain), &number(*run), *meaning, *again, &errors];
        text.extend(["| ", &cells.join(" | "), " |\n"]);
    }
    text.push_str(include_str!("exit_codes.md"));
    text
}

/// The codes of the errors after which kz ends so; those that follow each other as a stretch.
fn errors(end: End) -> String {
    let mut stretches: Vec<(usize, usize)> = Vec::new();
    for (place, explanation) in CATALOGUE.iter().enumerate() {
        if End::after(explanation.code) == end {
            match stretches.last_mut() {
                Some((_, last)) if *last + 1 == place => *last = place,
                _ => stretches.push((place, place)),
            }
        }
    }
    let id = |place: usize| CATALOGUE[place].code.id();
    let stretch = |(first, last)| match last - first {
        0 => id(first),
        1 => format!("{}, {}", id(first), id(last)),
        _ => format!("{}–{}", id(first), id(last)),
    };
    let listed: Vec<String> = stretches.into_iter().map(stretch).collect();
    if listed.is_empty() { "–".to_owned() } else { listed.join(", ") }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::super::args::Arguments;
    use super::super::class;
    use super::*;
    use crate::provider::FailureKind;
    use crate::resolve::Class;

    fn after(code: Code) -> (u8, u8) {
        let end = End::of(code, &[]);
        (end.code(Style::Plain), end.code(Style::Run))
    }

    #[test]
    fn every_end_has_one_row() {
        for explanation in CATALOGUE {
            let end = End::after(explanation.code);
            assert_eq!(TABLE.iter().filter(|row| row.end == end).count(), 1, "{end:?}");
        }
    }

    #[test]
    fn what_passes_and_what_does_not_end_apart_for_every_class_of_failure() {
        let never = [
            Class::Absent,
            Class::Template,
            Class::Provider(FailureKind::Denied),
            Class::Provider(FailureKind::Barred),
            Class::Provider(FailureKind::Malformed),
            Class::Provider(FailureKind::Misconfigured),
            Class::Provider(FailureKind::TooLarge),
        ];
        let passing = [FailureKind::Unreachable, FailureKind::ServerFailed].map(Class::Provider);
        for class in never {
            assert_eq!(after(class::code(class)), (1, 125), "{class:?}");
        }
        for class in passing {
            assert_eq!(after(class::code(class)), (75, 75), "{class:?}");
        }
    }

    #[test]
    fn together_with_what_stays_nothing_passes() {
        let of = |causes: &[Code]| End::of(Code::Unresolved, causes);
        assert_eq!(of(&[Code::Unreachable, Code::ServerFailed]), End::NotYet);
        assert_eq!(of(&[Code::Unreachable, Code::Denied]), End::Never);
        assert_eq!(of(&[]), End::Never);
        assert_eq!(End::of(Code::Problems, &[Code::UnknownKey]), End::Usage);
    }

    #[test]
    fn the_other_codes_are_as_they_were() {
        for (code, plain, run) in [
            (Code::Internal, 1, 125),
            (Code::EventLoop, 1, 125),
            (Code::CommandLine, 2, 125),
            (Code::ConfigNotFound, 2, 125),
            (Code::NoSpace, 4, 125),
            (Code::Stdout, 4, 125),
            (Code::EnvFileMissing, 125, 125),
            (Code::NotExecutable, 126, 126),
            (Code::NotFound, 127, 127),
        ] {
            assert_eq!(after(code), (plain, run), "{code:?}");
        }
        for code in [Code::Locked, Code::CredentialsEnd, Code::NotStarted] {
            assert_eq!(after(code), (75, 75), "{code:?}");
        }
    }

    #[test]
    fn the_help_names_every_code() {
        let mut command = Arguments::command();
        let help = command.render_long_help().to_string();
        let (_, help) = help.split_once("Exit codes:").unwrap();
        for code in TABLE.iter().flat_map(|row| [row.plain, row.run]).flatten() {
            let words = help.split(|c: char| !c.is_ascii_digit());
            assert!(words.into_iter().any(|word| word == code.to_string()), "{code}\n{help}");
        }
    }
}
