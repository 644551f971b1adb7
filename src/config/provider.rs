//! `[providers.NAME]`: settings of a built-in provider, or a further, named instance of one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::literal;
use crate::provider::descriptor::{Address, Descriptor};
use crate::provider::registry;
use crate::provider::settings::{Method, Setting, SettingType, Settings, Value};

use super::problem::{self, Mistake, Place, Problems};
use super::table::{Entry, Node};
use super::variables::Process;

/// A provider as this configuration sets it up.
#[derive(Clone, Debug)]
pub struct Instance {
    /// What it is.
    pub descriptor: &'static Descriptor,
    /// Its settings.
    pub settings: Settings,
    /// Whether the file has a section for it.
    pub written: bool,
}

/// All instances by the names that secrets use: those with a section, and every built-in without one.
pub type Instances = BTreeMap<String, Instance>;

/// What settings are read against.
pub(super) struct Reader<'a> {
    /// Where relative paths start.
    pub base: &'a Path,
    /// For `~/`, and for addresses that the environment names too.
    pub process: &'a Process,
}

impl Reader<'_> {
    /// Reads `[providers]`.
    pub(super) fn instances(&self, sections: &[Entry<'_>], problems: &mut Problems) -> Instances {
        let mut instances = Instances::new();
        for section in sections {
            let Some(keys) = section.node.table("a table of settings", problems) else { continue };
            if let Some(descriptor) = descriptor(section, &keys, problems) {
                let settings = self.settings(descriptor.settings, &keys, &["type"], problems);
                self.check_address(descriptor, &settings, section, problems);
                let name = registry::find(section.key).map_or(section.key, |known| known.name);
                if instances
                    .insert(name.to_owned(), Instance { descriptor, settings, written: true })
                    .is_some()
                {
                    problems.add(
                        section.place.clone(),
                        Mistake::Instance,
                        format!("`{name}` has a section already, under another of its names"),
                    );
                }
            }
        }
        for descriptor in registry::PROVIDERS {
            let plain = Instance { descriptor, settings: Settings::default(), written: false };
            instances.entry(descriptor.name.to_owned()).or_insert(plain);
        }
        instances
    }

    fn settings(
        &self,
        declared: &'static [Setting],
        keys: &[Entry<'_>],
        besides: &[&str],
        problems: &mut Problems,
    ) -> Settings {
        let mut settings = Settings::default();
        for entry in keys.iter().filter(|entry| !besides.contains(&entry.key)) {
            let Some(setting) = declared.iter().find(|setting| setting.name == entry.key) else {
                let known = declared.iter().map(|setting| setting.name);
                problems.add_unknown(entry.place.clone(), Mistake::UnknownKey, "setting", entry.key, known);
                continue;
            };
            if let Some(value) = self.value(setting, entry.node, problems) {
                settings.insert(setting.name, value);
            }
        }
        settings
    }

    fn value(&self, setting: &Setting, node: Node<'_>, problems: &mut Problems) -> Option<Value> {
        match setting.kind {
            SettingType::Text => {
                place_of(setting.name, node, problems).map(|text| Value::Text(text.to_owned()))
            }
            SettingType::Address | SettingType::AddressOrSocket => {
                let address = place_of(setting.name, node, problems)?;
                let checked = match address.strip_prefix("unix://") {
                    Some(path) if matches!(setting.kind, SettingType::AddressOrSocket) => check_socket(path),
                    _ => check_address(address),
                };
                match checked {
                    Ok(()) => Some(Value::Text(address.trim_end_matches('/').to_owned())),
                    Err(message) => {
                        let message = format!("`{}` {message}", setting.name);
                        problems.add_with_hint(node.place(), Mistake::WrongForm, message, ADDRESS_ALONE);
                        None
                    }
                }
            }
            SettingType::Addresses => addresses(setting.name, node, problems),
            SettingType::Path => {
                let path = place_of(setting.name, node, problems)?;
                Some(Value::Paths(vec![self.path(path, node, problems)?]))
            }
            SettingType::Paths => {
                let texts = node.texts(setting.name, problems);
                let paths = texts.into_iter().filter_map(|(text, place)| {
                    let text = checked(setting.name, text, place, problems)?;
                    self.path(text, node, problems)
                });
                Some(Value::Paths(paths.collect()))
            }
            SettingType::Boolean => node.boolean(setting.name, problems).map(Value::Boolean),
            SettingType::Integer(least, most) => {
                node.integer(setting.name, least, most, problems).map(Value::Integer)
            }
            SettingType::Auth(methods) => self.auth(methods, node, problems),
        }
    }

    fn auth(&self, methods: &'static [Method], node: Node<'_>, problems: &mut Problems) -> Option<Value> {
        let keys = node.table("a table such as { method = \"…\" }", problems)?;
        let Some(entry) = keys.iter().find(|entry| entry.key == "method") else {
            let known = problem::list(methods.iter().map(|method| method.name));
            let hint = format!("known here: {known}");
            problems.add_with_hint(node.place(), Mistake::Missing, "`auth` has no `method`", hint);
            return None;
        };
        let name = entry.node.text("method", problems)?;
        let Some(method) = methods.iter().find(|method| method.name == name) else {
            let known = methods.iter().map(|method| method.name);
            problems.add_unknown(entry.node.place(), Mistake::UnknownMethod, "method", name, known);
            return None;
        };
        Some(Value::Auth(
            method.name.to_owned(),
            self.settings(method.settings, &keys, &["method"], problems),
        ))
    }

    fn path(&self, text: &str, node: Node<'_>, problems: &mut Problems) -> Option<PathBuf> {
        if text.is_empty() || text.contains('\0') {
            problems.add(node.place(), Mistake::WrongForm, "a path has at least one character, and no NUL");
            return None;
        }
        match text.strip_prefix("~/") {
            Some(rest) => {
                if let Some(home) = self.process.variable("HOME") {
                    Some(Path::new(home).join(rest))
                } else {
                    problems.add_with_hint(
                        node.place(),
                        Mistake::WrongForm,
                        "`~/` needs HOME, which is not set",
                        "write the whole path",
                    );
                    None
                }
            }
            None => Some(self.base.join(text)),
        }
    }

    /// kz's credentials from the environment were meant for the address in the environment: they do not
    /// follow a configuration that points elsewhere (SECURITY.md).
    fn check_address(
        &self,
        descriptor: &Descriptor,
        settings: &Settings,
        section: &Entry<'_>,
        problems: &mut Problems,
    ) {
        let Some(Address { setting, several, variables, credentials }) = descriptor.address else { return };
        let named = variables.iter().filter_map(|names| {
            let name = names.iter().find(|name| self.process.is_set(name))?;
            Some((*name, self.process.text(name)?.trim_end_matches('/')))
        });
        let named: Vec<(&str, &str)> = named.collect();
        let several = several.filter(|several| settings.has(several));
        if let Some(several) = several.filter(|_| settings.has(setting)) {
            let message = format!("`{setting}` and `{several}` exclude each other");
            let hint = format!("name every server in `{several}`");
            problems.add_with_hint(section.place.clone(), Mistake::Excluded, message, hint);
        }
        let Some((variable, _)) = named.first() else { return };
        let is_theirs = |ours: &str| named.iter().any(|(_, theirs)| ours == *theirs);
        let mut ours = several.map_or(&[][..], |several| settings.list(several)).iter().map(String::as_str);
        let are_theirs = ours.all(is_theirs) && settings.text(setting).is_none_or(is_theirs);
        if !are_theirs && !credentials.iter().any(|name| settings.has(name)) {
            let setting = several.unwrap_or(setting);
            let message = format!(
                "`{setting}` is not the address that {variable} names, so the environment's credentials do not go there"
            );
            let hint =
                format!("name this provider's own credentials in the same section, or unset {variable}");
            problems.add_with_hint(section.place.clone(), Mistake::Address, message, hint);
        }
    }
}

/// What a section is an instance of: by its own name, or by its `type`.
fn descriptor(
    section: &Entry<'_>,
    keys: &[Entry<'_>],
    problems: &mut Problems,
) -> Option<&'static Descriptor> {
    let built_in = registry::find(section.key);
    let Some(entry) = keys.iter().find(|entry| entry.key == "type") else {
        if built_in.is_none() {
            match problem::nearest(section.key, registry::names()) {
                Some(_) => {
                    let (place, known) = (section.place.clone(), registry::names());
                    problems.add_unknown(place, Mistake::UnknownProvider, "provider", section.key, known);
                }
                None => problems.add_with_hint(
                    section.place.clone(),
                    Mistake::Instance,
                    format!(
                        "`{}` is no built-in provider and does not say what it is an instance of",
                        section.key
                    ),
                    "add `type = \"vault\"`, or whichever it is",
                ),
            }
        }
        return built_in;
    };
    let named = entry.node.text("type", problems)?;
    let Some(descriptor) = registry::find(named) else {
        let (place, known) = (entry.node.place(), registry::names());
        problems.add_unknown(place, Mistake::UnknownProvider, "provider type", named, known);
        return None;
    };
    match built_in {
        Some(built_in) if built_in.name != descriptor.name => {
            let message = format!("`{}` is a built-in provider and cannot be a `{named}`", section.key);
            let hint = "give this instance a name of its own";
            problems.add_with_hint(section.place.clone(), Mistake::Instance, message, hint);
            None
        }
        _ => Some(descriptor),
    }
}

/// The text of a setting, which names a thing and is none of kz's credentials.
fn place_of<'a>(name: &str, node: Node<'a>, problems: &mut Problems) -> Option<&'a str> {
    checked(name, node.text(name, problems)?, node.place(), problems)
}

fn checked<'a>(name: &str, text: &'a str, place: Place, problems: &mut Problems) -> Option<&'a str> {
    if !literal::looks_like_credential(text) {
        return Some(text);
    }
    let message = format!("`{name}` holds what looks like a credential: it takes no credential itself");
    let hint = "put the credential into a file that kz's user alone can read, and name the file where a path is taken";
    problems.add_with_hint(place, Mistake::Credential, message, hint);
    None
}

fn addresses(name: &str, node: Node<'_>, problems: &mut Problems) -> Option<Value> {
    let texts = node.texts(name, problems);
    if texts.is_empty() {
        problems.add(node.place(), Mistake::WrongForm, format!("`{name}` takes one address at least"));
        return None;
    }
    let read = texts.into_iter().filter_map(|(text, place)| {
        let text = checked(name, text, place.clone(), problems)?;
        match check_address(text) {
            Ok(()) => Some(text.trim_end_matches('/').to_owned()),
            Err(message) => {
                let message = format!("`{name}` {message}");
                problems.add_with_hint(place, Mistake::WrongForm, message, ADDRESS_ALONE);
                None
            }
        }
    });
    Some(Value::Texts(read.collect()))
}

/// As [`crate::http::Address`] takes it: nothing of the path is decoded.
fn check_socket(path: &str) -> Result<(), &'static str> {
    if path.starts_with('/') && !path.ends_with('/') && !path.chars().any(char::is_control) {
        return Ok(());
    }
    Err("takes `unix://` with the path of a socket from `/` on, such as `unix:///run/agent.sock`")
}

/// What to write where an address is more, or something else.
const ADDRESS_ALONE: &str = "write the address alone, as in `https://vault.internal:8200`";

fn check_address(address: &str) -> Result<(), &'static str> {
    if address.starts_with(literal::QUOTES) {
        return Err("takes an address without quotation marks of its own");
    }
    let Some(rest) = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://")) else {
        return Err("takes an address that begins with `https://` or `http://`");
    };
    if rest.contains('@') {
        return Err("takes an address without credentials in it");
    }
    let host = rest.split('/').next().unwrap_or_default();
    if host.is_empty() || rest.chars().any(|c| c.is_control() || c.is_whitespace() || c == '?' || c == '#') {
        return Err("takes an address with a host, and without white space, `?` or `#`");
    }
    Ok(())
}
