//! The `op` program, with a service account's token: what the vendor offers for those, since their protocol is not
//! public (<https://developer.1password.com/docs/service-accounts/use-with-1password-cli>).
//!
//! Invariants: one call for all references, since the limits are low; where that fails, halves of them, so that
//! one that is missing costs a few calls and not one for each; the token is in the child's environment and
//! nowhere else; nothing of what the program says on stderr is repeated; it ends with kz, or at the deadline.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::errno::Errno;

use crate::hint::said;
use crate::log::Log;
use crate::patience::{Attempt, Concern, GaveUp, seconds};
use crate::provider::onepassword::reference::{Part, Reference};
use crate::provider::program::{self, Limits, Unended};
use crate::provider::{Ask, Document, Failure, FailureKind, Outcome, Shape, Terms};
use crate::random;
use crate::secret::Secret;
use crate::size::Size;

use super::item::never_filled;

/// How long one call may take.
const LIMIT: Duration = Duration::from_secs(30);

/// The program, and what it runs with.
pub(super) struct Program {
    file: PathBuf,
    token: Secret,
    source: String,
    path: Option<Secret>,
    home: Option<Secret>,
    largest: Size,
    log: Log,
}

/// What it complains of, as far as kz knows its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Complaint {
    Absent,
    Token,
    Denied,
    Ambiguous,
    Limited,
    Network,
    Unknown,
    /// It did not run, for this reason.
    NotRun(Errno),
    /// It was not run, since what is to stand between two values could not be drawn.
    NoMark,
    /// It printed what was not asked for.
    Output,
    /// It printed a reference where the value belongs.
    Reference,
    /// It printed more than kz takes.
    TooLarge(Size),
    /// It did not end.
    Hangs,
}

impl std::fmt::Display for Complaint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::TooLarge(largest) => return write!(formatter, "`op` printed more than {largest}"),
            Self::NotRun(errno) => {
                return write!(formatter, "`op` could not be run: {}", program::not_started(*errno).0);
            }
            Self::Absent => "there is no such vault, item or field",
            Self::Token => "`op` does not accept the service account's token",
            Self::Denied => "the service account may not read it",
            Self::Ambiguous => "several items bear that name: write the item's id",
            Self::Limited => "the service account has made too many requests",
            Self::Network => "`op` does not reach 1Password",
            Self::Unknown => {
                "`op` failed, and kz does not repeat its words, which may hold values: run it by hand"
            }
            Self::NoMark => "the operating system gives no random numbers, without which kz does not run `op`",
            Self::Output => "`op` printed what was not asked for",
            Self::Reference => {
                "`op` printed a reference instead of its value: is it 1Password's own program, version 2 or later?"
            }
            Self::Hangs => "`op` does not end",
        })
    }
}

/// The `op` of a `PATH`.
pub(super) fn find(path: &Secret) -> Option<PathBuf> {
    let directories =
        path.expose().split(|&byte| byte == b':').filter(|directory| directory.starts_with(b"/"));
    let mut files = directories.map(|directory| Path::new(OsStr::from_bytes(directory)).join("op"));
    files.find(|file| nix::unistd::access(file, nix::unistd::AccessFlags::X_OK).is_ok() && file.is_file())
}

impl Program {
    pub(super) fn new(
        file: PathBuf,
        token: Secret,
        source: &str,
        path: Option<Secret>,
        home: Option<Secret>,
        terms: &Terms,
    ) -> Self {
        Self {
            file,
            token,
            source: source.to_owned(),
            path,
            home,
            largest: terms.max_document_size,
            log: terms.log,
        }
    }

    /// What each reference means.
    pub(super) async fn fetch(&self, ask: &Ask, references: &[&Reference<'_>]) -> Vec<Outcome> {
        let file = self.file.display();
        self.log.note(&format!(
            "asking 1Password through `{file}` with the service account's token from {}",
            self.source
        ));
        let mut outcomes = vec![Outcome::Absent; references.len()];
        let mut open: Vec<_> = std::iter::once(0..references.len()).collect();
        while let Some(range) = open.pop() {
            if range.is_empty() {
                continue;
            }
            match self.inject(ask, &references[range.clone()]).await {
                Ok(values) => {
                    for (place, content) in range.zip(values) {
                        outcomes[place] = document(references[place], content);
                    }
                }
                Err(given_up) => {
                    let divides = matches!(
                        given_up,
                        GaveUp::Final(
                            Complaint::Absent
                                | Complaint::Denied
                                | Complaint::Ambiguous
                                | Complaint::Unknown
                                | Complaint::TooLarge(_)
                        )
                    );
                    if divides && range.len() > 1 {
                        let middle = range.start + range.len() / 2;
                        open.push(range.start..middle);
                        open.push(middle..range.end);
                    } else {
                        let outcome = outcome(&given_up);
                        range.for_each(|place| outcomes[place] = outcome.clone());
                    }
                }
            }
        }
        outcomes
    }

    /// One call: the values of these references, in their order.
    async fn inject(
        &self,
        ask: &Ask,
        references: &[&Reference<'_>],
    ) -> Result<Vec<Secret>, GaveUp<Complaint>> {
        let once = || async {
            match self.call(references).await {
                Ok(values) => Attempt::Done(values),
                Err(complaint @ (Complaint::Limited | Complaint::Network)) => {
                    Attempt::Again(complaint, Concern::Server, None)
                }
                Err(complaint) => Attempt::Final(complaint),
            }
        };
        ask.patience.attempt("1Password", once).await
    }

    async fn call(&self, references: &[&Reference<'_>]) -> Result<Vec<Secret>, Complaint> {
        // What stands between two values is drawn anew each time, so that no value can hold it.
        let mark = mark().map_err(|_| Complaint::NoMark)?;
        let mut template = format!("{mark}\n");
        for reference in references {
            let _ = write!(template, "{{{{ {} }}}}\n{mark}\n", written(reference));
        }
        let mut command = Command::new(&self.file);
        command
            .arg("inject")
            .env_clear()
            .env("OP_SERVICE_ACCOUNT_TOKEN", OsStr::from_bytes(self.token.expose()));
        for (name, value) in [("PATH", &self.path), ("HOME", &self.home)] {
            if let Some(value) = value {
                command.env(name, OsStr::from_bytes(value.expose()));
            }
        }
        let largest = self.largest;
        let limits = Limits { output: largest.0, time: LIMIT };
        let ended =
            program::run(command, template.as_bytes(), limits).await.map_err(|unended| match unended {
                Unended::NotStarted(errno) => Complaint::NotRun(errno),
                Unended::TooMuch => Complaint::TooLarge(largest),
                Unended::Hangs => Complaint::Hangs,
            })?;
        if !ended.success {
            return Err(understand(ended.complaint.expose()));
        }
        let values = values(ended.output.expose(), &mark, references.len()).ok_or(Complaint::Output)?;
        if values.iter().any(|value| is_reference(value.expose(), references)) {
            return Err(Complaint::Reference);
        }
        Ok(values)
    }
}

/// A field that was never filled in has no text: the program does not tell it from one that was filled with none.
fn document(reference: &Reference<'_>, content: Secret) -> Outcome {
    if content.expose().is_empty() {
        return Outcome::AbsentBecause(never_filled(reference.field));
    }
    Outcome::Found(Document { content, shape: Shape::Json, version: None, lease: None })
}

/// Whether a value is one of the references that were to be replaced, with or without the braces around it.
fn is_reference(value: &[u8], references: &[&Reference<'_>]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else { return false };
    let text = text.trim();
    let inside = text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).unwrap_or(text).trim();
    inside.starts_with("op://") && references.iter().any(|reference| written(reference) == inside)
}

fn mark() -> nix::Result<String> {
    Ok(format!("kz-{}{}", random::digits()?, random::digits()?))
}

/// The reference as the program takes it.
fn written(reference: &Reference<'_>) -> String {
    let Reference { vault, item, section, field, part } = reference;
    let section = section.map(|section| format!("{section}/")).unwrap_or_default();
    let query = match part {
        Part::Value => "",
        Part::OneTimePassword => "?attribute=otp",
        Part::OpenSsh => "?ssh-format=openssh",
    };
    format!("op://{vault}/{item}/{section}{field}{query}")
}

/// What stands between the marks.
fn values(output: &[u8], mark: &str, number: usize) -> Option<Vec<Secret>> {
    let mut rest = output.strip_prefix(format!("{mark}\n").as_bytes())?;
    let between = format!("\n{mark}\n");
    let between = between.as_bytes();
    let mut values = Vec::with_capacity(number);
    for _ in 0..number {
        // The program may leave out the last line break.
        let at = rest.windows(between.len()).position(|bytes| bytes == between).or_else(|| {
            let end = between.strip_suffix(b"\n")?;
            rest.ends_with(end).then(|| rest.len() - end.len())
        })?;
        values.push(Secret::new(rest[..at].to_vec()));
        rest = rest.get(at + between.len()..).unwrap_or_default();
    }
    rest.is_empty().then_some(values)
}

/// What a complaint is about, by words of the program's messages.
fn understand(text: &[u8]) -> Complaint {
    let text = String::from_utf8_lossy(text).to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match () {
        () if says(&["too many requests", "rate limit", "rate-limit"]) => Complaint::Limited,
        () if says(&["more than one item", "multiple items"]) => Complaint::Ambiguous,
        () if says(&[
            "isn't an item",
            "isn't a vault",
            "isn't a field",
            "not found",
            "could not find",
            "no item",
        ]) =>
        {
            Complaint::Absent
        }
        () if says(&[
            "unauthorized",
            "(401)",
            "failed to deserialize",
            "invalid token",
            "signin credentials",
        ]) =>
        {
            Complaint::Token
        }
        () if says(&["forbidden", "(403)", "permission"]) => Complaint::Denied,
        () if says(&["no such host", "connection refused", "timeout", "network", "dial tcp"]) => {
            Complaint::Network
        }
        () => Complaint::Unknown,
    }
}

fn outcome(given_up: &GaveUp<Complaint>) -> Outcome {
    let (complaint, waited) = match given_up {
        GaveUp::Final(Complaint::Absent) => return Outcome::Absent,
        GaveUp::Final(complaint) => (*complaint, None),
        GaveUp::Unasked(unasked) => {
            let cause = format!("1Password: {unasked}");
            return Outcome::Failed(Failure { kind: FailureKind::Unreachable, cause, hint: None });
        }
        GaveUp::Deadline { last, waited } => (last.unwrap_or(Complaint::Hangs), Some(seconds(*waited))),
    };
    let kind = match complaint {
        Complaint::Token | Complaint::Denied => FailureKind::Denied,
        Complaint::Limited | Complaint::Network | Complaint::Hangs => FailureKind::Unreachable,
        Complaint::TooLarge(_) => return Outcome::Failed(Failure::too_large(complaint.to_string())),
        Complaint::Ambiguous | Complaint::NotRun(_) | Complaint::NoMark => FailureKind::Misconfigured,
        Complaint::Absent | Complaint::Unknown | Complaint::Output | Complaint::Reference => {
            FailureKind::Malformed
        }
    };
    let cause = match waited {
        Some(waited) => format!("{complaint}, for {waited} s"),
        None => complaint.to_string(),
    };
    let hint = match complaint {
        Complaint::Token => said("make a new token for the service account"),
        Complaint::NotRun(errno) => program::not_started(errno).1,
        _ => None,
    };
    Outcome::Failed(Failure { kind, cause, hint })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_between_marks_whatever_they_hold() {
        let texts = |output: &str, number| {
            let values = values(output.as_bytes(), "M", number)?;
            Some(values.iter().map(|value| value.expose_text().unwrap().to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(texts("M\na\nM\nb\n\nM\n", 2), Some(vec!["a".to_owned(), "b\n".to_owned()]));
        assert_eq!(texts("M\na\nM", 1), Some(vec!["a".to_owned()]));
        assert_eq!(texts("M\n\nM\n", 1), Some(vec![String::new()]));
        for wrong in ["", "M\na\n", "M\na\nM\nb\nM\n", "x\na\nM\n"] {
            assert_eq!(texts(wrong, 1), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_reference_that_was_handed_back_is_no_value() {
        use crate::provider::onepassword::reference::parse;
        let all = ["op://prod/db/pass word", "op://prod/db/s/code?attribute=otp"];
        let all = all.map(|text| parse(text).unwrap());
        let all: Vec<&Reference<'_>> = all.iter().collect();
        for back in [
            "{{ op://prod/db/pass word }}",
            "{{op://prod/db/pass word}}",
            "op://prod/db/pass word\n",
            "{{ op://prod/db/s/code?attribute=otp }}",
        ] {
            assert!(is_reference(back.as_bytes(), &all), "{back}");
        }
        for value in ["", "pass word", "{{ op://other/db/x }}", "url=op://prod/db/pass word", "op://"] {
            assert!(!is_reference(value.as_bytes(), &all), "{value}");
        }
        assert!(!is_reference(b"\xff", &all));
    }

    #[test]
    fn complaints_are_understood_by_their_words() {
        let cases = [
            ("[ERROR] \"x\" isn't an item in the \"prod\" vault", Complaint::Absent),
            ("[ERROR] (429) Too Many Requests", Complaint::Limited),
            ("[ERROR] More than one item matches \"db\"", Complaint::Ambiguous),
            ("[ERROR] (403) Forbidden", Complaint::Denied),
            ("[ERROR] dial tcp: lookup my.1password.com: no such host", Complaint::Network),
            ("anything", Complaint::Unknown),
        ];
        for (text, complaint) in cases {
            assert_eq!(understand(text.as_bytes()), complaint, "{text}");
        }
    }
}
