//! What asking a provider will come to, said without asking: which calls, what they cost, what has to be allowed.
//!
//! Pure types. Invariant: a forecast is made of the configuration and of what variables say where things are. It
//! holds no value, and to make one nothing is read and nothing contacted. It is of a start in which everything is
//! there: attempts that are repeated, and what is looked up only for an error's sake, are not in it.

use std::collections::BTreeSet;

use super::settings::Settings;
use super::{DocumentRef, Surroundings};

/// Makes the forecast of a provider instance, for these documents of it.
pub type Foresee = fn(&Settings, &[DocumentRef], &dyn Surroundings) -> Forecast;

/// What one start will ask of one provider instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forecast {
    /// The calls, in the order in which they are made. A file or a variable is read without one.
    pub calls: Vec<Call>,
    /// What a call that reads documents costs, where calls are charged for or said to be free.
    pub price: Option<Price>,
    /// What a credential of kz's has to be allowed, where the backend writes that down.
    pub policy: Option<Policy>,
    /// What else is to be known, a sentence each: lower case, no full stop.
    pub notes: Vec<String>,
}

/// One call of a backend's API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// As the backend's documentation calls it.
    pub operation: String,
    /// The region that is asked, where that is another than the instance's own.
    pub region: Option<String>,
    /// The documents that it reads, by their place in the batch; none, when it is a login or its like.
    pub documents: Vec<usize>,
}

impl Call {
    /// A call that reads these documents.
    pub fn reading(operation: impl Into<String>, documents: Vec<usize>) -> Self {
        Self { operation: operation.into(), region: None, documents }
    }

    /// A call that has to be made beside those that read.
    pub fn besides(operation: impl Into<String>) -> Self {
        Self::reading(operation, Vec::new())
    }
}

/// What a call that reads documents costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// In millionths of a US dollar: a price of 0.05 USD for 10,000 calls is 5.
    pub millionths_per_call: u64,
    /// The price list.
    pub source: &'static str,
    /// The month in which that said so, as `2026-11`.
    pub as_of: &'static str,
}

/// What has to be allowed, and nothing more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Policy {
    /// A policy of Vault or `OpenBao`.
    Vault {
        /// The namespace that it belongs into.
        namespace: Option<String>,
        /// By path, each once.
        rules: Vec<PathRule>,
    },
    /// Statements of an IAM policy, each `Sid` once. Those of several instances with the same `Sid` are one.
    Iam(Vec<Statement>),
    /// Bindings of Google's IAM, for each secret one.
    Gcp(Vec<Binding>),
}

/// A role that has to be given on one resource of Google's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Binding {
    /// The whole name of the resource; nothing where its project is not known.
    pub resource: Option<String>,
    /// As `roles/…`.
    pub role: &'static str,
    /// What gives it, with `MEMBER` for whom.
    pub command: String,
}

/// A path of a Vault policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathRule {
    /// As Vault has it: a `*` at its end and a segment `+` stand for any others.
    pub path: String,
    /// `read`, `update`, or both.
    pub capabilities: &'static [&'static str],
    /// Why it is there, or what it may lack.
    pub remark: Option<String>,
}

/// A statement of an IAM policy that allows one action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Letters and digits (IAM JSON policy elements, `Sid`).
    pub sid: &'static str,
    /// `SERVICE:ACTION`.
    pub action: &'static str,
    /// ARNs, with `*` and `?` for any characters and any one.
    pub resources: BTreeSet<String>,
}

impl Forecast {
    /// Of a provider that reads this machine only.
    pub fn local(_: &Settings, _: &[DocumentRef], _: &dyn Surroundings) -> Self {
        Self::default()
    }

    /// Of a provider that makes one call for each document.
    pub(super) fn one_by_one(operation: &str, documents: &[DocumentRef]) -> Self {
        let calls = (0..documents.len()).map(|place| Call::reading(operation, vec![place])).collect();
        Self { calls, ..Self::default() }
    }

    /// What `starts` starts cost, in millionths of a US dollar, where that is known.
    pub fn cost(&self, starts: u64) -> Option<u64> {
        let charged = self.calls.iter().filter(|call| !call.documents.is_empty()).count();
        let charged = u64::try_from(charged).unwrap_or(u64::MAX);
        self.price.map(|price| charged.saturating_mul(starts).saturating_mul(price.millionths_per_call))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_calls_that_read_are_charged() {
        let price = Price { millionths_per_call: 5, source: "", as_of: "" };
        let calls = vec![Call::besides("AssumeRole"), Call::reading("GetSecretValue", vec![0])];
        let forecast = Forecast { calls, price: Some(price), ..Forecast::default() };
        assert_eq!(forecast.cost(10_000), Some(50_000));
        assert_eq!(Forecast { price: None, ..forecast }.cost(10_000), None);
    }
}
