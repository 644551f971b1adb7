//! A provider that answers in time: what its backend has not told by then, it says is unreachable.
//!
//! `kz status` asks through it, so that one backend that hangs hides nothing of the others.

use tokio::time::{Instant, timeout_at};

use crate::hint::said;
use crate::provider::{Closing, DocumentRef, End, Failure, FailureKind, Fetch, Outcome, Provider};

/// A provider, and until when it may take.
pub(super) struct Punctual<'a> {
    /// Who is asked.
    pub provider: Box<dyn Provider + 'a>,
    /// When an answer is too late.
    pub deadline: Instant,
    /// What was waited, in seconds, for the message.
    pub seconds: u64,
}

impl Provider for Punctual<'_> {
    fn fetch<'a>(&'a self, documents: &'a [DocumentRef]) -> Fetch<'a> {
        Box::pin(async move {
            match timeout_at(self.deadline, self.provider.fetch(documents)).await {
                Ok(outcomes) => outcomes,
                Err(_) => vec![Outcome::Failed(self.too_late()); documents.len()],
            }
        })
    }

    fn discreet(&self, text: &str) -> String {
        self.provider.discreet(text)
    }

    fn close(&self, end: End) -> Closing<'_> {
        self.provider.close(end)
    }
}

impl Punctual<'_> {
    fn too_late(&self) -> Failure {
        Failure {
            kind: FailureKind::Unreachable,
            cause: format!("the backend did not answer within {} s", self.seconds),
            hint: said("give it longer with `--timeout 120s`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Never answers.
    struct Silent;

    impl Provider for Silent {
        fn fetch<'a>(&'a self, _: &'a [DocumentRef]) -> Fetch<'a> {
            Box::pin(std::future::pending())
        }
    }

    /// Answers at once.
    struct Empty;

    impl Provider for Empty {
        fn fetch<'a>(&'a self, documents: &'a [DocumentRef]) -> Fetch<'a> {
            Box::pin(std::future::ready(vec![Outcome::Absent; documents.len()]))
        }
    }

    fn ask(provider: Box<dyn Provider>) -> Vec<Outcome> {
        let document = DocumentRef { path: "p".into(), version: None, request: None };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let punctual = Punctual { provider, deadline: Instant::now(), seconds: 60 };
        runtime.block_on(punctual.fetch(&[document.clone(), document]))
    }

    #[test]
    fn a_backend_that_hangs_is_unreachable_for_each_of_its_documents() {
        let outcomes = ask(Box::new(Silent));
        assert_eq!(outcomes.len(), 2);
        for outcome in outcomes {
            let Outcome::Failed(failure) = outcome else { panic!("{outcome:?}") };
            assert_eq!(failure.kind, FailureKind::Unreachable);
            assert_eq!(failure.cause, "the backend did not answer within 60 s");
        }
    }

    #[test]
    fn an_answer_that_is_there_counts_at_the_deadline_too() {
        assert!(ask(Box::new(Empty)).iter().all(|outcome| matches!(outcome, Outcome::Absent)));
    }
}
