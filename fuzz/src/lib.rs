//! What the fuzz targets share: a directory that stands in for a machine, and independent judges of what
//! kz says and writes. The judges repeat kz's rules in other words and call none of its code.

pub mod canary;
pub mod machine;
pub mod shell;

/// The JSON pointer of these names (RFC 6901).
pub fn pointer(segments: &[String]) -> String {
    let escaped = segments.iter().map(|part| part.replace('~', "~0").replace('/', "~1"));
    escaped.fold(String::new(), |pointer, part| pointer + "/" + &part)
}
