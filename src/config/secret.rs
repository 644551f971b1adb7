//! One secret of `[secrets]`: a table of keys, perhaps laid over by an environment and by the local file.

use toml::de::DeValue;

use crate::delivery::{Delivery, RelativePath};
use crate::literal;
use crate::plan::field::FieldPath;
use crate::plan::{Declaration, Ending, Reference, Source, WhenAbsent};
use crate::provider::DocumentRef;
use crate::provider::descriptor::LastSegment;
use crate::provider::registry;
use crate::resolve::template::Template;
use crate::scope::Scope;

use super::keys::{self, Group};
use super::problem::{self, Mistake, Place, Problems};
use super::provider::Instances;
use super::table::Entry;
use super::{request, scope};

/// A secret's keys from wherever they come.
#[derive(Clone, Debug)]
pub struct Raw<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where it is declared.
    pub place: Place,
    keys: Vec<Entry<'a>>,
}

impl<'a> Raw<'a> {
    /// Reads `NAME = { … }`.
    pub fn new(entry: &Entry<'a>, problems: &mut Problems) -> Option<Self> {
        check_name(entry, problems);
        if let DeValue::String(text) = entry.node.value.get_ref() {
            // A short form would invite `KEY = "value"`, which is what kz exists to end.
            let (mistake, message) = if literal::may_be_credential(text) {
                let message = format!(
                    "`{}` holds what looks like a credential: the configuration names places, not values",
                    entry.key
                );
                (Mistake::Credential, message)
            } else {
                (Mistake::WrongType, format!("`{}` takes a table, found a string", entry.key))
            };
            let hint = format!("write `{} = {{ provider = \"…\", ref = \"…\" }}`", entry.key);
            problems.add_with_hint(entry.node.place(), mistake, message, hint);
            return None;
        }
        let keys = entry.node.table("a table such as { provider = \"…\", ref = \"…\" }", problems)?;
        let is_part = |key: &Entry<'_>| {
            keys::of_secret(key.key).is_none() && matches!(key.node.value.get_ref(), DeValue::Table(_))
        };
        if let Some(part) = keys.first().filter(|_| keys.iter().all(is_part)) {
            let name = format!("{}.{}", problem::shown(entry.key), problem::shown(part.key));
            let message =
                format!("`{name}` without quotes is a table `{}` in TOML", problem::shown(entry.key));
            let hint = format!("where the dot belongs to the name, write `\"{name}\" = {{ … }}`");
            problems.add_with_hint(entry.place.clone(), Mistake::Name, message, hint);
            return None;
        }
        for key in keys.iter().filter(|key| keys::of_secret(key.key).is_none()) {
            let known = keys::names(keys::SECRET);
            problems.add_unknown(key.place.clone(), Mistake::UnknownKey, "key", key.key, known);
        }
        Some(Self { name: entry.key, place: entry.place.clone(), keys })
    }

    /// Lays an environment's keys over these. One that says where the value comes from replaces all.
    pub fn lay_over(&mut self, other: &Raw<'a>) {
        if other.get("provider").or(other.get("resolver")).or(other.get("template")).is_some() {
            self.clone_from(other);
            return;
        }
        for key in &other.keys {
            self.keys.retain(|known| known.key != key.key);
            self.keys.push(key.clone());
        }
    }

    /// Lays the local file's keys over these: places to look, nothing else.
    pub fn lay_local_over(&mut self, other: &Raw<'a>, problems: &mut Problems) {
        for key in &other.keys {
            match keys::group(key.key) {
                Some(Group::Place) => {
                    self.keys.retain(|known| known.key != key.key);
                    self.keys.push(key.clone());
                }
                Some(_) => {
                    let message = format!("`{}` cannot be changed by a local file", key.key);
                    let hint = "it may change `ref`, `field` and `version` of secrets that the main file has";
                    problems.add_with_hint(key.place.clone(), Mistake::LocalFile, message, hint);
                }
                None => {}
            }
        }
    }

    fn get(&self, key: &str) -> Option<&Entry<'a>> {
        self.keys.iter().find(|entry| entry.key == key)
    }

    /// Whether an unknown key was probably meant to be this one; it has been reported already.
    fn misspells(&self, key: &str) -> bool {
        let mut unknown = self.keys.iter().filter(|entry| keys::of_secret(entry.key).is_none());
        unknown.any(|entry| problem::nearest(entry.key, keys::names(keys::SECRET)) == Some(key))
    }

    fn text(&self, key: &str, problems: &mut Problems) -> Option<&'a str> {
        self.get(key)?.node.text(key, problems)
    }

    /// The checked declaration, unless something about it is wrong.
    pub fn declaration(&self, instances: &Instances, problems: &mut Problems) -> Option<Declaration> {
        let delivery = self.delivery(problems);
        let scope = self.scope(problems);
        let when_absent = self.when_absent(problems);
        let source = match self.get("template") {
            Some(entry) => self.template(entry, problems),
            None => self.reference(instances, problems).map(Source::Reference),
        };
        Some(Declaration { name: self.name.to_owned(), source: source?, when_absent, delivery, scope })
    }

    fn template(&self, entry: &Entry<'a>, problems: &mut Problems) -> Option<Source> {
        let not_beside =
            |key: &&Entry<'_>| matches!(keys::group(key.key), Some(Group::Source | Group::Place));
        for key in self.keys.iter().filter(not_beside) {
            let message = format!("`{}` has no meaning beside `template`", key.key);
            problems.add(key.place.clone(), Mistake::Excluded, message);
        }
        let text = entry.node.text("template", problems)?;
        if literal::looks_like_credential(text) {
            let message = "a part of this template looks like a credential";
            problems.add_with_hint(
                entry.node.place(),
                Mistake::Credential,
                message,
                "make it a secret and write `{{ ITS_NAME }}`",
            );
            return None;
        }
        match Template::parse(text) {
            Ok(template) => {
                let inputs = template.inputs().iter().map(|input| input.name.clone()).collect();
                Some(Source::Template { text: text.to_owned(), inputs })
            }
            Err(error) => {
                let (place, message) = (entry.node.place(), error.to_string());
                match error.fault.hint() {
                    Some(hint) => problems.add_with_hint(place, Mistake::Template, message, hint),
                    None => problems.add(place, Mistake::Template, message),
                }
                None
            }
        }
    }

    fn reference(&self, instances: &Instances, problems: &mut Problems) -> Option<Reference> {
        let provider = self.provider(problems);
        let written = self.get("ref");
        if written.is_none() && !self.misspells("ref") {
            problems.add_with_hint(
                self.place.clone(),
                Mistake::Missing,
                format!("`{}` has no `ref`", self.name),
                "add `ref = \"…\"`",
            );
        }
        let encoding = self.one_of("encoding", "encoding", keys::ENCODINGS, problems);
        let version = self.version(problems);
        let provider = provider?;
        let name = provider.node.text(provider.key, problems)?;
        let instance_name = registry::find(name).map_or(name, |known| known.name);
        let Some(instance) = instances.get(instance_name) else {
            let mut known: Vec<&str> = registry::names().collect();
            known.extend(instances.keys().map(String::as_str).filter(|name| registry::find(name).is_none()));
            let place = provider.node.place();
            problems.add_unknown(place, Mistake::UnknownProvider, "provider", name, known.into_iter());
            return None;
        };
        let written = written?;
        let text = written.node.text("ref", problems)?;
        if literal::looks_like_credential(text) {
            let message =
                "`ref` holds what looks like a credential: it names the place of a value, not the value";
            problems.add(written.node.place(), Mistake::Credential, message);
            return None;
        }
        let (path, field) = self.split(text, instance.descriptor.last_segment, problems)?;
        if let Err(message) = (instance.descriptor.check_ref)(&path) {
            problems.add(written.node.place(), Mistake::Ref, unquoted(message, "ref", text));
            return None;
        }
        let mut document = DocumentRef { path, version, request: None };
        if let Some(Err(message)) = instance.descriptor.check_document.map(|check| check(&document)) {
            let place = self.get("version").unwrap_or(written).node.place();
            problems.add(place, Mistake::Ref, message);
            return None;
        }
        if let Some(entry) = self.get("request") {
            document.request = Some(request::read(entry, instance.descriptor, &document, problems)?);
        }
        Some(Reference {
            written: text.to_owned(),
            instance: instance_name.to_owned(),
            document,
            field,
            encoding,
            ending: self.ending(problems),
        })
    }

    /// `provider`, or `resolver` as a published tool of this family spells it.
    fn provider(&self, problems: &mut Problems) -> Option<&Entry<'a>> {
        match (self.get("provider"), self.get("resolver")) {
            (Some(provider), Some(resolver)) => {
                problems.add(
                    resolver.place.clone(),
                    Mistake::Excluded,
                    "`resolver` is another word for `provider`: keep one of them",
                );
                Some(provider)
            }
            (Some(entry), None) | (None, Some(entry)) => Some(entry),
            (None, None) if self.misspells("provider") || self.misspells("template") => None,
            (None, None) => {
                let message = format!("`{}` has neither `provider` nor `template`", self.name);
                let hint = "add `provider = \"…\"`";
                problems.add_with_hint(self.place.clone(), Mistake::Missing, message, hint);
                None
            }
        }
    }

    /// A ref's document and field: `field`, else `#field` behind the last `#`, else for some the last segment.
    fn split(
        &self,
        text: &str,
        last_segment: LastSegment,
        problems: &mut Problems,
    ) -> Option<(String, Option<FieldPath>)> {
        let place = self.get("field").or(self.get("ref"))?.node.place();
        let (path, field) = match (self.get("field"), text.rsplit_once('#'), text.rsplit_once('/')) {
            (Some(entry), _, _) => (text, Some(entry.node.text("field", problems)?.to_owned())),
            (None, Some((path, field)), _) => (path, Some(field.to_owned())),
            (None, None, Some((path, last))) if last_segment == LastSegment::Field && path.contains('/') => {
                // The last segment is one name, dots and all.
                (path, Some(last.replace('\\', "\\\\").replace('.', "\\.")))
            }
            (None, None, _) => (text, None),
        };
        let Some(field) = field else { return Some((path.to_owned(), None)) };
        match FieldPath::parse(&field) {
            Ok(field) => Some((path.to_owned(), Some(field))),
            Err(error) => {
                problems.add(place, Mistake::Field, unquoted(error.to_string(), "field", &field));
                None
            }
        }
    }

    /// Version numbers are written with and without quotes.
    fn version(&self, problems: &mut Problems) -> Option<String> {
        let node = self.get("version")?.node;
        match node.value.get_ref() {
            DeValue::Integer(number) => Some(number.as_str().to_owned()),
            _ => node.text("version", problems).map(str::to_owned),
        }
    }

    fn ending(&self, problems: &mut Problems) -> Ending {
        match self.get("trim").and_then(|entry| entry.node.boolean("trim", problems)) {
            None => Ending::Unsaid,
            Some(false) => Ending::Kept,
            Some(true) => Ending::Trimmed,
        }
    }

    fn when_absent(&self, problems: &mut Problems) -> WhenAbsent {
        let optional = self.get("optional").and_then(|entry| entry.node.boolean("optional", problems));
        if let Some(entry) = self.get("default")
            && let Some(text) = entry.node.text("default", problems)
        {
            // Of what is no secret, the id of a tenant or a client may well have a default.
            if literal::may_be_credential(text) && !literal::is_uuid(text) {
                let message = "`default` holds what looks like a credential: it is for what is no secret";
                problems.add(entry.node.place(), Mistake::Credential, message);
            }
            return WhenAbsent::Default(text.to_owned());
        }
        if optional == Some(true) { WhenAbsent::Omit } else { WhenAbsent::Fail }
    }

    fn delivery(&self, problems: &mut Problems) -> Delivery {
        let mut delivery = Delivery::default();
        if let Some(entry) = self.get("file")
            && let Some(text) = entry.node.text("file", problems)
        {
            match RelativePath::new(text) {
                Ok(path) => delivery.file = Some(path),
                Err(error) => {
                    problems.add(entry.node.place(), Mistake::WrongForm, format!("`file`: {error}"));
                }
            }
        }
        if let Some(entry) = self.get("mode")
            && let Some(text) = entry.node.text("mode", problems)
        {
            if let Some(mode) = parse_mode(text) {
                delivery.mode = Some(mode);
            } else {
                let message = "`mode` takes octal permission bits such as \"0400\"";
                problems.add(entry.node.place(), Mistake::WrongForm, message);
            }
        }
        delivery.owner = self.text("owner", problems).map(str::to_owned);
        delivery.channel =
            self.one_of("deliver", "way to deliver", keys::CHANNELS, problems).unwrap_or_default();
        delivery
    }

    /// What a key's text stands for, by this list.
    fn one_of<T: Copy>(
        &self,
        key: &str,
        what: &str,
        known: &'static [(&'static str, T)],
        problems: &mut Problems,
    ) -> Option<T> {
        let written = self.text(key, problems)?;
        let found = known.iter().find(|(name, _)| *name == written);
        if found.is_none() {
            let place = self.get(key)?.node.place();
            let known = known.iter().map(|(name, _)| *name);
            problems.add_unknown(place, Mistake::UnknownWord, what, written, known);
        }
        found.map(|(_, meaning)| *meaning)
    }

    fn scope(&self, problems: &mut Problems) -> Scope {
        let mut scope = Scope::default();
        for entry in self.keys.iter().filter(|entry| keys::group(entry.key) == Some(Group::Scope)) {
            scope::read(entry, &mut scope, problems);
        }
        if let Some(prefix) = self.text("token_prefix", problems)
            && (prefix.len() > 64 || !prefix.chars().all(|c| c.is_ascii_graphic()))
        {
            let place = self.get("token_prefix").map_or(self.place.clone(), |entry| entry.node.place());
            problems.add(place, Mistake::WrongForm, "`token_prefix` takes up to 64 visible ASCII characters");
        }
        scope
    }
}

/// A message about `text`, unless it would repeat what could be a credential in the wrong place.
fn unquoted(message: String, what: &str, text: &str) -> String {
    if literal::may_be_credential(text) {
        format!("the {what} is none, and holds what looks like a credential: it names the place of a value")
    } else {
        message
    }
}

/// Octal permission bits: `0400`, `440`, `0o400`. At least readable by its owner, and nothing beyond 0777.
pub fn parse_mode(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let well_formed = (3..=4).contains(&digits.len()) && digits.chars().all(|c| c.is_digit(8));
    let mode = u32::from_str_radix(digits, 8).ok().filter(|_| well_formed)?;
    (mode <= 0o777 && mode & 0o400 != 0).then_some(mode)
}

/// A name stands in file names and in environments, and templates name it.
fn check_name(entry: &Entry<'_>, problems: &mut Problems) {
    if !is_name(entry.key) {
        let message = "a secret's name has 1 to 255 letters, digits, `_`, `-` and `.`, and begins with neither `-` nor `.`";
        problems.add(entry.place.clone(), Mistake::Name, message);
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (1..=255).contains(&name.len()) && name.chars().all(allowed) && !name.starts_with(['.', '-'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ref_that_looks_generated_is_not_repeated() {
        let message = || "`wJalr` contains `=`".to_owned();
        let said = unquoted(message(), "ref", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY1=");
        assert_eq!(
            said,
            "the ref is none, and holds what looks like a credential: it names the place of a value"
        );
        assert_eq!(unquoted(message(), "ref", "A=b"), message());
    }

    #[test]
    fn modes_are_octal_and_readable_by_their_owner() {
        assert_eq!(parse_mode("0400"), Some(0o400));
        assert_eq!(parse_mode("440"), Some(0o440));
        for bad in ["", "4", "0090", "1777", "0040", "-400", "+400", "04000", "r--"] {
            assert_eq!(parse_mode(bad), None, "{bad}");
        }
    }
}
