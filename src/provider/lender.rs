//! What some backends do beside answering: they lend credentials, give these a longer life, and take them back.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::{Ask, Closing, Failure, Lease};

/// A backend that lends.
pub trait Lender: Send + Sync {
    /// Asks for a life of so long from now on, or of what is left where that is more. What is given may be less, and is said.
    fn renew<'a>(&'a self, lease: &'a Lease, wanted: Duration, ask: &'a Ask) -> Renewal<'a>;

    /// Goes on with a lease that another kz was lent, which it hangs on: what keeps that alive is renewed with it.
    fn adopt(&self, lease: &Lease);

    /// Gives back what nobody uses any more. Never fails, and says what stays.
    fn give_back<'a>(&'a self, leases: &'a [Lease], ask: &'a Ask) -> Closing<'a>;
}

/// What [`Lender::renew`] comes to.
pub type Renewal<'a> = Pin<Box<dyn Future<Output = Result<Lease, Unrenewed>> + Send + 'a>>;

/// What is done with leases, as `[resolve] lease` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Leases {
    /// Each is renewed as long as that is worth it, and then replaced by another one.
    #[default]
    Renew,
    /// Each is replaced by another one before its end.
    Reissue,
    /// kz ends before the first of them does.
    Exit,
}

/// Why a lease has no longer life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unrenewed {
    /// There is no such lease any more: it has ended, or was taken back.
    Over,
    /// It stays as it is, to its end.
    Fixed,
    /// It may have one later, for what stands against it may pass.
    Failed(Failure),
}
