//! Vault and `OpenBao`.

/// Every way to log in, and what becomes of the token.
mod auth;
/// What reading from Vault costs, in counts.
mod counts;
/// A server that answers with what it was sent.
mod echo;
/// The Vault that tests start, and what a foreign client makes of it.
mod fake;
/// Broken and hostile servers.
mod faults;
/// What is lent and not delivered.
mod leases;
/// A Vault that is not ready yet, or never.
mod patience;
/// Policies that `kz plan` prints, held to what runs ask for.
mod policies;
/// The fake Vault answers as a real server was recorded.
mod recording;
/// What engines make of parameters.
mod requests;
pub(crate) mod stage;
