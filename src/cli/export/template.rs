//! Templates that are files: which were named, read and checked, and filled.
//!
//! Invariants: what no values could make render, and a name that is no secret, is refused before a backend is asked. A
//! template is trusted as a configuration is (`config::trust`): whoever writes it chooses which secrets its readers see.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::config::trust;
use crate::delivery::RelativePath;
use crate::plan::Declaration;
use crate::resolve::Resolved;
use crate::resolve::template::{Input, LONGEST, Template, TemplateError};
use crate::secret::Secret;

use super::super::session::Session;
use super::Failure;
use super::target::usage;

/// What the values of `--template` mean.
#[derive(Debug)]
pub(super) enum Written<'a> {
    /// `FILE`: printed, or in one file.
    One(&'a Path),
    /// `SRC:DST`, once or more: each template, and what it becomes below a directory.
    Set(Vec<(&'a Path, RelativePath)>),
}

/// Why templates cannot be used; each is said.
#[derive(Debug)]
pub(in crate::cli) enum Trouble {
    /// The file cannot be read, or is not to be trusted.
    File(trust::Error),
    /// No values could make it render.
    Text(PathBuf, TemplateError),
    /// It names what is no secret.
    Unknown {
        /// The template.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// What it names.
        name: String,
    },
    /// These values do not fit.
    Value(PathBuf, TemplateError),
}

/// A template that was read from a file.
#[derive(Debug)]
pub(super) struct Loaded {
    path: PathBuf,
    template: Template,
    /// The secrets of which it takes the line break at the end.
    line_breaks: BTreeSet<String>,
}

impl<'a> Written<'a> {
    /// What they mean together.
    pub(super) fn of(written: &'a [String]) -> Result<Self, Failure> {
        match written {
            [] => usage("`--format template` needs a template", "name one: `--template redis.conf.tmpl`"),
            [one] if !one.contains(':') => Ok(Self::One(Path::new(one))),
            several => {
                let pairs: Vec<_> = several.iter().map(|one| pair(one)).collect::<Result<_, _>>()?;
                check_apart(&pairs)?;
                Ok(Self::Set(pairs))
            }
        }
    }
}

/// `SRC:DST`. The last colon separates, so that SRC may have others.
fn pair(written: &str) -> Result<(&Path, RelativePath), Failure> {
    match written.rsplit_once(':') {
        Some((source, target)) if !source.is_empty() => match RelativePath::new(target) {
            Ok(target) => Ok((Path::new(source), target)),
            Err(error) => usage(
                &format!("the output `{target}` of `--template {written}` {error}"),
                "name a path below the directory of `--output`: `--template redis.conf.tmpl:redis.conf`",
            ),
        },
        _ => usage(
            &format!("`--template {written}` does not say which file is made of which"),
            "beside others, write `SRC:DST`: `--template redis.conf.tmpl:redis.conf`",
        ),
    }
}

/// No two make the same file, and none a file where another needs a directory.
fn check_apart(set: &[(&Path, RelativePath)]) -> Result<(), Failure> {
    for (index, (_, target)) in set.iter().enumerate() {
        let path = Path::new(target.as_str());
        let meets = |other: &Path| other.starts_with(path) || path.starts_with(other);
        if let Some((_, other)) = set[..index].iter().find(|(_, other)| meets(Path::new(other.as_str()))) {
            return usage(
                &format!("the outputs `{other}` and `{target}` need the same file"),
                "give each `--template SRC:DST` a DST of its own",
            );
        }
    }
    Ok(())
}

impl Loaded {
    /// Reads a template and checks it against the secrets that there are.
    pub(super) fn read(path: PathBuf, session: &Session<'_>) -> Result<Self, Failure> {
        let declarations = &session.loaded.config.declarations;
        let known = || declarations.iter().map(|declaration| declaration.name.clone()).collect();
        let failed = |troubles| Failure::Templates(troubles, known());
        let text = trust::read(&path, LONGEST).map_err(|error| failed(vec![Trouble::File(error)]))?.text;
        let loaded = match Template::parse(&text) {
            Ok(template) => {
                let line_breaks = template.line_breaks().into_iter().map(str::to_owned).collect();
                Self { path, template, line_breaks }
            }
            Err(error) => return Err(failed(vec![Trouble::Text(path, error)])),
        };
        let unknown = loaded.unknown(declarations);
        if unknown.is_empty() { Ok(loaded) } else { Err(failed(unknown)) }
    }

    /// The secrets that it names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.template.inputs().iter().map(|input| input.name.as_str())
    }

    /// Whether it names this secret. Its names are sorted.
    pub(super) fn needs(&self, name: &str) -> bool {
        self.template.inputs().binary_search_by(|input| input.name.as_str().cmp(name)).is_ok()
    }

    /// Whether it takes the line break at the end of this secret's value.
    pub(super) fn takes_line_break(&self, name: &str) -> bool {
        self.line_breaks.contains(name)
    }

    /// What it names that is no secret, in the order of its lines.
    fn unknown(&self, declarations: &[Declaration]) -> Vec<Trouble> {
        let known: BTreeSet<&str> =
            declarations.iter().map(|declaration| declaration.name.as_str()).collect();
        let mut inputs: Vec<&Input> =
            self.template.inputs().iter().filter(|input| !known.contains(input.name.as_str())).collect();
        inputs.sort_by_key(|input| input.line);
        let trouble = |Input { name, line }: &Input| Trouble::Unknown {
            path: self.path.clone(),
            line: *line,
            name: name.clone(),
        };
        inputs.into_iter().map(trouble).collect()
    }

    /// What it comes to; or why these values do not fit it.
    pub(super) fn render(&self, secrets: &[Resolved]) -> Result<Secret, Failure> {
        let named = secrets.iter().filter(|secret| self.needs(&secret.name));
        let values: BTreeMap<&str, &Secret> =
            named.map(|secret| (secret.name.as_str(), &secret.value)).collect();
        let absent: Vec<&str> = self.names().filter(|name| !values.contains_key(name)).collect();
        let values: Vec<(&str, &Secret)> = values.into_iter().collect();
        self.template
            .render(&values, &absent)
            .map_err(|error| Failure::Templates(vec![Trouble::Value(self.path.clone(), error)], Vec::new()))
    }
}
