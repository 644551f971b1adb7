//! What a server warns of beside its answer, said with `-v`.
//!
//! Invariant: its text is matched against known phrases and never repeated.

use crate::log::Log;

use super::reply::Body;

/// Phrases that have to be there together, in lower case, and what is said of them.
const TABLE: &[(&[&str], &str)] = &[
    (&["ttl", "max"], "it lives less long than it was to, since the server allows no more"),
    (&["policy", "does not exist"], "a policy that the token names does not exist"),
    (&["ignored these unrecognized parameters"], "it ignored a parameter of the request"),
    (&["replaced the value of these parameters"], "it took a parameter of the request from the path instead"),
];
/// What [`super::read`] and [`super::login`] tell as errors.
const TOLD: &[&str] = &["k/v", "mfa validation"];
const OTHER: &str = "in words that kz does not know";

/// Says what a reply warns of, of this path: with `-v`, or to everybody where the user's own parameters were not taken as written.
pub(super) fn say(log: Log, path: &str, is_made: bool, body: &[u8]) {
    // Most have none, and are large: only this text is looked for in them.
    let Some(text) = std::str::from_utf8(body).ok().filter(|text| text.contains("\"warnings\":[")) else {
        return;
    };
    let Ok(Body { warnings: Some(warnings), .. }) = serde_json::from_str::<Body<'_>>(text) else { return };
    for words in warnings.iter().filter_map(|warning| words(warning)) {
        let line = format!("the server warns of `{path}`: {words}");
        if is_made { log.note(&line) } else { log.detail(&line) }
    }
}

fn words(warning: &str) -> Option<&'static str> {
    let warning = warning.to_lowercase();
    let says = |phrases: &[&str]| phrases.iter().all(|phrase| warning.contains(phrase));
    if TOLD.iter().any(|phrase| warning.contains(phrase)) {
        return None;
    }
    Some(TABLE.iter().find(|(phrases, _)| says(phrases)).map_or(OTHER, |(_, words)| words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_warning_is_told_in_words_of_kzs_own() {
        for (warning, told) in [
            (
                r#"TTL of "10m" exceeded the effective max_ttl of "5m"; TTL value is capped accordingly"#,
                Some("lives less"),
            ),
            (
                r#"TTL "900h0m0s" is longer than permitted maxTTL "72h0m0s", so maxTTL is being used"#,
                Some("lives less"),
            ),
            (r#"Policy "never-written" does not exist"#, Some("a policy")),
            ("Endpoint ignored these unrecognized parameters: [colour]", Some("ignored a parameter")),
            ("canary-4b1f", Some(OTHER)),
            ("Invalid path for a versioned K/V secrets engine.", None),
            ("A login request was issued that is subject to MFA validation.", None),
        ] {
            match (words(warning), told) {
                (Some(words), Some(told)) => assert!(words.contains(told), "{warning}: {words}"),
                (words, told) => assert_eq!(words, told, "{warning}"),
            }
        }
    }
}
