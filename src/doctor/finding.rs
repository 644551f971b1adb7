//! What was found, and where.

use std::collections::HashMap;

use super::catalogue::Code;
use super::remedy::Remedy;
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
    /// What to do about it.
    pub remedy: Remedy,
}

/// All findings of one file.
#[derive(Debug, Default)]
pub struct Findings(Vec<Finding>);

impl Findings {
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
        self.0.push(Finding { code, mark, subject, what, remedy });
    }

    /// What an anchor brings to several services is not to be changed there for one of them.
    pub(super) fn remark_shared(&mut self, shared: &HashMap<Mark, Vec<String>>) {
        for finding in &mut self.0 {
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
        self.0.sort_by_key(|finding| (finding.mark, finding.code));
        self.0.dedup_by(|one, other| {
            one.mark == other.mark && one.code == other.code && one.what == other.what
        });
        self.0
    }
}
