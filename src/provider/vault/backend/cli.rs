//! What the CLI is called that a hint names: `vault`, or `bao` where the environment speaks of `OpenBao`, or has its CLI alone.
//!
//! Hints are written with `vault`; what they become is decided here alone. The two take the same words. Which of them is installed
//! is looked at when a hint names one, and not before.

use std::path::PathBuf;

use crate::provider::vault::environment;
use crate::provider::{Absence, Failure, Outcome, Surroundings};

/// The program that hints name.
#[derive(Clone, Debug)]
pub(super) enum Cli {
    Bao,
    /// The one that lies in one of these directories; `vault` where both do, or neither.
    Installed(Vec<PathBuf>),
}

impl Cli {
    pub(super) fn of(surroundings: &dyn Surroundings) -> Self {
        if environment::is_of_bao(surroundings) {
            return Self::Bao;
        }
        let path = surroundings.given_text("PATH").unwrap_or_default();
        Self::Installed(std::env::split_paths(&path).filter(|place| place.is_absolute()).collect())
    }

    /// The same outcome, with hints that name this program.
    pub(super) fn in_its_name(&self, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Failed(failure) => Outcome::Failed(self.hinted(failure)),
            Outcome::AbsentBecause(Absence { cause, hint }) => Outcome::AbsentBecause(Absence {
                cause,
                hint: hint.map(|hint| hint.map(|text| self.named(text))),
            }),
            other => other,
        }
    }

    /// The same failure likewise.
    pub(super) fn hinted(&self, Failure { kind, cause, hint }: Failure) -> Failure {
        Failure { kind, cause, hint: hint.map(|hint| hint.map(|text| self.named(text))) }
    }

    fn named(&self, hint: String) -> String {
        if hint.contains("`vault ") && self.is_bao() { hint.replace("`vault ", "`bao ") } else { hint }
    }

    fn is_bao(&self) -> bool {
        match self {
            Self::Bao => true,
            Self::Installed(places) => {
                let is_there = |name: &str| places.iter().any(|place| place.join(name).is_file());
                is_there("bao") && !is_there("vault")
            }
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
            let hint = Some("`vault kv undelete -mount=vault -versions=1 app` brings it back".into());
            Outcome::AbsentBecause(Absence { cause: "gone".to_owned(), hint })
        };
        let hint = |cli: &Cli| match cli.in_its_name(gone()) {
            Outcome::AbsentBecause(Absence { hint, .. }) => hint.unwrap().to_string(),
            other => panic!("{other:?}"),
        };
        let vault = Cli::of(&Fixture::new().with_variable("VAULT_ADDR", "x"));
        assert_eq!(hint(&vault), "`vault kv undelete -mount=vault -versions=1 app` brings it back");
        let bao = Cli::of(&Fixture::new().with_variable("VAULT_ADDR", "x").with_variable("BAO_TOKEN", "y"));
        assert_eq!(hint(&bao), "`bao kv undelete -mount=vault -versions=1 app` brings it back");
        let failure = bao.hinted(Failure::misconfigured("c", "unlock it: `vault namespace unlock`"));
        assert_eq!(failure.hint.unwrap().to_string(), "unlock it: `bao namespace unlock`");
    }

    #[test]
    fn where_only_one_of_the_two_is_installed_hints_name_that_one() {
        let (both, bao, vault) = (Fixture::new(), Fixture::new(), Fixture::new());
        for (fixture, programs) in [(&both, &["bao", "vault"][..]), (&bao, &["bao"]), (&vault, &["vault"])] {
            for program in programs {
                fixture.file(program, "");
            }
        }
        let place = |fixture: &Fixture| fixture.path("").to_string_lossy().into_owned();
        for (path, named) in [
            (place(&bao), "bao"),
            (place(&vault), "vault"),
            (place(&both), "vault"),
            (format!("{}:{}", place(&vault), place(&bao)), "vault"),
            (format!("/no/such/place:{}", place(&bao)), "bao"),
            ("/no/such/place".to_owned(), "vault"),
            // A relative one is whatever directory somebody stands in.
            ("bin".to_owned(), "vault"),
        ] {
            let cli = Cli::of(&Fixture::new().with_variable("VAULT_ADDR", "x").with_variable("PATH", &path));
            let failure = cli.hinted(Failure::misconfigured("c", "`vault token lookup`"));
            assert_eq!(failure.hint.unwrap().to_string(), format!("`{named} token lookup`"), "{path}");
        }
    }
}
