//! Secret references: `op://vault/item/[section/]field[?attribute=…]`.
//!
//! Pure. What is right and what is not is what the vendor's own validator says (`validateSecretReference` of npm
//! `@1password/sdk`), case by case: `tests/it/data/onepassword-references.txt` holds its verdicts.

use thiserror::Error;

/// A reference in its parts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reference<'a> {
    /// Name or id.
    pub(super) vault: &'a str,
    /// Title or id.
    pub(super) item: &'a str,
    /// Label or id.
    pub(super) section: Option<&'a str>,
    /// Label or id of a field, or name or id of a file.
    pub(super) field: &'a str,
    /// What of it is meant.
    pub(super) part: Part,
}

/// What of a field is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// Its value, or a file's content.
    Value,
    /// The one-time password of the moment: `?attribute=otp`.
    OneTimePassword,
    /// A private key in OpenSSH's format: `?ssh-format=openssh`.
    OpenSsh,
}

/// Why a text is no reference. Continues a sentence that begins with "a 1Password ref".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum Invalid {
    #[error("begins with `op://`, in lower case: `op://VAULT/ITEM/FIELD`")]
    Scheme,
    #[error(
        "is `op://VAULT/ITEM/FIELD` or `op://VAULT/ITEM/SECTION/FIELD`, with `?attribute=otp` where wanted"
    )]
    Form,
    #[error("ends in `?attribute=otp` or `?ssh-format=openssh`, where it has a `?`")]
    Attribute,
    #[error(
        "cannot contain {0:?}: write the id instead of the name, as `op vault list` and `op item list` show it (names in refs have letters, digits, `_`, `.`, `-` and spaces)"
    )]
    Character(char),
}

/// Takes a reference apart.
pub(super) fn parse(text: &str) -> Result<Reference<'_>, Invalid> {
    let rest = text.strip_prefix("op://").ok_or(Invalid::Scheme)?;
    let (path, part) = match rest.split_once('?') {
        None => (rest, Part::Value),
        Some((path, query)) => (path, part(query)?),
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || "_.- ".contains(c);
    if let Some(character) = path.chars().find(|&c| !fits(c) && c != '/') {
        return Err(Invalid::Character(character));
    }
    let segments: Vec<&str> = path.split('/').collect();
    match segments[..] {
        [vault, item, field] => Ok(Reference { vault, item, section: None, field, part }),
        [vault, item, section, field] => {
            // The vendor lets an empty section stand for none.
            let section = Some(section).filter(|section| !section.is_empty());
            Ok(Reference { vault, item, section, field, part })
        }
        _ => Err(Invalid::Form),
    }
}

fn part(query: &str) -> Result<Part, Invalid> {
    match query.split('=').collect::<Vec<_>>()[..] {
        ["attribute", "otp" | "totp"] => Ok(Part::OneTimePassword),
        ["ssh-format", "openssh"] => Ok(Part::OpenSsh),
        [_, _] => Err(Invalid::Attribute),
        _ => Err(Invalid::Form),
    }
}

/// Whether a name is an id, which needs no look-up: 26 of `[a-z0-9]`.
pub(super) fn is_id(name: &str) -> bool {
    name.len() == 26 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One JSON string a line, and the verdict of `@1password/sdk` 0.4.
    const VERDICTS: &str = include_str!("../../../tests/it/data/onepassword-references.txt");

    #[test]
    fn the_verdicts_are_the_vendors_own() {
        let mut number = 0;
        for line in VERDICTS.lines().filter(|line| !line.starts_with('#')) {
            let (text, verdict) = line.rsplit_once(' ').unwrap();
            let text: String = serde_json::from_str(text).unwrap();
            assert_eq!(parse(&text).is_ok(), verdict == "ok", "{text:?}");
            number += 1;
        }
        assert!(number >= 60, "{number}");
    }

    #[test]
    fn a_reference_is_taken_apart() {
        let reference = parse("op://prod/db server/admin/pass word?attribute=otp").unwrap();
        assert_eq!((reference.vault, reference.item), ("prod", "db server"));
        assert_eq!((reference.section, reference.field), (Some("admin"), "pass word"));
        assert_eq!(reference.part, Part::OneTimePassword);
        assert_eq!(parse("op://a/b//c").unwrap().section, None);
    }
}
