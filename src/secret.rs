//! A secret value in memory.
//!
//! Invariants: the bytes are wiped when the last owner drops them; there is no `Display` and no
//! `Serialize`, and `Debug` shows neither a byte nor the length. A value leaves through
//! [`Secret::expose`] alone, so `grep expose` lists every place where one can escape.

use std::fmt;

use zeroize::Zeroizing;

/// Bytes that must not be seen: any bytes, any length, not necessarily text.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over; the caller keeps no copy.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes themselves. Hand them to an encoder, a file or a process, never to a message.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The value as text, or `None` when it is not UTF-8.
    pub fn expose_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_neither_the_bytes_nor_their_number() {
        assert_eq!(format!("{:?}", Secret::new(b"hunter2".to_vec())), "Secret(***)");
    }
}
