//! The `common` dialect: the one form that all parsers with quotes read alike, shells among them.
//!
//! The least quotes that carry the value: none, `'…'`, or `"…"` with real newlines. Nothing is ever escaped, since
//! parsers differ in every escape; so nothing in it is run or expanded when a shell sources the file. `dotenv.rs`, which
//! reads this dialect, goes by the same rules.

use super::{Reason, is_noncharacter, text};

/// The value and the quotes that it needs.
pub(super) fn write(value: &[u8], to: &mut Vec<u8>) -> Result<(), Reason> {
    let quotes = quotes(text(value)?)?;
    to.extend_from_slice(quotes.as_bytes());
    to.extend_from_slice(value);
    to.extend_from_slice(quotes.as_bytes());
    Ok(())
}

/// The quotes that carry a value, or why none do.
fn quotes(text: &str) -> Result<&'static str, Reason> {
    if text.chars().all(stands_bare) {
        return Ok("");
    }
    if text.chars().any(is_refused_control) {
        return Err(
            "its value has a carriage return or another control character, which parsers read differently",
        );
    }
    if text.chars().any(is_noncharacter) {
        return Err("its value has a noncharacter of Unicode, for which some parsers drop the variable");
    }
    if fits_single_quotes(text) {
        return Ok("'");
    }
    if fits_double_quotes(text) {
        return Ok("\"");
    }
    if text.contains('\'') {
        return Err(
            "its value has `'` together with `\"`, `$`, `\\` or a backtick, for which parsers have no common form",
        );
    }
    Err("its value has `${`, `\\\\` or a `\\` at the end, for which parsers have no common form")
}

/// What means itself without quotes, to every parser. To JavaScript a byte order mark is white space.
pub(in crate::output) fn stands_bare(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric() || "!%*+,-./:=?@[]^_{}".contains(character);
    }
    let is_blank = character.is_whitespace() || character == '\u{feff}';
    !is_blank && !character.is_control() && !is_noncharacter(character)
}

/// What not even quotes carry to every parser.
pub(in crate::output) fn is_refused(character: char) -> bool {
    is_refused_control(character) || is_noncharacter(character)
}

fn is_refused_control(character: char) -> bool {
    character.is_control() && !matches!(character, '\n' | '\t')
}

/// Whether it is read alike between single quotes, as far as its characters are not refused.
pub(in crate::output) fn fits_single_quotes(text: &str) -> bool {
    !text.contains(['\'', '\r']) && !text.contains("${") && !text.contains("\\\\") && !text.ends_with('\\')
}

/// The same between double quotes.
pub(in crate::output) fn fits_double_quotes(text: &str) -> bool {
    !text.contains(['"', '$', '\\', '`', '\r'])
}
