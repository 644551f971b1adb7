//! Tells words that a generator made, as keys, tokens and random passwords are, from words that somebody chose.
//!
//! A word that somebody chose changes seldom between upper case, lower case, digits and signs; a drawn one does at
//! some two of five characters. It is a measure, not a proof: a short password, or one of a single kind of character,
//! passes for a word. Addresses with a scheme, ARNs, and public keys of age are long and mixed too, and are no secrets.

use std::ops::Range;

/// Shorter words are too short to tell.
const SHORTEST: usize = 16;

/// What ends a word in a line.
const ENDS: &str = "\"'`,;()[]{}<>=|";

/// Whether a text, all of it, is what a generator made: a UUID, hex digits as keys have them, or mixed.
pub(super) fn is_generated(text: &str) -> bool {
    is_drawn_id(text) || has_known_form(text) || is_mixed(text)
}

/// What a service draws in a form of its own that begins with too little for a prefix: tokens of Vault's before 1.10 and of
/// `OpenBao`'s (`s.`, batch tokens `b.`, recovery tokens `r.`), passwords that Vault made for databases before policies, and the
/// ids of AWS's keys.
pub(super) fn has_known_form(text: &str) -> bool {
    let token = ["s.", "b.", "r."].iter().find_map(|start| text.strip_prefix(start));
    // One of a namespace names it behind a dot.
    let token = token.map(|token| token.split('.').next().unwrap_or_default());
    let is_inside =
        |drawn: &str, more: &[char]| drawn.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(&c));
    let is_token =
        token.is_some_and(|token| token.len() >= 24 && is_inside(token, &['-', '_']) && changes(token) >= 2);
    let password = text.strip_prefix("A1a-").filter(|password| password.len() >= 16);
    let id = ["AKIA", "ASIA"].iter().find_map(|start| text.strip_prefix(start)).filter(|id| id.len() == 16);
    is_token
        || password.is_some_and(|password| is_inside(password, &[]))
        || id.is_some_and(|id| id.bytes().all(|c| matches!(c, b'A'..=b'Z' | b'2'..=b'7')))
}

/// How much of a line was given by somebody, so that a UUID in it need not be what a request, or hex digits what a digest
/// is called by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// What stands in backticks, or between quotation marks.
    Quoted,
    /// All of it.
    All,
}

/// The first word of a line that a generator made.
pub(super) fn find(line: &str, given: Given) -> Option<Range<usize>> {
    let is_end = |c: char| c.is_whitespace() || ENDS.contains(c);
    let (mut start, mut is_literal) = (0, false);
    while start < line.len() {
        let rest = &line[start..];
        let length = rest.find(is_end).unwrap_or(rest.len());
        let word = rest[..length].trim_matches(['.', ':', '-']);
        let at = start + rest.find(word).unwrap_or_default();
        let end = at + word.len();
        let is_given = given == Given::All || is_literal || is_between_quotes(line, at, end);
        if is_mixed(word)
            || has_known_form(word)
            || (is_given && (is_generated(word) || word.split(['.', ':']).any(is_uuid)))
        {
            return Some(at..end);
        }
        // What a relative path was, behind the directory that it starts from.
        let name = word.rfind('/').filter(|_| word.starts_with('/')).map_or(0, |slash| slash + 1);
        if is_given && name > 0 && is_generated(&word[name..]) {
            return Some(at + name..end);
        }
        let edge = rest[length..].chars().next();
        is_literal ^= edge == Some('`');
        if is_literal && edge == Some('`') {
            // What ends words elsewhere may be a part of a password.
            let inside = rest[length + 1..].split('`').next().unwrap_or_default();
            if inside.contains('=') && !inside.contains(char::is_whitespace) && is_drawn_with_signs(inside) {
                let at = start + length + 1;
                return Some(at..at + inside.len());
            }
        }
        start += length + edge.map_or(1, char::len_utf8);
    }
    None
}

/// Whether a literal is drawn as a whole, though no word of it is: of a setting and its value it is the value that counts.
fn is_drawn_with_signs(literal: &str) -> bool {
    is_mixed(literal)
        && find(literal, Given::All).is_none()
        && !is_chosen(literal.split('=').next().unwrap_or_default())
}

fn is_between_quotes(line: &str, start: usize, end: usize) -> bool {
    let edges = [line[..start].chars().next_back(), line[end..].chars().next()];
    edges.iter().all(|edge| matches!(edge, Some('"' | '\'')))
}

/// 8-4-4-4-12 hex digits (RFC 9562, §4).
pub(super) fn is_uuid(text: &str) -> bool {
    let groups = [8, 4, 4, 4, 12];
    let mut parts = text.split('-');
    groups.iter().all(|&length| {
        parts.next().is_some_and(|part| part.len() == length && part.bytes().all(|c| c.is_ascii_hexdigit()))
    }) && parts.next().is_none()
}

/// A UUID, or hex digits as many as a key has; fewer, down to half of that, where they look drawn.
fn is_drawn_id(text: &str) -> bool {
    let is_hex = text.len() >= SHORTEST && text.bytes().all(|c| c.is_ascii_hexdigit());
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let is_one_case =
        !text.bytes().any(|c| c.is_ascii_lowercase()) || !text.bytes().any(|c| c.is_ascii_uppercase());
    let looks_drawn = || is_one_case && (2..=text.len() - 2).contains(&digits) && changes(text) >= 3;
    is_uuid(text) || (is_hex && (text.len() >= 32 || looks_drawn()))
}

/// Whether a word is as mixed as only drawn ones are. Of a path each part is looked at by itself, but of one that
/// begins with neither `/` nor `.` nor `~` all of it, since base64 has slashes too.
fn is_mixed(word: &str) -> bool {
    let is_public = word.contains("://") || super::is_arn(word) || word.starts_with("age1");
    if is_public || word.len() < SHORTEST {
        return false;
    }
    if word.starts_with(['/', '.', '~']) {
        return word.split('/').any(is_mixed_part) || is_base64_with_a_slash_in_front(word);
    }
    let name = without_digests(&without_uuids(word));
    let (path, field) = name.split_once('#').unwrap_or((&name, ""));
    let named = without_drawn_end(path);
    is_mixed_part(if named.len() < path.len() && is_chosen(field) { named } else { &name })
}

/// The ends that AWS draws for names: `-` and six characters of Secrets Manager's, `-` and twelve of `CloudFormation`'s, before
/// which stands the logical id, perhaps with eight to twelve characters of its own.
fn without_drawn_end(word: &str) -> &str {
    let drawn =
        |text: &str, length: usize| text.len() == length && text.chars().all(|c| c.is_ascii_alphanumeric());
    let ended = |word| -> Option<&str> {
        let (name, end) = str::rsplit_once(word, '-')?;
        [6, 12].iter().any(|length| drawn(end, *length)).then_some(name)
    };
    let Some(name) = ended(word) else { return word };
    // Secrets Manager's end may stand behind CloudFormation's.
    let name = ended(name).filter(|name| is_chosen(without_hash(name))).unwrap_or(name);
    let id = without_hash(name);
    if is_chosen(id) { id } else { word }
}

/// A logical id without what the CDK puts behind it.
fn without_hash(name: &str) -> &str {
    let id = name.trim_end_matches(|c: char| c.is_ascii_digit() || c.is_ascii_uppercase());
    if !id.is_empty() && (8..=13).contains(&(name.len() - id.len())) { id } else { name }
}

/// Whether somebody chose a name: all its parts are letters, perhaps with a number.
fn is_chosen(name: &str) -> bool {
    name.split(['/', '-', '_', '.', ':']).all(|part| {
        let letters = part.trim_end_matches(|c: char| c.is_ascii_digit());
        letters.chars().all(|c| c.is_ascii_alphabetic()) && part.len() - letters.len() <= 4
    })
}

/// A path without the commits and containers in it.
fn without_digests(word: &str) -> String {
    let is_digest =
        |part: &&str| part.len() >= 12 && part.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    word.split('/').filter(|part| !is_digest(part)).collect::<Vec<_>>().join("/")
}

fn is_mixed_part(part: &str) -> bool {
    let kinds = part.chars().filter_map(Kind::of).fold([false; 4], |mut kinds, kind| {
        kinds[kind as usize] = true;
        kinds
    });
    let kinds = kinds.iter().filter(|&&there| there).count();
    let is_digest = part.bytes().all(|c| c.is_ascii_hexdigit());
    // 1Password calls its vaults and items so.
    let is_item = part.len() == 26 && part.bytes().all(|c| matches!(c, b'a'..=b'z' | b'2'..=b'7'));
    if part.len() < SHORTEST || kinds < 2 || is_digest || is_item {
        return false;
    }
    let changes = changes(part);
    let has = |separators: &[char]| part.contains(separators);
    match () {
        // As Vault's default policy makes passwords.
        () if part.len() == 20
            && part.contains('-')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') =>
        {
            kinds >= 3 && changes >= 5
        }
        // Names are put together so, each part of them with a number: of two kinds only that is nothing.
        () if has(&['-', '_', '.', ':', '@', '#', ',']) => kinds >= 3 && changes * 3 > part.len(),
        () if kinds >= 3 && part.len() >= 32 => changes * 5 > part.len(),
        () if has(&['/']) => kinds >= 3 && changes * 4 > part.len(),
        () => changes * 4 > part.len(),
    }
}

/// One key of AWS's in 64 begins as a path does.
fn is_base64_with_a_slash_in_front(word: &str) -> bool {
    let is_base64 = word.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'='));
    is_base64 && word.len() >= 32 && is_mixed_part(&word[1..]) && changes(word) * 4 > word.len()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Upper,
    Lower,
    Digit,
    Sign,
}

impl Kind {
    /// Nothing of what stands between the parts of names, and of letters that no generator draws.
    fn of(character: char) -> Option<Self> {
        match character {
            'A'..='Z' => Some(Self::Upper),
            'a'..='z' => Some(Self::Lower),
            '0'..='9' => Some(Self::Digit),
            '+' | '=' | '!' | '$' | '%' | '&' | '*' | '^' | '?' => Some(Self::Sign),
            _ => None,
        }
    }
}

/// How often the kind changes from one character to the next, but for the first letter of a word.
fn changes(part: &str) -> usize {
    let kinds: Vec<_> = part.chars().map(Kind::of).collect();
    let changes = |pair: &&[Option<Kind>]| match pair {
        [Some(Kind::Upper), Some(Kind::Lower)] => false,
        [Some(one), Some(other)] => one != other,
        _ => false,
    };
    kinds.windows(2).filter(changes).count()
}

/// What is left of a name beside the UUIDs in it, as in `rds!db-6a174c20-…`.
fn without_uuids(word: &str) -> String {
    const LENGTH: usize = 36;
    let mut left = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(first) = rest.chars().next() {
        let skipped = rest.get(..LENGTH).filter(|piece| is_uuid(piece)).map(|_| LENGTH);
        if skipped.is_none() {
            left.push(first);
        }
        rest = &rest[skipped.unwrap_or(first.len_utf8())..];
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_generator_made_is_told_with_slashes_in_it_too() {
        for text in [
            "6a174c20-91d5-4b6b-b2b4-3f1a0c9f7e55",
            "6A174C20-91D5-4B6B-B2B4-3F1A0C9F7E55",
            "d41d8cd98f00b204e9800998ecf8427e",
            "wJalrXUtn/EMI+K7MDENG/bPxRf/CYzEX8MPL/KEY",
            "kQ3/v9TzW2/pX7bL0s/Y6hNd4+/R1mJc8/Gf5uAeVo",
            "/kQ3v9TzW2/pX7bL0s/Y6hNd4+/R1mJc8/Gf5uAeVo",
            "Xk9mP2vL5nQ8wR3tY7uB4zCd",
            "Xk9#mP2$vL5nQ8wR3tY7uB4z",
            "k3j9x2m4n8b7v1c5z6l0q9w8",
            "Zx4-kQ9_vT2.nR7-bL5_wM8z",
        ] {
            assert!(is_generated(text), "{text}");
        }
    }

    #[test]
    fn what_somebody_chose_is_not() {
        for text in [
            "secret/data/prod/db/url",
            "rds!db-6a174c20-91d5-4b6b-b2b4-3f1a0c9f7e55",
            "tenants/6a174c20-91d5-4b6b-b2b4-3f1a0c9f7e55/db",
            "MyStack-DatabaseSecret3B4C5D6E-AbCdEf123456",
            "app-7d9f8b6c5d-x2x7z",
            "db1-node2-v3-eu1-cluster4",
            "k8s/eu1/db2/v3/app1/node7/x509/cert1",
            "op://Private/ku6cz3m2q7fha5yx2bnk4lrdoe/password",
            "ku6cz3m2q7fha5yx2bnk4lrdoe",
            "projects/123456789012/secrets/db-password/versions/7",
            "arn:aws:secretsmanager:eu-central-1:123456789012:secret:prod/db-AbCdEf",
            "kz-reader@my-project-123456.iam.gserviceaccount.com",
            "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
            "BatchGetSecretValue",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            "/var/lib/docker/overlay2/d41d8cd98f00b204e9800998ecf8427e0123456789/merged",
            "/var/lib/kubelet/pods/6a174c20-91d5-4b6b-b2b4-3f1a0c9f7e55/volumes",
            "/srv/K8s/eu1/DB2/v3/App1/Node7/x509/cert1",
            "/tmp/tmp.aB3dE9fG2h/keyzero.toml",
            "ghcr.io/x/y@sha256:d41d8cd98f00b204e9800998ecf8427ed41d8cd98f00b204e9800998ecf8427e",
        ] {
            assert!(!is_generated(text), "{text}");
        }
    }

    #[test]
    fn the_first_such_word_of_a_line_is_found_wherever_it_ends() {
        for (line, found) in [
            ("`Xk9mP2vL5nQ8wR3tY7uB4zCd` was not found", Some("Xk9mP2vL5nQ8wR3tY7uB4zCd")),
            ("é --only=Xk9mP2vL5nQ8wR3tY7uB4zCd.", Some("Xk9mP2vL5nQ8wR3tY7uB4zCd")),
            ("unexpected argument `--Xk9mP2vL5nQ8wR3tY7uB4zCd`", Some("Xk9mP2vL5nQ8wR3tY7uB4zCd")),
            ("`6a174c20-91d5-4b6b-b2b4-3f1a0c9f7e55` is", Some("6a174c20-91d5-4b6b-b2b4-3f1a0c9f7e55")),
            (
                "an environment has `[6a174c20-91d5-4b6b-b2b4-3f1a0c9f7e55.secrets]` only",
                Some("6a174c20-91d5-4b6b-b2b4-3f1a0c9f7e55.secrets"),
            ),
            (
                "nothing is mounted at `/app/6a174c20-91d5-4b6b-b2b4-3f1a0c9f7e55`: it",
                Some("6a174c20-91d5-4b6b-b2b4-3f1a0c9f7e55"),
            ),
            ("`/tmp/.tmpI2K3b4X5/keys/identity.txt` is", None),
            ("`tenants/6a174c20-91d5-4b6b-b2b4-3f1a0c9f7e55/db` is absent", None),
            ("request 6a174c20-91d5-4b6b-b2b4-3f1a0c9f7e55", None),
            ("its SHA-256 is e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", None),
            ("`/run/secrets/tokn` does not exist: `keys/identity.txt`, `secret/app#password`", None),
            ("", None),
        ] {
            assert_eq!(find(line, Given::Quoted).map(|range| &line[range]), found, "{line}");
        }
        let line = "  6a174c20-91d5-4b6b-b2b4-3f1a0c9f7e55: {}";
        assert_eq!(find(line, Given::All), Some(2..38));
    }
}
