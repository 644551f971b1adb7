//! What was found, and where.

use std::collections::HashMap;

use super::catalogue::Code;
use super::remedy::Remedy;
use super::text::Dialect;
use super::yaml::Mark;

/// Something that will go wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which rule.
    pub code: Code,
    /// Where it stands.
    pub mark: Mark,
    /// Whom it is about, such as "service `db`".
    pub subject: String,
    /// What will happen.
    pub what: String,
    /// Why, in the words of the kind of file that it stands in.
    pub why: &'static str,
    /// What to do about it.
    pub remedy: Remedy,
}

/// All findings of one file.
#[derive(Debug)]
pub struct Findings {
    all: Vec<Finding>,
    dialect: Dialect,
}

impl Findings {
    /// None yet.
    pub(super) fn none() -> Self {
        Self { all: Vec::new(), dialect: Dialect::Compose }
    }

    /// What is added from now on stands in such a file.
    pub(super) fn are_of(&mut self, dialect: Dialect) {
        self.dialect = dialect;
    }

    /// One more.
    pub(super) fn add(
        &mut self,
        code: Code,
        mark: Mark,
        subject: &str,
        what: impl Into<String>,
        remedy: Remedy,
    ) {
        let (subject, what) = (subject.to_owned(), what.into());
        let explanation = code.explanation();
        let why = match self.dialect {
            Dialect::Compose => explanation.why,
            Dialect::Pod => explanation.why_in_pod.unwrap_or(explanation.why),
        };
        self.all.push(Finding { code, mark, subject, what, why, remedy });
    }

    /// What an anchor brings to several services is not to be changed there for one of them.
    pub(super) fn remark_shared(&mut self, shared: &HashMap<Mark, Vec<String>>) {
        for finding in &mut self.all {
            if let Some(names) = shared.get(&finding.mark) {
                let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                let words = format!(
                    "an anchor brings it to {}: write it where only one of them has it",
                    names.join(", ")
                );
                finding.remedy.remark_in_place(&words);
            }
        }
    }

    /// By place, each once: what aliases repeat is one mistake, and what is said of two exports is two.
    pub(super) fn in_order(mut self) -> Vec<Finding> {
        self.all.sort_by_key(|finding| (finding.mark, finding.code));
        self.all.dedup_by(|one, other| {
            one.mark == other.mark && one.code == other.code && one.what == other.what
        });
        self.all
    }
}
