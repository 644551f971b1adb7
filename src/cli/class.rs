//! The classes of failure of one secret: the name that people and programs read, and the code that `kz explain` takes.

use crate::provider::FailureKind;
use crate::resolve::Class;

use super::explain::Code;

/// In one word or two.
pub(super) fn name(class: Class) -> &'static str {
    match class {
        Class::Absent => "absent",
        Class::Template => "not rendered",
        Class::Provider(FailureKind::Denied) => "denied",
        Class::Provider(FailureKind::Unreachable | FailureKind::Barred) => "unreachable",
        Class::Provider(FailureKind::Malformed) => "malformed",
        Class::Provider(FailureKind::Misconfigured) => "not set up",
        Class::Provider(FailureKind::TooLarge) => "too large",
        Class::Provider(FailureKind::ServerFailed) => "server failed",
    }
}

/// Its code.
pub(super) fn code(class: Class) -> Code {
    match class {
        Class::Absent => Code::Absent,
        Class::Template => Code::NotRendered,
        Class::Provider(FailureKind::Denied) => Code::Denied,
        Class::Provider(FailureKind::Unreachable) => Code::Unreachable,
        Class::Provider(FailureKind::Barred) => Code::Barred,
        Class::Provider(FailureKind::Malformed) => Code::Malformed,
        Class::Provider(FailureKind::Misconfigured) => Code::NotSetUp,
        Class::Provider(FailureKind::TooLarge) => Code::TooLarge,
        Class::Provider(FailureKind::ServerFailed) => Code::ServerFailed,
    }
}
