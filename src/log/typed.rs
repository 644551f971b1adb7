//! Text of a user's in a hint that says what to type: one word of a POSIX shell, whatever is in it.
//!
//! Invariant: a hint that is pasted into a shell runs the command that it shows and nothing else.

use std::borrow::Cow;
use std::path::Path;

/// `text` as it is typed: in single quotes unless it means itself (XCU 2.2.2).
pub fn word(text: &str) -> Cow<'_, str> {
    let stands_bare = |c: char| c.is_ascii_alphanumeric() || "%+,-./:=@_".contains(c);
    if !text.is_empty() && text.chars().all(stands_bare) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
    }
}

/// Likewise a path, which is not to be taken for an option.
pub fn path(path: &Path) -> String {
    let text = path.to_string_lossy();
    if text.starts_with('-') { word(&format!("./{text}")).into_owned() } else { word(&text).into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn what_means_itself_stands_bare() {
        for bare in ["/secrets/.env", "secret/data/app", "a-b_c.d,e:f=g@h%i+j", "999:999"] {
            assert_eq!(word(bare), bare);
        }
        assert_eq!(word(""), "''");
        assert_eq!(word("my secrets"), "'my secrets'");
        assert_eq!(path(Path::new("-rf")), "./-rf");
    }

    #[test]
    fn a_shell_reads_one_word_and_runs_nothing() {
        for text in
            ["a b", "it's", "$(echo x)", "`echo x`", "a;b", "~", "a\nb", "*", "\"", "\\", "#", "!x", "é", "&"]
        {
            let output =
                Command::new("sh").args(["-c", &format!("printf %s {}", word(text))]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), text);
        }
    }
}
