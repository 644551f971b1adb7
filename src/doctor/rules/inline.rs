//! D4, sixth part: credentials in what `configs:` says itself, in the file that everybody reads.
//!
//! Invariant: nothing of a value is told, not even its length.

use super::super::Known;
use super::super::catalogue::Code;
use super::super::finding::Findings;
use super::super::remedy::Remedy;
use super::super::scene::Scene;
use super::values;

/// The directives of configurations that take a credential without `=` or `:`.
const DIRECTIVES: &[&str] = &["requirepass", "masterauth"];

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    for (name, content) in &scene.inline {
        let held = content.raw.lines().find_map(|line| credential_in(line, known));
        let Some((key, _)) = held else { continue };
        let what = format!(
            "`{key}` in its content is a credential, which everybody reads who reads this file or its history"
        );
        let remedy = Remedy::said(format!(
            "let kz write it: `kz export --format template --template {name}.tmpl --output /secrets/{name}`, with `{{{{ NAME }}}}` in the place of the credential, and mount that"
        ));
        found.add(Code::CredentialInConfig, content.mark, &format!("config `{name}`"), what, remedy);
    }
}

/// The key of a line that gives a credential to it, and the credential.
pub(super) fn credential_in<'a>(line: &'a str, known: Known<'_>) -> Option<(&'a str, &'a str)> {
    let line = line.trim();
    if line.starts_with(['#', ';']) || line.starts_with("//") {
        return None;
    }
    let directive = line.split_once(char::is_whitespace).filter(|(key, _)| DIRECTIVES.contains(key));
    let (key, value) = directive.or_else(|| line.split_once(['=', ':']))?;
    let key = key.trim().trim_matches(['"', '\'']);
    let value = value.trim().trim_end_matches([',', ';']).trim_matches(['"', '\'']);
    // What a program fills in, and what is no text: a table, a list, a reference.
    let is_text = !value.contains(['$', '{', '[', '(', '<', '%']) && !value.contains(char::is_whitespace);
    let last = key.rsplit('.').next().unwrap_or(key).replace('-', "_");
    let is_one =
        values::is_credential(&last, value, known) || (directive.is_some() && !values::is_harmless(value));
    (is_text && is_one && !key.contains(char::is_whitespace)).then_some((key, value))
}
