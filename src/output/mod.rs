//! Values in the forms that files hold. Pure: bytes in, bytes out.
//!
//! Invariant: a form either carries every value exactly or refuses, naming each secret that does not
//! fit and why; nothing is escaped approximately.

pub mod dotenv;
pub mod env;
pub mod form;
pub mod json;
pub mod shell;

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
pub struct Unencodable {
    /// Its name.
    pub name: String,
    /// Why: lower case, no full stop, no part of the value.
    pub reason: String,
}

/// What `write` appends for each item, or the reasons of those that it refuses. What is written of one that is
/// refused stays, and is never seen.
fn lines(
    items: &[Item],
    write: impl Fn(&Item, &mut Vec<u8>) -> Result<(), &'static str>,
) -> Result<Secret, Vec<Unencodable>> {
    let mut content = Vec::new();
    let mut refusals = Vec::new();
    for item in items {
        if let Err(reason) = write(item, &mut content) {
            refusals.push(Unencodable { name: item.name.clone(), reason: reason.to_owned() });
        }
    }
    if refusals.is_empty() { Ok(Secret::new(content)) } else { Err(refusals) }
}
