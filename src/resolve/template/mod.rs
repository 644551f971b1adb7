//! Values made of others: `template = "postgres://app:{{ DB_PASSWORD | urlencode }}@db/app"`, and whole files.
//!
//! Invariants: names that do not exist are errors; nothing is escaped unasked; there is
//! no loader, no `debug()`, and what is rendered is never rendered again; work has an end; a value with control
//! characters or line breaks stands bare nowhere; the engine's own errors, which quote what they were
//! given, are translated in `error`. Pure: a template is a text, wherever it was read.

mod error;
mod filter;
mod hint;
mod scan;

use std::collections::{BTreeMap, BTreeSet};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior};

use crate::secret::Secret;
pub use error::{Fault, Refused, TemplateError};
use error::{refuse, translate};
pub use filter::{FILTERS, Filter};
use scan::Mention;

/// The largest template, in bytes.
pub const LONGEST: usize = scan::LONGEST;

/// What a template may cost: each instruction and each 64 bytes that it handles are one. Enough for values of
/// several megabytes, and at most a moment's work, also for `kz validate` of somebody else's configuration.
const FUEL: u64 = 1_000_000;

/// A text that some values can render.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    text: String,
    inputs: Vec<Input>,
}

/// A secret that a template names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// The first line that names it, from 1.
    pub line: usize,
}

impl Template {
    /// Checks a text: an error when no values could make it render.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        scan::check(text)?;
        let engine = engine();
        let template = engine.template_from_str(text).map_err(|error| translate(&error, &[]))?;
        let mut names: Vec<String> = template.undeclared_variables(false).into_iter().collect();
        names.sort();
        let mentions = scan::mentions(text);
        let inputs =
            names.iter().map(|name| input(name, mentions.get(name.as_str()))).collect::<Result<_, _>>()?;
        // Some mistakes show only when it runs, so it is run once, with values that mean nothing.
        let nothing = names.into_iter().map(|name| (name, Value::from("x"))).collect();
        match template.render(context(nothing)).map_err(|error| translate(&error, &[])) {
            Err(error) if error.fault.is_in_the_text() => Err(error),
            _ => Ok(Self { text: text.to_owned(), inputs }),
        }
    }

    /// The secrets that it names, sorted, each once.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// [`line_breaks`], of this template.
    pub fn line_breaks(&self) -> BTreeSet<&str> {
        line_breaks(&self.text)
    }

    /// The text with these values in it. `absent` names inputs that are optional and were not there.
    pub fn render(&self, values: &[(&str, &Secret)], absent: &[&str]) -> Result<Secret, TemplateError> {
        render(&self.text, values, absent)
    }
}

/// The template with these values in it, whose text [`Template::parse`] has seen. `absent` names inputs that are
/// optional and were not there.
pub fn render(text: &str, values: &[(&str, &Secret)], absent: &[&str]) -> Result<Secret, TemplateError> {
    scan::check(text)?;
    let engine = engine();
    let template = engine.template_from_str(text).map_err(|error| translate(&error, absent))?;
    let values = values.iter().map(|(name, secret)| ((*name).to_owned(), value(secret))).collect();
    let rendered = template.render(context(values)).map_err(|error| translate(&error, absent))?;
    Ok(Secret::new(rendered.into_bytes()))
}

/// The secrets of which a template takes the line break at the end: it names them somewhere without `trim`, and without
/// `raw`, whose writer vouches for it. Other words stand among them.
pub fn line_breaks(text: &str) -> BTreeSet<&str> {
    scan::line_breaks(text)
}

/// A name that stands free in the text; a function when it is called, and kz has none.
fn input(name: &str, mention: Option<&Mention>) -> Result<Input, TemplateError> {
    let line = mention.map_or(1, |mention| mention.line);
    match mention {
        Some(Mention { is_called: true, .. }) => Err(TemplateError { line, fault: Fault::Function }),
        _ => Ok(Input { name: name.to_owned(), line }),
    }
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
    filter::install(&mut engine);
    engine.add_test("defined", |value: Value| !value.is_undefined());
    engine
}

/// What a `{{ … }}` writes: text without control characters, or what a filter vouches for.
fn write_value(output: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let text = filter::text(value)?;
    if !value.is_safe() && text.chars().any(breaks_out) {
        return Err(refuse(Fault::Control));
    }
    output.write_str(&text).map_err(|_| Error::from(ErrorKind::WriteFailure))
}

/// Control characters, and the line breaks that Unicode does not count among them.
fn breaks_out(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str, value: &[u8]) -> Result<String, Fault> {
        let secret = Secret::new(value.to_vec());
        let rendered = render(text, &[("X", &secret)], &[]).map_err(|error| error.fault)?;
        Ok(rendered.expose_text().unwrap().to_owned())
    }

    fn inputs(text: &str) -> Result<Vec<(String, usize)>, (Fault, usize)> {
        match Template::parse(text) {
            Ok(template) => Ok(template.inputs.into_iter().map(|input| (input.name, input.line)).collect()),
            Err(TemplateError { line, fault }) => Err((fault, line)),
        }
    }

    #[test]
    fn a_value_stands_where_it_is_named() {
        assert_eq!(with("a {{ X }} b\n", b"v"), Ok("a v b\n".to_owned()));
        assert_eq!(with("{{ X }}", b"{{ X }}<&>"), Ok("{{ X }}<&>".to_owned()));
    }

    #[test]
    fn filters_make_values_fit() {
        assert_eq!(with("p://u:{{ X | urlencode }}@h", b"a/b"), Ok("p://u:a%2Fb@h".to_owned()));
        assert_eq!(with("{{ X | b64encode }}", b"\xff\x00"), Ok("/wA=".to_owned()));
        assert_eq!(with("{{ X | tojson }}", b"a\"\n\x7f"), Ok("\"a\\\"\\n\x7f\"".to_owned()));
        assert_eq!(with("{{ X | raw }}", b"a\nb"), Ok("a\nb".to_owned()));
        assert_eq!(with("{{ X | urlencode | sh }}{{ 5 | toml }}", b"'"), Ok("'%27'\"5\"".to_owned()));
    }

    #[test]
    fn what_could_break_out_is_refused() {
        for value in ["a\nb", "\0", "a\u{85}b", "a\u{2028}b"] {
            assert_eq!(with("{{ X }}", value.as_bytes()), Err(Fault::Control), "{value:?}");
        }
        assert_eq!(with("{{ X ~ '!' }}", b"a\nb"), Err(Fault::Control));
        assert_eq!(with("{{ X }}", b"\xff"), Err(Fault::NotText));
        assert_eq!(with("{{ X | tojson }}", b"\xff"), Err(Fault::NotText));
        let refused = Refused { filter: "pgpass", what: "a line break" };
        assert_eq!(with("{{ X | pgpass }}", b"a\nb"), Err(Fault::Refused(refused)));
    }

    #[test]
    fn what_values_do_wrong_is_said_with_its_line() {
        let value = Secret::new(b"a\nb".to_vec());
        for text in ["one\n\n{{ X }}\n", "{% if X %}\n\n{{ X | pgpass }}{% endif %}", "\n\n{{ Y }}"] {
            let error = render(text, &[("X", &value)], &["Y"]).unwrap_err();
            assert_eq!(error.line, 3, "{text}: {error}");
        }
    }

    #[test]
    fn what_is_optional_and_absent_is_said() {
        let error = render("{{ Y }}", &[], &["Y"]).unwrap_err();
        assert_eq!(error.fault, Fault::Absent("`Y`".to_owned()));
        let many: Vec<String> = (0..100).map(|number| format!("S{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let error = render("{{ S0 }}", &[], &many).unwrap_err();
        assert!(error.to_string().ends_with("`S18`, `S19` and 80 more)"), "{error}");
        let empty = render("{% if Y is defined %}y{% endif %}", &[], &["Y"]);
        assert_eq!(empty, Ok(Secret::new(Vec::new())));
    }

    fn deepest_sum() -> String {
        format!("{{{{{}1}}}}", "-".repeat(scan::LONGEST_TAG - 5))
    }

    /// The deepest that the limits let through, on a stack of 2 MiB, a quarter of what kz has.
    #[test]
    fn no_chain_overflows_the_stack() {
        let tag = |inside: &str| format!("{{{{{inside}}}}}");
        let deepest = [
            deepest_sum(),
            tag(&format!("A{}", "~A".repeat(scan::LONGEST_TAG / 2 - 3))),
            tag(&format!("A{}", ".a".repeat(scan::LONGEST_TAG / 2 - 3))),
            tag(&format!("A{}", "|raw".repeat(scan::LONGEST_TAG / 4 - 2))),
            tag(&format!("{}A", "not ".repeat(scan::LONGEST_TAG / 4 - 2))),
            tag(&"(".repeat(scan::LONGEST_TAG - 4)),
            format!("{{%if A%}}{}{{%endif%}}", "{%elif A%}".repeat(scan::MOST_STATEMENTS - 2)),
            "{%if A%}".repeat(scan::MOST_STATEMENTS),
            "{{A}}".repeat(scan::LONGEST / 5),
            format!("{}{}{}", "{%if A%}".repeat(140), deepest_sum(), "{%endif%}".repeat(140)),
            format!(
                "{{%if A%}}{}{{%elif {}1%}}{{%endif%}}",
                "{%elif A%}".repeat(scan::MOST_STATEMENTS - 3),
                "-".repeat(scan::LONGEST_TAG - 10)
            ),
        ];
        for text in deepest {
            let whole = std::thread::Builder::new().stack_size(2 << 20);
            let parsed = whole.spawn(move || {
                let _ = render(&text, &[("A", &Secret::new(b"x".to_vec()))], &[]);
                Template::parse(&text).map(|_| ()).map_err(|error| error.fault)
            });
            let parsed = parsed.unwrap().join().unwrap();
            assert!(
                !matches!(parsed, Err(Fault::TagTooLong | Fault::TooManyTags | Fault::TooLong)),
                "{parsed:?}"
            );
        }
    }

    #[test]
    fn a_chain_that_would_overflow_the_stack_is_refused() {
        for text in
            [format!("{{{{ {}1 }}}}", "-".repeat(1 << 16)), format!("{{{{ A{} }}}}", "~A".repeat(1 << 16))]
        {
            assert_eq!(inputs(&text), Err((Fault::TagTooLong, 1)));
            assert_eq!(with(&text, b""), Err(Fault::TagTooLong));
        }
        let chain = format!("{{% if A %}}{}{{% endif %}}", "{% elif A %}".repeat(20_000));
        assert_eq!(with(&chain, b""), Err(Fault::TooManyTags));
    }

    #[test]
    fn work_without_end_is_refused_and_large_values_are_not() {
        for text in [
            "{% for a in [1] * 99999 %}{% for b in [1] * 99999 %}{% for c in [1] * 99999 %}{% endfor %}{% endfor %}{% endfor %}",
            "{% set a = 'x' * 99999999 %}{{ a }}{{ a }}{{ a }}",
        ] {
            assert_eq!(inputs(text), Err((Fault::Work, 1)));
            assert_eq!(with(text, b""), Err(Fault::Work));
        }
        assert_eq!(
            with("{{ X }}{{ X | b64encode }}", &vec![b'x'; 3 << 20]).map(|text| text.len() >> 20),
            Ok(7)
        );
    }

    #[test]
    fn inputs_are_found_with_their_lines_and_mistakes_too() {
        assert_eq!(
            inputs("{{ B }}\n{% if A is defined %}{{ A | raw }}{% endif %}"),
            Ok(vec![("A".to_owned(), 2), ("B".to_owned(), 1)])
        );
        assert_eq!(inputs("\n{{ A | }}"), Err((Fault::Syntax, 2)));
        assert_eq!(inputs("\n{{ A | urlencod }}"), Err((Fault::Filter(Some("urlencode")), 2)));
        assert_eq!(inputs("{{ A is odd }}"), Err((Fault::Function, 1)));
        assert_eq!(inputs("{{ debug() }}"), Err((Fault::Function, 1)));
        assert_eq!(inputs("\n{% include 'x' %}"), Err((Fault::Statement, 2)));
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
            assert_eq!(with(text, b"canary"), Err(Fault::Statement), "{text}");
        }
    }
}
