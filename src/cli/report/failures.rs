//! Words about secrets that could not be had: each with its class, and those together that fail for one reason.
//!
//! Invariant: a ref is repeated where it stands beside its name, and nowhere else in what is said of a secret.

use std::collections::{BTreeMap, BTreeSet};

use crate::hint::Hint;
use crate::literal;
use crate::resolve::{Class, Failed, Failures};

use super::super::class;
use super::super::explain::Code;
use super::words::Words;

pub(super) fn resolve_words(Failures(failures): &Failures) -> Words {
    let number = failures.len();
    let message = if number == 1 {
        "a secret could not be resolved, so nothing is delivered".to_owned()
    } else {
        format!("{number} secrets could not be resolved, so nothing is delivered")
    };
    let words = by_cause(failures).iter().fold(Words::error(Code::Unresolved, message), |words, group| {
        words.coded_cause(class::code(group[0].kind), group_line(group))
    });
    let hints =
        failures.iter().filter_map(|failed| Some(failed.hint.clone()?.map(|text| said(failed, &text))));
    let hints: BTreeSet<Hint> = hints.collect();
    hints.into_iter().fold(words, Words::hint)
}

/// More secrets than this are told together where they fail for one reason, as all of a provider's do when kz cannot
/// log in: the reason is then said once. Of one document, two are enough.
const APART: usize = 3;

/// What failures have to have in common to be told together: provider, class, cause and hint.
type Reason<'a> = (&'a str, &'static str, &'a str, Option<&'a Hint>);

/// What is absent is so each by itself, whatever the words.
fn reason(failed: &Failed) -> Option<Reason<'_>> {
    let (provider, _) = failed.origin.as_ref().filter(|_| matches!(failed.kind, Class::Provider(_)))?;
    Some((provider, class::name(failed.kind), &failed.cause, failed.hint.as_ref()))
}

/// The failures in their order, those together that have their reason in common, where they are many.
fn by_cause(failures: &[Failed]) -> Vec<Vec<&Failed>> {
    let mut alike: BTreeMap<Reason<'_>, Vec<&Failed>> = BTreeMap::new();
    for failed in failures {
        if let Some(reason) = reason(failed) {
            alike.entry(reason).or_default().push(failed);
        }
    }
    alike.retain(|_, group| group.len() > APART || (group.len() > 1 && document(group).is_some()));
    let mut groups = Vec::new();
    for failed in failures {
        match reason(failed).and_then(|reason| alike.get_mut(&reason)) {
            // Told where the first of them stands.
            Some(group) if !group.is_empty() => groups.push(std::mem::take(group)),
            Some(_) => {}
            None => groups.push(vec![failed]),
        }
    }
    groups
}

fn group_line(group: &[&Failed]) -> String {
    if let [failed] = group {
        return failed_line(failed);
    }
    let names: Vec<&str> = group.iter().map(|failed| failed.name.as_str()).collect();
    let provider = group[0].origin.as_ref().map_or("", |(provider, _)| provider);
    let document = document(group).map(|path| format!(" `{}`", literal::reference(path))).unwrap_or_default();
    let cause = group.iter().fold(group[0].cause.clone(), |cause, failed| said(failed, &cause));
    format!("{} ({provider}{document}) {}: {cause}", names.join(", "), class::name(group[0].kind))
}

/// The document that all of these are fields of, as it is written before `#`.
fn document<'a>(group: &[&'a Failed]) -> Option<&'a str> {
    let mut paths = group.iter().map(|failed| Some(failed.origin.as_ref()?.1.split_once('#')?.0));
    let first = paths.next()??;
    paths.all(|path| path == Some(first)).then_some(first)
}

fn failed_line(failed: &Failed) -> String {
    let class = class::name(failed.kind);
    match &failed.origin {
        Some((provider, reference)) => {
            let (shown, cause) = (literal::reference(reference), said(failed, &failed.cause));
            format!("{} ({provider} `{shown}`) {class}: {cause}", failed.name)
        }
        None => format!("{} {class}: {}", failed.name, failed.cause),
    }
}

/// What is said of a secret: its ref is repeated there where it is beside its name, and nowhere else.
fn said(failed: &Failed, text: &str) -> String {
    failed.origin.as_ref().map_or_else(|| text.to_owned(), |(_, reference)| literal::said_of(reference, text))
}
