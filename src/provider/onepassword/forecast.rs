//! What reading from 1Password will come to: look-ups of names, and a read for each item; or one run of `op`.
//!
//! Pure. The look-ups and reads are those of `backend::connect`. Limits of service accounts:
//! <https://developer.1password.com/docs/service-accounts/rate-limits>.

use std::collections::{BTreeMap, BTreeSet};

use crate::provider::forecast::{Call, Forecast};
use crate::provider::settings::Settings;
use crate::provider::{DocumentRef, Surroundings};

use super::reference::{Reference, is_id, parse};

/// The forecast.
pub fn foresee(settings: &Settings, documents: &[DocumentRef], surroundings: &dyn Surroundings) -> Forecast {
    let is_set = |setting: &str, name: &str| settings.has(setting) || surroundings.given_text(name).is_some();
    if is_set("service_account_token_file", "OP_SERVICE_ACCOUNT_TOKEN")
        && !is_set("connect_host", "OP_CONNECT_HOST")
    {
        return Forecast {
            calls: vec![Call::reading("op inject", (0..documents.len()).collect())],
            notes: vec![
                "a service account may make few requests an hour, and `op` makes some for each item"
                    .to_owned(),
            ],
            ..Forecast::default()
        };
    }
    let references: Vec<Option<Reference<'_>>> =
        documents.iter().map(|document| parse(&document.path).ok()).collect();
    let mut vaults: BTreeSet<&str> = BTreeSet::new();
    let mut items: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (place, reference) in references.iter().enumerate() {
        if let Some(Reference { vault, item, .. }) = reference {
            vaults.insert(vault);
            items.entry((vault, item)).or_default().push(place);
        }
    }
    let named = vaults.iter().filter(|vault| !is_id(vault)).map(|_| Call::besides("GET vaults"));
    let titled = items.keys().filter(|(_, item)| !is_id(item)).map(|_| Call::besides("GET items"));
    let mut calls: Vec<Call> = named.chain(titled).collect();
    calls.extend(items.into_values().map(|places| Call::reading("GET item", places)));
    let notes = vec!["a file of an item is one more call".to_owned()];
    Forecast { calls, notes, ..Forecast::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::fixture::Fixture;

    fn operations(paths: &[&str], surroundings: &Fixture) -> Vec<(String, usize)> {
        let documents: Vec<_> = paths
            .iter()
            .map(|path| DocumentRef { path: (*path).into(), version: None, request: None })
            .collect();
        let forecast = foresee(&Settings::default(), &documents, surroundings);
        forecast.calls.into_iter().map(|call| (call.operation, call.documents.len())).collect()
    }

    fn call(operation: &str, documents: usize) -> (String, usize) {
        (operation.to_owned(), documents)
    }

    #[test]
    fn names_are_looked_up_once_and_items_read_once() {
        let paths = ["op://prod/db/user", "op://prod/db/password", "op://prod/api/token"];
        let expected = [
            call("GET vaults", 0),
            call("GET items", 0),
            call("GET items", 0),
            call("GET item", 1),
            call("GET item", 2),
        ];
        assert_eq!(operations(&paths, &Fixture::new()), expected);
        let id = "abcdefghijklmnopqrstuvwxyz";
        assert_eq!(operations(&[&format!("op://{id}/{id}/x")], &Fixture::new()), [call("GET item", 1)]);
    }

    #[test]
    fn a_service_account_is_one_run_of_the_program_unless_there_is_connect() {
        let account = Fixture::new().with_variable("OP_SERVICE_ACCOUNT_TOKEN", "example");
        assert_eq!(operations(&["op://a/b/c", "op://d/e/f"], &account), [call("op inject", 2)]);
        let both = account.with_variable("OP_CONNECT_HOST", "http://connect:8080");
        assert_eq!(operations(&["op://a/b/c"], &both).len(), 3);
    }
}
