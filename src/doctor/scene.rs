//! A Compose project or a pod as the rules see it: what runs, what it mounts, and what it waits for.

use std::collections::HashMap;

pub(super) use super::manifest::{Container, Elsewhere, FileKey, Mapped, Pod, Variable, Wanted};
use super::program::{Action, Export, Line, Program, Run};
use super::text::{Dialect, Text, below, join};
pub(super) use super::volume::{Kind, Volume};
use super::yaml::Mark;

/// What starts together.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) dialect: Dialect,
    pub(super) units: Vec<Unit>,
    pub(super) volumes: Vec<Volume>,
    /// What Compose's top level defines as `secrets:`.
    pub(super) secrets: Vec<GivenSecret>,
    /// What stands in `configs:` itself, by the name of each.
    pub(super) inline: Vec<(String, Text)>,
    /// Where Compose fills in variables of its own environment.
    pub(super) fills: Vec<Fill>,
    /// What an anchor brings to several services, and to which.
    pub(super) shared: HashMap<Mark, Vec<String>>,
    /// Something comes from elsewhere (`include`, another Compose file), so that nothing is known to be absent.
    pub(super) is_partial: bool,
    /// Of a pod.
    pub(super) pod: Option<Pod>,
}

/// A place where Compose fills in a variable from its own environment, which `.env` is part of.
#[derive(Clone, Debug)]
pub(super) struct Fill {
    pub(super) name: String,
    /// The service that it is for.
    pub(super) unit: Option<String>,
    /// The key of the service, or of the file.
    pub(super) key: String,
    pub(super) mark: Mark,
}

/// A secret that Compose gives to services.
#[derive(Clone, Debug)]
pub(super) struct GivenSecret {
    pub(super) name: String,
    /// The file of the host that it is, where it is one.
    pub(super) file: Option<String>,
}

/// A service or a container.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) name: String,
    /// "service `db`".
    pub(super) title: String,
    pub(super) mark: Mark,
    pub(super) image: Option<Text>,
    pub(super) is_built: bool,
    /// Something of it comes from elsewhere, so that nothing of it is known to be absent.
    pub(super) is_partial: bool,
    /// What replaces the image's ENTRYPOINT.
    pub(super) entrypoint: Option<CommandLine>,
    /// What replaces the image's CMD.
    pub(super) command: Option<CommandLine>,
    pub(super) user: User,
    pub(super) variables: Vec<Variable>,
    pub(super) mounts: Vec<Mount>,
    pub(super) directory: Option<Text>,
    pub(super) capabilities: Capabilities,
    /// It never runs itself: other services are made of it (`extends`), or it is scaled to none.
    pub(super) is_base: bool,
    /// It says that the engine must not run it as root.
    pub(super) refuses_root: bool,
    pub(super) program: Program,
    /// The command lines of kz in its script, or behind a program that starts others.
    pub(super) started: Vec<Line>,
    pub(super) stage: Stage,
    pub(super) service: Service,
    pub(super) container: Container,
}

/// What only a service has.
#[derive(Debug, Default)]
pub(super) struct Service {
    pub(super) depends: Vec<Depend>,
    pub(super) env_files: Vec<EnvFile>,
    pub(super) build_arguments: Vec<Variable>,
    pub(super) ports: Option<Mark>,
    /// It names a network of another kind than its own.
    pub(super) shares_network: bool,
    /// Where it says that it has none.
    pub(super) offline: Option<Mark>,
    pub(super) healthcheck: Healthcheck,
    /// Where it says that it is started again when it has ended well, and how.
    pub(super) restarts: Option<(String, Mark)>,
    pub(super) profiles: Vec<String>,
    /// Where an owner or a mode is given to a secret, and the secret.
    pub(super) owned_secrets: Vec<OwnedSecret>,
}

/// The command by which the engine asks whether a service is well.
#[derive(Debug, Default)]
pub(super) struct Healthcheck {
    pub(super) words: Vec<Text>,
    /// A shell reads its one word.
    pub(super) is_shells: bool,
}

/// When a unit starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// A service, whose order is its own to say, or a container.
    Main,
    /// The init container of this number.
    Init(usize),
    /// An init container that stays: where it says so.
    Sidecar(usize, Mark),
}

/// A command line that stands in the file.
#[derive(Clone, Debug)]
pub(super) struct CommandLine {
    pub(super) words: Vec<Text>,
    pub(super) mark: Mark,
    /// It is written as one string.
    pub(super) is_string: bool,
}

/// Who a unit runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum User {
    /// As the image says.
    Image,
    /// This uid, which is written there.
    Id(u32, Mark),
    /// Not to be told.
    Unknown,
}

/// Something mounted.
#[derive(Clone, Debug)]
pub(super) struct Mount {
    pub(super) target: String,
    pub(super) mark: Mark,
    pub(super) source: Source,
    pub(super) is_read_only: bool,
    /// What the image has there is not copied into it when it is new.
    pub(super) is_bare: bool,
    /// Where the source's part is named.
    pub(super) part: Option<(String, Mark)>,
}

/// A secret of Compose's, from a file, to which a service gives an owner or a mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OwnedSecret {
    pub(super) name: String,
    /// Where it is to lie, where that is said.
    pub(super) target: Option<String>,
    pub(super) mark: Mark,
}

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A volume that has a name.
    Named(String),
    /// A path of the host.
    Bind(String),
    /// Memory of this container alone.
    Tmpfs,
    /// A volume of this container alone.
    Anonymous,
    /// What the engine brings: a secret of Compose, by its name, or a config.
    Given(Option<String>),
    /// Not to be told.
    Unknown,
}

/// What a unit waits for.
#[derive(Clone, Debug)]
pub(super) struct Depend {
    pub(super) name: String,
    pub(super) mark: Mark,
    pub(super) condition: Condition,
    pub(super) is_required: bool,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// The short form, which is the next one.
    Short,
    Started,
    Healthy,
    Completed,
    Unknown,
}

/// `env_file:`.
#[derive(Clone, Debug)]
pub(super) struct EnvFile {
    pub(super) path: Text,
    pub(super) is_required: bool,
    /// Where it says that it is not.
    pub(super) mark: Mark,
    pub(super) writing: Writing,
}

/// How an `env_file:` is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writing {
    /// `env_file: PATH`.
    Alone,
    /// An item of a list.
    Item,
    /// The `path` of a map.
    Path,
}

/// Capabilities, as far as they matter.
#[derive(Clone, Debug, Default)]
pub(super) struct Capabilities {
    /// Where all are dropped.
    pub(super) dropped: Option<Mark>,
    /// Those that are dropped by themselves, and where.
    pub(super) lacking: Vec<(String, Mark)>,
    pub(super) added: Vec<String>,
}

impl Capabilities {
    /// Whether root would have this one.
    pub(super) fn has(&self, name: &str) -> bool {
        let lacks = self.dropped.is_some() || self.lacking.iter().any(|(lacking, _)| lacking == name);
        !lacks || self.adds(name)
    }

    fn adds(&self, name: &str) -> bool {
        self.added.iter().any(|added| added.trim_start_matches("CAP_") == name || added == "ALL")
    }

    /// Where it is said that root may not read what only another one may; nothing where it may.
    pub(super) fn closed_to_root(&self) -> Option<Mark> {
        let lacking = self.lacking.iter().find(|(lacking, _)| lacking == "DAC_OVERRIDE");
        let mark = self.dropped.or(lacking.map(|(_, mark)| *mark))?;
        (!self.adds("DAC_OVERRIDE") && !self.adds("DAC_READ_SEARCH")).then_some(mark)
    }
}

impl Mount {
    /// What is left of a path below the mount, from the root of what is mounted on.
    pub(super) fn inner(&self, rest: &str) -> String {
        let part = self.part.as_ref().map_or("", |(part, _)| part.as_str());
        join(&format!("/{part}"), rest).trim_start_matches('/').to_owned()
    }
}

impl Unit {
    /// Whether the file says anything of it that is looked at.
    pub(super) fn says_something(&self) -> bool {
        let is_started = self.image.is_some() || self.is_built || !self.argv().is_empty();
        let has_own = !self.variables.is_empty() || !self.mounts.is_empty();
        is_started || has_own || !self.service.env_files.is_empty()
    }

    /// The whole command line, as far as the file says it.
    pub(super) fn argv(&self) -> Vec<&Text> {
        [&self.entrypoint, &self.command].into_iter().flatten().flat_map(|words| &words.words).collect()
    }

    pub(super) fn line(&self) -> Option<&Line> {
        match &self.program {
            Program::Kz(line) => Some(line),
            _ => None,
        }
    }

    pub(super) fn export(&self) -> Option<&Export> {
        match self.line().map(|line| &line.action) {
            Some(Action::Export(export)) => Some(export),
            _ => None,
        }
    }

    pub(super) fn run(&self) -> Option<&Run> {
        match self.line().map(|line| &line.action) {
            Some(Action::Run(run)) => Some(run),
            _ => None,
        }
    }

    /// Where its command line stands.
    pub(super) fn command_mark(&self) -> Mark {
        let words = self.entrypoint.as_ref().or(self.command.as_ref());
        words.map_or(self.mark, |words| words.mark)
    }

    /// What is mounted at a path or nearest above it, and what is left of the path below that.
    pub(super) fn mount_over<'a>(&self, path: &'a str) -> Option<(&Mount, &'a str)> {
        let over = self.mounts.iter().filter_map(|mount| Some((mount, below(path, &mount.target)?)));
        over.min_by_key(|(_, rest)| rest.len())
    }

    /// The first mount of this source.
    pub(super) fn mount_of(&self, source: &Source) -> Option<&Mount> {
        self.mounts.iter().find(|mount| mount.source == *source)
    }

    /// A variable's value.
    pub(super) fn variable(&self, name: &str) -> Option<&Variable> {
        self.variables.iter().find(|variable| variable.name == name)
    }
}

impl Scene {
    pub(super) fn unit(&self, name: &str) -> Option<&Unit> {
        self.units.iter().find(|unit| unit.name == name)
    }

    /// The other services that an anchor brings what stands there to.
    pub(super) fn sharing(&self, unit: &Unit, mark: Mark) -> Vec<&Unit> {
        let names = self.shared.get(&mark).map(Vec::as_slice).unwrap_or_default();
        names.iter().filter(|name| **name != unit.name).filter_map(|name| self.unit(name)).collect()
    }

    pub(super) fn volume(&self, name: &str) -> Option<&Volume> {
        self.volumes.iter().find(|volume| volume.name == name)
    }

    /// The volume that is mounted there.
    pub(super) fn volume_of(&self, mount: &Mount) -> Option<&Volume> {
        match &mount.source {
            Source::Named(name) => self.volume(name),
            _ => None,
        }
    }
}
