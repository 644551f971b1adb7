//! What a declared secret comes to, out of what became of its document.

use std::collections::BTreeMap;

use crate::hint::{Hint, said};
use crate::plan::field::FieldPath;
use crate::plan::{Declaration, Ending, Reference, Source, WhenAbsent};
use crate::provider::{Document, FailureKind, Lease, Outcome};
use crate::secret::Secret;

use super::documents::{Documents, Key, key};
use super::field::{FieldError, Fields, names};
use super::kept::Kept;
use super::longer::Longer;
use super::{Class, Failed, encoding, ending, field};

/// What a secret came to.
#[must_use]
#[derive(Debug)]
pub enum Verdict {
    /// It is there.
    Present {
        /// Its value.
        value: Secret,
        /// Which version of its document, where the backend says that.
        version: Option<String>,
        /// Until when it is valid, where it is lent.
        lease: Option<Lease>,
    },
    /// It is absent, and its default stands in for it.
    Assumed {
        /// The default.
        value: Secret,
        /// Why it is absent.
        cause: String,
    },
    /// It is absent, and optional.
    Omitted {
        /// Why it is absent.
        cause: String,
    },
    /// It, or what it is made of, may be read, and was not.
    Readable,
    /// It could not be had.
    Failed(Failed),
    /// A template that could not be rendered because this secret of it could not be had.
    Blocked(String),
}

impl Verdict {
    /// The same in other words: what is said of an answer may be the answer's own.
    pub(super) fn worded(self, words: impl Fn(&str) -> String) -> Self {
        match self {
            Self::Assumed { value, cause } => Self::Assumed { value, cause: words(&cause) },
            Self::Omitted { cause } => Self::Omitted { cause: words(&cause) },
            Self::Failed(failed) => Self::Failed(Failed {
                cause: words(&failed.cause),
                hint: failed.hint.map(|hint| hint.map(|text| words(&text))),
                ..failed
            }),
            said @ (Self::Present { .. } | Self::Readable | Self::Blocked(_)) => said,
        }
    }
}

/// Documents that fields were asked of.
type Parsed<'a> = BTreeMap<Key<'a>, Result<Fields<'a>, FieldError>>;

/// Judges secrets by what became of their documents; each document is read for fields once.
pub(super) struct Judge<'a> {
    documents: &'a Documents<'a>,
    longer: &'a Longer,
    kept: &'a BTreeMap<Key<'a>, Kept>,
    parsed: Parsed<'a>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(
        documents: &'a Documents<'a>,
        longer: &'a Longer,
        kept: &'a BTreeMap<Key<'a>, Kept>,
    ) -> Self {
        Self { documents, longer, kept, parsed: Parsed::new() }
    }

    fn absent(&self, declaration: &Declaration, reference: &Reference) -> Verdict {
        let Some(fields) = self.longer.fields(reference) else {
            return absent(declaration, "nothing is there under this ref".to_owned());
        };
        let written = &reference.written;
        let cause = format!(
            "`{}` is not there, but `{written}` is a document with {}",
            reference.document.path,
            names(fields.iter().map(String::as_str))
        );
        let field = fields.first().map_or("FIELD", String::as_str);
        absent_because(
            declaration,
            cause,
            said(format!("write `{written}#{field}`, with the field that you mean")),
        )
    }

    /// The verdict on a secret that comes from a backend.
    pub(super) fn judge(&mut self, declaration: &Declaration, reference: &'a Reference) -> Verdict {
        let malformed = |cause: String| {
            Verdict::Failed(failed(declaration, Class::Provider(FailureKind::Malformed), cause))
        };
        let document = match self.documents.outcome(reference) {
            Some(Outcome::Found(document)) => document,
            Some(Outcome::Blank(document)) if declaration.when_absent == WhenAbsent::Fail => document,
            Some(Outcome::Blank(_)) => return absent(declaration, "it is set to nothing".to_owned()),
            Some(Outcome::Absent) => return self.absent(declaration, reference),
            Some(Outcome::AbsentBecause(absence)) => {
                return absent_because(declaration, absence.cause.clone(), absence.hint.clone());
            }
            Some(Outcome::Readable) => return self.kept(declaration, reference),
            Some(Outcome::Failed(failure)) => {
                let mut failed = failed(declaration, Class::Provider(failure.kind), failure.cause.clone());
                failed.hint.clone_from(&failure.hint);
                return Verdict::Failed(failed);
            }
            // A provider owes an answer for every document; one that breaks that rule must not go unnoticed.
            None => return malformed("the provider gave no answer".to_owned()),
        };
        let value = match &reference.field {
            None => document.content.clone(),
            Some(path) => match self.field(reference, document, path) {
                Ok(value) => value,
                Err(error) => {
                    let fields = self.parsed.get(&key(reference)).and_then(|fields| fields.as_ref().ok());
                    let hint = field::hint(fields, path, &error);
                    let cause = error.to_string();
                    if matches!(error, FieldError::Missing { .. } | FieldError::Null(_)) {
                        return absent_because(declaration, cause, hint.map(Hint::Said));
                    }
                    let kind = Class::Provider(FailureKind::Malformed);
                    let hint = hint.map(Hint::Said);
                    return Verdict::Failed(Failed { hint, ..failed(declaration, kind, cause) });
                }
            },
        };
        let (version, lease) = (document.version.clone(), document.lease.clone());
        let value = match reference.encoding.map(|encoding| (encoding, encoding::decode(&value, encoding))) {
            None => value,
            Some((_, Some(decoded))) => decoded,
            Some((encoding, None)) => {
                return malformed(format!("the value is not {}", encoding::name(encoding)));
            }
        };
        let value = match reference.ending {
            Ending::Unsaid | Ending::Kept => value,
            Ending::Trimmed => Secret::new(ending::trimmed(value.expose()).to_vec()),
        };
        Verdict::Present { value, version, lease }
    }

    /// What was made of a document that was lent earlier, and lies there.
    fn kept(&self, declaration: &Declaration, reference: &'a Reference) -> Verdict {
        let kept = self.kept.get(&key(reference));
        match kept.and_then(|kept| Some((kept.values.get(&declaration.name)?, &kept.lease))) {
            Some((value, lease)) => {
                Verdict::Present { value: value.clone(), version: None, lease: Some(lease.clone()) }
            }
            None => Verdict::Readable,
        }
    }

    fn field(
        &mut self,
        reference: &'a Reference,
        document: &'a Document,
        path: &FieldPath,
    ) -> Result<Secret, FieldError> {
        match self.parsed.entry(key(reference)).or_insert_with(|| Fields::of(document)) {
            Ok(fields) => fields.get(path),
            Err(error) => Err(error.clone()),
        }
    }
}

fn absent(declaration: &Declaration, cause: String) -> Verdict {
    match &declaration.when_absent {
        WhenAbsent::Default(text) => {
            Verdict::Assumed { value: Secret::new(text.clone().into_bytes()), cause }
        }
        WhenAbsent::Omit => Verdict::Omitted { cause },
        WhenAbsent::Fail => {
            let mut failed = failed(declaration, Class::Absent, cause);
            failed.hint = said("correct the ref, or write `optional = true` when it may be missing");
            Verdict::Failed(failed)
        }
    }
}

fn absent_because(declaration: &Declaration, cause: String, hint: Option<Hint>) -> Verdict {
    let mut verdict = absent(declaration, cause);
    if let (Verdict::Failed(failed), Some(hint)) = (&mut verdict, hint) {
        failed.hint = Some(hint);
    }
    verdict
}

/// A failure of this secret, without a hint.
pub(super) fn failed(declaration: &Declaration, kind: Class, cause: impl Into<String>) -> Failed {
    let origin = match &declaration.source {
        Source::Reference(reference) => Some((reference.instance.clone(), reference.written.clone())),
        Source::Template { .. } => None,
    };
    Failed { name: declaration.name.clone(), origin, kind, cause: cause.into(), hint: None }
}
