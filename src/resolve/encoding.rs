//! How a backend's text stands for bytes.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::plan::Encoding;
use crate::reading::unmarked;
use crate::secret::Secret;

/// The encoding's name in messages.
pub(super) fn name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Base64 => "base64",
        Encoding::Base64Url => "base64url",
        Encoding::Hex => "hexadecimal",
    }
}

/// The bytes that a text stands for; `None` when it is not in that encoding. A byte order mark before it is no part of it; one
/// that it stands for is.
pub(super) fn decode(value: &Secret, encoding: Encoding) -> Option<Secret> {
    let text: Vec<u8> =
        unmarked(value.expose()).iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let text = Secret::new(text);
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let bytes = match encoding {
        Encoding::Base64 => GeneralPurpose::new(&alphabet::STANDARD, lenient).decode(text.expose()).ok()?,
        Encoding::Base64Url => {
            GeneralPurpose::new(&alphabet::URL_SAFE, lenient).decode(text.expose()).ok()?
        }
        Encoding::Hex => decode_hex(text.expose())?,
    };
    Some(Secret::new(bytes))
}

fn decode_hex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str, encoding: Encoding) -> Option<Vec<u8>> {
        decode(&Secret::new(text.as_bytes().to_vec()), encoding).map(|secret| secret.expose().to_vec())
    }

    #[test]
    fn encodings_are_read_as_backends_and_people_write_them() {
        assert_eq!(decoded("/+8=\n", Encoding::Base64), Some(vec![0xff, 0xef]));
        assert_eq!(decoded("/+8", Encoding::Base64), Some(vec![0xff, 0xef]));
        assert_eq!(decoded("_-8", Encoding::Base64Url), Some(vec![0xff, 0xef]));
        assert_eq!(decoded("fF 0a", Encoding::Hex), Some(vec![0xff, 0x0a]));
        assert_eq!(decoded("", Encoding::Hex), Some(vec![]));
        for (text, encoding) in
            [("/+8=", Encoding::Base64), ("_-8", Encoding::Base64Url), ("ffef", Encoding::Hex)]
        {
            assert_eq!(decoded(&format!("\u{feff}{text}\r\n"), encoding), Some(vec![0xff, 0xef]));
            assert_eq!(decoded(&format!("\u{feff}\u{feff}{text}"), encoding), None);
        }
        assert_eq!(decoded("efbbbf41", Encoding::Hex), Some(b"\xef\xbb\xbfA".to_vec()));
        for (text, encoding) in
            [("_-8", Encoding::Base64), ("a", Encoding::Hex), ("zz", Encoding::Hex), ("é", Encoding::Base64)]
        {
            assert_eq!(decoded(text, encoding), None, "{text}");
        }
    }
}
