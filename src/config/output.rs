//! `[[outputs]]`: what one `kz export` writes when it is not told a format.
//!
//! Invariants: which keys a form has is data ([`super::keys::OUTPUT_FORMATS`]); a key of another form is refused
//! and not ignored; every form but `files` says its path. Whether two of them want the same file is for
//! [`super::files`] to say.

use std::collections::BTreeSet;
use std::path::PathBuf;

use toml::de::DeValue;

use crate::delivery::{InvalidPath, RelativePath};
use crate::output::env::Dialect;
use crate::output::form::Form;
use crate::output::json;
use crate::output::shell::Shell;
use crate::plan::Declaration;

use super::keys::{self, OutputFormat};
use super::problem::{self, Mistake, Place, Problems};
use super::secret::parse_mode;
use super::table::{Entry, Node};

/// One output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Where, below the output directory; `None` only for [`Layout::Files`]: at its top.
    pub path: Option<RelativePath>,
    /// What it is.
    pub layout: Layout,
    /// Only these secrets; all when empty.
    pub only: Vec<String>,
    /// Permission bits of its files.
    pub mode: Option<u32>,
    /// `uid[:gid]`, or names.
    pub owner: Option<String>,
}

/// What an output is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A file for each secret.
    Files,
    /// One file.
    One(Content),
}

/// What one file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// All secrets, in this form.
    Form(Form),
    /// The template in this file, relative to the configuration file.
    Template(PathBuf),
}

impl From<Form> for Content {
    fn from(form: Form) -> Self {
        Self::Form(form)
    }
}

impl Output {
    /// A file for each of these secrets, or of all, at the top.
    pub fn of_files(only: &[String]) -> Self {
        Self { path: None, layout: Layout::Files, only: only.to_vec(), mode: None, owner: None }
    }

    /// The template in this file, as the file `target`.
    pub fn of_template(file: PathBuf, target: RelativePath) -> Self {
        Self { path: Some(target), layout: Layout::One(Content::Template(file)), ..Self::of_files(&[]) }
    }

    /// Whether a secret of this name belongs to it.
    pub fn has(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }

    /// Where a secret's own file is, where each has one.
    pub fn file_of(&self, declaration: &Declaration) -> Result<RelativePath, InvalidPath> {
        let file = declaration.file()?;
        self.path.as_ref().map_or_else(|| Ok(file.clone()), |directory| file.below(directory))
    }
}

/// An output and where the file says it.
pub(super) struct Written<'a> {
    pub(super) output: Output,
    pub(super) place: Place,
    only: Vec<(&'a str, Place)>,
}

/// Reads `[[outputs]]`.
pub(super) fn read<'a>(node: Node<'a>, problems: &mut Problems) -> Vec<Written<'a>> {
    let DeValue::Array(items) = node.value.get_ref() else {
        let message = "`outputs` is a list of tables";
        problems.add_with_hint(node.place(), Mistake::WrongType, message, "write `[[outputs]]`");
        return Vec::new();
    };
    let items = items.iter().map(|value| Node { source: node.source, value });
    items.filter_map(|item| read_one(item, problems)).collect()
}

fn read_one<'a>(item: Node<'a>, problems: &mut Problems) -> Option<Written<'a>> {
    let entries = item.table("a table such as { format = \"env\", path = \"app.env\" }", problems)?;
    let table = Table { entries, place: item.place() };
    let format = table.format(problems);
    table.check_keys(format, problems);
    let only = table.get("only").map(|entry| entry.node.texts("only", problems)).unwrap_or_default();
    let output = Output {
        path: table.path(problems),
        layout: table.layout(format?, problems)?,
        only: only.iter().map(|(name, _)| (*name).to_owned()).collect(),
        mode: table.mode(problems),
        owner: table.text("owner", problems).map(str::to_owned),
    };
    let place = table.get("path").map_or_else(|| table.place.clone(), |entry| entry.node.place());
    Some(Written { output, place, only })
}

/// Every name in `only` is one of these secrets'.
pub(super) fn check_names(outputs: &[Written<'_>], names: &[&str], problems: &mut Problems) {
    let known: BTreeSet<&str> = names.iter().copied().collect();
    for (name, place) in outputs.iter().flat_map(|written| &written.only) {
        if !known.contains(name) {
            let known = names.iter().copied();
            problems.add_unknown(place.clone(), Mistake::UnknownSecret, "secret", name, known);
        }
    }
}

/// The keys of one output.
struct Table<'a> {
    entries: Vec<Entry<'a>>,
    place: Place,
}

impl<'a> Table<'a> {
    fn get(&self, key: &str) -> Option<&Entry<'a>> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    fn text(&self, key: &str, problems: &mut Problems) -> Option<&'a str> {
        self.get(key)?.node.text(key, problems)
    }

    fn format(&self, problems: &mut Problems) -> Option<&'static OutputFormat> {
        if self.get("format").is_none() {
            self.missing("format", "add `format = \"env\"`, or whichever it is", problems);
        }
        let written = self.word("format", keys::OUTPUT_FORMATS.iter().map(|format| format.name), problems)?;
        keys::OUTPUT_FORMATS.iter().find(|format| format.name == written)
    }

    /// Keys that no output has, that another form has, and that are not there.
    fn check_keys(&self, format: Option<&OutputFormat>, problems: &mut Problems) {
        for Entry { key, place, .. } in &self.entries {
            if !keys::names(keys::OUTPUT).any(|known| known == *key) {
                let known = keys::names(keys::OUTPUT);
                problems.add_unknown(place.clone(), Mistake::UnknownKey, "key", key, known);
            } else if let Some(format) = format.filter(|format| !format.takes(key)) {
                let message = format!("`{key}` has no meaning with `format = \"{}\"`", format.name);
                problems.add_with_hint(place.clone(), Mistake::Excluded, message, belongs(key));
            }
        }
        for key in format.map(|format| format.needs).unwrap_or_default() {
            if self.get(key).is_none() {
                self.missing(key, &format!("add `{key} = \"…\"`"), problems);
            }
        }
    }

    fn missing(&self, key: &str, hint: &str, problems: &mut Problems) {
        let unknown =
            self.entries.iter().filter(|entry| keys::names(keys::OUTPUT).all(|known| known != entry.key));
        let is_misspelt =
            |entry: &Entry<'_>| problem::nearest(entry.key, keys::names(keys::OUTPUT)) == Some(key);
        if !unknown.into_iter().any(is_misspelt) {
            let message = format!("this output has no `{key}`");
            problems.add_with_hint(self.place.clone(), Mistake::Missing, message, hint);
        }
    }

    fn path(&self, problems: &mut Problems) -> Option<RelativePath> {
        let entry = self.get("path")?;
        let text = entry.node.text("path", problems)?;
        RelativePath::new(text)
            .map_err(|error| problems.add(entry.node.place(), Mistake::WrongForm, format!("`path`: {error}")))
            .ok()
    }

    fn mode(&self, problems: &mut Problems) -> Option<u32> {
        let text = self.text("mode", problems)?;
        let mode = parse_mode(text);
        if mode.is_none() {
            let place = self.get("mode").map_or(self.place.clone(), |entry| entry.node.place());
            let message = "`mode` takes octal permission bits such as \"0400\"";
            problems.add(place, Mistake::WrongForm, message);
        }
        mode
    }

    fn layout(&self, format: &OutputFormat, problems: &mut Problems) -> Option<Layout> {
        let content: Content = match format.name {
            "env" => {
                let dialect = self.one_of("dialect", &Dialect::words(), problems);
                Form::Env(dialect.unwrap_or(Dialect::Common)).into()
            }
            "json" => {
                let bytes = self.one_of("json_bytes", keys::JSON_BYTES, problems);
                Form::Json(bytes.unwrap_or(json::Bytes::Refuse)).into()
            }
            "shell" => {
                Form::Shell(self.one_of("shell", &Shell::words(), problems).unwrap_or(Shell::Sh)).into()
            }
            "template" => Content::Template(self.template(problems)?),
            _ => return Some(Layout::Files),
        };
        Some(Layout::One(content))
    }

    fn template(&self, problems: &mut Problems) -> Option<PathBuf> {
        let text = self.text("template", problems)?;
        if text.is_empty() || text.contains('\0') {
            let place = self.get("template").map_or(self.place.clone(), |entry| entry.node.place());
            problems.add(place, Mistake::WrongForm, "`template` takes the path of a file");
            return None;
        }
        Some(PathBuf::from(text))
    }

    fn one_of<T: Copy>(&self, key: &str, known: &[(&'static str, T)], problems: &mut Problems) -> Option<T> {
        let word = self.word(key, known.iter().map(|(word, _)| *word), problems)?;
        known.iter().find(|(known, _)| *known == word).map(|(_, meaning)| *meaning)
    }

    /// The text of a key that takes one of these words.
    fn word(
        &self,
        key: &str,
        known: impl Iterator<Item = &'static str> + Clone,
        problems: &mut Problems,
    ) -> Option<&'static str> {
        let entry = self.get(key)?;
        let written = entry.node.text(key, problems)?;
        let found = known.clone().find(|word| *word == written);
        if found.is_none() {
            problems.add_unknown(entry.node.place(), Mistake::UnknownFormat, key, written, known);
        }
        found
    }
}

/// Which forms a key belongs to.
fn belongs(key: &str) -> String {
    let forms = keys::OUTPUT_FORMATS.iter().filter(|format| format.takes(key));
    let forms: Vec<String> = forms.map(|format| format!("format = \"{}\"", format.name)).collect();
    format!("it belongs to {}", problem::list(forms.iter().map(String::as_str)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_an_output_belongs_to_a_form_and_every_form_has_known_keys() {
        for key in keys::names(keys::OUTPUT) {
            assert!(keys::OUTPUT_FORMATS.iter().any(|format| format.takes(key)), "{key}");
        }
        for format in keys::OUTPUT_FORMATS {
            for key in format.needs.iter().chain(format.has).chain(keys::EVERY_OUTPUT) {
                assert!(keys::names(keys::OUTPUT).any(|known| known == *key), "{key}");
            }
        }
    }

    #[test]
    fn a_file_lies_below_the_path_of_its_output() {
        let mut output = Output::of_files(&["A".to_owned()]);
        let declaration = |file: Option<&str>| Declaration {
            name: "A".to_owned(),
            source: crate::plan::Source::Template { text: String::new(), inputs: Vec::new() },
            when_absent: crate::plan::WhenAbsent::Fail,
            delivery: crate::delivery::Delivery {
                file: file.map(|file| RelativePath::new(file).unwrap()),
                ..Default::default()
            },
            scope: crate::scope::Scope::default(),
        };
        let file = |output: &Output, name| output.file_of(&declaration(name)).unwrap().to_string();
        assert_eq!((file(&output, None), file(&output, Some("x/y"))), ("A".into(), "x/y".into()));
        output.path = RelativePath::new("in/here").ok();
        assert_eq!(
            (file(&output, None), file(&output, Some("x/y"))),
            ("in/here/A".into(), "in/here/x/y".into())
        );
        assert!(output.has("A") && !output.has("B") && Output::of_files(&[]).has("B"));
    }
}
