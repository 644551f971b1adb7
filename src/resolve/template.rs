//! Values made of others: `template = "postgres://app:{{ DB_PASSWORD | urlencode }}@db/app"`.
//!
//! Invariants (threats.md): names that do not exist are errors; nothing is escaped unasked; there is
//! no loader, no `debug()`, and what is rendered is never rendered again; work has an end; a value with control
//! characters or line breaks stands bare nowhere; the engine's own errors, which quote what they were
//! given, are translated here.

use std::collections::BTreeMap;

use base64::Engine as _;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, Template, UndefinedBehavior};

use crate::secret::Secret;

/// The filters there are.
pub const FILTERS: &[&str] = &["urlencode", "b64encode", "tojson", "raw"];

/// Why a template cannot be used, or could not be rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Over 16 KiB.
    #[error("the template is longer than 16 KiB")]
    TooLong,
    /// It does not parse.
    #[error("the template has a syntax error in its line {0}")]
    Syntax(usize),
    /// A filter that kz does not have.
    #[error(
        "the template uses a filter that kz does not have; there are `urlencode`, `b64encode`, `tojson` and `raw`"
    )]
    Filter,
    /// A function or test that kz does not have.
    #[error(
        "the template uses a function or test that kz does not have; there is `is defined`, and no function"
    )]
    Function,
    /// A value that was left out because it is optional.
    #[error("the template needs a secret that is optional and absent ({0})")]
    Absent(String),
    /// A line break or control character where it could change the meaning of what surrounds it.
    #[error(
        "a value with a line break or control character stands bare in the template; add a filter, or `| raw` to insist"
    )]
    Control,
    /// Bytes where text is needed.
    #[error(
        "a value that is not UTF-8 stands bare in the template; only `b64encode` and `urlencode` take any bytes"
    )]
    NotText,
    /// Loops in loops, or text that is multiplied.
    #[error("the template takes more steps, or makes more text, than kz allows")]
    Work,
    /// Anything else that the engine refuses.
    #[error("the template cannot be rendered: its line {0} asks for something that these values cannot do")]
    Other(usize),
}

/// The longest template, in bytes. The engine descends into an expression once for each link of a chain such as
/// `A ~ A ~ A`, without a limit of its own: 28,000 bytes of `{{ ---1 }}` end kz by a stack overflow.
const LONGEST: usize = 16 << 10;

/// What a template may cost: each instruction and each 64 bytes that it handles are one. Enough for values of
/// several megabytes, and at most a moment's work, also for `kz validate` of somebody else's configuration.
const FUEL: u64 = 1_000_000;

/// Marks of our own refusals inside the engine's error type.
const CONTROL: &str = "kz: control";
const NOT_TEXT: &str = "kz: not text";

/// The secrets that a template names, sorted; an error when no values could make it render.
pub fn inputs(text: &str) -> Result<Vec<String>, TemplateError> {
    let engine = engine();
    let template = parse(&engine, text, &[])?;
    let mut names: Vec<String> = template.undeclared_variables(false).into_iter().collect();
    names.sort();
    // Filters are looked up when they run, so it is run once, with values that mean nothing.
    let nothing = names.iter().map(|name| (name.clone(), Value::from("x"))).collect();
    match template.render(context(nothing)).map_err(|error| translate(&error, &[])) {
        Err(error @ (TemplateError::Filter | TemplateError::Function | TemplateError::Work)) => Err(error),
        _ => Ok(names),
    }
}

/// The template with these values in it. `absent` names inputs that are optional and were not there.
pub fn render(text: &str, values: &[(&str, &Secret)], absent: &[&str]) -> Result<Secret, TemplateError> {
    let engine = engine();
    let template = parse(&engine, text, absent)?;
    let values = values.iter().map(|(name, secret)| ((*name).to_owned(), value(secret))).collect();
    let rendered = template.render(context(values)).map_err(|error| translate(&error, absent))?;
    Ok(Secret::new(rendered.into_bytes()))
}

fn parse<'a>(
    engine: &'a Environment<'_>,
    text: &'a str,
    absent: &[&str],
) -> Result<Template<'a, 'a>, TemplateError> {
    if text.len() > LONGEST {
        return Err(TemplateError::TooLong);
    }
    engine.template_from_str(text).map_err(|error| translate(&error, absent))
}

fn context(values: BTreeMap<String, Value>) -> Value {
    Value::from_object(values)
}

fn value(secret: &Secret) -> Value {
    match secret.expose_text() {
        Some(text) => Value::from(text),
        None => Value::from_bytes(secret.expose().to_vec()),
    }
}

fn engine() -> Environment<'static> {
    let mut engine = Environment::empty();
    if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
        engine.set_syntax(syntax);
    }
    engine.set_fuel(Some(FUEL));
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_auto_escape_callback(|_| AutoEscape::None);
    engine.set_formatter(write_value);
    engine.add_filter("urlencode", url_encode);
    engine.add_filter("b64encode", base64_encode);
    engine.add_filter("tojson", json_encode);
    engine.add_filter("raw", raw);
    engine.add_test("defined", |value: Value| !value.is_undefined());
    engine
}

/// What a `{{ … }}` writes: text without control characters, or what a filter vouches for.
fn write_value(output: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let number;
    let text = match (value.as_str(), value.kind()) {
        (Some(text), _) => text,
        (None, ValueKind::Number | ValueKind::Bool) => {
            number = value.to_string();
            &number
        }
        (None, ValueKind::Undefined) => return Err(Error::from(ErrorKind::UndefinedError)),
        (None, _) => return Err(Error::new(ErrorKind::InvalidOperation, NOT_TEXT)),
    };
    if !value.is_safe() && text.chars().any(char::is_control) {
        return Err(Error::new(ErrorKind::InvalidOperation, CONTROL));
    }
    output.write_str(text).map_err(|_| Error::from(ErrorKind::WriteFailure))
}

/// RFC 3986: everything but the unreserved characters, so that a value can stand in any part of a URL.
fn url_encode(value: &Value) -> Result<Value, Error> {
    let mut encoded = String::new();
    for &byte in bytes(value)? {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            for digit in [byte >> 4, byte & 15] {
                encoded.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
            }
            encoded.insert(encoded.len() - 2, '%');
        }
    }
    Ok(Value::from_safe_string(encoded))
}

/// RFC 4648 §4, with padding.
fn base64_encode(value: &Value) -> Result<Value, Error> {
    Ok(Value::from_safe_string(base64::engine::general_purpose::STANDARD.encode(bytes(value)?)))
}

/// A JSON string, quotes included.
fn json_encode(value: &Value) -> Result<Value, Error> {
    let text = value.as_str().ok_or_else(|| refuse(value))?;
    serde_json::to_string(text)
        .map(Value::from_safe_string)
        .map_err(|_| Error::from(ErrorKind::BadSerialization))
}

/// The value as it is, line breaks and all.
fn raw(value: &Value) -> Result<Value, Error> {
    let text = value.as_str().ok_or_else(|| refuse(value))?;
    Ok(Value::from_safe_string(text.to_owned()))
}

fn bytes(value: &Value) -> Result<&[u8], Error> {
    value.as_bytes().ok_or_else(|| refuse(value))
}

fn refuse(value: &Value) -> Error {
    match value.kind() {
        ValueKind::Undefined => Error::from(ErrorKind::UndefinedError),
        _ => Error::new(ErrorKind::InvalidOperation, NOT_TEXT),
    }
}

fn translate(error: &Error, absent: &[&str]) -> TemplateError {
    let line = error.line().unwrap_or(1);
    match (error.kind(), error.detail()) {
        (ErrorKind::SyntaxError, _) => TemplateError::Syntax(line),
        (ErrorKind::OutOfFuel, _) => TemplateError::Work,
        (ErrorKind::UnknownFilter, _) => TemplateError::Filter,
        (ErrorKind::UnknownFunction | ErrorKind::UnknownTest | ErrorKind::UnknownMethod, _) => {
            TemplateError::Function
        }
        (ErrorKind::UndefinedError, _) if !absent.is_empty() => TemplateError::Absent(absent.join(", ")),
        (_, Some(CONTROL)) => TemplateError::Control,
        (_, Some(NOT_TEXT)) => TemplateError::NotText,
        _ => TemplateError::Other(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str, value: &[u8]) -> Result<String, TemplateError> {
        let secret = Secret::new(value.to_vec());
        render(text, &[("X", &secret)], &[]).map(|secret| secret.expose_text().unwrap().to_owned())
    }

    #[test]
    fn a_value_stands_where_it_is_named() {
        assert_eq!(with("a {{ X }} b\n", b"v"), Ok("a v b\n".to_owned()));
        assert_eq!(with("{{ X }}", b"{{ X }}<&>"), Ok("{{ X }}<&>".to_owned()));
    }

    #[test]
    fn filters_make_values_fit() {
        assert_eq!(
            with("p://u:{{ X | urlencode }}@h", b"a/b@c:\xc3\xa9 ~\n"),
            Ok("p://u:a%2Fb%40c%3A%C3%A9%20~%0A@h".to_owned())
        );
        assert_eq!(with("{{ X | b64encode }}", b"\xff\x00"), Ok("/wA=".to_owned()));
        assert_eq!(with("{{ X | urlencode }}", b"\xff"), Ok("%FF".to_owned()));
        assert_eq!(with("{{ X | tojson }}", b"a\"\n\x7f"), Ok("\"a\\\"\\n\x7f\"".to_owned()));
        assert_eq!(with("{{ X | raw }}", b"a\nb"), Ok("a\nb".to_owned()));
    }

    #[test]
    fn what_could_break_out_is_refused() {
        assert_eq!(with("{{ X }}", b"a\nb"), Err(TemplateError::Control));
        assert_eq!(with("{{ X ~ '!' }}", b"a\nb"), Err(TemplateError::Control));
        assert_eq!(with("{{ X }}", b"\xff"), Err(TemplateError::NotText));
        assert_eq!(with("{{ X | tojson }}", b"\xff"), Err(TemplateError::NotText));
    }

    #[test]
    fn what_is_optional_and_absent_is_said() {
        assert_eq!(render("{{ Y }}", &[], &["Y"]), Err(TemplateError::Absent("Y".to_owned())));
        let empty = render("{% if Y is defined %}y{% endif %}", &[], &["Y"]);
        assert_eq!(empty, Ok(Secret::new(Vec::new())));
    }

    #[test]
    fn a_chain_that_would_overflow_the_stack_is_refused() {
        for text in
            [format!("{{{{ {}1 }}}}", "-".repeat(1 << 20)), format!("{{{{ A{} }}}}", "~A".repeat(1 << 19))]
        {
            assert_eq!(inputs(&text), Err(TemplateError::TooLong));
            assert_eq!(render(&text, &[], &[]), Err(TemplateError::TooLong));
        }
        assert!(inputs(&"x".repeat(LONGEST)).is_ok());
    }

    #[test]
    fn work_without_end_is_refused_and_large_values_are_not() {
        for text in [
            "{% for a in [1] * 99999 %}{% for b in [1] * 99999 %}{% for c in [1] * 99999 %}{% endfor %}{% endfor %}{% endfor %}",
            "{% set a = 'x' * 99999999 %}{{ a }}{{ a }}{{ a }}",
        ] {
            assert_eq!(inputs(text), Err(TemplateError::Work));
            assert_eq!(render(text, &[], &[]), Err(TemplateError::Work));
        }
        assert_eq!(
            with("{{ X }}{{ X | b64encode }}", &vec![b'x'; 3 << 20]).map(|text| text.len() >> 20),
            Ok(7)
        );
    }

    #[test]
    fn inputs_are_found_and_mistakes_too() {
        assert_eq!(
            inputs("{{ B }}{% if A is defined %}{{ A | raw }}{% endif %}"),
            Ok(vec!["A".to_owned(), "B".to_owned()])
        );
        assert_eq!(inputs("\n{{ A | }}"), Err(TemplateError::Syntax(2)));
        assert_eq!(inputs("{{ A | urlencod }}"), Err(TemplateError::Filter));
        assert_eq!(inputs("{{ A is odd }}"), Err(TemplateError::Function));
        // A function is a name like any other, and no secret has it.
        assert_eq!(inputs("{{ debug() }}"), Ok(vec!["debug".to_owned()]));
        assert!(matches!(inputs("{% include 'x' %}"), Err(TemplateError::Syntax(1))));
    }

    #[test]
    fn nothing_shows_all_values_or_loads_another_template() {
        for text in
            ["{{ debug() }}", "{{ debug }}", "{% debug %}", "{{ self }}", "{{ X | pprint }}", "{{ X.x }}"]
        {
            let error = with(text, b"canary").expect_err(text);
            assert!(!error.to_string().contains("canary"), "{text}: {error}");
        }
        for text in
            ["{% include 'X' %}", "{% import 'X' as y %}", "{% extends 'X' %}", "{% from 'X' import y %}"]
        {
            assert!(matches!(with(text, b"canary"), Err(TemplateError::Syntax(1))), "{text}");
        }
    }
}
