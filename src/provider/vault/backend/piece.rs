//! One piece of a credential: a token, an id, a password; in a file, in a variable, or written down.
//!
//! Invariants: white space around it is not part of it, since editors and `echo` end files in a newline; any
//! other control character is refused, because it could not be sent and tells of the wrong file; nothing of a
//! piece is in a message but where it comes from.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::hint::said;
use crate::provider::local_file::{Reader, quoted};
use crate::provider::{Failure, FailureKind};
use crate::secret::Secret;

/// Tokens of identity providers reach some kilobytes.
const LIMIT: u64 = 256 << 10;

/// Where the kubelet puts the token of a pod's service account.
pub(super) const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// Where a piece is.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    /// In a file.
    File(PathBuf),
    /// In a variable.
    Variable(&'static str, Secret),
    /// In the configuration, where it is no secret.
    Written(String),
}

impl fmt::Display for Piece {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => formatter.write_str(&quoted(path)),
            Self::Variable(name, _) => formatter.write_str(name),
            Self::Written(_) => formatter.write_str("the configuration"),
        }
    }
}

impl Piece {
    /// The piece itself, which is a token or an id: neither has quotation marks, and a password may.
    pub(super) fn read_bare(&self, reader: Reader<'_>) -> Result<Secret, Failure> {
        let piece = self.read(reader)?;
        let is_quoted = ['"', '\''].iter().any(|quote| {
            let inner = in_text(&piece);
            inner.len() > 1 && inner.starts_with(*quote) && inner.ends_with(*quote)
        });
        if !is_quoted {
            return Ok(piece);
        }
        Err(Failure {
            kind: FailureKind::Misconfigured,
            cause: format!("the credential in {self} has quotation marks of its own"),
            hint: said(match self {
                Self::Variable(..) => {
                    "write it without them, as in `NAME=value`: an env file, and `- NAME=\"…\"` in a list, may keep them"
                }
                Self::File(_) | Self::Written(_) => "write the credential alone, without them",
            }),
        })
    }

    /// The piece itself.
    pub(super) fn read(&self, reader: Reader<'_>) -> Result<Secret, Failure> {
        let raw = match self {
            Self::File(path) => {
                reader.credential(path, LIMIT).map_err(|failure| without_account(path, failure))?
            }
            Self::Variable(_, value) => value.clone(),
            Self::Written(text) => Secret::new(text.clone().into_bytes()),
        };
        self.trim(&raw)
    }

    fn trim(&self, raw: &Secret) -> Result<Secret, Failure> {
        let bytes = raw.expose().trim_ascii();
        let fault = match std::str::from_utf8(bytes) {
            Err(_) => "is not text",
            Ok("") => "is empty",
            Ok(text) if text.chars().any(char::is_control) => "has a control character inside",
            Ok(_) => return Ok(Secret::new(bytes.to_vec())),
        };
        Err(Failure {
            kind: FailureKind::Misconfigured,
            cause: format!("the credential in {self} {fault}"),
            hint: said("it takes the credential alone, on one line"),
        })
    }
}

/// A piece that was checked to be text when it was read.
pub(super) fn in_text(secret: &Secret) -> String {
    secret.expose_text().unwrap_or_default().to_owned()
}

/// The failure of the token that the kubelet puts into each pod, and into nothing else.
fn without_account(path: &Path, failure: Failure) -> Failure {
    let is_missing = path == Path::new(SERVICE_ACCOUNT) && failure.kind == FailureKind::Misconfigured;
    let hint = is_missing.then(|| {
        "a pod has it unless it or its service account says `automountServiceAccountToken: false`; name another token's file with \
         `token_file = \"…\"` in `auth`"
            .into()
    });
    Failure { hint: failure.hint.or(hint), ..failure }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Ask;
    use crate::provider::fixture::Fixture;
    use crate::provider::local_file::Places;

    #[test]
    fn white_space_around_a_piece_is_not_part_of_it() {
        let fixture = Fixture::new();
        let path = fixture.file("token", b" hvs.x y\r\n\n");
        let piece = Piece::File(path).read(Places::of(&fixture).reader(&Ask::default())).unwrap();
        assert_eq!(piece.expose(), b"hvs.x y");
    }

    #[test]
    fn a_token_has_no_quotation_marks_and_a_password_may() {
        let fixture = Fixture::new();
        for (content, is_bare) in
            [(&b"'hvs.x'"[..], false), (b"\"x\"\n", false), (b"'", true), (b"x'y", true)]
        {
            let piece = Piece::File(fixture.file("token", content));
            let reader = |ask| piece.read_bare(Places::of(&fixture).reader(ask));
            assert_eq!(reader(&Ask::default()).is_ok(), is_bare);
            assert!(piece.read(Places::of(&fixture).reader(&Ask::default())).is_ok());
        }
    }

    #[test]
    fn control_characters_emptiness_and_bytes_are_refused_without_being_shown() {
        let fixture = Fixture::new();
        for (content, fault) in [
            (
                b"a\nX-Vault-Namespace: b".as_slice(),
                "the credential in `FILE` has a control character inside",
            ),
            (b"a\0b", "the credential in `FILE` has a control character inside"),
            (b"\n", "the credential in `FILE` is empty"),
            (b"\xff", "the credential in `FILE` is not text"),
        ] {
            let path = fixture.file("token", content);
            let failure =
                Piece::File(path.clone()).read(Places::of(&fixture).reader(&Ask::default())).unwrap_err();
            assert_eq!(failure.cause.replace(path.to_str().unwrap(), "FILE"), fault);
            assert_eq!(failure.kind, FailureKind::Misconfigured);
        }
    }
}
