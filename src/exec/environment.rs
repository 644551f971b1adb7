//! The environment that CMD gets: what kz was given, without kz's own credentials, with the secrets.
//!
//! Limits (execve(2)): no NUL; one string, with its name and `=`, under 131,072 bytes; everything
//! within a quarter of the stack limit. What does not fit is refused by name before CMD is started.

use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStrExt;

use crate::secret::Secret;

/// `MAX_ARG_STRLEN` of Linux: 32 pages, the terminating NUL included.
const LONGEST_STRING: usize = 131_072;

/// What is taken over from kz's own environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inherit {
    /// All of it, less the credentials.
    All,
    /// Only what `keep` names.
    Kept,
}

/// How to make an environment. No `Debug`: it holds values.
pub struct Recipe<'a> {
    /// kz's own.
    pub inherited: &'a [(OsString, OsString)],
    /// How much of it.
    pub inherit: Inherit,
    /// Names to take over in any case.
    pub keep: &'a [String],
    /// Variables that hold credentials of kz's own.
    pub credentials: &'a [&'a str],
    /// What comes on top, replacing variables of the same name.
    pub secrets: &'a [(String, Secret)],
    /// Names that are not taken over, since what they stand for is delivered otherwise.
    pub elsewhere: &'a [String],
}

/// `NAME=value` strings, and which credentials were left out. No `Debug`: it holds values.
pub struct Environment {
    /// In the inherited order, secrets last.
    pub strings: Vec<CString>,
    /// Names of variables that were there and were removed.
    pub removed: Vec<String>,
}

/// Why an environment cannot be passed on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The kernel ends a string at a NUL.
    #[error("the value of `{0}` has a NUL byte, which no environment variable can hold")]
    Nul(String),
    /// One string is too long.
    #[error(
        "the value of `{name}` has {bytes} bytes; with its name a variable has to stay under {LONGEST_STRING}"
    )]
    TooLong {
        /// The secret.
        name: String,
        /// The value's length.
        bytes: usize,
    },
    /// All strings together are too long.
    #[error("arguments and environment need {needed} bytes and the kernel takes {limit}; the largest secrets are {}", largest.join(", "))]
    TooMuch {
        /// What execve would have to copy.
        needed: usize,
        /// What it copies at the most, by the stack limit.
        limit: usize,
        /// Names, largest first.
        largest: Vec<String>,
    },
}

/// Makes the environment.
pub fn build(recipe: &Recipe<'_>) -> Result<Environment, Unfit> {
    let mut strings = Vec::new();
    let mut removed = Vec::new();
    for (name, value) in recipe.inherited {
        let is = |other: &str| name.as_bytes() == other.as_bytes();
        let kept = recipe.keep.iter().any(|keep| is(keep));
        if recipe.secrets.iter().map(|(secret, _)| secret).chain(recipe.elsewhere).any(|secret| is(secret)) {
            continue;
        }
        if !kept && let Some(credential) = recipe.credentials.iter().find(|credential| is(credential)) {
            removed.push((*credential).to_owned());
            continue;
        }
        if kept || recipe.inherit == Inherit::All {
            strings.extend(join(name.as_bytes(), value.as_bytes()));
        }
    }
    for (name, secret) in recipe.secrets {
        let value = secret.expose();
        if name.len() + 1 + value.len() >= LONGEST_STRING {
            return Err(Unfit::TooLong { name: name.clone(), bytes: value.len() });
        }
        strings.push(join(name.as_bytes(), value).ok_or_else(|| Unfit::Nul(name.clone()))?);
    }
    Ok(Environment { strings, removed })
}

fn join(name: &[u8], value: &[u8]) -> Option<CString> {
    CString::new([name, b"=", value].concat()).ok()
}

/// Refuses what execve would refuse with E2BIG, naming the largest secrets. `stack_limit` is in bytes.
pub fn check_size(
    arguments: &[CString],
    environment: &Environment,
    secrets: &[(String, Secret)],
    stack_limit: u64,
) -> Result<(), Unfit> {
    // fs/exec.c, bprm_stack_limits: a quarter of the stack, at most 6 MiB, at least 128 KiB; the
    // pointers count, and so does a page or so for the file's name.
    let limit = usize::try_from(stack_limit / 4).unwrap_or(usize::MAX).clamp(LONGEST_STRING, 6 << 20);
    let strings = || arguments.iter().chain(&environment.strings);
    let needed: usize =
        strings().map(|string| string.count_bytes() + 1 + size_of::<usize>()).sum::<usize>() + 8192;
    if needed <= limit {
        return Ok(());
    }
    let mut by_size: Vec<_> = secrets.iter().collect();
    by_size.sort_by_key(|(_, secret)| std::cmp::Reverse(secret.expose().len()));
    let largest = by_size.iter().take(3).map(|(name, _)| format!("`{name}`")).collect();
    Err(Unfit::TooMuch { needed, limit, largest })
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    fn build_with(inherit: Inherit, keep: &[&str], secrets: &[(&str, &[u8])]) -> Result<Environment, Unfit> {
        let inherited: Vec<(OsString, OsString)> = [
            (b"PATH".to_vec(), b"/bin".to_vec()),
            (b"VAULT_TOKEN".to_vec(), b"t".to_vec()),
            (b"ODD\xff".to_vec(), b"\xfe".to_vec()),
            (b"ELSEWHERE".to_vec(), b"old".to_vec()),
        ]
        .map(|(name, value)| (OsString::from_vec(name), OsString::from_vec(value)))
        .to_vec();
        let keep: Vec<String> = keep.iter().map(|&name| name.to_owned()).collect();
        let secrets: Vec<(String, Secret)> =
            secrets.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(value.to_vec()))).collect();
        let credentials = ["VAULT_TOKEN", "OP_CONNECT_TOKEN"];
        build(&Recipe {
            inherited: &inherited,
            inherit,
            keep: &keep,
            credentials: &credentials,
            secrets: &secrets,
            elsewhere: &["ELSEWHERE".to_owned()],
        })
    }

    fn strings(environment: &Environment) -> Vec<&[u8]> {
        environment.strings.iter().map(|string| string.to_bytes()).collect()
    }

    #[test]
    fn credentials_go_and_bytes_stay_as_they_are() {
        let environment = build_with(Inherit::All, &[], &[("S", b"\xff\n")]).unwrap();
        assert_eq!(strings(&environment), [&b"PATH=/bin"[..], b"ODD\xff=\xfe", b"S=\xff\n"]);
        assert_eq!(environment.removed, ["VAULT_TOKEN"]);
    }

    #[test]
    fn what_is_named_is_kept() {
        let environment = build_with(Inherit::Kept, &["VAULT_TOKEN"], &[]).unwrap();
        assert_eq!(strings(&environment), [&b"VAULT_TOKEN=t"[..]]);
        assert!(environment.removed.is_empty());
    }

    #[test]
    fn a_secret_replaces_what_was_inherited_even_a_credential() {
        let environment = build_with(Inherit::All, &[], &[("VAULT_TOKEN", b"new"), ("PATH", b"/x")]).unwrap();
        assert_eq!(strings(&environment), [&b"ODD\xff=\xfe"[..], b"VAULT_TOKEN=new", b"PATH=/x"]);
    }

    #[test]
    fn what_execve_cannot_carry_is_refused_by_name() {
        let nul = build_with(Inherit::All, &[], &[("N", b"a\0b")]).err();
        assert_eq!(nul, Some(Unfit::Nul("N".to_owned())));
        let most = LONGEST_STRING - 1 - "B=".len();
        assert!(build_with(Inherit::All, &[], &[("B", &vec![b'x'; most])]).is_ok());
        assert!(build_with(Inherit::All, &[], &[("B", &vec![b'x'; most + 1])]).is_err());
    }
}
