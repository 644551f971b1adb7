//! A provider of whose words none repeats what stood in a variable or a setting and looks like a credential.
//!
//! `registry` puts it around each provider that it builds, so that no message of a provider reaches anybody without it:
//! neither an error, nor a cell of `kz status`. What begins like a known credential is hidden wherever it is from, and
//! beside it each text of the environment and of the section that may be one, as it was given.

use super::settings::Settings;
use super::{Absence, DocumentRef, Failure, Fetch, Outcome, Provider, Surroundings, local_file};
use crate::literal::{self, HIDDEN, redacted};
use crate::secret::Secret;

/// Shorter texts are words, which stand in messages by themselves.
const SHORTEST: usize = 16;

/// A provider, and what it must not say.
pub(super) struct Discreet<'a> {
    inner: Box<dyn Provider + 'a>,
    suspects: Suspects,
}

/// Texts that may be credentials, the longest first.
pub(super) struct Suspects(Vec<Secret>);

impl<'a> Discreet<'a> {
    pub(super) fn new(inner: Box<dyn Provider + 'a>, suspects: Suspects) -> Self {
        Self { inner, suspects }
    }
}

impl Provider for Discreet<'_> {
    fn fetch<'a>(&'a self, documents: &'a [DocumentRef]) -> Fetch<'a> {
        Box::pin(async move {
            let outcomes = self.inner.fetch(documents).await;
            outcomes.into_iter().map(|outcome| self.outcome(outcome)).collect()
        })
    }
}

impl Discreet<'_> {
    fn outcome(&self, outcome: Outcome) -> Outcome {
        let words = |text: String| self.suspects.hide(&text);
        match outcome {
            Outcome::AbsentBecause(Absence { cause, hint }) => {
                Outcome::AbsentBecause(Absence { cause: words(cause), hint: hint.map(words) })
            }
            Outcome::Failed(Failure { kind, cause, hint }) => {
                Outcome::Failed(Failure { kind, cause: words(cause), hint: hint.map(words) })
            }
            said @ (Outcome::Found(_) | Outcome::Blank(_) | Outcome::Absent) => said,
        }
    }
}

impl Suspects {
    /// Those of the environment and of a section.
    pub(super) fn of(settings: &Settings, surroundings: &dyn Surroundings) -> Self {
        let written = settings.texts().into_iter().map(|text| Secret::new(text.into_bytes()));
        let mut all: Vec<Secret> = surroundings.variables().into_iter().chain(written).collect();
        all.retain(|text| text.expose_text().is_some_and(is_suspect));
        // A message may say of a text what is left of it without the line break at its end, or one of its lines.
        let parts = |text: &Secret| -> Vec<Secret> {
            let text = text.expose_text().unwrap_or_default();
            let parts = std::iter::once(text).chain(text.lines()).map(str::trim);
            parts
                .filter(|part| part.len() >= SHORTEST)
                .map(|part| Secret::new(part.as_bytes().to_vec()))
                .collect()
        };
        let mut all: Vec<Secret> = all.iter().flat_map(parts).collect();
        all.sort_by_key(|text| std::cmp::Reverse(text.expose().len()));
        Self(all)
    }

    /// A text without them.
    pub(super) fn hide(&self, text: &str) -> String {
        let mut left = redacted(text).into_owned();
        for suspect in self.0.iter().filter_map(Secret::expose_text) {
            if left.contains(suspect) {
                left = left.replace(suspect, HIDDEN);
            }
        }
        left
    }
}

/// A text that may be a credential, and is no path of something that is there.
fn is_suspect(text: &str) -> bool {
    let text = text.trim();
    text.len() >= SHORTEST
        && literal::may_be_credential(text)
        && (!text.starts_with('/') || local_file::may_be_credential(text.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::FailureKind;
    use crate::provider::fixture::{Fixture, fetch};
    use crate::provider::settings::Value;

    struct Talkative(&'static str);

    impl Provider for Talkative {
        fn fetch<'a>(&'a self, documents: &'a [DocumentRef]) -> Fetch<'a> {
            let failure = Failure {
                kind: FailureKind::Malformed,
                cause: format!("the region {} is none", self.0),
                hint: Some(format!("is {} right?", self.0)),
            };
            Box::pin(std::future::ready(vec![Outcome::Failed(failure); documents.len()]))
        }
    }

    fn said(settings: &Settings, fixture: &Fixture, text: &'static str) -> (String, String) {
        let provider = Discreet::new(Box::new(Talkative(text)), Suspects::of(settings, fixture));
        match fetch(&provider, &["x"]).remove(0) {
            Outcome::Failed(failure) => (failure.cause, failure.hint.unwrap_or_default()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_the_environment_and_the_section_hold_is_hidden_where_it_may_be_a_credential() {
        let key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY1";
        let hidden = ("the region *** is none".to_owned(), "is *** right?".to_owned());
        let none = Settings::default();
        assert_eq!(said(&none, &Fixture::new().with_variable("AWS_REGION", key), key), hidden);
        let mut settings = Settings::default();
        settings.insert("region", Value::Text(key.to_owned()));
        assert_eq!(said(&settings, &Fixture::new(), key), hidden);
        assert_eq!(said(&none, &Fixture::new(), "hvs.CAESIJabcdefghijk"), hidden);
    }

    #[test]
    fn names_and_paths_are_said() {
        let fixture =
            Fixture::new().with_variable("AWS_REGION", "eu-central-1").with_variable("X", "/usr/bin/env");
        let said = |text| said(&Settings::default(), &fixture, text).0;
        assert_eq!(said("eu-central-1"), "the region eu-central-1 is none");
        assert_eq!(said("/usr/bin/env"), "the region /usr/bin/env is none");
    }
}
