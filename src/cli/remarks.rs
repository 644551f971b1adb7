//! What is said of a delivery that succeeds: names and reasons, each kind in one line. No value, nor its length.
//!
//! Invariant: a line has an end, however many secrets it is about.

use crate::plan::{Declaration, Scope};
use crate::resolve::{Absent, Line, StandIn};

/// More than these are counted, not named.
const MOST: usize = 8;

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

    fn many(number: usize) -> Vec<Absent> {
        let one = |index| Absent {
            name: format!("S{index}"),
            cause: "why".to_owned(),
            stands_in: if index % 2 == 0 { StandIn::Nothing } else { StandIn::Default },
        };
        (0..number).map(one).collect()
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
}
