//! What kz has sent to the server and a reply may repeat: tokens, what a login proves itself with, what `request` says.
//!
//! Invariant: none of it is in what is said of a reply. Names of fields, types of engines and where a redirect leads are the server's
//! own words, and a server that is wrong, or another than was meant, may put anything there.

use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::literal::{self, HIDDEN};
use crate::secret::Secret;

/// From here on a text is hidden wherever it stands; a shorter one is a word like others, and hidden where it stands alone.
const LONG: usize = 12;
/// Shorter ones are in everything.
const SHORTEST: usize = 4;
/// What logins send that is no credential, and stands in kz's own words.
const PUBLIC: &[&str] = &["role", "name", "iam_http_request_method", "iam_request_url"];

/// So many are kept, the latest: what was sent before that has ended, or is of a set that is larger than any.
const MOST: usize = 1 << 14;

/// All of it.
#[derive(Default)]
pub(super) struct Confidences(Mutex<Sent>);

#[derive(Default)]
struct Sent {
    /// The longest first, with its number.
    texts: Vec<(u64, Secret)>,
    numbers: u64,
}

impl Sent {
    fn add(&mut self, text: &str) {
        if self.texts.iter().any(|(_, known)| known.expose() == text.as_bytes()) {
            return;
        }
        if self.texts.len() == MOST {
            let first = self.numbers.saturating_sub(MOST as u64 / 2);
            self.texts.retain(|(number, _)| *number >= first);
        }
        let place = self.texts.partition_point(|(_, known)| known.expose().len() >= text.len());
        self.texts.insert(place, (self.numbers, Secret::new(text.as_bytes().to_vec())));
        self.numbers += 1;
    }
}

impl std::fmt::Debug for Confidences {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Confidences(***)")
    }
}

impl Confidences {
    /// A token that kz shows.
    pub(super) fn add(&self, secret: &Secret) {
        let Some(text) = secret.expose_text().map(str::trim).filter(|text| text.len() >= SHORTEST) else {
            return;
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).add(text);
    }

    /// What a body of JSON sends.
    pub(super) fn add_sent(&self, body: &[u8]) {
        if let Ok(value) = serde_json::from_slice::<Value>(body) {
            self.add_value(&value);
        }
    }

    /// What parameters say.
    pub(super) fn add_value(&self, value: &Value) {
        match value {
            Value::String(text) => self.add(&Secret::new(text.clone().into_bytes())),
            Value::Array(items) => items.iter().for_each(|item| self.add_value(item)),
            Value::Object(members) => members
                .iter()
                .filter(|(name, _)| !PUBLIC.contains(&name.as_str()))
                .for_each(|(_, value)| self.add_value(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// A text without them.
    pub(super) fn hide(&self, text: &str) -> String {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        literal::without(
            text,
            all.texts.iter().filter_map(|(_, text)| text.expose_text()),
            |before, text, after| text.len() >= LONG || (before.ends_with('`') && after.starts_with('`')),
        )
    }

    /// The name of a host, of which case is no part: all of it, or nothing.
    pub(super) fn hide_host(&self, name: String) -> String {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lower = name.to_lowercase();
        let is_one = |known: &Secret| {
            known.expose_text().is_some_and(|text| text.len() >= LONG && lower.contains(&text.to_lowercase()))
        };
        if all.texts.iter().any(|(_, known)| is_one(known)) { HIDDEN.to_owned() } else { name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_kept_and_no_more_than_that() {
        let sent = Confidences::default();
        for number in 0..3 * MOST {
            sent.add(&Secret::new(format!("token-number-{number}").into_bytes()));
        }
        assert!(sent.0.lock().unwrap().texts.len() <= MOST);
        assert_eq!(sent.hide(&format!("token-number-{}", 3 * MOST - 1)), HIDDEN);
    }

    #[test]
    fn what_was_sent_is_hidden_where_it_is_repeated_and_words_are_not() {
        let sent = Confidences::default();
        sent.add(&Secret::new(b"correcthorse-token".to_vec()));
        sent.add_sent(br#"{"common_name":"db.internal","ttl":"1h","l":["of-a-list"],"t":{"x":"inside-a-table"},"role":"public"}"#);
        for (said, hidden) in [
            ("has `x correcthorse-token y`", "has `x *** y`"),
            ("has `db.internal`, `of-a-list`", "has `***`, `***`"),
            ("has `k inside-a-table`", "has `k ***`"),
            ("`1h` of `public`, in a db.internals", "`1h` of `public`, in a db.internals"),
        ] {
            assert_eq!(sent.hide(said), hidden);
        }
        assert_eq!(sent.hide_host("http://correctHORSE-token.evil".to_owned()), HIDDEN);
        assert_eq!(sent.hide_host("http://db.internal".to_owned()), "http://db.internal");
    }
}
