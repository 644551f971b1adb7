//! Tells a credential that stands where none belongs from a path, a ref, a name or a harmless default.
//!
//! It errs on the side of refusing in `default`, which is for what is no secret, and on the side
//! of accepting in refs, where long identifiers are ordinary. What it finds is never repeated: every text that kz
//! says of a variable, a setting or an argument goes through [`shown`] where it is put into words, and every line
//! through [`redacted`] where it leaves (`log`), so that a place which forgets the first is caught by the second.

mod generated;
#[cfg(test)]
mod measured;

use std::borrow::Cow;

use generated::Given;

/// What stands for a text that is not repeated.
pub(crate) const HIDDEN: &str = "***";

/// What begins a quotation: as it is typed, and as word processors and chats make it of that.
pub(crate) const QUOTES: [char; 5] = ['"', '\'', '\u{201c}', '\u{201e}', '\u{2018}'];

/// A text that somebody gave, as a message may repeat it.
pub(crate) fn shown(text: &str) -> &str {
    if may_be_credential(text) { HIDDEN } else { text }
}

/// A ref, as a table or a policy may repeat it, all of it or nothing: long names with generated parts are ordinary in it, so
/// that only what is a credential all through is hidden, with its field or without, or as its field. What is shown here is hidden
/// by no gate behind.
pub(crate) fn reference(text: &str) -> &str {
    let is_one = |part: &str| {
        let quoted = format!("`{part}`");
        looks_like_credential(part) || generated::is_generated(part) || redacted(&quoted) != quoted
    };
    if parts_of_reference(text).any(is_one) { HIDDEN } else { text }
}

/// What is said of a ref, without the ref and its parts where [`reference`] does not repeat it.
pub(crate) fn said_of(text: &str, said: &str) -> String {
    if reference(text) == text {
        return said.to_owned();
    }
    let is_one = |before: &str, part: &str, after: &str| {
        part.len() >= 8 || (before.ends_with(['`', '/']) && after.starts_with(['`', '/', '#']))
    };
    without(said, parts_of_reference(text), is_one)
}

/// All of a ref, what stands before its field, and the field.
fn parts_of_reference(text: &str) -> impl Iterator<Item = &str> {
    let (path, field) = text.rsplit_once('#').map_or((text, ""), |(path, field)| (path, field));
    [text, path, field].into_iter().filter(|part| !part.is_empty())
}

/// A line as it may leave: without what begins as the credentials of known services do and goes on like one, without
/// passwords in addresses, without keys in PEM, and without words that a generator made.
pub(crate) fn redacted(line: &str) -> Cow<'_, str> {
    without_credentials(line, Given::Quoted)
}

/// The same of a line that is to be typed, and of which all is what somebody gave.
pub(crate) fn redacted_text(line: &str) -> Cow<'_, str> {
    without_credentials(line, Given::All)
}

fn without_credentials(line: &str, given: Given) -> Cow<'_, str> {
    let mut left: Cow<'_, str> = Cow::Borrowed(line);
    while let Some((start, end)) = key_in_pem(&left)
        .or_else(|| password_in_url(&left))
        .or_else(|| token(&left))
        .or_else(|| generated::find(&left, given).map(|word| (word.start, word.end)))
    {
        left.to_mut().replace_range(start..end, HIDDEN);
    }
    left
}

/// A line likewise, and without these texts, of which a longer one comes first. `stands` tells whether what is before and
/// behind a place where one is makes it that text, and not a part of another word.
pub(crate) fn without<'a>(
    line: &str,
    texts: impl Iterator<Item = &'a str>,
    stands: impl Fn(&str, &str, &str) -> bool,
) -> String {
    let mut left = redacted(line).into_owned();
    for text in texts.filter(|text| !text.is_empty()) {
        let mut from = 0;
        while let Some(at) = left[from..].find(text).map(|at| from + at) {
            let end = at + text.len();
            if stands(&left[..at], text, &left[end..]) {
                left.replace_range(at..end, HIDDEN);
                from = at + HIDDEN.len();
            } else {
                from = at + text.chars().next().map_or(1, char::len_utf8);
            }
        }
    }
    left
}

/// The first key in PEM, whatever stands before it, to its end line or to the end of the text.
fn key_in_pem(text: &str) -> Option<(usize, usize)> {
    text.match_indices("-----BEGIN ").find_map(|(start, _)| key_in_pem_at(text, start))
}

fn key_in_pem_at(text: &str, start: usize) -> Option<(usize, usize)> {
    let label = text[start..].split("-----").nth(1).unwrap_or_default();
    // Certificates and recipients are public; and in kz's own words only a heading is quoted.
    let rest = &text[start..];
    let body = rest.get("-----BEGIN ".len() + label.len()..).unwrap_or_default();
    if !label.contains("KEY") || body.trim_start_matches(['-', '`', '\'', '"', ' ']).len() < 16 {
        return None;
    }
    let end = rest.find("-----END ").map_or(rest.len(), |at| {
        let after = at + "-----END ".len();
        rest[after..].find("-----").map_or(rest.len(), |dashes| after + dashes + 5)
    });
    Some((start, start + end))
}

/// What stands between `://` and `@`, where that is a user and a password.
fn password_in_url(text: &str) -> Option<(usize, usize)> {
    text.match_indices("://").find_map(|(at, separator)| {
        let start = at + separator.len();
        let (user, password) = user_and_password(&text[start..])?;
        (password != HIDDEN).then_some((start + user.len() - password.len(), start + user.len()))
    })
}

/// What stands before the `@` of what follows `://`, and of it what stands behind the `:`. A password may hold what
/// should have been written as `%2F`, but a port begins none.
fn user_and_password(rest: &str) -> Option<(&str, &str)> {
    let word = rest.split(|c: char| c.is_whitespace() || matches!(c, '"' | '`')).next()?;
    let authority = word.split(['/', '?', '#']).next()?;
    let (user, _) = authority.rsplit_once('@').or_else(|| word.rsplit_once('@'))?;
    let (_, password) = user.split_once(':')?;
    let before = password.split(['/', '?', '#']).next()?;
    let is_port = before.len() < password.len() && before.parse::<u16>().is_ok();
    // A template's `{{ … }}` in the password's place is just how it should be written.
    (!password.is_empty() && !is_port && !password.starts_with("{{")).then_some((user, password))
}

/// A word that begins as a known credential does, with a rest that is mixed as only generated text is.
fn token(text: &str) -> Option<(usize, usize)> {
    let inside = |c: char| c.is_ascii_alphanumeric() || "-_.+~".contains(c);
    PREFIXES.iter().filter(|prefix| !prefix.starts_with("-----")).find_map(|prefix| {
        text.match_indices(prefix).find_map(|(start, _)| {
            let begins =
                text[..start].chars().next_back().is_none_or(|before| !before.is_ascii_alphanumeric());
            let rest = &text[start + prefix.len()..];
            let rest = &rest[..rest.find(|c: char| !inside(c)).unwrap_or(rest.len())];
            let rest = rest.trim_end_matches(['.', '-']);
            (begins && is_mixed(rest)).then_some((start, start + prefix.len() + rest.len()))
        })
    })
}

/// Whether the rest of a token is long enough, and of at least two kinds of characters.
fn is_mixed(rest: &str) -> bool {
    let kinds: [fn(&char) -> bool; 3] =
        [char::is_ascii_uppercase, char::is_ascii_lowercase, char::is_ascii_digit];
    rest.len() >= 8 && kinds.iter().filter(|kind| rest.chars().any(|c| kind(&c))).count() >= 2
}

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
    "GOCSPX-",
    "hf_",
    "dckr_pat_",
    "dp.st.",
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
    let may_be = |word| is_long_and_mixed(word) || generated::is_generated(word);
    looks_like_credential(text) || (!is_arn(text) && text.split(char::is_whitespace).any(may_be))
}

/// Whether the text is a UUID: a credential where it is `AppRole`'s, and else the name of a tenant or a client.
pub(crate) fn is_uuid(text: &str) -> bool {
    generated::is_uuid(text)
}

/// The name of a thing of AWS's, which is long and mixed, and no secret.
fn is_arn(text: &str) -> bool {
    text.starts_with("arn:")
        && text.split(':').count() >= 6
        && text.chars().all(|c| c.is_ascii_alphanumeric() || ":/_+=,.@-*".contains(c))
}

fn has_known_prefix(word: &str) -> bool {
    PREFIXES.iter().any(|prefix| word.len() >= prefix.len() + 8 && word.starts_with(prefix))
        || word.starts_with("-----BEGIN")
        || generated::has_known_form(word)
}

/// `scheme://user:password@…`
fn has_password_in_url(text: &str) -> bool {
    text.match_indices("://")
        .any(|(at, separator)| user_and_password(&text[at + separator.len()..]).is_some())
}

/// 20 characters or more of one word with at least three of: upper case, lower case, digits, punctuation.
fn is_long_and_mixed(word: &str) -> bool {
    let classes = [
        word.chars().any(|c| c.is_ascii_uppercase()),
        word.chars().any(|c| c.is_ascii_lowercase()),
        word.chars().filter(char::is_ascii_digit).count() >= 2,
        word.chars().any(|c| "+/=!$%&*".contains(c)),
    ];
    let mixed = word.len() >= 20 && classes.iter().filter(|&&class| class).count() >= 3;
    // Addresses and paths are long and mixed too, but made of short words.
    mixed && word.split(['.', '-', '_', '/', ':']).any(|part| part.len() >= 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_recognised() {
        for text in [
            "sk-abcdefgh12345678",
            "postgres://app:hunter2@db/app",
            "postgres://app:Can/ary-hunter2@db:5432/x",
            "postgres://app:canary#hunter2@db",
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
            "https://example.com:8443/v2/who@where",
        ] {
            assert!(!may_be_credential(text), "{text}");
        }
    }

    #[test]
    fn a_line_loses_its_credentials_and_nothing_else() {
        for (line, left) in [
            ("`/app/hvs.CANARYabcdefghijklmnop` does not exist", "`/app/***` does not exist"),
            ("asking at https://hvs.CAESIabc123456789:8200.", "asking at https://***:8200."),
            ("the proxy http://me:hunter2@proxy:3128 refuses", "the proxy http://me:***@proxy:3128 refuses"),
            ("two: AKIAIOSFODNN7EXAMPLE, ghp_0123456789abcdef", "two: ***, ***"),
            ("x -----BEGIN PRIVATE KEY-----\nMIIabcdefghijklmnop\n-----END PRIVATE KEY----- y", "x *** y"),
            ("`{\"k\":\"-----BEGIN RSA PRIVATE KEY-----\\nMIIabcdefghijklmnop", "`{\"k\":\"***"),
            ("identity eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln holds", "identity *** holds"),
            ("`Xk9mP2vL5nQ8wR3tY7uB4zCd`: no `6a174c20-91d5-4b6b-b2b4-3f1a0c9f7e55`", "`***`: no `***`"),
        ] {
            assert_eq!(redacted(line), left);
        }
        for line in [
            "an identity: the line that begins with `AGE-SECRET-KEY-1`",
            "`/data/sk-production-database` and `npm_config_registry`",
            "has no line `-----BEGIN PRIVATE KEY-----`",
            "`-----BEGIN CERTIFICATE-----` begins a certificate, which is public",
            "`https://user@host/` has a user, and `postgres://app:{{ DB }}@db` a template",
            "its SHA-256 is e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ] {
            assert_eq!(redacted(line), line);
        }
    }

    #[test]
    fn what_is_shown_of_a_text_is_all_of_it_or_nothing() {
        assert_eq!(shown("eu-central-1"), "eu-central-1");
        assert_eq!(
            shown("arn:aws:iam::123456789012:role/DeployService2024Production"),
            "arn:aws:iam::123456789012:role/DeployService2024Production"
        );
        assert_eq!(shown("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY1"), HIDDEN);
        assert_eq!(shown("hvs.CAESIJabcdefghijk"), HIDDEN);
        assert_eq!(shown("6a174c20-91d5-4b6b-b2b4-3f1a0c9f7e55"), HIDDEN);
    }

    #[test]
    fn what_is_said_of_a_ref_repeats_it_where_the_ref_is_shown_and_nowhere_else() {
        let said = |reference: &str, text: &str| said_of(reference, text);
        assert_eq!(said("secret/app#f", "no `f` in `secret/app`"), "no `f` in `secret/app`");
        let drawn = "kN8#mP2$vL5nQ8wR3tY7uB4z";
        assert_eq!(reference(drawn), HIDDEN);
        assert_eq!(said(drawn, "no `mP2$vL5nQ8wR3tY7uB4z` in `/app/kN8`"), "no `***` in `/app/***`");
        let hex = "3f786850e387550f";
        assert_eq!(
            said(&format!("{hex}#f"), &format!("`{hex}` is absent: `{hex}#f`")),
            "`***` is absent: `***`"
        );
        // Whatever the table shows, the gate behind it shows too.
        for text in
            ["deploy/3f786850e387550fdab836ed7e6dc881de23001b/env#KEY", "DatabaseSecret3B4C5D6E-oWkI5vCZypH6"]
        {
            assert_eq!(reference(text), text);
            let line = format!("({text}) `{text}` is absent");
            assert_eq!(redacted(&line), line);
        }
    }

    #[test]
    fn a_ref_is_said_unless_all_of_it_is_a_credential() {
        for text in ["secret/app#password", "MyStack-DatabaseSecret3B4C5D6E-AbCdEf123456", "tls"] {
            assert_eq!(reference(text), text);
        }
        let uuid = "6a174c20-91d5-4b6b-b2b4-3f1a0c9f7e55";
        for text in [uuid, &format!("{uuid}#field"), "Xk9mP2vL5nQ8wR3tY7uB4zCd#x", "hvs.CAESIJabcdefghijk"] {
            assert_eq!(reference(text), HIDDEN, "{text}");
        }
    }
}
