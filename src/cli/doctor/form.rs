//! The two forms of findings: lines for people, objects for programs.

use std::fmt::Write as _;

use serde::Serialize;

use crate::doctor::{Finding, Step};
use crate::literal::{redacted, redacted_text};
use crate::log::escape;

use super::Examined;

/// Each finding with its place, what will happen, why, and what to write.
pub(super) fn text(examined: &[Examined<'_>]) -> String {
    let mut text = String::new();
    for file in examined {
        for finding in &file.findings {
            let Finding { code, mark, subject, what, why, remedy } = finding;
            let place = format!("{}:{}:{}", escape(&file.path.display().to_string()), mark.line, mark.column);
            let _ = writeln!(text, "{place}: {} {}: {}", code.id(), escape(subject), escape(what));
            let _ = writeln!(text, "    why: {why}");
            for step in remedy.steps() {
                let (label, written) = (escape(&step.label()), step.written());
                let _ = match written.split_once('\n') {
                    None => writeln!(text, "    {label}: {}", escape(&redacted_text(&written))),
                    Some(_) => writeln!(text, "    {label}:"),
                };
                for line in written.lines().filter(|_| written.contains('\n')) {
                    let _ = writeln!(text, "        {}", escape(&redacted_text(line)));
                }
            }
        }
    }
    text
}

/// An array of objects.
pub(super) fn json(examined: &[Examined<'_>]) -> String {
    crate::json::lines(
        examined.iter().flat_map(|file| file.findings.iter().map(|finding| object(file, finding))),
    )
}

/// A finding.
#[derive(Serialize)]
struct Object {
    code: String,
    file: String,
    line: usize,
    column: usize,
    subject: String,
    message: String,
    why: &'static str,
    write: String,
    steps: Vec<Written>,
}

/// A step of what to write.
#[derive(Serialize)]
struct Written {
    place: &'static str,
    /// Nothing where the place needs no name.
    of: Option<String>,
    /// What stands there now, where the place is told by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    instead: Option<String>,
    write: String,
}

fn object(file: &Examined<'_>, finding: &Finding) -> Object {
    let Finding { code, mark, subject, what, why, remedy } = finding;
    Object {
        code: code.id(),
        file: file.path.display().to_string(),
        line: mark.line,
        column: mark.column,
        subject: redacted(subject).into_owned(),
        message: redacted(what).into_owned(),
        why,
        write: redacted_text(&remedy.text()).into_owned(),
        steps: remedy.steps().iter().map(written).collect(),
    }
}

fn written(step: &Step) -> Written {
    let (place, of) = step.place_words();
    Written {
        place,
        of: of.map(|of| redacted(&of).into_owned()),
        instead: step.instead().map(|old| redacted(old).into_owned()),
        write: redacted_text(&step.text).into_owned(),
    }
}
