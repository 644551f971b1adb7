//! `kz status`: asks every backend and says of each secret whether it could be delivered, without delivering it.
//!
//! Invariant: neither a character nor the length of a value is shown, in either form.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Serialize;

use crate::literal::{redacted, reference as shown, said_of};
use crate::log::escape;
use crate::plan::{Declaration, Plan, Source};
use crate::resolve::{Failed, Verdict, Verdicts};

use super::args::look::{Status, StatusFormat};
use super::class;
use super::exit::End;
use super::explain::Code;
use super::failure::Failure;
use super::invocation::Invocation;
use super::report::here;
use super::stdout;

/// One line of the answer.
struct Row<'a> {
    name: &'a str,
    provider: &'a str,
    reference: &'a str,
    state: &'static str,
    cause: Option<String>,
    /// Of a failure, as `kz export` would say it.
    code: Option<Code>,
    hint: Option<String>,
}

/// Runs `kz status`: it ends as a delivery would that is made now.
pub(super) fn status(arguments: &Status, invocation: &Invocation<'_>) -> Result<End, Failure> {
    let plan = invocation.plan(&arguments.only)?;
    let verdicts = invocation.assess(&plan)?;
    let rows = rows(&plan, &verdicts);
    let text = match arguments.format {
        StatusFormat::Table => table(&rows),
        StatusFormat::Json => json(&rows),
    };
    stdout::print(text.as_bytes())?;
    if arguments.format == StatusFormat::Table {
        for hint in hints(&rows) {
            invocation.log.note(&format!("hint: {hint}"));
        }
    }
    Ok(end(&rows))
}

/// How a delivery would end. What is blocked passes with what it needs, which has a row of its own.
fn end(rows: &[Row<'_>]) -> End {
    let missing: Vec<&Row<'_>> = rows.iter().filter(|row| !READY.contains(&row.state)).collect();
    if missing.is_empty() {
        return End::Done;
    }
    let causes = missing.iter().filter(|row| row.state != BLOCKED);
    let codes: Option<Vec<Code>> = causes.map(|row| row.code).collect();
    End::of(Code::Unresolved, &codes.unwrap_or_default())
}

/// The states that stand in no delivery's way.
const READY: [&str; 3] = ["ok", "default", "optional"];
/// The state of a template that waits for another secret.
const BLOCKED: &str = "blocked";

fn rows<'a>(plan: &Plan<'a>, verdicts: &Verdicts<'_>) -> Vec<Row<'a>> {
    let row = |declaration: &'a Declaration| {
        let (provider, reference) = match &declaration.source {
            Source::Reference(reference) => (reference.instance.as_str(), shown(&reference.written)),
            Source::Template { .. } => ("template", "-"),
        };
        let verdict = verdicts.get(declaration.name.as_str());
        let said = |text: String| match &declaration.source {
            Source::Reference(reference) => said_of(&reference.written, &text),
            Source::Template { .. } => text,
        };
        let (state, cause) = state(verdict);
        let failed = verdict.and_then(failed);
        Row {
            name: &declaration.name,
            provider,
            reference,
            state,
            cause: cause.map(said),
            code: failed.map(|failed| class::code(failed.kind)),
            hint: failed.and_then(|failed| failed.hint.as_ref()).map(|hint| said(hint.say(here()))),
        }
    };
    plan.steps.iter().map(|step| row(step.declaration)).collect()
}

fn failed(verdict: &Verdict) -> Option<&Failed> {
    match verdict {
        Verdict::Failed(failed) => Some(failed),
        _ => None,
    }
}

/// What to type next, each once.
fn hints<'a>(rows: &'a [Row<'_>]) -> BTreeSet<&'a str> {
    rows.iter().filter_map(|row| row.hint.as_deref()).collect()
}

fn state(verdict: Option<&Verdict>) -> (&'static str, Option<String>) {
    match verdict {
        Some(Verdict::Present { .. }) => ("ok", None),
        Some(Verdict::Assumed { cause, .. }) => {
            ("default", Some(format!("absent, so its default is used: {cause}")))
        }
        Some(Verdict::Omitted { cause }) => ("optional", Some(format!("absent, which is allowed: {cause}"))),
        Some(Verdict::Readable) => (
            "ok",
            Some(
                "may be read; a read may make a credential, so only the permission was asked for".to_owned(),
            ),
        ),
        Some(Verdict::Failed(failed)) => (class::name(failed.kind), Some(failed.cause.clone())),
        Some(Verdict::Blocked(input)) => (BLOCKED, Some(format!("it needs {input}"))),
        None => ("malformed", Some("the provider gave no answer".to_owned())),
    }
}

/// Columns as wide as they need to be; the cause, of any length, last.
fn table(rows: &[Row<'_>]) -> String {
    let head = ["SECRET", "PROVIDER", "REF", "STATE", ""].map(str::to_owned);
    let cells = |row: &Row<'_>| {
        let code = row.code.map(|code| format!(" [{}]", code.id())).unwrap_or_default();
        let cause = format!("{}{code}", row.cause.as_deref().unwrap_or_default());
        [row.name, row.provider, row.reference, row.state, &cause].map(escape)
    };
    let lines: Vec<[String; 5]> = std::iter::once(head).chain(rows.iter().map(cells)).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..4).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let padded = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}  "));
        text.push_str(padded.chain([line[4].clone()]).collect::<String>().trim_end());
        text.push('\n');
    }
    text
}

/// A row for programs, with nothing in it that may be a credential.
#[derive(Serialize)]
struct Object<'a> {
    name: Cow<'a, str>,
    provider: Cow<'a, str>,
    r#ref: Cow<'a, str>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<Cow<'a, str>>,
}

impl<'a> From<&'a Row<'_>> for Object<'a> {
    fn from(row: &'a Row<'_>) -> Self {
        Self {
            name: redacted(row.name),
            provider: redacted(row.provider),
            r#ref: redacted(row.reference),
            state: row.state,
            cause: row.cause.as_deref().map(redacted),
            code: row.code.map(Code::id),
            hint: row.hint.as_deref().map(redacted),
        }
    }
}

/// An array of objects, in the order of the configuration.
fn json(rows: &[Row<'_>]) -> String {
    crate::json::lines(rows.iter().map(Object::from))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::super::args::Arguments;
    use super::*;
    use crate::provider::FailureKind;
    use crate::resolve::Class;
    use crate::secret::Secret;

    fn all() -> Vec<Option<Verdict>> {
        let kinds = [
            FailureKind::Denied,
            FailureKind::Unreachable,
            FailureKind::Barred,
            FailureKind::Malformed,
            FailureKind::Misconfigured,
            FailureKind::TooLarge,
            FailureKind::ServerFailed,
        ];
        let classes = [Class::Absent, Class::Template].into_iter().chain(kinds.map(Class::Provider));
        let failed = |kind| {
            Verdict::Failed(Failed { name: "A".into(), origin: None, kind, cause: "c".into(), hint: None })
        };
        let secret = || Secret::new(b"v".to_vec());
        let mut all: Vec<Option<Verdict>> = classes.map(|class| Some(failed(class))).collect();
        all.push(Some(Verdict::Present { value: secret(), version: None, lease: None }));
        let cause = || "c".to_owned();
        let absent =
            [Verdict::Assumed { value: secret(), cause: cause() }, Verdict::Omitted { cause: cause() }];
        all.extend(absent.map(Some));
        all.push(Some(Verdict::Blocked("B".into())));
        all.push(None);
        all
    }

    #[test]
    fn the_help_explains_every_state() {
        let mut command = Arguments::command();
        let status = command.find_subcommand_mut("status").unwrap();
        let help = status.get_after_help().unwrap().to_string();
        for verdict in all() {
            let (state, _) = state(verdict.as_ref());
            assert!(help.contains(&format!("\n  {state}  ")), "{state}\n{help}");
        }
    }

    #[test]
    fn what_could_not_be_delivered_is_never_ready() {
        for verdict in all() {
            let delivers = matches!(
                verdict,
                Some(Verdict::Present { .. } | Verdict::Assumed { .. } | Verdict::Omitted { .. })
            );
            let (state, cause) = state(verdict.as_ref());
            assert_eq!(READY.contains(&state), delivers, "{state}");
            assert_eq!(cause.is_none(), state == "ok", "{state} says why");
        }
    }

    #[test]
    fn it_ends_as_a_delivery_would() {
        let row = |state: &'static str, code| Row {
            name: "A",
            provider: "p",
            reference: "r",
            state,
            cause: None,
            code,
            hint: None,
        };
        let (ok, away) = (|| row("ok", None), || row("unreachable", Some(Code::Unreachable)));
        assert_eq!(end(&[ok()]), End::Done);
        assert_eq!(end(&[ok(), away(), row(BLOCKED, None)]), End::NotYet);
        assert_eq!(end(&[away(), row("denied", Some(Code::Denied))]), End::Never);
        assert_eq!(end(&[away(), row("malformed", None)]), End::Never);
        assert_eq!(end(&[row(BLOCKED, None)]), End::Never);
    }

    #[test]
    fn control_characters_cannot_forge_a_row() {
        let row = Row {
            name: "A\nB",
            provider: "p",
            reference: "r\u{1b}[2J",
            state: "ok",
            cause: None,
            code: None,
            hint: None,
        };
        assert_eq!(table(&[row]).lines().count(), 2);
        assert_eq!(json(&[]), "[]\n");
    }
}
