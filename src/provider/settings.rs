//! What may stand in a `[providers.NAME]` section, as data: each provider declares its settings,
//! `config` checks a section against them, and documentation and schema are made from the same table.
//!
//! Invariant: a [`Settings`] holds only what its declaration allows, in the declared type.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The type of a setting, and what is checked of it.
#[derive(Clone, Copy, Debug)]
pub enum SettingType {
    /// Any text.
    Text,
    /// The path of a file; relative ones start from the configuration file's directory, `~/` from `HOME`.
    Path,
    /// One path, or a list of them.
    Paths,
    /// `http://` or `https://`, a host, and no credentials.
    Address,
    /// The same, or `unix://` and the path of a socket from `/` on.
    AddressOrSocket,
    /// One [`SettingType::Address`], or a list of them.
    Addresses,
    /// `true` or `false`.
    Boolean,
    /// A whole number between these, inclusive.
    Integer(i64, i64),
    /// A table with `method = "…"` and what that method takes.
    Auth(&'static [Method]),
}

/// One way of proving to a backend who kz is.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// As in `auth = { method = "…" }`.
    pub name: &'static str,
    /// What stands beside `method`.
    pub settings: &'static [Setting],
    /// What it is, in one line.
    pub about: &'static str,
}

/// One key of a section.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The key.
    pub name: &'static str,
    /// What it takes.
    pub kind: SettingType,
    /// What it is for, in one line.
    pub about: &'static str,
}

/// Short for tables of settings.
pub const fn setting(name: &'static str, kind: SettingType, about: &'static str) -> Setting {
    Setting { name, kind, about }
}

/// What the refs of a provider look like, for editors. Its `check_ref` is what decides: the pattern refuses
/// nothing that `check_ref` accepts, and may be laxer.
#[derive(Clone, Copy, Debug)]
pub struct RefForm {
    /// ECMA-262, of the whole text that stands in `ref`.
    pub pattern: &'static str,
    /// One that is right.
    pub example: &'static str,
}

/// A checked value. Integers and booleans are kept as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Text, or an address.
    Text(String),
    /// One or several addresses.
    Texts(Vec<String>),
    /// One or several paths, made absolute.
    Paths(Vec<PathBuf>),
    /// A truth value.
    Boolean(bool),
    /// A whole number in the declared range.
    Integer(i64),
    /// The chosen method and its settings.
    Auth(String, Settings),
}

/// The checked settings of one provider instance, by key. What was not written is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<&'static str, Value>);

impl Settings {
    /// Records a checked value.
    pub fn insert(&mut self, name: &'static str, value: Value) {
        self.0.insert(name, value);
    }

    /// The same without one.
    #[cfg_attr(not(feature = "provider-aws"), allow(dead_code, reason = "AWS's services differ in one"))]
    pub(super) fn without(&self, name: &str) -> Self {
        let others = self.0.iter().filter(|(key, _)| **key != name);
        Self(others.map(|(key, value)| (*key, value.clone())).collect())
    }

    /// Whether the key was written.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Every text in them, of methods too.
    pub fn texts(&self) -> Vec<String> {
        let of = |value: &Value| match value {
            Value::Text(text) => vec![text.clone()],
            Value::Texts(texts) => texts.clone(),
            Value::Paths(paths) => paths.iter().map(|path| path.to_string_lossy().into_owned()).collect(),
            Value::Auth(_, settings) => settings.texts(),
            Value::Boolean(_) | Value::Integer(_) => Vec::new(),
        };
        self.0.values().flat_map(of).collect()
    }

    /// Every path in them, of methods too, with its key.
    pub fn path_texts(&self) -> Vec<(&'static str, PathBuf)> {
        let of = |(&name, value): (&&'static str, &Value)| match value {
            Value::Paths(paths) => paths.iter().map(|path| (name, path.clone())).collect(),
            Value::Auth(_, settings) => settings.path_texts(),
            Value::Text(_) | Value::Texts(_) | Value::Boolean(_) | Value::Integer(_) => Vec::new(),
        };
        self.0.iter().flat_map(of).collect()
    }

    /// The text or address under `name`.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The addresses under `name`; none when it was not written.
    pub fn list(&self, name: &str) -> &[String] {
        match self.0.get(name) {
            Some(Value::Texts(texts)) => texts,
            _ => &[],
        }
    }

    /// The path under `name`.
    pub fn path(&self, name: &str) -> Option<&Path> {
        self.paths(name).first().map(PathBuf::as_path)
    }

    /// All paths under `name`; none when it was not written.
    pub fn paths(&self, name: &str) -> &[PathBuf] {
        match self.0.get(name) {
            Some(Value::Paths(paths)) => paths,
            _ => &[],
        }
    }

    /// The truth value under `name`.
    pub fn boolean(&self, name: &str) -> Option<bool> {
        match self.0.get(name)? {
            Value::Boolean(value) => Some(*value),
            _ => None,
        }
    }

    /// The method under `name`, and what stands beside it.
    pub fn auth(&self, name: &str) -> Option<(&str, &Settings)> {
        match self.0.get(name)? {
            Value::Auth(method, settings) => Some((method, settings)),
            _ => None,
        }
    }

    /// The whole number under `name`.
    pub fn integer(&self, name: &str) -> Option<i64> {
        match self.0.get(name)? {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }
}
