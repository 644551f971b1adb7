//! What a successful answer of `versions.access` is: `{"name": …, "payload": {"data": …, "dataCrc32c": …}}`.
//!
//! Invariants: a value whose checksum is another is never delivered; one without a checksum is, unless it is empty: Google sends
//! the checksum of every value, and takes none that is empty, so a payload without either is somebody else's, or cut; the
//! version is what the answer's name says, which has to be the whole name of one of the secret that was asked for.
//! <https://cloud.google.com/secret-manager/docs/reference/rest/v1/SecretPayload>

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use crate::provider::gcp::resource::{Resource, parse};
use crate::provider::{Document, Shape};
use crate::secret::Secret;

use super::checksum::crc32c;
use super::trouble::Trouble;

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    payload: Payload<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    /// Left out where the value is empty, as JSON of protocol buffers does with what is nothing.
    #[serde(borrow, default)]
    data: Cow<'a, str>,
    /// A number of 64 bits is text in that JSON; some proxies make a number of it.
    #[serde(default)]
    data_crc32c: Option<Value>,
}

/// The document in an answer.
pub(super) fn document(body: &Secret, asked: &Resource) -> Result<Document, Trouble> {
    let answer: Answer<'_> =
        serde_json::from_slice(body.expose()).map_err(|_| Trouble::Answer("it is not of the right form"))?;
    let named = parse(&answer.name).map_err(|_| Trouble::Answer("it does not say which secret it is of"))?;
    if named.project.is_none() || named.version.is_none() {
        return Err(Trouble::Answer("it does not say which version it is"));
    }
    if named.secret != asked.secret {
        return Err(Trouble::Answer("it is of another secret"));
    }
    let decoded = STANDARD
        .decode(answer.payload.data.as_bytes())
        .map_err(|_| Trouble::Answer("its data is not base64"))?;
    let content = Secret::new(decoded);
    if content.expose().is_empty() && answer.payload.data_crc32c.is_none() {
        return Err(Trouble::Answer("its payload holds neither a value nor the checksum of an empty one"));
    }
    if let Some(sum) = &answer.payload.data_crc32c {
        let sum = sum.as_u64().or_else(|| sum.as_str()?.parse().ok());
        if sum != Some(u64::from(crc32c(content.expose()))) {
            return Err(Trouble::Checksum);
        }
    }
    Ok(Document { content, shape: Shape::Json, version: named.version.map(str::to_owned), lease: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Document, Trouble> {
        let asked =
            Resource { project: None, location: None, secret: "s".to_owned(), version: "latest".to_owned() };
        document(&Secret::new(text.as_bytes().to_vec()), &asked)
    }

    fn with(payload: &str) -> String {
        format!("{{\"name\": \"projects/1/secrets/s/versions/7\", \"payload\": {{{payload}}}}}")
    }

    #[test]
    fn a_right_checksum_is_text_or_a_number_or_left_out() {
        for sum in [", \"dataCrc32c\": \"3808858755\"", ", \"dataCrc32c\": 3808858755", ""] {
            let document = read(&with(&format!("\"data\": \"MTIzNDU2Nzg5\"{sum}"))).unwrap();
            assert_eq!(document.content.expose(), b"123456789");
            assert_eq!(document.version.as_deref(), Some("7"));
        }
        let escaped = read(&with("\"data\": \"MTI\\u003d\""));
        assert_eq!(escaped.unwrap().content.expose(), b"12");
        assert_eq!(read(&with("\"dataCrc32c\": \"0\"")).unwrap().content.expose(), b"");
    }

    #[test]
    fn another_checksum_is_damage_also_where_it_is_none() {
        for sum in ["\"3808858756\"", "\"-1\"", "\"x\"", "{}"] {
            let text = with(&format!("\"data\": \"MTIzNDU2Nzg5\", \"dataCrc32c\": {sum}"));
            assert_eq!(read(&text).unwrap_err(), Trouble::Checksum, "{sum}");
        }
    }

    #[test]
    fn what_is_no_answer_or_another_s_is_refused() {
        let other = "{\"name\": \"projects/1/secrets/t/versions/7\", \"payload\": {\"data\": \"\"}}";
        let short = "{\"name\": \"s\", \"payload\": {\"data\": \"MTI=\"}}";
        let unversioned = "{\"name\": \"projects/1/secrets/s\", \"payload\": {\"data\": \"MTI=\"}}";
        let gateway = "{\"status\": \"ok\", \"data\": {\"message\": \"up\"}}";
        let unread = with("\"data\": \"?\"");
        let empty = ["", "\"data\": \"\"", "\"dataCrc32c\": null"].map(with);
        let others = ["{}", "[]", "{\"payload\": {}}", other, short, unversioned, gateway, &unread];
        for text in others.into_iter().chain(empty.iter().map(String::as_str)) {
            assert!(matches!(read(text), Err(Trouble::Answer(_))), "{text}");
        }
    }
}
