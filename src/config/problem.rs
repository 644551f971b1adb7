//! What is wrong with a configuration: every problem, each with its place.
//!
//! Invariant: a message names keys, providers, methods and positions, never a text that could be
//! a credential written where none belongs.

use std::ops::Range;

/// A stretch of one of the texts that make up a configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which text: its index in the list of sources.
    pub source: usize,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Place {
    /// The place of a span in the text `source`.
    pub fn new(source: usize, span: Range<usize>) -> Self {
        Self { source, start: span.start, end: span.end }
    }
}

/// What class of mistake a problem is. `cli` gives each its code, and `kz explain` its explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mistake {
    /// The text is not TOML.
    Syntax,
    /// A section that kz does not know.
    UnknownSection,
    /// A key or setting that kz does not know.
    UnknownKey,
    /// A provider, or a type of one, that kz does not know.
    UnknownProvider,
    /// A way to log in that the provider does not have.
    UnknownMethod,
    /// A secret that the configuration does not have.
    UnknownSecret,
    /// A word that its key does not take.
    UnknownWord,
    /// A form of an output, or of a part of it, that kz does not know.
    UnknownFormat,
    /// A string where a number belongs, and the like.
    WrongType,
    /// The right type, and not what the key takes.
    WrongForm,
    /// A value where the place of one belongs.
    Credential,
    /// A secret's name that cannot be one.
    Name,
    /// A key that has to be there.
    Missing,
    /// Keys that exclude each other.
    Excluded,
    /// A ref that the provider cannot mean.
    Ref,
    /// A field that is no notation of one.
    Field,
    /// A template that cannot be rendered, whatever the values.
    Template,
    /// A template that needs itself.
    Circle,
    /// A template whose secrets may not go where it is to go.
    Scope,
    /// Two secrets of one file.
    SameFile,
    /// More than the local file may change.
    LocalFile,
    /// An address that the environment contradicts.
    Address,
    /// Part of a later version.
    NotBuilt,
    /// A section that is no instance of a provider, or of another one.
    Instance,
}

/// One problem. Ordered by place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What class of mistake it is.
    pub mistake: Mistake,
    /// What: lower case, no full stop.
    pub message: String,
    /// What to type instead, where that is known.
    pub hint: Option<String>,
}

/// A growing list of problems.
#[derive(Debug, Default)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Adds one.
    pub fn add(&mut self, place: Place, mistake: Mistake, message: impl Into<String>) {
        self.0.push(Problem { place, mistake, message: message.into(), hint: None });
    }

    /// Adds one with what to type instead.
    pub fn add_with_hint(
        &mut self,
        place: Place,
        mistake: Mistake,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.0.push(Problem { place, mistake, message: message.into(), hint: Some(hint.into()) });
    }

    /// Adds "unknown `word`" with the nearest of the words that would do.
    pub fn add_unknown<'a>(
        &mut self,
        place: Place,
        mistake: Mistake,
        what: &str,
        word: &str,
        known: impl Iterator<Item = &'a str>,
    ) {
        let known: Vec<&str> = known.collect();
        let hint = if known.is_empty() {
            "there is none here".to_owned()
        } else {
            instead(word, &known, "known here:")
        };
        self.add_with_hint(place, mistake, format!("unknown {what} `{}`", shown(word)), hint);
    }

    /// By place, each once: a mistake in `[secrets]` is met again for every environment laid over it.
    pub fn into_sorted(self) -> Vec<Problem> {
        let mut problems = self.0;
        problems.sort();
        problems.dedup();
        problems
    }
}

/// A word of a file as a message may show it: nothing that could be a credential in the wrong place.
pub fn shown(word: &str) -> String {
    if word.len() > 64 || crate::literal::may_be_credential(word) {
        "***".to_owned()
    } else {
        word.to_owned()
    }
}

/// The known word that `word` was most likely meant to be.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    // No word that is longer or shorter by more is nearer than that.
    let may_be_near = |candidate: &&str| {
        let (ours, theirs) = (lower.chars().count(), candidate.chars().count());
        ours.abs_diff(theirs) <= 1 + theirs.min(lower.len()) / 4
    };
    known
        .filter(may_be_near)
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count().min(lower.len()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// So many words are listed whole.
const MOST: usize = 20;

/// So many of more.
const FEW: usize = 5;

/// What to write instead of `word`: the known one that was most likely meant, or `intro` and all of them, or the nearest
/// of them where they are many.
pub fn instead(word: &str, known: &[&str], intro: &str) -> String {
    if let Some(near) = nearest(word, known.iter().copied()) {
        return format!("did you mean `{near}`?");
    }
    if known.len() <= MOST {
        return format!("{intro} {}", list(known.iter().copied()));
    }
    // Of many names those of the same beginning, then of the same length, are looked for: distances would take long.
    let likeness = |candidate: &&str| {
        let same = word.bytes().zip(candidate.bytes()).take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count();
        (std::cmp::Reverse(same), candidate.len().abs_diff(word.len()))
    };
    let mut few: Vec<&str> = known.to_vec();
    few.select_nth_unstable_by_key(FEW, |candidate| (likeness(candidate), *candidate));
    few.truncate(FEW);
    few.sort_by_key(|candidate| (likeness(candidate), *candidate));
    format!("{intro} {} and {} more", list(few.into_iter()), known.len() - FEW)
}

/// "`a`, `b`, `c`".
pub fn list<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_near() {
        let known = ["vault", "aws-sm", "age", "env"];
        assert_eq!(nearest("vualt", known.into_iter()), Some("vault"));
        assert_eq!(nearest("AWS_SM", known.into_iter()), Some("aws-sm"));
        assert_eq!(nearest("kubernetes", known.into_iter()), None);
    }

    #[test]
    fn of_many_words_the_nearest_few_are_named() {
        let names: Vec<String> = (0..10_000).map(|number| format!("SECRET_{number}")).collect();
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(
            instead("SECRET_PASSWORD", &known, "known here:"),
            "known here: `SECRET_1000`, `SECRET_1001`, `SECRET_1002`, `SECRET_1003`, `SECRET_1004` and 9995 more"
        );
        assert_eq!(instead("SECRET_5555x", &known, ""), "did you mean `SECRET_5555`?");
        assert_eq!(instead("zzz", &known[..3], "there are"), "there are `SECRET_0`, `SECRET_1`, `SECRET_2`");
        assert!(instead("zzz", &known[..21], "there are").ends_with(" and 16 more"));
        let hints: usize = (0..500).map(|n| instead(&format!("NOPE{n}"), &known, "").len()).sum();
        assert!(hints < 500 * 200, "{hints} bytes for 500 mistakes");
    }

    #[test]
    fn an_unknown_word_that_looks_generated_is_not_repeated() {
        let mut problems = Problems::default();
        let word = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY1";
        problems.add_unknown(
            Place::new(0, 0..1),
            Mistake::UnknownProvider,
            "provider",
            word,
            ["env"].into_iter(),
        );
        assert_eq!(problems.into_sorted()[0].message, "unknown provider `***`");
    }
}
