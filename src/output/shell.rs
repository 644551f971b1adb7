//! Commands that set variables, for `eval`: any bytes but NUL.
//!
//! Every value is quoted, also where it need not be. Invariant: whatever a value says, the shell runs nothing else.

use crate::secret::Secret;

use super::env::{name, quote, sh, without_nul};
use super::{Item, Unencodable};

/// Who evaluates them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    /// Any POSIX shell: `export NAME='…'`.
    Sh,
    /// fish: `set -gx NAME '…'`.
    Fish,
}

impl Shell {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Sh, Self::Fish];

    /// Its word, on the command line and in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sh => "sh",
            Self::Fish => "fish",
        }
    }

    /// All of them by their words.
    pub fn words() -> [(&'static str, Self); 2] {
        Self::ALL.map(|shell| (shell.word(), shell))
    }
}

/// A command for each item, or a refusal for each that does not fit.
pub fn encode(items: &[Item], shell: Shell) -> Result<Secret, Vec<Unencodable>> {
    super::lines(items, |item, content| {
        let value = item.value.expose();
        without_nul(value)?;
        match shell {
            Shell::Sh => {
                name::for_shells(&item.name)?;
                content.extend([b"export ", item.name.as_bytes(), b"="].concat());
                sh::quote(value, content);
            }
            Shell::Fish => {
                name::for_fish(&item.name)?;
                content.extend([b"set -gx ", item.name.as_bytes(), b" "].concat());
                // In its single quotes a backslash escapes itself and the quote (fish-doc: Quotes).
                quote(value, b'\'', b"'\\", content);
            }
        }
        content.push(b'\n');
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(name: &str, value: &[u8], shell: Shell) -> Result<Vec<u8>, String> {
        let item = Item { name: name.to_owned(), value: Secret::new(value.to_vec()) };
        match encode(&[item], shell) {
            Ok(text) => Ok(text.expose().to_vec()),
            Err(refusals) => Err(refusals[0].reason.clone()),
        }
    }

    #[test]
    fn each_shell_has_its_own_quotes() {
        for (value, posix, fish) in [
            ("", "export K=''\n", "set -gx K ''\n"),
            ("it's", "export K='it'\\''s'\n", "set -gx K 'it\\'s'\n"),
            ("a\\n\\", "export K='a\\n\\'\n", "set -gx K 'a\\\\n\\\\'\n"),
            ("$(id)\n", "export K='$(id)\n'\n", "set -gx K '$(id)\n'\n"),
        ] {
            assert_eq!(encoded("K", value.as_bytes(), Shell::Sh).as_deref(), Ok(posix.as_bytes()));
            assert_eq!(encoded("K", value.as_bytes(), Shell::Fish).as_deref(), Ok(fish.as_bytes()));
        }
        assert_eq!(encoded("K", b"\xff", Shell::Sh).as_deref(), Ok(&b"export K='\xff'\n"[..]));
    }

    #[test]
    fn nul_and_names_that_are_none_are_refused() {
        for shell in [Shell::Sh, Shell::Fish] {
            assert!(encoded("K", b"\0", shell).is_err());
            assert!(encoded("a-b", b"", shell).is_err());
        }
        assert!(encoded("UID", b"1", Shell::Sh).is_err());
        assert!(encoded("PWD", b"/", Shell::Fish).is_err());
    }
}
