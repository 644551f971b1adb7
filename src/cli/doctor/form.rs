//! The two forms of findings: lines for people, objects for programs.

use std::fmt::Write as _;

use crate::doctor::{Finding, Step};
use crate::json::quoted;
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
    let findings = examined.iter().flat_map(|file| file.findings.iter().map(|finding| object(file, finding)));
    let objects: Vec<String> = findings.collect();
    if objects.is_empty() { "[]\n".to_owned() } else { format!("[\n  {}\n]\n", objects.join(",\n  ")) }
}

fn object(file: &Examined<'_>, finding: &Finding) -> String {
    let Finding { code, mark, subject, what, why, remedy } = finding;
    let steps: Vec<String> = remedy.steps().iter().map(step).collect();
    format!(
        "{{\"code\":{},\"file\":{},\"line\":{},\"column\":{},\"subject\":{},\"message\":{},\"why\":{},\"write\":{},\"steps\":[{}]}}",
        quoted(&code.id()),
        quoted(&file.path.display().to_string()),
        mark.line,
        mark.column,
        quoted(&redacted(subject)),
        quoted(&redacted(what)),
        quoted(why),
        quoted(&redacted_text(&remedy.text())),
        steps.join(","),
    )
}

fn step(step: &Step) -> String {
    let (place, of) = step.place_words();
    let of = of.map_or("null".to_owned(), |of| quoted(&redacted(&of)));
    format!("{{\"place\":\"{place}\",\"of\":{of},\"write\":{}}}", quoted(&redacted_text(&step.text)))
}
