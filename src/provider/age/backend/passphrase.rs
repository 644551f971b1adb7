//! The passphrase in `passphrase_file`, and how much work it may cost.
//!
//! Invariants: read once per batch, when something first asks for it; exactly one newline at its end (LF or
//! CRLF) is not part of it, since editors and `echo` put one there; nobody is ever asked to type.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use age::secrecy::SecretString;

use crate::hint::said;
use crate::provider::local_file::{Reader, quoted};
use crate::provider::{Failure, FailureKind};

/// The highest scrypt work factor by default. `age` writes 18 (256 MiB, about a second), `rage` what takes a
/// second on the machine that encrypts, 18 to 20 today. 20 takes 1 GiB, which the smallest containers do not
/// have, and each step more doubles it: a file from elsewhere must not be able to ask for that.
pub(super) const DEFAULT_WORK_FACTOR: u8 = 20;

/// The largest passphrase file, in bytes.
const LIMIT: u64 = 64 << 10;

/// Where the passphrase is, and how much work it may cost.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) file: Option<PathBuf>,
    pub(super) max_work_factor: u8,
}

/// A passphrase that is read when it is needed.
pub(super) struct Passphrase<'a> {
    settings: &'a Settings,
    reader: Reader<'a>,
    read: OnceCell<Result<SecretString, Failure>>,
}

impl<'a> Passphrase<'a> {
    pub(super) fn new(settings: &'a Settings, reader: Reader<'a>) -> Self {
        Self { settings, reader, read: OnceCell::new() }
    }

    /// The passphrase for `subject`, which cannot be had without one.
    pub(super) fn for_subject(&self, subject: &str) -> Result<SecretString, Failure> {
        let file = self.settings.file.as_deref().ok_or_else(|| missing(subject))?;
        self.read.get_or_init(|| read(file, self.reader)).clone()
    }

    /// The same, as the identity that opens files encrypted with it.
    pub(super) fn identity(&self, subject: &str) -> Result<age::scrypt::Identity, Failure> {
        let mut identity = age::scrypt::Identity::new(self.for_subject(subject)?);
        identity.set_max_work_factor(self.settings.max_work_factor);
        Ok(identity)
    }
}

fn missing(subject: &str) -> Failure {
    Failure {
        kind: FailureKind::Misconfigured,
        cause: format!("{subject} is encrypted with a passphrase, and no `passphrase_file` is set"),
        hint: said("set `passphrase_file = \"/run/secrets/passphrase\"` under `[providers.age]`"),
    }
}

fn read(file: &Path, reader: Reader<'_>) -> Result<SecretString, Failure> {
    let content = reader.try_credential(file, LIMIT).map_err(|unreadable| unreadable.failure(file))?;
    let malformed = |fault: &str| Failure {
        kind: FailureKind::Malformed,
        cause: format!("{} {fault}", quoted(file)),
        hint: None,
    };
    let text = content.expose_text().ok_or_else(|| malformed("is not UTF-8, so it is no passphrase"))?;
    match without_newline(text) {
        "" => Err(malformed("is empty, so it is no passphrase")),
        passphrase => Ok(passphrase.into()),
    }
}

fn without_newline(text: &str) -> &str {
    text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use age::secrecy::ExposeSecret;

    use super::*;
    use crate::provider::Ask;
    use crate::provider::fixture::Fixture;
    use crate::provider::local_file::Places;

    fn of_file(content: &[u8]) -> Result<SecretString, Failure> {
        let fixture = Fixture::new();
        read(&fixture.file("passphrase", content), Places::of(&fixture).reader(&Ask::default()))
    }

    #[test]
    fn exactly_one_newline_at_the_end_is_not_part_of_it() {
        let cases =
            [("p", "p"), ("p\n", "p"), ("p\r\n", "p"), ("p\n\n", "p\n"), ("p ", "p "), ("p\n\r\n", "p\n")];
        for (content, passphrase) in cases {
            assert_eq!(of_file(content.as_bytes()).unwrap().expose_secret(), passphrase, "{content:?}");
        }
    }

    #[test]
    fn an_empty_or_binary_file_is_no_passphrase() {
        for content in [&b""[..], b"\n", b"\xff"] {
            assert_eq!(of_file(content).unwrap_err().kind, FailureKind::Malformed, "{content:?}");
        }
    }

    #[test]
    fn none_configured_says_what_to_set() {
        let settings = Settings { file: None, max_work_factor: 20 };
        let places = Places::of(&Fixture::new());
        let failure =
            Passphrase::new(&settings, places.reader(&Ask::default())).for_subject("`x.age`").unwrap_err();
        assert_eq!(failure.cause, "`x.age` is encrypted with a passphrase, and no `passphrase_file` is set");
    }
}
