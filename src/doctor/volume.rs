//! A volume as the rules see it: what it is, and of a pod's what is in it when the kubelet has mounted it.

use super::yaml::Mark;

/// A volume that has a name.
#[derive(Clone, Debug)]
pub(super) struct Volume {
    pub(super) name: String,
    pub(super) mark: Mark,
    pub(super) kind: Kind,
    /// What the kubelet puts into it.
    pub(super) contents: Option<Contents>,
    /// It has a name of its own, under which other projects may mount it too.
    pub(super) is_shared: bool,
    /// `sizeLimit`.
    pub(super) limit: Option<Limit>,
    /// A `medium` that the kubelet does not know.
    pub(super) unknown_medium: Option<(String, Mark)>,
    /// It has a name and nothing else, of which the API server makes an `emptyDir`.
    pub(super) says_nothing: bool,
    /// The image that it is.
    pub(super) image: Option<String>,
}

/// The most that may be written into a volume.
#[derive(Clone, Debug)]
pub(super) struct Limit {
    pub(super) bytes: u64,
    pub(super) written: String,
    pub(super) mark: Mark,
}

/// What a volume is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// On the engine's disk, made by it and empty at first.
    Plain,
    /// In memory, and so gone with its last container; with or without a mode of its own.
    Memory {
        /// Whether it says a mode or an owner.
        has_mode: bool,
    },
    /// An `emptyDir`: in memory or on the node's disk.
    Scratch {
        /// `medium: Memory`.
        in_memory: bool,
    },
    /// A path of the node.
    HostPath,
    /// What the cluster or an image brings, which nobody in the pod may write to: what it is called.
    Brought(&'static str),
    /// Anything else.
    Other,
}

/// What the kubelet puts into a volume.
#[derive(Clone, Debug, Default)]
pub(super) struct Contents {
    /// The key of the one object that it is made of, `configMap` or `secret`, and that object's name.
    pub(super) object: Option<(&'static str, String)>,
    /// All of its files; nothing where an object that is not in this file says them.
    pub(super) files: Option<Vec<Held>>,
    /// The mode of those that say none, and where it is written.
    pub(super) mode: u32,
    pub(super) mode_mark: Option<Mark>,
    /// Its `items`; nothing where there are none.
    pub(super) items: Option<Vec<Item>>,
}

/// One of the `items`: a key of the object and the file that it becomes.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) key: String,
    pub(super) path: String,
    /// All of it.
    pub(super) written: String,
}

/// A file in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// Below the volume.
    pub(super) path: String,
    /// A mode of its own, and where it is written.
    pub(super) mode: Option<(u32, Mark)>,
    /// Of a token, where its path is written.
    pub(super) token: Option<Mark>,
}

impl Volume {
    pub(super) fn new(name: String, mark: Mark, kind: Kind) -> Self {
        Self {
            name,
            mark,
            kind,
            contents: None,
            is_shared: false,
            limit: None,
            unknown_medium: None,
            says_nothing: false,
            image: None,
        }
    }
}

impl Volume {
    /// "the `ConfigMap` `kz`", or else the volume by its name.
    pub(super) fn words(&self) -> String {
        let object = self.contents.as_ref().and_then(|contents| contents.object.as_ref());
        match object {
            Some(("secret", name)) => format!("the Secret `{name}`"),
            Some((_, name)) => format!("the ConfigMap `{name}`"),
            None => format!("the volume `{}`", self.name),
        }
    }
}

impl Contents {
    /// The file of this path, where its files are known.
    pub(super) fn file(&self, path: &str) -> Option<&Held> {
        self.files.iter().flatten().find(|held| held.path == path)
    }

    /// The `ConfigMap` that it is.
    pub(super) fn map(&self) -> Option<&str> {
        self.object.as_ref().filter(|(key, _)| *key == "configMap").map(|(_, name)| name.as_str())
    }

    /// The key of the object under which a file of this path stands.
    pub(super) fn key_of<'a>(&'a self, path: &'a str) -> Option<&'a str> {
        match &self.items {
            None => Some(path),
            Some(items) => items.iter().find(|item| item.path == path).map(|item| item.key.as_str()),
        }
    }

    /// Whether it has nothing of this path, be it a file or a directory of some.
    pub(super) fn lacks(&self, path: &str) -> bool {
        let below = format!("{path}/");
        self.files
            .as_ref()
            .is_some_and(|files| files.iter().all(|held| held.path != path && !held.path.starts_with(&below)))
    }
}
