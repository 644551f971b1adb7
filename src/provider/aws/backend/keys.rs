//! Keys of an identity as the SDK takes them, and the JSON in which programs and containers give them.
//!
//! Pure. Invariant: what is handed to the SDK can stand in a header, since it panics where that cannot; nothing of a
//! key is in a message.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::{Map, Value};

/// Why a text is no key. `Display` is a part of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    #[error("the access key id is empty, or has white space or another character inside that none has")]
    Id,
    #[error("the secret access key is empty, or has white space or another character inside that none has")]
    Secret,
    #[error("the session token is empty, or has white space or another character inside that none has")]
    Token,
}

/// Keys without the white space around them.
pub(super) fn keys(
    id: &str,
    secret: &str,
    token: Option<&str>,
    ends: Option<SystemTime>,
    source: &'static str,
) -> Result<Credentials, Unfit> {
    let fit = |text: &str, unfit| {
        let text = text.trim();
        let fits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| text.to_owned()).ok_or(unfit)
    };
    let token = token.map(|token| fit(token, Unfit::Token)).transpose()?;
    Ok(Credentials::new(fit(id, Unfit::Id)?, fit(secret, Unfit::Secret)?, token, ends, source))
}

/// When keys end, as it is written in JSON; nothing where that is no time.
fn end(written: Option<&str>) -> Option<SystemTime> {
    let time = DateTime::from_str(written?, Format::DateTimeWithOffset).ok()?;
    SystemTime::try_from(time).ok()
}

/// What a `credential_process` prints
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>); keys in any case.
pub(super) fn of_process(output: &[u8]) -> Option<Credentials> {
    let object: Map<String, Value> = serde_json::from_slice(output).ok()?;
    let get = |wanted: &str| {
        object.iter().find(|(key, _)| key.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
    };
    if get("Version")?.as_i64()? != 1 {
        return None;
    }
    let text = |key| get(key).and_then(Value::as_str);
    keys(
        text("AccessKeyId")?,
        text("SecretAccessKey")?,
        text("SessionToken"),
        end(text("Expiration")),
        "process",
    )
    .ok()
}

/// What the endpoint of a container answers
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>).
pub(super) fn of_container(reply: &[u8]) -> Option<Credentials> {
    let object: Map<String, Value> = serde_json::from_slice(reply).ok()?;
    let text = |key| object.get(key).and_then(Value::as_str);
    keys(text("AccessKeyId")?, text("SecretAccessKey")?, text("Token"), end(text("Expiration")), "container")
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_around_a_key_is_no_part_of_it_and_nothing_else_is_let_through() {
        let credentials = keys(" i\r\n", "s\t", Some("t\n"), None, "test").unwrap();
        assert_eq!(
            (credentials.access_key_id(), credentials.secret_access_key(), credentials.session_token()),
            ("i", "s", Some("t"))
        );
        for unfit in ["", " ", "a b", "a\nb", "a\u{1}b", "a\u{7f}", "é"] {
            assert_eq!(keys(unfit, "s", None, None, "test").unwrap_err(), Unfit::Id, "{unfit:?}");
            assert_eq!(keys("i", unfit, None, None, "test").unwrap_err(), Unfit::Secret, "{unfit:?}");
            assert_eq!(keys("i", "s", Some(unfit), None, "test").unwrap_err(), Unfit::Token, "{unfit:?}");
        }
    }

    #[test]
    fn what_a_program_prints_is_taken_whole_or_not() {
        let right = br#"{"version":1,"AccessKeyId":"i","SECRETACCESSKEY":"s","SessionToken":"t"}"#;
        assert_eq!(of_process(right).unwrap().session_token(), Some("t"));
        for wrong in [
            r#"{"AccessKeyId":"i","SecretAccessKey":"s"}"#,
            r#"{"Version":2,"AccessKeyId":"i","SecretAccessKey":"s"}"#,
            r#"{"Version":1,"AccessKeyId":"i"}"#,
            r#"{"Version":1,"AccessKeyId":"i\u0000","SecretAccessKey":"s"}"#,
            r"[1]",
            "",
        ] {
            assert!(of_process(wrong.as_bytes()).is_none(), "{wrong}");
        }
    }
}
