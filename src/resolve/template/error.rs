//! Why a template cannot be used, in our words: the engine's own errors quote what they were given, so only
//! their kind and line remain.

use minijinja::{Error, ErrorKind};

use super::super::field::names;

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("in line {line} of the template: {fault}")]
pub struct TemplateError {
    /// The line of the template, from 1.
    pub line: usize,
    /// What is wrong there.
    pub fault: Fault,
}

/// What can be wrong with a template, or with a value in it. Lower case, no full stop, no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The text as a whole.
    #[error("it is longer than 256 KiB")]
    TooLong,
    /// One tag.
    #[error("a tag is longer than 4 KiB")]
    TagTooLong,
    /// Too many statements.
    #[error("there are more than 1,000 `{{% … %}}`")]
    TooManyTags,
    /// It does not parse.
    #[error("it has a syntax error")]
    Syntax,
    /// A filter that kz does not have, with the nearest that it has.
    #[error("it uses a filter that kz does not have")]
    Filter(Option<&'static str>),
    /// A function or test that kz does not have.
    #[error("it uses a function or test that kz does not have")]
    Function,
    /// A statement that kz does not have, such as `include`.
    #[error("it uses a statement that kz does not have")]
    Statement,
    /// A value that was left out because it is optional: one of these.
    #[error("it needs a secret that is optional and absent ({0})")]
    Absent(String),
    /// A line break or control character where it could change the meaning of what surrounds it.
    #[error("a value with a line break or control character stands bare")]
    Control,
    /// Bytes where text is needed.
    #[error("a value that is not UTF-8 stands bare, or in a filter that takes text")]
    NotText,
    /// A value that a filter cannot carry.
    #[error("a value has {}, which `{}` cannot carry", .0.what, .0.filter)]
    Refused(Refused),
    /// Loops in loops, or text that is multiplied.
    #[error("it takes more steps, or makes more text, than kz allows")]
    Work,
    /// Anything else that the engine refuses.
    #[error("it asks for something that these values cannot do")]
    Other,
}

impl Fault {
    /// Whether it is so whatever the values are.
    pub(super) fn is_in_the_text(&self) -> bool {
        matches!(self, Self::Syntax | Self::Filter(_) | Self::Function | Self::Statement | Self::Work)
    }
}

/// A filter's refusal of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The filter.
    pub filter: &'static str,
    /// What the value has: "a line break".
    pub what: &'static str,
}

/// The engine's error in our words. `absent` names the inputs that were not there.
pub(super) fn translate(error: &Error, absent: &[&str]) -> TemplateError {
    TemplateError { line: error.line().unwrap_or(1), fault: fault(error, absent) }
}

fn fault(error: &Error, absent: &[&str]) -> Fault {
    if let Some(fault) = own(error) {
        return fault;
    }
    match error.kind() {
        ErrorKind::SyntaxError
            if error.detail().is_some_and(|words| words.starts_with("unknown statement")) =>
        {
            Fault::Statement
        }
        ErrorKind::SyntaxError => Fault::Syntax,
        ErrorKind::OutOfFuel => Fault::Work,
        ErrorKind::UnknownFilter => Fault::Filter(None),
        ErrorKind::UnknownFunction | ErrorKind::UnknownTest | ErrorKind::UnknownMethod => Fault::Function,
        ErrorKind::UndefinedError if !absent.is_empty() => Fault::Absent(names(absent.iter().copied())),
        _ => Fault::Other,
    }
}

/// What we said ourselves from inside the engine.
fn own(error: &Error) -> Option<Fault> {
    std::error::Error::source(error)?.downcast_ref::<Fault>().cloned()
}

/// One of our refusals as the engine passes it on.
pub(super) fn refuse(fault: Fault) -> Error {
    Error::new(ErrorKind::InvalidOperation, "kz").with_source(fault)
}
