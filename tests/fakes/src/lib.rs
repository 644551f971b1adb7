//! The backends that kz's tests ask, in the test's own process, on port 0: each written from its public API documentation and
//! checked once with a foreign client.
//!
//! `fake_server` serves, fails as it is told, counts, and can hold replies, so that round trips are counted as waves of
//! requests and not as time; `byte_server` speaks HTTP wrongly, byte by byte; the others are backends on `fake_server`. A crate of its own, built once for all test programs: nothing
//! here knows kz.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

/// AWS: Secrets Manager, Parameter Store, and where identities come from.
pub mod aws;
/// HTTP/1.1 byte by byte, right and wrong, for the unit tests.
pub mod byte_server;
/// 1Password Connect.
pub mod connect;
/// What all stand on.
pub mod fake_server;
/// Google Cloud: Secret Manager, tokens, STS, impersonation, metadata.
pub mod gcp;
/// Vault and `OpenBao`.
pub mod vault;
