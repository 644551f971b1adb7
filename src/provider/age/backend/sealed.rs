//! One encrypted file, in memory: what it asks for, and its plaintext.
//!
//! Invariant: the plaintext is released whole, after its last chunk was authenticated, or not at all. What the
//! age crate says is translated here by case, and never printed: its texts come from a translation catalogue
//! that would be loaded for them.

use std::borrow::Cow;
use std::io::{Cursor, Read};

use age::armor::ArmoredReader;
use age::{DecryptError, Decryptor, Identity};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::provider::{Failure, FailureKind};
use crate::reading::unmarked;
use crate::secret::Secret;

const BINARY: &[u8] = b"age-encryption.org/";
const ARMOR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";

/// Why there is no plaintext. `Display` continues a sentence that begins with the file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum DecryptionError {
    #[error("is not an age file: it begins neither with `age-encryption.org/` nor with age's armor")]
    NotAge,
    #[error("has a version of the age format that kz does not know")]
    Version,
    #[error("has damaged armor")]
    Armor,
    #[error("is empty")]
    Empty,
    #[error("has a damaged header")]
    Header,
    #[error("has an altered header: its authentication code is wrong")]
    Altered,
    #[error("has a damaged payload: it was cut short, extended or altered")]
    Payload,
    #[error("asks for the scrypt work factor {0}, which takes {memory} of memory", memory = memory(*.0))]
    Work(u8),
    #[error("is encrypted with another passphrase")]
    Passphrase,
    #[error("is not encrypted to the given identities")]
    NoMatch,
}

/// What scrypt takes at a work factor: 128 · 8 · 2^factor bytes (RFC 7914, with the r = 8 of age).
fn memory(factor: u8) -> String {
    match factor {
        0..20 => format!("{} KiB", 1_u64 << factor),
        20..63 => format!("{} GiB", 1_u64 << (factor - 20)),
        _ => "an impossible amount".into(),
    }
}

impl DecryptionError {
    /// As the failure of the file that `subject` names.
    pub(super) fn failure(self, subject: &str) -> Failure {
        let kind = match self {
            Self::Passphrase | Self::NoMatch => FailureKind::Denied,
            _ => FailureKind::Malformed,
        };
        Failure { kind, cause: format!("{subject} {self}"), hint: self.hint().map(Into::into) }
    }

    fn hint(self) -> Option<&'static str> {
        match self {
            Self::NotAge | Self::Empty => Some("encrypt it: `age -r RECIPIENT -o FILE.age FILE`"),
            Self::Armor | Self::Header | Self::Altered | Self::Payload => {
                Some("encrypt it again, or fetch it again: Git can change line ends of binary files")
            }
            Self::Work(_) => Some("raise `max_work_factor` in the provider's section, or encrypt it again"),
            Self::Passphrase => Some("exactly one newline at the end of `passphrase_file` is ignored"),
            Self::Version | Self::NoMatch => None,
        }
    }
}

/// Whether these bytes are meant to be an age file.
pub(super) fn looks_sealed(content: &[u8]) -> bool {
    content.starts_with(BINARY) || armored(content).is_some()
}

/// The armor, which is text: white space and a byte order mark before it are no part of it.
fn armored(content: &[u8]) -> Option<&[u8]> {
    Some(unmarked(content).trim_ascii_start()).filter(|text| text.starts_with(ARMOR))
}

/// An encrypted file whose header was read, but not yet authenticated.
pub(super) struct Sealed<'a> {
    decryptor: Decryptor<Cursor<Cow<'a, [u8]>>>,
    /// No plaintext is longer, so a buffer of this size never moves.
    length: usize,
}

impl<'a> Sealed<'a> {
    /// Reads the header, behind armor or not.
    pub(super) fn parse(content: &'a [u8]) -> Result<Self, DecryptionError> {
        let binary = match content {
            [] => return Err(DecryptionError::Empty),
            _ if content.starts_with(BINARY) => Cow::Borrowed(content),
            _ => Cow::Owned(without_armor(armored(content).ok_or(DecryptionError::NotAge)?)?),
        };
        if !stanzas_are_closed(&binary) {
            return Err(DecryptionError::Header);
        }
        let length = binary.len();
        let decryptor = Decryptor::new_buffered(Cursor::new(binary)).map_err(|error| unparsed(&error))?;
        Ok(Self { decryptor, length })
    }

    /// Whether it takes a passphrase rather than an identity.
    pub(super) fn wants_passphrase(&self) -> bool {
        self.decryptor.is_scrypt()
    }

    /// The whole plaintext, by the first of the identities that fits.
    pub(super) fn open<'i>(
        self,
        identities: impl Iterator<Item = &'i dyn Identity>,
    ) -> Result<Secret, DecryptionError> {
        let by_passphrase = self.wants_passphrase();
        let mut plaintext = Zeroizing::new(Vec::with_capacity(self.length));
        let opened = self.decryptor.decrypt(identities).map_err(|error| unopened(&error, by_passphrase));
        opened?.read_to_end(&mut plaintext).map_err(|_| DecryptionError::Payload)?;
        Ok(Secret::new(std::mem::take(&mut *plaintext)))
    }
}

fn without_armor(content: &[u8]) -> Result<Vec<u8>, DecryptionError> {
    let mut binary = Vec::with_capacity(content.len());
    ArmoredReader::new(content).read_to_end(&mut binary).map_err(|_| DecryptionError::Armor)?;
    Ok(binary)
}

/// Whether every stanza of the header ends in a line shorter than 64 columns, as c2sp.org/age demands. The age
/// crate, for the sake of files of its first betas, also takes those that stop at a full line.
fn stanzas_are_closed(binary: &[u8]) -> bool {
    let mut open = false;
    for line in binary.split(|&byte| byte == b'\n') {
        match line {
            _ if line.starts_with(b"---") => return !open,
            _ if line.starts_with(b"-> ") && open => return false,
            _ if line.starts_with(b"-> ") => open = true,
            _ => open = open && line.len() >= 64,
        }
    }
    // There is no end of a header: the parser says what is wrong with it.
    true
}

fn unparsed(error: &DecryptError) -> DecryptionError {
    match error {
        DecryptError::UnknownFormat => DecryptionError::Version,
        _ => DecryptionError::Header,
    }
}

fn unopened(error: &DecryptError, by_passphrase: bool) -> DecryptionError {
    match error {
        DecryptError::NoMatchingKeys => DecryptionError::NoMatch,
        DecryptError::DecryptionFailed if by_passphrase => DecryptionError::Passphrase,
        DecryptError::InvalidMac => DecryptionError::Altered,
        DecryptError::ExcessiveWork { required, .. } => DecryptionError::Work(*required),
        _ => DecryptionError::Header,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(plaintext: &[u8]) -> (age::x25519::Identity, Vec<u8>) {
        let identity = age::x25519::Identity::generate();
        let sealed = age::encrypt(&identity.to_public(), plaintext).unwrap();
        (identity, sealed)
    }

    fn open(content: &[u8], identity: &dyn Identity) -> Result<Secret, DecryptionError> {
        Sealed::parse(content)?.open(std::iter::once(identity))
    }

    #[test]
    fn every_truncation_is_refused_whole() {
        let (identity, content) = sealed(&vec![7; 70_000]);
        assert!(open(&content, &identity).is_ok());
        let ends = (0..400).chain((400..content.len()).step_by(997)).chain(content.len() - 20..content.len());
        for end in ends {
            assert!(open(&content[..end], &identity).is_err(), "{end} bytes");
        }
    }

    #[test]
    fn a_byte_more_at_the_end_is_a_damaged_payload() {
        let (identity, mut content) = sealed(b"value");
        content.push(b'\n');
        assert_eq!(open(&content, &identity), Err(DecryptionError::Payload));
    }

    #[test]
    fn a_byte_order_mark_before_a_binary_file_is_damage() {
        let (identity, content) = sealed(b"value");
        let marked = [b"\xef\xbb\xbf".as_slice(), &content].concat();
        assert_eq!(open(&marked, &identity), Err(DecryptionError::NotAge));
    }

    #[test]
    fn a_flipped_bit_anywhere_is_refused() {
        let (identity, content) = sealed(b"value");
        for index in 0..content.len() {
            let mut flipped = content.clone();
            flipped[index] ^= 1;
            assert!(open(&flipped, &identity).is_err(), "byte {index}");
        }
    }

    #[test]
    fn armor_that_is_not_utf8_is_damaged_armor() {
        let identity = age::x25519::Identity::generate();
        let mut armored = age::encrypt_and_armor(&identity.to_public(), b"value").unwrap().into_bytes();
        assert!(open(&armored, &identity).is_ok());
        let marked = [b"\xef\xbb\xbf".as_slice(), &armored].concat();
        assert_eq!(open(&marked, &identity).unwrap().expose(), b"value");
        armored[50] = 0xff;
        assert_eq!(open(&armored, &identity), Err(DecryptionError::Armor));
    }

    #[test]
    fn a_stanza_without_its_short_last_line_is_a_damaged_header() {
        let full = "A".repeat(64);
        assert!(stanzas_are_closed(format!("v1\n-> X a\n{full}\n\n-> Y b\nAA\n--- mac\n").as_bytes()));
        assert!(!stanzas_are_closed(format!("v1\n-> X a\n{full}\n-> Y b\nAA\n--- mac\n").as_bytes()));
        assert!(!stanzas_are_closed(format!("v1\n-> X a\n{full}\n--- mac\n").as_bytes()));
        assert!(!stanzas_are_closed(b"v1\n-> X a\n--- mac\n"));
    }

    #[test]
    fn anything_else_is_not_an_age_file() {
        let (identity, _) = sealed(b"");
        for content in [&b"A=1\n"[..], b"-----BEGIN PGP MESSAGE-----\n", b"age", &[0; 4096]] {
            assert_eq!(open(content, &identity), Err(DecryptionError::NotAge), "{content:?}");
            assert!(!looks_sealed(content));
        }
    }

    #[test]
    fn the_memory_of_a_work_factor_is_said_in_words() {
        assert_eq!(memory(10), "1024 KiB");
        assert_eq!(memory(23), "8 GiB");
        assert_eq!(memory(255), "an impossible amount");
    }
}
