//! What an identity file holds: age's own identities line by line, an SSH private key, or either of them
//! encrypted with a passphrase.
//!
//! Invariants: a file is taken whole or refused, with the number of the line and never a byte of it. No age
//! plugin is run, and nobody is asked for a passphrase.

use age::secrecy::SecretString;
use age::ssh::UnsupportedKey;
use age::{DecryptError, x25519};
use thiserror::Error;

use super::hybrid;
use super::passphrase::Passphrase;
use super::sealed::{Sealed, looks_sealed};
use crate::provider::{Failure, FailureKind};
use crate::secret::Secret;

/// A private key that may open a file.
pub(super) type Key = Box<dyn age::Identity>;

const OPENSSH: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
const PEM_RSA: &str = "-----BEGIN RSA PRIVATE KEY-----";

/// What is wrong with an identity file. `Display` continues a sentence that begins with its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
enum Fault {
    #[error("holds no identity: it is not text")]
    Binary,
    #[error("holds no identity")]
    Empty,
    #[error("has something on line {0} that is no identity")]
    Line(usize),
    #[error("has a recipient, which is public, on line {0} where an identity belongs")]
    Recipient(usize),
    #[error("has an identity on line {0} that needs an age plugin, which kz does not run")]
    Plugin(usize),
    #[error("is encrypted, but not with a passphrase")]
    Nested,
    #[error("holds a damaged SSH private key")]
    Ssh,
    #[error(
        "holds a private key of a kind that age does not use: of SSH keys it takes ssh-ed25519 and ssh-rsa"
    )]
    Foreign,
    #[error("holds an SSH private key that is encrypted in a way that kz does not know")]
    Cipher,
    #[error("holds an SSH private key that is protected by another passphrase")]
    Passphrase,
}

impl Fault {
    fn failure(self, subject: &str) -> Failure {
        let kind = match self {
            Self::Passphrase => FailureKind::Denied,
            _ => FailureKind::Malformed,
        };
        Failure { kind, cause: format!("{subject} {self}"), hint: self.hint().map(Into::into) }
    }

    fn hint(self) -> Option<&'static str> {
        match self {
            Self::Empty | Self::Line(_) | Self::Recipient(_) => {
                Some("`age-keygen -o FILE` writes an identity: the line that begins with `AGE-SECRET-KEY-1`")
            }
            Self::Cipher => Some("`ssh-keygen -p -f FILE` writes the key again, in today's format"),
            Self::Foreign => Some("`age-keygen -o FILE` writes an identity that needs no SSH key"),
            _ => None,
        }
    }
}

/// The identities in `content`; `subject` names it in words. At least one.
pub(super) fn parse(
    content: &Secret,
    subject: &str,
    passphrase: &Passphrase<'_>,
) -> Result<Vec<Key>, Failure> {
    if looks_sealed(content.expose()) {
        let content = unseal(content, subject, passphrase)?;
        return parse_plain(&content, subject, passphrase);
    }
    parse_plain(content, subject, passphrase)
}

fn unseal(content: &Secret, subject: &str, passphrase: &Passphrase<'_>) -> Result<Secret, Failure> {
    let sealed = Sealed::parse(content.expose()).map_err(|refusal| refusal.failure(subject))?;
    if !sealed.wants_passphrase() {
        return Err(Fault::Nested.failure(subject));
    }
    let identity = passphrase.identity(subject)?;
    sealed.open(std::iter::once(&identity as _)).map_err(|refusal| refusal.failure(subject))
}

fn parse_plain(content: &Secret, subject: &str, passphrase: &Passphrase<'_>) -> Result<Vec<Key>, Failure> {
    let text = content.expose_text().ok_or_else(|| Fault::Binary.failure(subject))?;
    if text.trim_start().starts_with("-----BEGIN ") {
        return Ok(vec![ssh(text.trim_start(), subject, passphrase)?]);
    }
    native(text).map_err(|fault| fault.failure(subject))
}

/// Identities of age's own, one a line, between comments and empty lines.
fn native(text: &str) -> Result<Vec<Key>, Fault> {
    let lines = text.lines().map(str::trim).zip(1..);
    let identities = lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
    let held: Vec<Key> =
        identities.map(|(line, number)| native_line(line, number)).collect::<Result<_, _>>()?;
    if held.is_empty() { Err(Fault::Empty) } else { Ok(held) }
}

fn native_line(line: &str, number: usize) -> Result<Key, Fault> {
    if line.starts_with(hybrid::PREFIX) {
        let identity = hybrid::Identity::parse(line).ok_or(Fault::Line(number))?;
        return Ok(Box::new(identity));
    }
    match line.parse::<x25519::Identity>() {
        Ok(identity) => Ok(Box::new(identity)),
        Err(_) if line.starts_with("AGE-PLUGIN-") => Err(Fault::Plugin(number)),
        Err(_) if line.starts_with("age1") || line.starts_with("ssh-") => Err(Fault::Recipient(number)),
        Err(_) => Err(Fault::Line(number)),
    }
}

fn ssh(text: &str, subject: &str, passphrase: &Passphrase<'_>) -> Result<Key, Failure> {
    if !text.starts_with(OPENSSH) && !text.starts_with(PEM_RSA) {
        return Err(Fault::Foreign.failure(subject));
    }
    match age::ssh::Identity::from_buffer(text.as_bytes(), None) {
        Ok(key @ age::ssh::Identity::Unencrypted(_)) => Ok(Box::new(key)),
        Ok(age::ssh::Identity::Encrypted(key)) => {
            let decrypt = |passphrase: SecretString| key.decrypt(passphrase);
            let key = decrypt(protected(subject, passphrase)?);
            key.map(|key| -> Key { Box::new(age::ssh::Identity::from(key)) })
                .map_err(|error| undecrypted(&error).failure(subject))
        }
        Ok(age::ssh::Identity::Unsupported(key)) => Err(unsupported(&key).failure(subject)),
        Err(_) => Err(Fault::Ssh.failure(subject)),
    }
}

/// The passphrase of an SSH key, which can also be taken off it.
fn protected(subject: &str, passphrase: &Passphrase<'_>) -> Result<SecretString, Failure> {
    passphrase.for_subject(subject).map_err(|failure| Failure {
        hint: failure.hint.map(|hint| {
            hint.map(|text| format!("{text}, or take it off a copy: `ssh-keygen -p -N '' -f COPY`"))
        }),
        ..failure
    })
}

/// A wrong passphrase shows as a key that makes no sense.
fn undecrypted(error: &DecryptError) -> Fault {
    match error {
        DecryptError::KeyDecryptionFailed => Fault::Passphrase,
        _ => Fault::Ssh,
    }
}

fn unsupported(key: &UnsupportedKey) -> Fault {
    match key {
        UnsupportedKey::EncryptedPem | UnsupportedKey::EncryptedSsh(_) => Fault::Cipher,
        UnsupportedKey::Hardware(_) | UnsupportedKey::Type(_) => Fault::Foreign,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Ask;
    use crate::provider::age::backend::passphrase::Settings;
    use crate::provider::fixture::Fixture;
    use crate::provider::local_file::Places;

    const IDENTITY: &str = "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0";
    const HYBRID: &str = "AGE-SECRET-KEY-PQ-1HZLGZUPT4ETPKDEV8HSGFDCYZ4E522W0A7PU2LHT8EH9W6YLNC3SW78XKG";

    fn parsed(content: &str) -> Result<usize, Failure> {
        let settings = Settings { file: None, max_work_factor: 20 };
        let places = Places::of(&Fixture::new());
        let content = Secret::new(content.as_bytes().to_vec());
        parse(&content, "`key`", &Passphrase::new(&settings, places.reader(&Ask::default())))
            .map(|held| held.len())
    }

    #[test]
    fn several_identities_stand_between_comments_and_empty_lines() {
        let file = format!("# created: today\n# public key: age1x\n\n{IDENTITY}\n  {HYBRID}  \n{IDENTITY}");
        assert_eq!(parsed(&file), Ok(3));
        assert_eq!(parsed(&file.replace('\n', "\r\n")), Ok(3));
    }

    #[test]
    fn what_is_no_identity_is_named_by_its_line_and_never_quoted() {
        let cases = [
            ("# only a comment\n", "`key` holds no identity"),
            ("\u{0}", "`key` has something on line 1 that is no identity"),
            ("#\nhunter2\n", "`key` has something on line 2 that is no identity"),
            ("age1qqqq\n", "`key` has a recipient, which is public, on line 1 where an identity belongs"),
            (
                "AGE-PLUGIN-YUBIKEY-1QQ",
                "`key` has an identity on line 1 that needs an age plugin, which kz does not run",
            ),
            ("-----BEGIN OPENSSH PRIVATE KEY-----\n%%%\n", "`key` holds a damaged SSH private key"),
        ];
        for (content, cause) in cases {
            assert_eq!(parsed(content).unwrap_err().cause, cause);
        }
    }

    #[test]
    fn a_changed_character_is_caught_by_the_checksum() {
        assert!(parsed(&IDENTITY.replace("LM0", "LM9")).is_err());
        assert!(parsed(&HYBRID.replace("XKG", "XKQ")).is_err());
    }

    #[test]
    fn a_key_for_tls_is_not_taken_for_an_ssh_key() {
        let failure = parsed("-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----\n").unwrap_err();
        assert!(failure.cause.contains("ssh-ed25519"), "{failure:?}");
    }

    #[test]
    fn a_file_encrypted_to_another_identity_is_not_followed() {
        let recipient = x25519::Identity::generate().to_public();
        let armored = age::encrypt_and_armor(&recipient, IDENTITY.as_bytes()).unwrap();
        assert_eq!(parsed(&armored).unwrap_err().cause, "`key` is encrypted, but not with a passphrase");
    }
}
