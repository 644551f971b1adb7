//! Values in the forms that files hold. Pure: bytes in, bytes out.
//!
//! Invariant: a form either carries every value exactly or refuses, naming each secret that does not
//! fit and why; nothing is escaped approximately.

pub mod dotenv;
pub mod json;

use crate::secret::Secret;

/// A secret as it is delivered.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Secret,
}

/// A secret that does not fit a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its name.
    pub name: String,
    /// Why: lower case, no full stop, no part of the value.
    pub reason: String,
}
