//! A token of kz's own, as the reply that gave it has it.

use std::time::Duration;

use crate::secret::Secret;

use super::reply::Auth;

/// A token that a login gave.
#[derive(Clone)]
pub(super) struct Token {
    /// The token.
    pub(super) value: Secret,
    /// Batch tokens are not stored, so they cannot be revoked.
    pub(super) revocable: bool,
    /// By which others may speak of it.
    pub(super) accessor: Option<String>,
    /// How long it lives; nothing where that is not said, or has no end.
    pub(super) life: Option<Duration>,
    /// Whether its life can be changed.
    pub(super) renewable: bool,
    /// How many requests it is good for, where that has an end.
    pub(super) uses: Option<u64>,
}

impl Token {
    pub(super) fn of(auth: Auth) -> Self {
        Self {
            revocable: auth.token_type.as_deref() != Some("batch"),
            accessor: auth.accessor.filter(|accessor| !accessor.is_empty()),
            life: auth.lease_duration.filter(|seconds| *seconds > 0).map(Duration::from_secs),
            renewable: auth.renewable.unwrap_or(false),
            uses: auth.num_uses.filter(|uses| *uses > 0),
            value: Secret::new(auth.client_token.into_bytes()),
        }
    }
}
