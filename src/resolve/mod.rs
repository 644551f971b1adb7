//! From a plan to values: reads every batch, picks fields out of documents, decodes, renders templates.
//!
//! Invariants: the result is the whole bundle or a list of *every* failed secret; nothing is
//! delivered in part. Only *absent* is covered by `optional` and `default`. A failure names secret,
//! provider and ref, never a value.

pub mod field;
pub mod template;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::plan::field::FieldPath;
use crate::plan::{Declaration, Delivery, Encoding, Plan, Reference, Source, Use, WhenAbsent};
use crate::provider::{Document, DocumentRef, Failure, FailureKind, Outcome, Provider};
use crate::secret::Secret;
use field::{FieldError, Fields};

/// A secret with its value, ready to be delivered.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Secret,
    /// How it lies on disk when it is a file of its own.
    pub delivery: Delivery,
}

/// One secret that could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The secret.
    pub name: String,
    /// The provider's name and the ref as written; nothing for templates.
    pub origin: Option<(String, String)>,
    /// What class of failure it is.
    pub kind: Class,
    /// Lower case, no full stop.
    pub cause: String,
    /// What to type next.
    pub hint: Option<String>,
}

/// The classes of failure that a user acts on differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The backend has no such thing.
    Absent,
    /// One of the provider's own.
    Provider(FailureKind),
    /// A template could not be rendered.
    Template,
}

/// Every secret that could not be had; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failures(pub Vec<Failed>);

/// The instances that a plan names, built.
pub type Providers<'a> = BTreeMap<String, Result<Box<dyn Provider + 'a>, Failure>>;

/// A value, its lawful absence, or a failure that is listed elsewhere.
enum Value {
    Present(Secret),
    Omitted,
    Failed,
}

/// Reads and assembles everything that the plan wants.
pub async fn resolve(plan: &Plan<'_>, providers: &Providers<'_>) -> Result<Vec<Resolved>, Failures> {
    let documents = read(plan, providers).await;
    let mut values: BTreeMap<&str, Value> = BTreeMap::new();
    let mut failures = Vec::new();
    let mut parsed = Parsed::default();
    for step in &plan.steps {
        if let Source::Reference(reference) = &step.declaration.source {
            let key = (reference.instance.as_str(), &reference.document);
            let value = match documents.get(&key) {
                Some(outcome) => pick(step.declaration, reference, outcome, &mut parsed),
                None => Err(unanswered(step.declaration).into()),
            };
            values.insert(
                &step.declaration.name,
                value.unwrap_or_else(|failure| note(&mut failures, *failure)),
            );
        }
    }
    render_templates(plan, &mut values, &mut failures);
    if !failures.is_empty() {
        return Err(Failures(failures));
    }
    Ok(deliver(plan, values))
}

fn note(failures: &mut Vec<Failed>, failure: Failed) -> Value {
    failures.push(failure);
    Value::Failed
}

/// The outcome of every document of the plan.
async fn read<'a>(
    plan: &'a Plan<'_>,
    providers: &Providers<'_>,
) -> BTreeMap<(&'a str, &'a DocumentRef), Outcome> {
    let mut outcomes = BTreeMap::new();
    for batch in &plan.batches {
        let answers = match providers.get(&batch.instance) {
            Some(Ok(provider)) => provider.fetch(&batch.documents).await,
            Some(Err(failure)) => vec![Outcome::Failed(failure.clone()); batch.documents.len()],
            None => Vec::new(),
        };
        for (document, answer) in batch.documents.iter().zip(answers) {
            outcomes.insert((batch.instance.as_str(), document), answer);
        }
    }
    outcomes
}

fn failed(declaration: &Declaration, kind: Class, cause: impl Into<String>) -> Failed {
    let origin = match &declaration.source {
        Source::Reference(reference) => Some((reference.instance.clone(), reference.written.clone())),
        Source::Template { .. } => None,
    };
    Failed { name: declaration.name.clone(), origin, kind, cause: cause.into(), hint: None }
}

/// Documents that fields were asked of, each read once.
#[derive(Default)]
struct Parsed<'a>(BTreeMap<(&'a str, &'a DocumentRef), Result<Fields<'a>, FieldError>>);

impl<'a> Parsed<'a> {
    fn get(
        &mut self,
        reference: &'a Reference,
        document: &'a Document,
        field: &FieldPath,
    ) -> Result<Secret, FieldError> {
        let key = (reference.instance.as_str(), &reference.document);
        match self.0.entry(key).or_insert_with(|| Fields::of(document)) {
            Ok(fields) => fields.get(field),
            Err(error) => Err(error.clone()),
        }
    }
}

/// A provider owes an answer for every document; one that breaks that rule must not go unnoticed.
fn unanswered(declaration: &Declaration) -> Failed {
    failed(declaration, Class::Provider(FailureKind::Malformed), "the provider gave no answer")
}

/// The value that a declaration means, out of what became of its document.
fn pick<'a>(
    declaration: &Declaration,
    reference: &'a Reference,
    outcome: &'a Outcome,
    parsed: &mut Parsed<'a>,
) -> Result<Value, Box<Failed>> {
    let document = match outcome {
        Outcome::Found(document) => document,
        Outcome::Absent => return absent(declaration, "nothing is there under this ref".to_owned()),
        Outcome::Failed(failure) => {
            let mut failed = failed(declaration, Class::Provider(failure.kind), failure.cause.clone());
            failed.hint.clone_from(&failure.hint);
            return Err(failed.into());
        }
    };
    let malformed = |cause: String| failed(declaration, Class::Provider(FailureKind::Malformed), cause);
    let value = match &reference.field {
        None => document.content.clone(),
        Some(field) => match parsed.get(reference, document, field) {
            Ok(value) => value,
            Err(error @ FieldError::Missing { .. }) => return absent(declaration, error.to_string()),
            Err(error) => return Err(malformed(error.to_string()).into()),
        },
    };
    match reference.encoding {
        None => Ok(Value::Present(value)),
        Some(encoding) => match decode(&value, encoding) {
            Some(decoded) => Ok(Value::Present(decoded)),
            None => Err(malformed(format!("the value is not {}", encoding_name(encoding))).into()),
        },
    }
}

fn absent(declaration: &Declaration, cause: String) -> Result<Value, Box<Failed>> {
    match &declaration.when_absent {
        WhenAbsent::Default(text) => Ok(Value::Present(Secret::new(text.clone().into_bytes()))),
        WhenAbsent::Omit => Ok(Value::Omitted),
        WhenAbsent::Fail => {
            let mut failed = failed(declaration, Class::Absent, cause);
            failed.hint =
                Some("correct the ref, or write `optional = true` when it may be missing".to_owned());
            Err(failed.into())
        }
    }
}

fn encoding_name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Base64 => "base64",
        Encoding::Base64Url => "base64url",
        Encoding::Hex => "hexadecimal",
    }
}

/// The bytes that a text stands for; `None` when it is not in that encoding.
fn decode(value: &Secret, encoding: Encoding) -> Option<Secret> {
    let text: Vec<u8> = value.expose().iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
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

/// Renders every template of the plan whose inputs are there, inputs first.
fn render_templates<'a>(plan: &Plan<'a>, values: &mut BTreeMap<&'a str, Value>, failures: &mut Vec<Failed>) {
    let mut open: Vec<&Declaration> = plan.steps.iter().map(|step| step.declaration).collect();
    open.retain(|declaration| matches!(declaration.source, Source::Template { .. }));
    while !open.is_empty() {
        let before = open.len();
        open.retain(|declaration| {
            let Source::Template { text, inputs } = &declaration.source else { return false };
            if !inputs.iter().all(|input| values.contains_key(input.as_str())) {
                return true;
            }
            let value = render(text, inputs, values).unwrap_or_else(|error| {
                note(failures, failed(declaration, Class::Template, error.to_string()))
            });
            values.insert(&declaration.name, value);
            false
        });
        if open.len() == before {
            // `config` refuses cycles and unknown names; a plan made otherwise still ends here.
            failures.extend(open.drain(..).map(|declaration| {
                failed(declaration, Class::Template, "the template names what is not there")
            }));
        }
    }
}

fn render(
    text: &str,
    inputs: &[String],
    values: &BTreeMap<&str, Value>,
) -> Result<Value, template::TemplateError> {
    let mut present = Vec::new();
    let mut absent = Vec::new();
    for input in inputs {
        match values.get(input.as_str()) {
            Some(Value::Present(secret)) => present.push((input.as_str(), secret)),
            Some(Value::Failed) => return Ok(Value::Failed),
            Some(Value::Omitted) | None => absent.push(input.as_str()),
        }
    }
    template::render(text, &present, &absent).map(Value::Present)
}

fn deliver(plan: &Plan<'_>, mut values: BTreeMap<&str, Value>) -> Vec<Resolved> {
    let mut resolved = Vec::new();
    for step in plan.steps.iter().filter(|step| step.usage == Use::Delivered) {
        if let Some(Value::Present(value)) = values.remove(step.declaration.name.as_str()) {
            let Declaration { name, delivery, .. } = step.declaration;
            resolved.push(Resolved { name: name.clone(), value, delivery: delivery.clone() });
        }
    }
    resolved
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
            [("_-8", Encoding::Base64), ("a", Encoding::Hex), ("zz", Encoding::Hex), ("é", Encoding::Base64)]
        {
            assert_eq!(decoded(text, encoding), None, "{text}");
        }
    }
}
