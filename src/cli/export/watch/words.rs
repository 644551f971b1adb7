//! What is said while kz stays and watches, here and beside a command. No value, and no text of a backend's.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::log::Log;
use crate::patience::seconds;
use crate::provider::{Failure, FailureKind};
use crate::session::adoption::Adopted;
use crate::session::due::Step;
use crate::session::watch::{Round, Trouble, Watched};

use super::super::super::class;

/// What is watched, and what comes next.
pub(in crate::cli) fn watching(watched: &Watched<'_>, interval: Option<Duration>, now: Instant) -> String {
    let (mut lasting, mut lent, mut first) = (0, 0, None);
    for standing in watched.standings() {
        if standing.lease.is_some_and(crate::provider::Lease::is_lent) {
            lent += 1;
            first = first.into_iter().chain(standing.due).min();
        } else {
            lasting += 1;
        }
    }
    let again = interval
        .map_or_else(|| "read once".to_owned(), |every| format!("read again every {} s", seconds(every)));
    let read = format!("watching: {} {again}", documents(lasting));
    match first {
        None => read,
        Some(due) => {
            let what = match due.step {
                Step::Renew => "renewed",
                Step::Reissue | Step::Read => "replaced",
                Step::Leave => "left",
            };
            let at = due.at.saturating_duration_since(now).as_secs();
            format!("{read}, {lent} leased, the first of them {what} in {at} s")
        }
    }
}

/// What is gone on with of an export before.
pub(super) fn adopted(adopted: &Adopted, log: Log) {
    let of = |count: usize| format!("{count} lease{}", if count == 1 { "" } else { "s" });
    if !adopted.kept.is_empty() {
        log.note(&format!(
            "going on with {} of the export before: no other credential is taken",
            of(adopted.kept.len())
        ));
    }
    if adopted.fixed > 0 {
        log.warn(&format!(
            "{} of them cannot be renewed, or kz may not: others are taken before they end; `kz plan` prints the policy \
             (`auth/token/renew-accessor`, `sys/leases/renew`)",
            of(adopted.fixed)
        ));
    }
}

/// What is new after a round.
pub(in crate::cli) fn say(round: &Round<'_>, watched: &Watched<'_>, log: Log) {
    for (key, trouble) in &round.troubles {
        let names = watched.names(*key).collect::<Vec<_>>().join(", ");
        let (instance, document) = (key.0, &key.1.path);
        let why = match trouble {
            Trouble::Gone => "it is not there any more".to_owned(),
            Trouble::Failed(Failure { kind, cause, .. }) => {
                format!("{}: {cause}", class::name(crate::resolve::Class::Provider(*kind)))
            }
        };
        let kept = match trouble {
            Trouble::Failed(Failure {
                kind: FailureKind::Unreachable | FailureKind::ServerFailed, ..
            }) => "what was read last stays, and kz asks again",
            _ => "what was read last stays",
        };
        log.warn(&format!("{names} ({instance} {document}): {why}; {kept}"));
    }
    if !round.mended.is_empty() {
        let names: Vec<&str> = round.mended.iter().flat_map(|key| watched.names(*key)).collect();
        log.note(&format!("{} can be read again", names.join(", ")));
    }
    if round.renewed > 0 {
        log.detail(&format!("renewed {}", leases(round.renewed)));
    }
}

fn documents(number: usize) -> String {
    if number == 1 { "1 document is".to_owned() } else { format!("{number} documents are") }
}

fn leases(number: usize) -> String {
    if number == 1 { "1 lease".to_owned() } else { format!("{number} leases") }
}

/// Names, in one line.
pub(in crate::cli) fn listed(names: &BTreeSet<String>) -> String {
    const MOST: usize = 8;
    let some: Vec<&str> = names.iter().take(MOST).map(String::as_str).collect();
    let more = names.len().saturating_sub(MOST);
    if more == 0 { some.join(", ") } else { format!("{} and {more} more", some.join(", ")) }
}
