//! What is no TOML: words for where reading it stopped, or for the whole, where it is another language.
//!
//! Invariant: no message holds a text of the file.

use super::problem::{Mistake, Place, Problem};

/// TOML's own words are about grammar.
pub(super) fn problem(source: usize, text: &str, error: &toml::de::Error) -> Problem {
    let place = Place::new(source, error.span().unwrap_or(0..0));
    let before = text.get(..place.start).unwrap_or_default();
    let is_escape =
        before.trim_end_matches(|c: char| c.is_ascii_hexdigit() || "uUx".contains(c)).ends_with('\\');
    let hint = is_escape.then(|| "TOML reads `\\` between `\"` as the beginning of an escape: write `\\\\`, or put the text between `'`".to_owned());
    let message = format!("not TOML: {}", error.message().replace('\n', ", "));
    Problem { place, mistake: Mistake::Syntax, message, hint }
}

/// A text that is not TOML because it is YAML or JSON, as the first line that says something tells.
pub(super) fn foreign(source: usize, text: &str) -> Option<Problem> {
    let lines = text.split_inclusive('\n').scan(0, |at, line| {
        let start = *at;
        *at += line.len();
        Some((start, line.trim_end()))
    });
    let says_something = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let (start, line) = lines.into_iter().find(|(_, line)| says_something(line))?;
    let language = language(line)?;
    Some(Problem {
        place: Place::new(source, start..start + line.len()),
        mistake: Mistake::Syntax,
        message: format!("not TOML: this is {language}, which kz does not read a configuration from"),
        hint: Some("write a line `[secrets]`, and below it `NAME = { provider = \"…\", ref = \"…\" }` for each secret; `kz init` writes one to begin with".to_owned()),
    })
}

fn language(line: &str) -> Option<&'static str> {
    if line == "{" || line.starts_with("{\"") {
        return Some("JSON");
    }
    let (key, rest) = line.split_once(':').unwrap_or_default();
    let is_key = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-.'\" ".contains(c));
    (line == "---" || is_key && (rest.is_empty() || rest.starts_with(' '))).then_some("YAML")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_language_is_told_by_the_first_line_that_says_something() {
        for (text, found) in [
            ("secrets:\n  A:\n", Some("YAML")),
            ("# mine\n\n---\nsecrets: {}\n", Some("YAML")),
            ("\"secrets\": {A: {provider: env}}", Some("YAML")),
            ("{\n  \"secrets\": {}\n}\n", Some("JSON")),
            ("{\"secrets\":{}}", Some("JSON")),
            ("[secrets]\nA: 1\n", None),
            ("A = \"x: y\n", None),
            ("https://x\n", None),
            ("", None),
            ("# only a comment", None),
        ] {
            let problem = foreign(0, text);
            assert_eq!(problem.is_some(), found.is_some(), "{text:?}");
            let Some(problem) = problem else { continue };
            assert!(problem.message.contains(found.unwrap_or_default()), "{text:?}: {}", problem.message);
            // It points at all of the line that tells, and at nothing else.
            let shown = &text[problem.place.start..problem.place.end];
            assert!(text.lines().any(|line| line == shown), "{text:?}: {shown:?}");
            assert!(!shown.starts_with('#') && !shown.is_empty(), "{text:?}: {shown:?}");
        }
    }
}
