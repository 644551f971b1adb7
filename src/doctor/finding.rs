//! What was found, and where.

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

    /// By place, each once: what aliases repeat is one mistake, and what is said of two exports is two.
    pub(super) fn in_order(mut self) -> Vec<Finding> {
        self.0.sort_by_key(|finding| (finding.mark, finding.code));
        self.0.dedup_by(|one, other| {
            one.mark == other.mark && one.code == other.code && one.what == other.what
        });
        self.0
    }
}
