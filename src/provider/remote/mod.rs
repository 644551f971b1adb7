//! What backends behind a network share: the way to them, how many requests go at once, and what ends and is got again.
//!
//! In builds with such a backend only. Knows none of them.

pub(super) mod certificates;
pub(super) mod held;
#[cfg_attr(
    not(any(
        feature = "provider-1password",
        feature = "provider-aws",
        feature = "provider-gcp",
        feature = "provider-vault"
    )),
    allow(dead_code, reason = "each backend has its own use of it")
)]
pub(super) mod lanes;
#[cfg(any(feature = "provider-aws", feature = "provider-gcp", feature = "provider-vault"))]
pub(super) mod warm_up;
pub(super) mod way;
