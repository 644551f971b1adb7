//! Tells a credential written into the configuration from a ref or a harmless default.
//!
//! It errs on the side of refusing in `default`, which is for what is no secret, and on the side
//! of accepting in refs, where long identifiers are ordinary. What it finds is never repeated.

/// How credentials of well-known services begin.
const PREFIXES: &[&str] = &[
    "sk-",
    "sk_live_",
    "sk_test_",
    "rk_live_",
    "rk_test_",
    "pk_live_",
    "whsec_",
    "AKIA",
    "ASIA",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "xoxs-",
    "xapp-",
    "hvs.",
    "hvb.",
    "hvr.",
    "AIza",
    "ya29.",
    "SG.",
    "npm_",
    "pypi-",
    "dop_v1_",
    "shpat_",
    "AGE-SECRET-KEY-",
    "ops_eyJ",
    "eyJ",
    "-----BEGIN",
    "$2a$",
    "$2b$",
    "$2y$",
    "$argon2",
    "$6$",
];

/// Whether the text, or a part of it, is unmistakably a credential.
pub(crate) fn looks_like_credential(text: &str) -> bool {
    let words =
        text.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '=' | ',' | '/' | '@' | ':'));
    words.into_iter().any(has_known_prefix) || has_password_in_url(text)
}

/// Whether the text could be one: as above, or long and mixed as only generated text is.
pub(crate) fn may_be_credential(text: &str) -> bool {
    looks_like_credential(text) || text.split(char::is_whitespace).any(is_generated)
}

fn has_known_prefix(word: &str) -> bool {
    PREFIXES.iter().any(|prefix| word.len() >= prefix.len() + 8 && word.starts_with(prefix))
        || word.starts_with("-----BEGIN")
}

/// `scheme://user:password@…`
fn has_password_in_url(text: &str) -> bool {
    text.match_indices("://").any(|(at, separator)| {
        let authority =
            text[at + separator.len()..].split(['/', '?', '#', ' ', '"']).next().unwrap_or_default();
        let Some((user, _)) = authority.rsplit_once('@') else { return false };
        // A template's `{{ … }}` in the password's place is just how it should be written.
        user.split_once(':').is_some_and(|(_, password)| !password.is_empty() && !password.starts_with("{{"))
    })
}

/// 20 characters or more of one word with at least three of: upper case, lower case, digits, punctuation;
/// or 32 and more hex digits.
fn is_generated(word: &str) -> bool {
    let classes = [
        word.chars().any(|c| c.is_ascii_uppercase()),
        word.chars().any(|c| c.is_ascii_lowercase()),
        word.chars().filter(char::is_ascii_digit).count() >= 2,
        word.chars().any(|c| "+/=!$%&*".contains(c)),
    ];
    let mixed = word.len() >= 20 && classes.iter().filter(|&&class| class).count() >= 3;
    let hexadecimal = word.len() >= 32 && word.chars().all(|c| c.is_ascii_hexdigit());
    // Addresses and paths are long and mixed too, but made of short words.
    (mixed && word.split(['.', '-', '_', '/', ':']).any(|part| part.len() >= 16)) || hexadecimal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_recognised() {
        for text in [
            "sk-abcdefgh12345678",
            "postgres://app:hunter2@db/app",
            "-----BEGIN PRIVATE KEY-----",
            "Bearer eyJhbGciOiJIUzI1NiJ9.e30.x",
            "AKIAIOSFODNN7EXAMPLE",
        ] {
            assert!(looks_like_credential(text), "{text}");
        }
        assert!(may_be_credential("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY1"));
        assert!(may_be_credential("d41d8cd98f00b204e9800998ecf8427e"));
    }

    #[test]
    fn refs_and_defaults_are_not() {
        for text in [
            "secret/data/prod/db/url",
            "prod/stripe-secret-key",
            "op://abcdefghijklmnopqrstuvwxyz/item/credential",
            "projects/p/secrets/tls/versions/7",
            "arn:aws:secretsmanager:eu-central-1:123456789012:secret:prod/db-AbCdEf",
            "postgres://app:{{ DB_PASSWORD | urlencode }}@db/app",
            "info",
            "https://eu-central-1.example.com:8443/v2/Some-Path_1",
        ] {
            assert!(!may_be_credential(text), "{text}");
        }
    }
}
