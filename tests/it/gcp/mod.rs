//! Google Cloud Secret Manager.

/// Every source of a Google identity, and what is said of those that fail.
mod chain;
/// What reading from Secret Manager costs, in counts.
mod counts;
/// The Google Cloud that tests start, and what Google's own client makes of it.
mod fake;
/// What is said of a Secret Manager that fails, and what is not.
mod faults;
/// The metadata server as a source of an identity.
mod metadata;
pub(crate) mod stage;
