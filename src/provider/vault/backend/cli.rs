//! What the CLI is called that a hint names: `vault`, or `bao` where the environment speaks of `OpenBao`.
//!
//! Hints are written with `vault`; what they become is decided here alone. The two take the same words.

use crate::provider::vault::environment;
use crate::provider::{Absence, Failure, Outcome, Surroundings};

/// The program that hints name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cli {
    Vault,
    Bao,
}

impl Cli {
    pub(super) fn of(surroundings: &dyn Surroundings) -> Self {
        if environment::is_of_bao(surroundings) { Self::Bao } else { Self::Vault }
    }

    /// The same outcome, with hints that name this program.
    pub(super) fn in_its_name(self, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Failed(failure) => Outcome::Failed(self.hinted(failure)),
            Outcome::AbsentBecause(Absence { cause, hint }) => {
                Outcome::AbsentBecause(Absence { cause, hint: hint.map(|hint| self.named(hint)) })
            }
            other => other,
        }
    }

    /// The same failure likewise.
    pub(super) fn hinted(self, Failure { kind, cause, hint }: Failure) -> Failure {
        Failure { kind, cause, hint: hint.map(|hint| self.named(hint)) }
    }

    fn named(self, hint: String) -> String {
        match self {
            Self::Vault => hint,
            Self::Bao => hint.replace("`vault ", "`bao "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::fixture::Fixture;

    #[test]
    fn hints_name_the_program_that_the_environment_speaks_of() {
        let gone = || {
            let hint = Some("`vault kv undelete -mount=vault -versions=1 app` brings it back".to_owned());
            Outcome::AbsentBecause(Absence { cause: "gone".to_owned(), hint })
        };
        let hint = |cli: Cli| match cli.in_its_name(gone()) {
            Outcome::AbsentBecause(Absence { hint, .. }) => hint.unwrap(),
            other => panic!("{other:?}"),
        };
        let vault = Cli::of(&Fixture::new().with_variable("VAULT_ADDR", "x"));
        assert_eq!(hint(vault), "`vault kv undelete -mount=vault -versions=1 app` brings it back");
        let bao = Cli::of(&Fixture::new().with_variable("VAULT_ADDR", "x").with_variable("BAO_TOKEN", "y"));
        assert_eq!(hint(bao), "`bao kv undelete -mount=vault -versions=1 app` brings it back");
        let failure = bao.hinted(Failure::misconfigured("c", "unlock it: `vault namespace unlock`"));
        assert_eq!(failure.hint.unwrap(), "unlock it: `bao namespace unlock`");
    }
}
