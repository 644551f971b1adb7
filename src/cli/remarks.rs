//! What is said of a delivery that succeeds: names and reasons, each kind in one line. No value, nor its length.
//!
//! Invariant: a line has an end, however many secrets it is about.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use crate::calendar;
use crate::plan::Declaration;
use crate::resolve::{Absent, Line, Resolved, StandIn};
use crate::scope::Scope;

/// More than these are counted, not named.
const MOST: usize = 8;

/// What is changed within this time is changed under an application that has just been started.
const SOON: Duration = Duration::from_hours(1);

/// Whom a line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    /// Everybody.
    Soon,
    /// Whoever asks for details.
    Later,
}

/// That a configuration has no secret, which is allowed, and seldom meant.
pub(super) fn nothing(path: &Path, environment: Option<&str>) -> String {
    let of = environment.map(|name| format!(" and `[{name}.secrets]`")).unwrap_or_default();
    format!(
        "nothing is delivered: `{}` has no secret (`[secrets]`{of}); `kz init --print` shows how one is written",
        path.display()
    )
}

/// What was absent, and is not an error.
pub(super) fn absent(absent: &[Absent]) -> Option<String> {
    let part = |Absent { name, cause, stands_in }: &Absent| match stands_in {
        StandIn::Nothing => format!("{name} is left out ({cause})"),
        StandIn::Default => format!("{name} has its default ({cause})"),
    };
    let parts: Vec<String> = absent.iter().take(MOST).map(part).collect();
    let more = rest(absent.len(), "; `kz status` says why");
    (!parts.is_empty()).then(|| format!("absent: {}{more}", parts.join(", ")))
}

/// Secrets whose scope holds nobody: it is a rule for values that the command does not get, and here it gets them.
pub(super) fn unenforced<'a>(declarations: impl Iterator<Item = &'a Declaration>) -> Option<String> {
    let scoped = declarations.filter(|declaration| declaration.scope != Scope::default());
    let names: Vec<&str> = scoped.map(|declaration| declaration.name.as_str()).collect();
    let verb = if names.len() == 1 { "is" } else { "are" };
    (!names.is_empty()).then(|| {
        let which = named(&names);
        format!("{which} {verb} delivered as such: `hosts`, `in`, `methods` and `paths` are for blind mode, and limit nothing here")
    })
}

/// Values of one line that have the line break at its end where it is a part of a line: in a template, or where
/// `is_delivered_in_a_line`.
pub(super) fn line_breaks(lines: &[Line], is_delivered_in_a_line: impl Fn(&str) -> bool) -> Option<String> {
    let goes_along = |line: &&Line| line.is_in_a_template || is_delivered_in_a_line(&line.name);
    let names: Vec<&str> = lines.iter().filter(goes_along).map(|line| line.name.as_str()).collect();
    let said = match names.len() {
        0 => return None,
        1 => "ends in a line break, which is delivered with it",
        _ => "end in a line break, which is delivered with them",
    };
    Some(format!("{} {said}: write `trim = true` to leave it out, `trim = false` to keep it", named(&names)))
}

/// Until when values are valid: those that are lent, and those that the backend changes by itself.
pub(super) fn ends(resolved: &[Resolved], now: Instant, clock: SystemTime) -> Vec<(Urgency, String)> {
    let mut by_end: BTreeMap<(Instant, bool), (Duration, Vec<&str>)> = BTreeMap::new();
    for (secret, lease) in resolved.iter().filter_map(|secret| Some((secret, secret.lease.as_ref()?))) {
        let (left, key) = (lease.left(now), (lease.end(), lease.is_lent()));
        by_end.entry(key).or_insert_with(|| (left, Vec::new())).1.push(&secret.name);
    }
    let line = |((_, is_lent), (left, names)): ((Instant, bool), (Duration, Vec<&str>))| {
        let (names, seconds) = (names.join(", "), left.as_secs());
        let end = clock.checked_add(left).map(calendar::rfc3339);
        if is_lent {
            let until = end.map(|end| format!(" until {end}")).unwrap_or_default();
            let words = format!("leased{until} ({seconds} s), and nobody renews it after kz: {names}");
            return (Urgency::Soon, words);
        }
        let at = match end {
            // It was due, and the backend has not come to it.
            _ if seconds == 0 => " at any moment".to_owned(),
            Some(end) => format!(" at {end} (in {seconds} s)"),
            None => format!(" in {seconds} s"),
        };
        let urgency = if left < SOON { Urgency::Soon } else { Urgency::Later };
        (urgency, format!("changed by the server{at}, and nobody tells it after kz: {names}"))
    };
    by_end.into_iter().map(line).collect()
}

/// Names, the first of them.
fn named(names: &[&str]) -> String {
    format!("{}{}", names.iter().take(MOST).copied().collect::<Vec<_>>().join(", "), rest(names.len(), ""))
}

/// What follows those that are named.
fn rest(number: usize, hint: &str) -> String {
    if number > MOST { format!(" and {} more{hint}", number - MOST) } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Delivery;
    use crate::provider::{Lease, Lent};
    use crate::secret::Secret;

    fn many(number: usize) -> Vec<Absent> {
        let one = |index| Absent {
            name: format!("S{index}"),
            cause: "why".to_owned(),
            stands_in: if index % 2 == 0 { StandIn::Nothing } else { StandIn::Default },
        };
        (0..number).map(one).collect()
    }

    #[test]
    fn of_no_secret_the_sections_are_named_that_apply() {
        let path = Path::new("/app/.keyzero.toml");
        assert!(nothing(path, None).contains("has no secret (`[secrets]`);"));
        assert!(nothing(path, Some("dev")).contains("has no secret (`[secrets]` and `[dev.secrets]`);"));
    }

    #[test]
    fn nothing_is_said_where_nothing_is_absent() {
        assert_eq!(absent(&[]), None);
    }

    #[test]
    fn a_line_break_is_a_matter_of_lines_only() {
        let line = |name: &str, is_in_a_template| Line { name: name.to_owned(), is_in_a_template };
        let lines = [line("A", false), line("B", true), line("C", false)];
        let of = |is_delivered: fn(&str) -> bool| line_breaks(&lines, is_delivered);
        assert!(of(|_| false).unwrap().starts_with("B ends in a line break"));
        assert!(of(|name| name == "A").unwrap().starts_with("A, B end in a line break"));
        assert_eq!(line_breaks(&lines[..1], |_| false), None);
    }

    #[test]
    fn each_is_named_with_its_reason_until_there_are_too_many() {
        let two = absent(&many(2)).unwrap();
        assert_eq!(two, "absent: S0 is left out (why), S1 has its default (why)");
        let all = absent(&many(3000)).unwrap();
        assert!(all.contains("S7 has") && !all.contains("S8"), "{all}");
        assert!(all.ends_with(" and 2992 more; `kz status` says why"), "{all}");
    }

    #[test]
    fn an_end_is_told_by_who_brings_it_about_and_a_far_change_to_whoever_asks() {
        let now = Instant::now();
        let lent = |id: &str| {
            let (id, namespace) = (id.to_owned(), String::new());
            (!id.is_empty()).then(|| Box::new(Lent { id, namespace, accessor: None, renewable: true }))
        };
        let secret = |name: &str, id: &str, seconds| Resolved {
            name: name.to_owned(),
            value: Secret::new(Vec::new()),
            delivery: Delivery::default(),
            origin: None,
            lease: Some(Lease { lent: lent(id), issued: now, valid: Duration::from_secs(seconds) }),
        };
        let all = [
            secret("A", "", 0),
            secret("B", "", 4),
            secret("U", "lease", 4),
            secret("C", "", 4),
            secret("D", "", 3599),
            secret("E", "", 3600),
            secret("F", "", u64::MAX),
            secret("L", "lease", 90_000),
        ];
        let told = ends(&all, now, SystemTime::UNIX_EPOCH);
        let words: Vec<_> = told.iter().map(|(urgency, words)| (*urgency, words.as_str())).collect();
        let (soon, later) = (Urgency::Soon, Urgency::Later);
        let expected = [
            (soon, "changed by the server at any moment, and nobody tells it after kz: A"),
            (
                soon,
                "changed by the server at 1970-01-01T00:00:04.000Z (in 4 s), and nobody tells it after kz: B, C",
            ),
            (soon, "leased until 1970-01-01T00:00:04.000Z (4 s), and nobody renews it after kz: U"),
            (
                soon,
                "changed by the server at 1970-01-01T00:59:59.000Z (in 3599 s), and nobody tells it after kz: D",
            ),
            (
                later,
                "changed by the server at 1970-01-01T01:00:00.000Z (in 3600 s), and nobody tells it after kz: E",
            ),
            (soon, "leased until 1970-01-02T01:00:00.000Z (90000 s), and nobody renews it after kz: L"),
            (later, "changed by the server in 18446744073709551615 s, and nobody tells it after kz: F"),
        ];
        assert_eq!(words, expected);
    }
}
