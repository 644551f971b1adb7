//! What an item holds, and which part of it a reference means.
//!
//! Pure. The shapes are `FullItem` of the Connect API (<https://developer.1password.com/docs/connect/api-reference>).
//! Invariant: messages hold labels and ids, never a value.

use serde::Deserialize;

use crate::hint::said;
use crate::provider::onepassword::reference::{Part, Reference};
use crate::provider::{Absence, Failure, FailureKind};

/// An item, as far as kz reads it.
#[derive(Deserialize)]
pub(super) struct Item {
    id: String,
    vault: Within,
    /// What kind of item it is, which each says.
    #[serde(rename = "category")]
    _category: String,
    #[serde(default)]
    fields: Vec<Field>,
    #[serde(default)]
    sections: Vec<Section>,
    #[serde(default)]
    files: Vec<File>,
}

#[derive(Deserialize)]
struct Field {
    #[serde(default)]
    id: String,
    #[serde(default)]
    label: String,
    #[serde(default)]
    value: Option<String>,
    /// The password of the moment, where the field makes one.
    #[serde(default, alias = "totp")]
    otp: Option<String>,
    #[serde(default)]
    section: Option<Within>,
}

#[derive(Deserialize)]
struct Section {
    #[serde(default)]
    id: String,
    #[serde(default)]
    label: String,
}

/// The section that something is in, or the vault.
#[derive(Deserialize)]
struct Within {
    #[serde(default)]
    id: String,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    id: String,
    #[serde(default)]
    name: String,
    /// In bytes, where the item says it.
    #[serde(default)]
    size: Option<u64>,
    #[serde(default)]
    section: Option<Within>,
}

/// What a reference means in an item.
#[derive(Debug)]
pub(super) enum Meant<'a> {
    /// This text.
    Text(&'a str),
    /// The content of the file with this id, of so many bytes.
    File { id: &'a str, size: Option<u64> },
    /// Nothing.
    Nothing(Absence),
    /// It cannot be told, or not be had.
    Unclear(Failure),
}

/// A field or a file that bears the name.
#[derive(Clone, Copy)]
enum Candidate<'a> {
    Field(&'a Field),
    File(&'a File),
}

impl<'a> Candidate<'a> {
    fn section(self) -> Option<&'a str> {
        let within = match self {
            Self::Field(field) => field.section.as_ref(),
            Self::File(file) => file.section.as_ref(),
        };
        within.map(|within| within.id.as_str()).filter(|id| !id.is_empty())
    }

    /// Whether it is named so to the letter.
    fn is_exactly(self, name: &str) -> bool {
        match self {
            Self::Field(field) => name == field.label || name == field.id,
            Self::File(file) => name == file.name || name == file.id,
        }
    }
}

impl Item {
    /// Whether it is this item of this vault: any object at all would be one without a field.
    pub(super) fn is(&self, vault: &str, item: &str) -> bool {
        self.id == item && self.vault.id == vault
    }

    /// What `reference` means here.
    pub(super) fn find(&self, reference: &Reference<'_>) -> Meant<'_> {
        let fields = self.fields.iter().filter(|field| is(reference.field, &field.id, &field.label));
        let files = self.files.iter().filter(|file| is(reference.field, &file.id, &file.name));
        let mut candidates: Vec<Candidate<'_>> =
            fields.map(Candidate::Field).chain(files.map(Candidate::File)).collect();
        if let Some(section) = reference.section {
            candidates.retain(|candidate| candidate.section().is_some_and(|id| self.is_section(section, id)));
            let is_exact =
                |one: Candidate<'_>| one.section().is_some_and(|id| self.is_exact_section(section, id));
            prefer(&mut candidates, is_exact);
        }
        // To the letter comes before another case, and outside of all sections before inside.
        prefer(&mut candidates, |one| one.is_exactly(reference.field));
        prefer(&mut candidates, |one| one.section().is_none());
        match candidates[..] {
            [] => Meant::Nothing(self.nothing(reference)),
            [Candidate::File(file)] if reference.part == Part::Value => {
                Meant::File { id: &file.id, size: file.size }
            }
            [Candidate::Field(field)] => text(field, reference),
            [Candidate::File(_)] => Meant::Unclear(wrong("a file has no such attribute")),
            _ => Meant::Unclear(self.ambiguous(&candidates)),
        }
    }

    fn is_section(&self, name: &str, id: &str) -> bool {
        name == id
            || self.sections.iter().any(|section| section.id == id && is(name, &section.id, &section.label))
    }

    fn is_exact_section(&self, name: &str, id: &str) -> bool {
        name == id || self.sections.iter().any(|section| section.id == id && section.label == name)
    }

    fn nothing(&self, reference: &Reference<'_>) -> Absence {
        let labels =
            self.fields.iter().map(|field| if field.label.is_empty() { &field.id } else { &field.label });
        let names: Vec<String> =
            labels.chain(self.files.iter().map(|file| &file.name)).map(|n| format!("`{n}`")).collect();
        let within =
            reference.section.map(|section| format!(" in a section `{section}`")).unwrap_or_default();
        Absence {
            cause: format!(
                "the item has no field or file `{}`{within}; it has {}",
                reference.field,
                names.join(", ")
            ),
            hint: None,
        }
    }

    fn ambiguous(&self, candidates: &[Candidate<'_>]) -> Failure {
        let places: Vec<String> = candidates
            .iter()
            .map(|candidate| {
                let (id, section) = match candidate {
                    Candidate::Field(field) => (&field.id, candidate.section()),
                    Candidate::File(file) => (&file.id, candidate.section()),
                };
                let label = section.and_then(|id| self.sections.iter().find(|section| section.id == id));
                match (label, section) {
                    (Some(section), _) if !section.label.is_empty() => format!("`{}/{id}`", section.label),
                    (_, Some(section)) => format!("`{section}/{id}`"),
                    (_, None) => format!("`{id}`"),
                }
            })
            .collect();
        Failure {
            kind: FailureKind::Misconfigured,
            cause: format!("the item has several of that name: {}", places.join(", ")),
            hint: said("write the section, or the field's id: `op://VAULT/ITEM/SECTION/FIELD`"),
        }
    }
}

/// Keeps those of which this is true, where there are any.
fn prefer<'a>(candidates: &mut Vec<Candidate<'a>>, is_better: impl Fn(Candidate<'a>) -> bool) {
    if candidates.iter().any(|one| is_better(*one)) {
        candidates.retain(|one| is_better(*one));
    }
}

fn text<'a>(field: &'a Field, reference: &Reference<'_>) -> Meant<'a> {
    match reference.part {
        Part::Value => match &field.value {
            Some(value) => Meant::Text(value),
            None => Meant::Nothing(never_filled(reference.field)),
        },
        Part::OneTimePassword => match &field.otp {
            Some(password) => Meant::Text(password),
            None => Meant::Unclear(wrong("the field makes no one-time passwords")),
        },
        Part::OpenSsh => {
            Meant::Unclear(wrong("a Connect server does not convert private keys: leave `?ssh-format` out"))
        }
    }
}

/// A field that was never filled in has no value, which is not the same as an empty one.
pub(super) fn never_filled(field: &str) -> Absence {
    Absence {
        cause: format!("the field `{field}` was never filled in: it is empty"),
        hint: said("fill it in, in 1Password"),
    }
}

fn wrong(cause: &str) -> Failure {
    Failure { kind: FailureKind::Misconfigured, cause: cause.to_owned(), hint: None }
}

/// Names are compared as `op` does, without regard to case; ids exactly.
fn is(name: &str, id: &str, label: &str) -> bool {
    name == id || name.eq_ignore_ascii_case(label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::onepassword::reference::parse;

    const ITEM: &str = r#"{"id":"i","title":"db","vault":{"id":"v"},"category":"LOGIN","fields":[
        {"id":"username","label":"username","value":"app","purpose":"USERNAME"},
        {"id":"password","label":"password","value":"canary"},
        {"id":"f1","label":"token","value":"first","section":{"id":"s1"}},
        {"id":"f2","label":"token","value":"second","section":{"id":"s2"}},
        {"id":"f3","label":"code","type":"OTP","value":"otpauth://x","otp":"123456","section":{"id":"s1"}},
        {"id":"f4","label":"empty"},{"id":"f5","label":"cleared","value":""},
        {"id":"f6","label":"DB_PASS","value":"upper"},{"id":"f7","label":"db_pass","value":"lower"},
        {"id":"f8","label":"Mixed","value":"outside"},{"id":"f9","label":"mixed","value":"inside","section":{"id":"s1"}},
        {"id":"f10","label":"nothing","value":null,"section":{"id":"s2"}},
        {"id":"f11","label":"key","value":"of staging","section":{"id":"s1"}},
        {"id":"f12","label":"key","value":"of STAGING","section":{"id":"s3"}}],
        "sections":[{"id":"s1","label":"Staging"},{"id":"s2","label":"Production"},{"id":"s3","label":"STAGING"}],
        "files":[{"id":"file1","name":"key.pem","size":3}]}"#;

    fn found(text: &str) -> String {
        let item: Item = serde_json::from_str(ITEM).unwrap();
        match item.find(&parse(text).unwrap()) {
            Meant::Text(text) => text.to_owned(),
            Meant::File { id, size } => format!("file {id} of {size:?}"),
            Meant::Nothing(absence) => absence.cause,
            Meant::Unclear(failure) => failure.cause,
        }
    }

    #[test]
    fn an_item_is_whole_and_the_one_that_was_asked_for() {
        let item: Item = serde_json::from_str(ITEM).unwrap();
        assert!(item.is("v", "i") && !item.is("i", "i") && !item.is("v", "v"));
        // One without fields, as a document is.
        let bare: Item =
            serde_json::from_str(r#"{"id":"i","vault":{"id":"v"},"category":"DOCUMENT"}"#).unwrap();
        assert!(matches!(bare.find(&parse("op://v/db/password").unwrap()), Meant::Nothing(_)));
        for other in [
            r#"{"id":"i","fields":[]}"#,
            r#"{"id":"i","vault":{"id":"v"}}"#,
            r#"{"id":"i","category":"LOGIN"}"#,
            r#"{"id":"i","vault":"v","category":"LOGIN"}"#,
            r#"{"status":"ok","data":{"message":"up"}}"#,
        ] {
            assert!(serde_json::from_str::<Item>(other).is_err(), "{other}");
        }
    }

    #[test]
    fn fields_are_found_by_label_or_id_and_in_sections() {
        assert_eq!(found("op://v/db/password"), "canary");
        assert_eq!(found("op://v/db/Password"), "canary");
        assert_eq!(found("op://v/db/production/token"), "second");
        assert_eq!(found("op://v/db/s1/token"), "first");
        assert_eq!(found("op://v/db/f2"), "second");
        assert_eq!(found("op://v/db/cleared"), "");
        assert_eq!(found("op://v/db/empty"), "the field `empty` was never filled in: it is empty");
        assert_eq!(found("op://v/db/code?attribute=otp"), "123456");
        assert_eq!(found("op://v/db/key.pem"), "file file1 of Some(3)");
    }

    #[test]
    fn the_exact_name_wins_over_one_that_differs_in_case() {
        assert_eq!(found("op://v/db/DB_PASS"), "upper");
        assert_eq!(found("op://v/db/db_pass"), "lower");
        assert!(found("op://v/db/Db_Pass").contains("several of that name"));
        assert_eq!(found("op://v/db/mixed"), "inside");
        assert_eq!(found("op://v/db/Mixed"), "outside");
        assert_eq!(found("op://v/db/MIXED"), "outside");
        assert_eq!(found("op://v/db/Staging/key"), "of staging");
        assert_eq!(found("op://v/db/STAGING/key"), "of STAGING");
        assert!(found("op://v/db/staging/key").contains("several of that name"));
        assert_eq!(
            found("op://v/db/Production/nothing"),
            "the field `nothing` was never filled in: it is empty"
        );
    }

    #[test]
    fn what_is_not_there_or_not_one_is_said_by_names() {
        let words = found("op://v/db/pasword");
        assert!(
            words.contains("`password`") && words.contains("`key.pem`") && !words.contains("canary"),
            "{words}"
        );
        let words = found("op://v/db/token");
        assert!(words.contains("`Staging/f1`") && words.contains("`Production/f2`"), "{words}");
        assert!(found("op://v/db/password?attribute=otp").contains("one-time"));
        assert!(found("op://v/db/Staging/password").contains("in a section `Staging`"));
    }
}
