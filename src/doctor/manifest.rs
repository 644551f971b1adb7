//! What only a pod and its containers have: groups, tokens, keys of env files, and the configurations of `ConfigMap`s in the
//! same file; and the variables that containers and services have.

use super::Configuration;
use super::text::Text;
use super::yaml::Mark;

/// What is a pod's and not one of its containers'.
#[derive(Debug, Default)]
pub(super) struct Pod {
    /// An annotation asks a program of the cluster's to bring files or variables into its containers.
    pub(super) is_injected: bool,
    /// It has the network of its node.
    pub(super) shares_network: bool,
    /// The file's `ConfigMap`s and Secrets.
    pub(super) objects: Vec<Object>,
    /// Whether its containers are started again when they have ended well.
    pub(super) restarts: bool,
    /// Where it says that the service account's token is not mounted.
    pub(super) without_token: Option<Mark>,
    /// `fsGroup`, and where.
    pub(super) group: Option<u32>,
    /// `supplementalGroups`.
    pub(super) groups: Vec<u32>,
    /// What the configurations in the file's `ConfigMap`s say.
    pub(super) configurations: Vec<Mapped>,
    /// The entries of the file's `ConfigMap`s, each with the map's name.
    pub(super) entries: Vec<(String, Variable)>,
}

/// A `ConfigMap` or a Secret of the file.
#[derive(Clone, Debug)]
pub(super) struct Object {
    /// `ConfigMap` or `Secret`.
    pub(super) kind: &'static str,
    pub(super) name: String,
    /// Where its namespace is another than the pod's for certain.
    pub(super) elsewhere: Option<Elsewhere>,
    pub(super) keys: Vec<String>,
}

/// A `ConfigMap` or a Secret with what is in it.
#[derive(Debug)]
pub(super) struct Filled {
    pub(super) kind: &'static str,
    pub(super) name: String,
    /// A program has made it, or a cluster has printed it: nobody wrote it, and nobody keeps it.
    pub(super) is_made: bool,
    pub(super) entries: Vec<Entry>,
}

/// One of its entries.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    /// Decoded. Never told.
    pub(super) value: String,
    pub(super) mark: Mark,
    /// The key that it stands below (`data`, `stringData`), and where.
    pub(super) below: (String, Mark),
}

/// Two namespaces.
#[derive(Clone, Debug)]
pub(super) struct Elsewhere {
    /// The pod's.
    pub(super) own: String,
    /// The object's, and where that is written.
    pub(super) its: String,
    pub(super) mark: Mark,
}

/// What a container wants of an object.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) kind: &'static str,
    /// The object's.
    pub(super) name: String,
    /// One key, or all.
    pub(super) key: Option<String>,
    /// The variable that it becomes.
    pub(super) variable: Option<String>,
    pub(super) mark: Mark,
}

impl Pod {
    /// The object that the kubelet finds, of those in the file.
    pub(super) fn object(&self, kind: &str, name: &str) -> Option<&Object> {
        let named = || self.objects.iter().filter(|object| object.kind == kind && object.name == name);
        named().find(|object| object.elsewhere.is_none())
    }

    /// The namespace of the file's object of this name, where there is none in the pod's.
    pub(super) fn elsewhere(&self, kind: &str, name: &str) -> Option<&Elsewhere> {
        if self.object(kind, name).is_some() {
            return None;
        }
        let mut named = self.objects.iter().filter(|object| object.kind == kind && object.name == name);
        named.next()?.elsewhere.as_ref()
    }
}

/// A configuration in a `ConfigMap`.
#[derive(Clone, Debug)]
pub(super) struct Mapped {
    pub(super) map: String,
    pub(super) key: String,
    pub(super) configuration: Configuration,
}

/// What only a container of a pod has.
#[derive(Debug, Default)]
pub(super) struct Container {
    /// `runAsGroup`, its own or the pod's.
    pub(super) group: Option<u32>,
    /// The keys of env files that the kubelet reads for it.
    pub(super) file_keys: Vec<FileKey>,
    /// An object brings further variables.
    pub(super) takes_more: bool,
    /// The `ConfigMap`s of which every entry becomes a variable.
    pub(super) maps: Vec<String>,
    /// What its variables are taken from.
    pub(super) wanted: Vec<Wanted>,
    /// The commands of its probes and hooks.
    pub(super) asked: Vec<Vec<Text>>,
    /// It says when it counts as started.
    pub(super) has_startup_probe: bool,
}

/// A variable whose value the kubelet reads from an env file in a volume (`fileKeyRef`).
#[derive(Clone, Debug)]
pub(super) struct FileKey {
    pub(super) volume: String,
    /// Below the volume.
    pub(super) path: String,
    pub(super) mark: Mark,
}

/// A variable of the environment, or an argument of a build.
#[derive(Clone, Debug)]
pub(super) struct Variable {
    pub(super) name: String,
    /// Nothing where it is taken from elsewhere.
    pub(super) value: Option<Text>,
    pub(super) mark: Mark,
}
