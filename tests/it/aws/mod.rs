//! AWS Secrets Manager and Parameter Store.

/// Every source of an identity, and what is said of those that fail.
mod chain;
/// What reading from AWS costs, in counts.
mod counts;
/// The AWS that tests start, and what foreign clients make of it.
mod fake;
pub(crate) mod stage;
