//! `KEY=value` lines in six dialects, since the programs that read such files have no grammar in common.
//!
//! One writer per dialect. What each reader does was measured (docs/decisions/output.md) and is asked again by
//! `make dialects`. Invariant: what is written is read back byte for byte by every reader that the dialect is for,
//! and what does not fit is refused, by name and reason; names are checked too (`name.rs`). Only a file of the dialects
//! `compose` and `docker` may do anything but set variables when a shell sources it.

pub(super) mod common;
mod compose;
mod docker;
pub(super) mod name;
mod portable;
pub(super) mod sh;
mod systemd;

use crate::secret::Secret;

use super::{Item, Unencodable};
pub use name::is_a_shells_own;

/// Who is to read the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Every parser that knows quotes; shells too.
    Common,
    /// Compose's `env_file`.
    Compose,
    /// `--env-file` of docker and podman, `--from-env-file` of kubectl: no quotes at all.
    Docker,
    /// POSIX shells, sourcing it.
    Sh,
    /// systemd's `EnvironmentFile=`.
    Systemd,
    /// All of these.
    Portable,
}

/// What a value cannot be written for: lower case, no full stop, no part of the value.
type Reason = &'static str;

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Common, Self::Compose, Self::Docker, Self::Sh, Self::Systemd, Self::Portable];

    /// Its word, on the command line and in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Common => "common",
            Self::Compose => "compose",
            Self::Docker => "docker",
            Self::Sh => "sh",
            Self::Systemd => "systemd",
            Self::Portable => "portable",
        }
    }

    /// All of them by their words.
    pub fn words() -> [(&'static str, Self); 6] {
        Self::ALL.map(|dialect| (dialect.word(), dialect))
    }

    /// What names its readers take.
    fn names(self) -> fn(&str) -> Result<(), Reason> {
        match self {
            Self::Common | Self::Sh | Self::Portable => name::for_shells,
            Self::Compose => name::for_compose,
            Self::Docker => name::for_docker,
            Self::Systemd => name::for_systemd,
        }
    }

    /// What puts a value behind the `=`.
    fn writer(self) -> fn(&[u8], &mut Vec<u8>) -> Result<(), Reason> {
        match self {
            Self::Common => common::write,
            Self::Compose => compose::write,
            Self::Docker => docker::write,
            Self::Sh => sh::write,
            Self::Systemd => systemd::write,
            Self::Portable => portable::write,
        }
    }

    /// How long a line may be, in bytes.
    fn line_limit(self) -> usize {
        match self {
            Self::Docker | Self::Portable => docker::LINE_LIMIT,
            _ => usize::MAX,
        }
    }
}

/// A line for each item, or a refusal for each that does not fit.
pub fn encode(items: &[Item], dialect: Dialect) -> Result<Secret, Vec<Unencodable>> {
    super::lines(items, |item, content| {
        let start = content.len();
        dialect.names()(&item.name)?;
        content.extend_from_slice(item.name.as_bytes());
        content.push(b'=');
        dialect.writer()(item.value.expose(), content)?;
        if content.len() - start > dialect.line_limit() {
            return Err("its line is longer than the 65535 bytes that docker, podman and kubectl read");
        }
        content.push(b'\n');
        Ok(())
    })
}

/// The dialects that carry all of these items.
pub fn carriers(items: &[Item]) -> Vec<Dialect> {
    Dialect::ALL.into_iter().filter(|dialect| encode(items, *dialect).is_ok()).collect()
}

/// A value as text without NUL, which is what every environment and most parsers take.
fn text(value: &[u8]) -> Result<&str, Reason> {
    without_nul(value)?;
    std::str::from_utf8(value).map_err(|_| "its value is not UTF-8")
}

/// A value that can be in an environment.
pub(super) fn without_nul(value: &[u8]) -> Result<(), Reason> {
    if value.contains(&0) { Err("its value has a NUL, which no environment can hold") } else { Ok(()) }
}

/// A value in quotes, the bytes of `escaped`, all ASCII, behind a backslash.
pub(super) fn quote(value: &[u8], quote: u8, escaped: &[u8], to: &mut Vec<u8>) {
    to.push(quote);
    for &byte in value {
        if escaped.contains(&byte) {
            to.push(b'\\');
        }
        to.push(byte);
    }
    to.push(quote);
}

/// What Unicode keeps for programs themselves: systemd drops a variable that has one.
fn is_noncharacter(character: char) -> bool {
    let code = u32::from(character);
    (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(name: &str, value: &[u8]) -> Item {
        Item { name: name.to_owned(), value: Secret::new(value.to_vec()) }
    }

    /// The line of one value, or the reason of its refusal.
    fn line(value: &[u8], dialect: Dialect) -> String {
        match encode(&[item("K", value)], dialect) {
            Ok(text) => String::from_utf8_lossy(text.expose()).into_owned(),
            Err(refusals) => refusals[0].reason.clone(),
        }
    }

    #[test]
    fn every_dialect_has_its_own_form() {
        use Dialect::{Common, Compose, Docker, Sh, Systemd};
        for (value, dialect, expected) in [
            ("it's $5", Compose, "K='it\\'s $5'\n"),
            ("it's $5", Docker, "K=it's $5\n"),
            ("it's $5", Sh, "K='it'\\''s $5'\n"),
            ("it's $5", Systemd, "K=\"it's \\$5\"\n"),
            ("a b", Common, "K='a b'\n"),
            ("a b", Docker, "K=a b\n"),
            ("a b", Sh, "K='a b'\n"),
            ("${HOME}", Compose, "K=\"\\${HOME}\"\n"),
            ("a\\\\b", Compose, "K=\"a\\\\\\\\b\"\n"),
            ("a\r\nb", Compose, "K=\"a\\r\nb\"\n"),
            ("a\r\nb", Systemd, "K=\"a\r\nb\"\n"),
            ("a\\", Sh, "K='a\\'\n"),
            ("`\\\"$", Systemd, "K=\"\\`\\\\\\\"\\$\"\n"),
        ] {
            assert_eq!(line(value.as_bytes(), dialect), expected, "{value:?} for {dialect:?}");
        }
    }

    #[test]
    fn what_stands_bare_is_the_same_in_all_of_them() {
        for value in ["", "plain-1.2/3:x=y", "é"] {
            for dialect in Dialect::ALL {
                let quoted = dialect == Dialect::Sh && !value.is_ascii();
                let expected = if quoted { format!("K='{value}'\n") } else { format!("K={value}\n") };
                assert_eq!(line(value.as_bytes(), dialect), expected, "{dialect:?}");
            }
        }
    }

    #[test]
    fn bytes_fit_a_shell_only_and_nul_fits_nothing() {
        for dialect in Dialect::ALL {
            assert!(encode(&[item("K", b"a\0b")], dialect).is_err(), "{dialect:?}");
            assert_eq!(encode(&[item("K", b"\xff")], dialect).is_ok(), dialect == Dialect::Sh);
        }
    }

    #[test]
    fn a_line_of_64_kib_is_too_long_for_docker_and_so_for_all_together() {
        for (length, fits) in [(65_533, true), (65_534, false)] {
            let items = [item("K", "a".repeat(length).as_bytes())];
            for dialect in Dialect::ALL {
                let has_limit = matches!(dialect, Dialect::Docker | Dialect::Portable);
                assert_eq!(encode(&items, dialect).is_ok(), fits || !has_limit, "{length} {dialect:?}");
            }
        }
    }

    #[test]
    fn the_dialects_that_carry_everything_are_known() {
        use Dialect::{Common, Compose, Docker, Portable, Sh, Systemd};
        assert_eq!(carriers(&[item("K", b"it's $5")]), [Compose, Docker, Sh, Systemd]);
        assert_eq!(carriers(&[item("K", b"it's $5"), item("L", b"\n")]), [Compose, Sh, Systemd]);
        assert_eq!(carriers(&[item("with-dash", b"")]), [Compose, Docker]);
        assert_eq!(carriers(&[item("UID", b"1")]), [Compose, Docker, Systemd]);
        assert_eq!(carriers(&[item("K", b"\0")]), []);
        assert_eq!(carriers(&[]), [Common, Compose, Docker, Sh, Systemd, Portable]);
    }
}
