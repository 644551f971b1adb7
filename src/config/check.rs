//! From the trees of the texts to a checked configuration, or every problem that they have.
//!
//! Every environment is checked, not only the chosen one: a mistake in `[production.secrets]` is
//! found on the developer's machine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use toml::de::DeTable;

use crate::plan::order::Order;
use crate::plan::{Declaration, Source};
use crate::provider::Leases;
use crate::size::Size;

use super::output;
use super::problem::{self, Mistake, Place, Problem, Problems};
use super::provider::{Instances, Reader};
use super::secret::Raw;
use super::table::{Entry, entries};
use super::{Config, files, keys, scope, variables::Process};

/// Sections of later versions.
const LATER: &[&str] = &["blind", "server", "policy"];

/// What the trees are checked with.
pub(super) struct Input<'a> {
    /// `.keyzero.toml`: source 0.
    pub main: &'a DeTable<'a>,
    /// `.keyzero.local.toml`, when it is obeyed: source 1.
    pub local: Option<&'a DeTable<'a>>,
    /// The main file's directory.
    pub base: &'a Path,
    /// The process.
    pub process: &'a Process,
    /// `--env` or `KEYZERO_ENV`.
    pub environment: Option<&'a str>,
}

/// The keys of the main file, sorted by what they are.
#[derive(Default)]
struct Document<'a> {
    secrets: Vec<Raw<'a>>,
    providers: Vec<Entry<'a>>,
    environments: BTreeMap<&'a str, Vec<Raw<'a>>>,
    environment_from: Vec<String>,
    keep_env: Vec<String>,
    timeout: Option<Duration>,
    concurrency: Option<usize>,
    max_document_size: Option<Size>,
    leases: Leases,
    outputs: Vec<output::Written<'a>>,
}

/// Checks everything; the problems are in the order of the texts.
pub(super) fn check(input: &Input<'_>) -> Result<Config, Vec<Problem>> {
    let mut problems = Problems::default();
    let document = read(input.main, &mut problems);
    let reader = Reader { base: input.base, process: input.process };
    let instances = reader.instances(&document.providers, &mut problems);
    let chosen = choose(&document, input);
    let mut declarations = Vec::new();
    let names = std::iter::once(None).chain(document.environments.keys().copied().map(Some));
    for environment in names {
        let secrets = lay_over(&document, environment, input.local, &mut problems);
        let checked = declare(&secrets, &instances, &document.outputs, &mut problems);
        if environment == chosen.as_deref() {
            declarations = checked;
        }
    }
    let problems = problems.into_sorted();
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Config {
        declarations,
        outputs: document.outputs.into_iter().map(|written| written.output).collect(),
        instances,
        environment: chosen,
        environments: document.environments.keys().map(|&name| name.to_owned()).collect(),
        keep_env: document.keep_env,
        timeout: document.timeout,
        concurrency: document.concurrency,
        max_document_size: document.max_document_size,
        leases: document.leases,
    })
}

fn read<'a>(table: &'a DeTable<'a>, problems: &mut Problems) -> Document<'a> {
    let mut document = Document::default();
    for entry in entries(0, table) {
        match entry.key {
            "secrets" => document.secrets = raw_secrets(&entry, problems),
            "providers" => {
                document.providers = entry.node.table("a table of providers", problems).unwrap_or_default();
            }
            "environment_from" => document.environment_from = texts(&entry, problems),
            "keep_env" => document.keep_env = texts(&entry, problems),
            "outputs" => document.outputs = output::read(entry.node, problems),
            "resolve" => read_limits(&entry, &mut document, problems),
            // Names that will mean something are no environments, lest one change its meaning then.
            other if LATER.contains(&other) => unknown_section(&entry, problems),
            other => match environment_secrets(&entry) {
                Some(secrets) => {
                    document.environments.insert(other, raw_secrets(&secrets, problems));
                }
                None => unknown_section(&entry, problems),
            },
        }
    }
    document
}

fn texts(entry: &Entry<'_>, problems: &mut Problems) -> Vec<String> {
    entry.node.texts(entry.key, problems).into_iter().map(|(text, _)| text.to_owned()).collect()
}

fn raw_secrets<'a>(section: &Entry<'a>, problems: &mut Problems) -> Vec<Raw<'a>> {
    let keys = section.node.table("a table of secrets", problems).unwrap_or_default();
    keys.iter().filter_map(|entry| Raw::new(entry, problems)).collect()
}

/// `secrets` of a section that has nothing else: `[NAME.secrets]` is an environment.
fn environment_secrets<'a>(section: &Entry<'a>) -> Option<Entry<'a>> {
    let keys = section.node.table("", &mut Problems::default())?;
    match keys.as_slice() {
        [only] if only.key == "secrets" => Some(only.clone()),
        _ => None,
    }
}

fn unknown_section(entry: &Entry<'_>, problems: &mut Problems) {
    let keys = entry.node.table("", &mut Problems::default()).unwrap_or_default();
    let (key, place) = (entry.key, entry.place.clone());
    if LATER.contains(&key) {
        problems.add(place, Mistake::NotBuilt, format!("`{key}` is not built into this version of kz"));
    } else if keys.iter().any(|inner| inner.key == "secrets") {
        for other in keys.iter().filter(|inner| inner.key != "secrets") {
            let message = format!("an environment has `[{key}.secrets]` only, not `{}`", other.key);
            problems.add(other.place.clone(), Mistake::UnknownSection, message);
        }
    } else if problem::nearest(key, keys::top_names()).is_none() && !keys.is_empty() {
        let hint = format!("an environment is written `[{key}.secrets]`");
        problems.add_with_hint(place, Mistake::UnknownSection, format!("unknown section `{key}`"), hint);
    } else {
        problems.add_unknown(place, Mistake::UnknownSection, "section", key, keys::top_names());
    }
}

fn read_limits(section: &Entry<'_>, document: &mut Document<'_>, problems: &mut Problems) {
    for entry in section
        .node
        .table("a table with `timeout`, `concurrency`, `max_document_size` and `lease`", problems)
        .unwrap_or_default()
    {
        match entry.key {
            "timeout" => {
                let text = entry.node.text("timeout", problems);
                document.timeout = text.and_then(super::parse_duration);
                if document.timeout.is_some_and(|timeout| timeout.is_zero()) {
                    problems.add_with_hint(
                        entry.node.place(),
                        Mistake::WrongForm,
                        "`timeout` is 0, in which no backend answers",
                        "write how long kz is to wait, as in `timeout = \"60s\"`; for a run that waits for no lock there is `--timeout 0s`",
                    );
                } else if text.is_some() && document.timeout.is_none() {
                    problems.add(
                        entry.node.place(),
                        Mistake::WrongForm,
                        "`timeout` takes a time such as \"60s\", \"500ms\" or \"2m\"",
                    );
                }
            }
            "concurrency" => {
                let number =
                    entry.node.integer("concurrency", keys::CONCURRENCY.0, keys::CONCURRENCY.1, problems);
                document.concurrency = number.and_then(|number| usize::try_from(number).ok());
            }
            "max_document_size" => {
                let text = entry.node.text("max_document_size", problems);
                document.max_document_size = text.and_then(Size::parse);
                if text.is_some() && document.max_document_size.is_none() {
                    problems.add(
                        entry.node.place(),
                        Mistake::WrongForm,
                        "`max_document_size` takes a size such as \"128MiB\", \"512KiB\" or \"1GiB\"",
                    );
                }
            }
            "lease" => {
                let word = entry.node.text("lease", problems);
                let known = || keys::LEASES.iter().map(|(word, _)| *word);
                let meant = keys::LEASES.iter().find(|(known, _)| Some(*known) == word);
                document.leases = meant.map(|(_, leases)| *leases).unwrap_or_default();
                if let (Some(word), None) = (word, meant) {
                    problems.add_unknown(entry.node.place(), Mistake::WrongForm, "lease", word, known());
                }
            }
            other => {
                let known = keys::names(keys::RESOLVE);
                problems.add_unknown(entry.place.clone(), Mistake::UnknownKey, "key", other, known);
            }
        }
    }
}

/// The environment that is asked for, by the option or by a variable that `environment_from` names.
fn choose(document: &Document<'_>, input: &Input<'_>) -> Option<String> {
    let from_variable = || document.environment_from.iter().find_map(|name| input.process.text(name));
    let name = input.environment.or_else(from_variable)?;
    Some(name.to_owned())
}

fn lay_over<'a>(
    document: &Document<'a>,
    environment: Option<&str>,
    local: Option<&'a DeTable<'a>>,
    problems: &mut Problems,
) -> Vec<Raw<'a>> {
    let mut secrets = document.secrets.clone();
    // Where each stands, so that thousands over thousands are looked for once each.
    let mut places: BTreeMap<&str, usize> =
        secrets.iter().enumerate().map(|(place, secret)| (secret.name, place)).collect();
    for over in environment.and_then(|name| document.environments.get(name)).into_iter().flatten() {
        let place = *places.entry(over.name).or_insert(secrets.len());
        match secrets.get_mut(place) {
            Some(secret) => secret.lay_over(over),
            None => secrets.push(over.clone()),
        }
    }
    let anywhere: BTreeSet<&str> = local
        .map(|_| document.environments.values().flatten())
        .into_iter()
        .flatten()
        .map(|secret| secret.name)
        .collect();
    for section in local.map(|table| entries(1, table)).into_iter().flatten() {
        if section.key != "secrets" {
            let message = format!("a local file has `[secrets]` only, not `{}`", section.key);
            problems.add(section.place.clone(), Mistake::LocalFile, message);
            continue;
        }
        for over in raw_secrets(&section, problems) {
            match places.get(over.name) {
                Some(&place) => secrets[place].lay_local_over(&over, problems),
                None if anywhere.contains(over.name) => {}
                None => problems.add_unknown(
                    over.place.clone(),
                    Mistake::UnknownSecret,
                    "secret",
                    over.name,
                    document.secrets.iter().map(|secret| secret.name),
                ),
            }
        }
    }
    secrets
}

fn declare(
    secrets: &[Raw<'_>],
    instances: &Instances,
    outputs: &[output::Written<'_>],
    problems: &mut Problems,
) -> Vec<Declaration> {
    let mut declarations = Vec::new();
    let mut places = Vec::new();
    for secret in secrets {
        if let Some(declaration) = secret.declaration(instances, problems) {
            declarations.push(declaration);
            places.push(secret.place.clone());
        }
    }
    check_inputs(secrets, &declarations, &places, problems);
    check_descriptors(&declarations, &places, problems);
    files::check_secrets(&declarations, &places, problems);
    let names: Vec<&str> = secrets.iter().map(|secret| secret.name).collect();
    output::check_names(outputs, &names, problems);
    files::check_outputs(outputs, &declarations, problems);
    let order = Order::of(&declarations);
    if let Some(index) = order.circle(&declarations) {
        let message = "this template needs itself, through the secrets that it names";
        problems.add(places[index].clone(), Mistake::Circle, message);
    } else {
        scope::inherit(&mut declarations, &order.inputs_first, &places, problems);
    }
    declarations
}

/// Every name in a template is a secret of this configuration.
fn check_inputs(
    secrets: &[Raw<'_>],
    declarations: &[Declaration],
    places: &[Place],
    problems: &mut Problems,
) {
    let names: BTreeSet<&str> = secrets.iter().map(|secret| secret.name).collect();
    for (declaration, place) in declarations.iter().zip(places) {
        let Source::Template { inputs, .. } = &declaration.source else { continue };
        for input in inputs.iter().filter(|input| !names.contains(input.as_str())) {
            let known = secrets.iter().map(|secret| secret.name);
            problems.add_unknown(
                place.clone(),
                Mistake::UnknownSecret,
                "secret in the template:",
                input,
                known,
            );
        }
    }
}

/// No secret has the name of the variable that says where another one's file is.
fn check_descriptors(declarations: &[Declaration], places: &[Place], problems: &mut Problems) {
    let names: BTreeSet<&str> = declarations.iter().map(|declaration| declaration.name.as_str()).collect();
    for (declaration, place) in declarations.iter().zip(places) {
        let Some(variable) = declaration.file_variable() else { continue };
        if names.contains(variable.as_str()) {
            let message = format!(
                "`{}` is delivered by the variable `{variable}`, which is a secret too",
                declaration.name
            );
            problems.add_with_hint(place.clone(), Mistake::Excluded, message, "rename one of them");
        }
    }
}
