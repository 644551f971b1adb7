//! `kz doctor`: reads a Compose file or pod manifests, and foresees what will go wrong with kz in them.
//!
//! Pure: a text goes in, findings come out. What it has to know from elsewhere is handed in: kz's own command line
//! and its idea of a credential ([`Kz`]), and the files beside the one it reads ([`Host`]).
//!
//! Invariants: what cannot be told for certain (an unresolved `${…}`, what `extends` or another file brings) makes a
//! rule silent and never wrong; no text in a finding is a value that could be a credential.

pub mod catalogue;

mod compose;
mod delivery;
mod env_text;
mod finding;
mod image_name;
mod images;
mod manifest;
mod pod;
mod program;
mod remedy;
mod rules;
mod scene;
mod text;
mod volume;
mod words;
mod yaml;

use std::rc::Rc;

use scene::Scene;

pub use catalogue::{CATALOGUE, Code, Explanation};
pub use finding::{Finding, Findings};
pub use program::{Action, Export, Form, Line, Misread, Run, Template};
pub use remedy::{Place, Remedy, Step};
pub use yaml::Mark;

/// What kz says of a file that it cannot examine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not well-formed, from here on.
    #[error("not well-formed YAML from line {}, column {} on", .0.line, .0.column)]
    Syntax(Mark),
    /// Nested too deep, or too many nodes when aliases are written out, or too many services.
    #[error(
        "nested deeper than 64 levels, or has more than 200,000 nodes with its aliases written out, or more than {MOST_UNITS} services or containers"
    )]
    TooMuch,
    /// Neither of the kinds of file that are examined.
    #[error("neither a Compose file nor a Kubernetes manifest")]
    Neither,
}

/// What kz is: its command line and its judgements.
pub trait Kz {
    /// Reads the words behind `kz` as kz itself would.
    fn line(&self, words: &[&str]) -> Result<Line, Misread>;
    /// Whether kz refuses a variable of its own with this value, since it would trust whoever stands in between.
    fn is_refused(&self, name: &str, value: &str) -> bool;
    /// Whether the text is a credential, or looks like one.
    fn is_credential(&self, text: &str) -> bool;
    /// What a `.keyzero.toml` says that matters here.
    fn configuration(&self, text: &str) -> Configuration;
}

/// What matters here of a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    /// The names of its secrets, of whatever environment; nothing where it cannot be read.
    pub secrets: Option<Vec<String>>,
    /// How many secrets are delivered at least, where no environment is asked for and all that may be absent are.
    pub delivered: usize,
    /// What their files may be called, behind each one's name: its `file`, or its name.
    pub file_names: Vec<(String, String)>,
    /// What `[[outputs]]` says is written.
    pub outputs: Vec<Output>,
    /// The names of its environments.
    pub environments: Vec<String>,
    /// The built-in providers that it asks.
    pub providers: Vec<String>,
    /// Those of them that are asked over a network.
    pub far: Vec<String>,
    /// The files that kz reads for it.
    pub files: Vec<Needed>,
    /// The owners that it gives to secrets' files, each behind the file's name, with a mode where it gives one.
    pub owners: Vec<(String, String, Option<u32>)>,
    /// It gives an owner or a mode to a secret.
    pub gives_owners: bool,
    /// It gives a name of its own to a secret's file.
    pub names_files: bool,
    /// It logs in to Vault with the pod's service account.
    pub uses_service_account: bool,
}

/// One of `[[outputs]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Below the directory of `--output`; empty for that itself.
    pub path: String,
    /// What is there.
    pub form: Form,
    /// These secrets, or all.
    pub only: Vec<String>,
    /// The template that says what is in it.
    pub template: Option<String>,
}

/// A file that kz reads for a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    /// As it is written: absolute, or from the directory of the configuration.
    pub path: String,
    /// What it is, in a few words.
    pub what: Content,
    /// It is what kz looks for where none of these variables names another one.
    pub unless: &'static [&'static str],
}

/// What is in a file that kz reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Secrets, encrypted by age.
    Encrypted,
    /// An identity of age.
    Identity,
    /// A credential of kz's own.
    Credential,
    /// A template of an export.
    Template,
    /// A certificate.
    Certificate,
    /// A secret as it is.
    Secret,
}

/// The directory that the file stands in.
pub trait Host {
    /// Its own path, absolute, where it is known.
    fn directory(&self) -> Option<String>;
    /// What is there under a path that is relative to the file, or absolute.
    fn look(&self, path: &str) -> Found;
    /// The text of such a file, when it is a small one.
    fn text(&self, path: &str) -> Option<String>;
    /// Whose it is, and who may do what with it.
    fn owned(&self, path: &str) -> Option<Owned>;
}

/// Whose a file or a directory of the host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owned {
    /// The uid of its owner.
    pub uid: u32,
    /// Its permission bits.
    pub mode: u32,
}

/// What there is under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// A directory.
    Directory,
    /// A file, or anything else.
    File,
}

/// What the rules may ask.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// kz itself.
    pub kz: &'a dyn Kz,
    /// The files beside the one that is examined.
    pub host: &'a dyn Host,
    /// The variables that hold credentials of kz's own backends.
    pub credential_variables: &'a [&'static str],
}

/// More services, or containers of a pod, than anybody has. Rules compare each with each.
const MOST_UNITS: usize = 500;

/// What is said of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examination {
    /// Everything that will go wrong, in the order of the text.
    pub findings: Vec<Finding>,
    /// What was not looked at, in words.
    pub unseen: Vec<String>,
    /// Whether anything was looked at.
    pub is_looked_at: bool,
}

/// Looks for everything that will go wrong.
pub fn examine(text: &str, known: Known<'_>) -> Result<Examination, Unreadable> {
    let documents = yaml::read(text)?;
    let mut found = Findings::none();
    rules::doubled(&documents.doubled, &mut found);
    let is_known = |root: &Rc<yaml::Node>| compose::is_compose(root) || pod::is_manifest(root);
    if !documents.roots.iter().any(is_known) {
        return Err(Unreadable::Neither);
    }
    let composed = documents.roots.iter().filter(|root| compose::is_compose(root));
    let mut scenes: Vec<Scene> = composed.map(|root| compose::read(root, known)).collect();
    scenes.extend(pod::read(&documents.roots, known));
    if scenes.iter().map(|scene| scene.units.len()).sum::<usize>() > MOST_UNITS {
        return Err(Unreadable::TooMuch);
    }
    for scene in &scenes {
        rules::examine(scene, known, &mut found);
    }
    rules::objects(&pod::filled(&documents.roots), &scenes, known, &mut found);
    let mut unseen: Vec<String> = documents
        .roots
        .iter()
        .filter(|root| compose::is_compose(root))
        .flat_map(|root| compose::unseen(root, known))
        .collect();
    unseen.extend(pod::unseen(&documents.roots));
    let is_looked_at = scenes.iter().any(|scene| scene.units.iter().any(scene::Unit::says_something));
    Ok(Examination { findings: found.in_order(), unseen, is_looked_at })
}
