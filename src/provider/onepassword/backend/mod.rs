//! Asks 1Password: a Connect server, or the `op` program with a service account's token.
//!
//! Invariants: nothing is read, contacted or started before a document is asked for; Connect is used where both
//! are set up, as by `op` itself; each vault, title, item and file is asked for once, however many refs need it.

mod connect;
mod item;
mod program;
mod route;
mod trouble;

use std::sync::Arc;

use crate::provider::remote::held::{Got, Held};
use crate::provider::settings::Settings;
use crate::provider::{
    Ask, DocumentRef, Failure, FailureKind, Fetch, Outcome, Provider, Surroundings, Terms,
};

use super::reference::{self, Reference};
use connect::Connect;
use program::Program;
use route::Routes;

/// A provider of the items that one token opens.
pub(super) fn build(settings: &Settings, surroundings: &dyn Surroundings) -> Box<dyn Provider> {
    let routes = Routes::of(settings, surroundings);
    Box::new(OnePassword { routes, terms: surroundings.terms(), route: Held::default() })
}

struct OnePassword {
    routes: Routes,
    terms: Terms,
    route: Held<Arc<Route>>,
}

/// How 1Password is asked.
enum Route {
    Connect(Box<Connect>),
    Program(Program),
}

impl Provider for OnePassword {
    fn fetch<'a>(&'a self, documents: &'a [DocumentRef], ask: &'a Ask) -> Fetch<'a> {
        Box::pin(async move {
            let choose = |_| async {
                let route = self.routes.choose(ask, &self.terms)?;
                Ok(Got { value: Arc::new(route), ends: None })
            };
            let route = match self.route.get(ask, choose).await {
                Ok(route) => route,
                Err(failure) => return vec![Outcome::Failed(failure); documents.len()],
            };
            // What the configuration let through can be read; a version it has not.
            let references: Vec<_> = documents.iter().map(read).collect();
            let good: Vec<&Reference<'_>> =
                references.iter().filter_map(|reference| reference.as_ref().ok()).collect();
            let outcomes = match &*route {
                Route::Connect(connect) => connect.fetch(ask, &good).await,
                Route::Program(program) => program.fetch(ask, &good).await,
            };
            // Another token may be there by now.
            if outcomes.iter().any(is_denied) {
                self.route.doubt(ask.now());
            }
            let mut outcomes = outcomes.into_iter();
            let outcome = |reference: &Result<_, Failure>| match reference {
                Ok(_) => outcomes.next().unwrap_or(Outcome::Absent),
                Err(failure) => Outcome::Failed(failure.clone()),
            };
            references.iter().map(outcome).collect()
        })
    }
}

fn is_denied(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed(Failure { kind: FailureKind::Denied, .. }))
}

fn read(document: &DocumentRef) -> Result<Reference<'_>, Failure> {
    if document.version.is_some() {
        return Err(Failure::misconfigured(
            "an item of 1Password has no versions that can be asked for",
            "remove `version`",
        ));
    }
    reference::parse(&document.path)
        .map_err(|invalid| Failure::misconfigured(format!("a 1Password ref {invalid}"), "correct `ref`"))
}
