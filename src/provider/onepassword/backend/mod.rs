//! Asks 1Password: a Connect server, or the `op` program with a service account's token.
//!
//! Invariants: nothing is read, contacted or started before a document is asked for; Connect is used where both
//! are set up, as by `op` itself; each vault, title, item and file is asked for once, however many refs need it.

mod connect;
mod item;
mod program;
mod route;

use tokio::sync::OnceCell;

use crate::provider::settings::Settings;
use crate::provider::{DocumentRef, Failure, Fetch, Outcome, Provider, Surroundings, Terms};

use super::reference::{self, Reference};
use connect::Connect;
use program::Program;
use route::Routes;

/// A provider of the items that one token opens.
pub(super) fn build(settings: &Settings, surroundings: &dyn Surroundings) -> Box<dyn Provider> {
    let routes = Routes::of(settings, surroundings);
    Box::new(OnePassword { routes, terms: surroundings.terms(), route: OnceCell::new() })
}

struct OnePassword {
    routes: Routes,
    terms: Terms,
    route: OnceCell<Result<Route, Failure>>,
}

/// How 1Password is asked.
enum Route {
    Connect(Box<Connect>),
    Program(Program),
}

impl Provider for OnePassword {
    fn fetch<'a>(&'a self, documents: &'a [DocumentRef]) -> Fetch<'a> {
        Box::pin(async move {
            let route = self.route.get_or_init(|| async { self.routes.choose(&self.terms) }).await;
            let route = match route {
                Ok(route) => route,
                Err(failure) => return vec![Outcome::Failed(failure.clone()); documents.len()],
            };
            // What the configuration let through can be read; a version it has not.
            let references: Vec<_> = documents.iter().map(read).collect();
            let good: Vec<&Reference<'_>> =
                references.iter().filter_map(|reference| reference.as_ref().ok()).collect();
            let mut outcomes = match route {
                Route::Connect(connect) => connect.fetch(&good).await,
                Route::Program(program) => program.fetch(&good).await,
            }
            .into_iter();
            let outcome = |reference: &Result<_, Failure>| match reference {
                Ok(_) => outcomes.next().unwrap_or(Outcome::Absent),
                Err(failure) => Outcome::Failed(failure.clone()),
            };
            references.iter().map(outcome).collect()
        })
    }
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
