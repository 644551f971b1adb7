//! Which [`Shape`] a document without a declared type has: its name says, or its first byte.
//!
//! Pure. It looks for fields' sake only: a document that is used whole has whatever bytes it has.

use std::path::Path;

use super::Shape;
use crate::reading::unmarked;

/// By the name without `.age` and `.asc`: `.json` and `.toml` are what they say. Anything else is dotenv,
/// unless the content begins like a JSON object, which no dotenv file does.
pub(super) fn shape_of(name: &str, content: &[u8]) -> Shape {
    match extension(name).as_deref() {
        Some("json") => Shape::Json,
        Some("toml") => Shape::Toml,
        _ if unmarked(content).trim_ascii_start().starts_with(b"{") => Shape::Json,
        _ => Shape::Dotenv,
    }
}

/// The extension of the plaintext's name, in lower case.
fn extension(name: &str) -> Option<String> {
    let path = Path::new(name);
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    match extension.as_str() {
        "age" | "asc" => self::extension(path.file_stem()?.to_str()?),
        _ => Some(extension),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_without_the_endings_of_encryption_decides() {
        assert_eq!(shape_of("prod.json.age", b""), Shape::Json);
        assert_eq!(shape_of("conf/prod.TOML.age.asc", b"{"), Shape::Toml);
        assert_eq!(shape_of("prod.env.age", b"A=1"), Shape::Dotenv);
        assert_eq!(shape_of(".env", b"A=1"), Shape::Dotenv);
    }

    #[test]
    fn a_name_that_says_nothing_leaves_it_to_the_first_byte() {
        assert_eq!(shape_of("prod.age", b" \r\n{\"a\": 1}"), Shape::Json);
        assert_eq!(shape_of("APP_CONFIG", b"{}"), Shape::Json);
        assert_eq!(shape_of("APP_CONFIG", b"\xef\xbb\xbf{}"), Shape::Json);
        assert_eq!(shape_of("prod.age", b"A={}"), Shape::Dotenv);
        assert_eq!(shape_of("", b""), Shape::Dotenv);
    }
}
