//! What to do next, as data: most hints are words, and those that are others in a pod than elsewhere are named here, with
//! both words side by side.
//!
//! Most people run kz with an engine (`user:`, `cap_add`, `-v`). A pod has none of that, and the same is called otherwise.
//! Invariants: who makes an error says what is to be done and not where; whoever adds a case gives it both words, since the
//! matches are exhaustive; no other hint in `src/` has a word of an engine's (`tests/it/hints.rs`).

/// Where kz runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// In a container of an engine's, or in none.
    Elsewhere,
    /// In a container of the kubelet's.
    Pod,
}

/// What to do next, in one line that holds something to type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hint {
    /// The same wherever kz runs.
    Said(String),
    /// About what kz reads.
    Reading(Reading),
    /// About the volume that kz writes into.
    Writing(Writing),
    /// About who owns what kz writes.
    Owning(Owning),
    /// About how kz, and what it runs, starts.
    Starting(Starting),
}

/// What lets kz read a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reading {
    /// Run kz as the owner of the file.
    AsOwner(u32),
    /// Run kz as root: whose the file is, is not known.
    AsRoot,
    /// It is kz's own file, at this path, and kz's user may not read it.
    OwnFile(String),
    /// Anybody may read it, at this path.
    ByAnybody(String),
    /// There is a directory instead of a file.
    NotADirectory,
    /// There is a directory instead of a text.
    NotATextDirectory,
    /// There is a directory where this file is to be.
    ConfigDirectory(String),
    /// Bring the configuration into the container.
    Configuration,
}

/// What a volume needs, so that kz can write into it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Writing {
    /// Mount the directory instead of the file of this name.
    Directory(String),
    /// Mount what can be written to.
    Writable,
    /// Make room.
    Room,
    /// A file system that keeps modes and owners.
    KeepsModes,
    /// A file system with symbolic links.
    HasLinks,
    /// Let nobody else write there.
    OneWriter,
    /// Allow larger files.
    FileSizes,
    /// Allow more open files.
    OpenFiles,
    /// Write what is there once more.
    Again,
}

/// Who has to be whose owner, so that kz can write and its reader read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owning {
    /// Make the directory of `owner` writable for `uid`.
    Allowed {
        /// Whose the directory is.
        owner: u32,
        /// Who kz is.
        uid: u32,
    },
    /// Let kz give files away, or be who reads them.
    GiveAway,
    /// Run kz as who made the state there, or write elsewhere.
    OneExporter(u32),
    /// A directory of kz's own, where links can be followed.
    OwnDirectory(u32),
    /// Let this uid read.
    Reader(u32),
}

/// What lets kz, or what it runs, start.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Starting {
    /// What an event loop needs.
    EventLoop,
    /// Allow more processes.
    Processes,
    /// A working directory that exists.
    Directory,
    /// Say which command kz becomes.
    Command,
    /// Look why the exporter wrote nothing.
    ExporterLog,
    /// Let this container read what the exporter wrote.
    OneReader,
    /// Bring program and machine together: the program is for this other one.
    OtherMachine(String),
}

/// A hint in these words.
pub fn said(words: impl Into<String>) -> Option<Hint> {
    Some(Hint::Said(words.into()))
}

impl Hint {
    /// The words for it there.
    pub fn say(&self, home: Home) -> String {
        let [elsewhere, pod] = match self {
            Self::Said(words) => return words.clone(),
            Self::Reading(reading) => reading.words(),
            Self::Writing(writing) => writing.words(),
            Self::Owning(owning) => owning.words(),
            Self::Starting(starting) => starting.words(),
        };
        match home {
            Home::Elsewhere => elsewhere,
            Home::Pod => pod,
        }
    }

    /// The same with every text in it changed so.
    #[must_use]
    pub fn map(self, change: impl Fn(String) -> String) -> Self {
        match self {
            Self::Said(words) => Self::Said(change(words)),
            Self::Reading(Reading::OwnFile(path)) => Reading::OwnFile(change(path)).into(),
            Self::Reading(Reading::ByAnybody(path)) => Reading::ByAnybody(change(path)).into(),
            Self::Reading(Reading::ConfigDirectory(path)) => Reading::ConfigDirectory(change(path)).into(),
            Self::Writing(Writing::Directory(name)) => Writing::Directory(change(name)).into(),
            same @ (Self::Reading(_) | Self::Writing(_) | Self::Owning(_) | Self::Starting(_)) => same,
        }
    }
}

/// As it is said elsewhere than in a pod.
impl std::fmt::Display for Hint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.say(Home::Elsewhere))
    }
}

impl<T: Into<String>> From<T> for Hint {
    fn from(words: T) -> Self {
        Self::Said(words.into())
    }
}

macro_rules! kinds {
    ($($kind:ident),*) => { $(
        impl From<$kind> for Hint {
            fn from(hint: $kind) -> Self {
                Self::$kind(hint)
            }
        }
    )* };
}

kinds!(Reading, Writing, Owning, Starting);

/// The words elsewhere, and those in a pod.
macro_rules! pair {
    ($elsewhere:literal, $pod:literal $(,)?) => {
        [format!($elsewhere), format!($pod)]
    };
}

impl Reading {
    fn words(&self) -> [String; 2] {
        match self {
            Self::AsOwner(owner) => pair!(
                "run kz with `user: \"{owner}\"`, or as root with `cap_add: [DAC_READ_SEARCH]`",
                "of a Secret, a ConfigMap or a token, the pod's `fsGroup` with `defaultMode: 0440` lets kz read it; otherwise set `runAsUser: {owner}`"
            ),
            Self::AsRoot => pair!(
                "run kz as root with `cap_add: [DAC_READ_SEARCH]`",
                "of a Secret, a ConfigMap or a token, the pod's `fsGroup` with `defaultMode: 0440` lets kz read it"
            ),
            Self::OwnFile(path) => pair!(
                "`chmod u+r {path}`",
                "of a Secret, a ConfigMap or a token, `defaultMode: 0440` lets kz read it, with the pod's `fsGroup`; else `chmod u+r {path}`"
            ),
            Self::ByAnybody(path) => pair!(
                "let kz's user read it: `chmod a+r {path}`",
                "let kz's user read it: `defaultMode: 0444` of the volume that `{path}` is in"
            ),
            Self::NotADirectory => pair!(
                "Docker makes a directory where the source of a bind mount is missing: remove it, put the file there, then `docker compose up --force-recreate`",
                "the kubelet makes a directory of a `subPath` that names nothing in its volume: look at the keys of the ConfigMap or Secret, and at `items`"
            ),
            Self::NotATextDirectory => pair!(
                "name a text file; Docker makes a directory where the source of a bind mount is missing: remove it, put the file there, then `docker compose up --force-recreate`",
                "name a text file; the kubelet makes a directory of a `subPath` that names nothing in its volume: look at the keys of the ConfigMap or Secret, and at `items`"
            ),
            Self::ConfigDirectory(path) => pair!(
                "Docker makes a directory when the source of a bind mount is missing: create the file on the host, then `docker compose up --force-recreate`; here `{path}` is to be a file",
                "the kubelet makes a directory of a `subPath` that names nothing in its volume: look at the keys of the ConfigMap or Secret, and at `items`; here `{path}` is to be a file"
            ),
            Self::Configuration => pair!(
                "`kz init` writes one; in a container mount it, as in `-v ./keyzero.toml:/app/.keyzero.toml:ro`, or name it: `kz --config FILE …`",
                "mount the ConfigMap whose key is `.keyzero.toml`, with the dot, at `/app` (`kubectl create configmap kz --from-file=.keyzero.toml`), or name the file: `kz --config FILE …`"
            ),
        }
    }
}

impl Writing {
    fn words(&self) -> [String; 2] {
        match self {
            Self::Directory(name) => pair!(
                "mount a directory instead and write into it: `-v secrets:/secrets`, `--output /secrets/{name}`",
                "mount the volume without `subPath` and write into it: `mountPath: /secrets`, `--output /secrets/{name}`"
            ),
            Self::Writable => pair!(
                "mount a volume there that is writable for kz; only its readers need `:ro`",
                "mount an `emptyDir` there, without `readOnly`; only its readers need `readOnly: true`"
            ),
            Self::Again => pair!(
                "export again: `docker compose up --force-recreate` of the exporter, or `kz export`",
                "export again: `kubectl delete pod POD`, or `kz export` in its container"
            ),
            Self::Room => pair!(
                "make room, or give the tmpfs more with `size=`; the old output is as it was",
                "make room, or raise the `sizeLimit` of the emptyDir; the old output is as it was"
            ),
            Self::KeepsModes => pair!(
                "this file system does not keep modes or owners: use a named volume or a tmpfs; a single file can be asked for as it shows it, with `--mode` and `--owner`",
                "this file system does not keep modes or owners: use an `emptyDir`; a single file can be asked for as it shows it, with `--mode` and `--owner`"
            ),
            Self::HasLinks => pair!(
                "use a named volume or a tmpfs, or write a single file there: `--format env --output DIR/.env`",
                "use an `emptyDir`, or write a single file there: `--format env --output DIR/.env`"
            ),
            Self::OneWriter => pair!(
                "let only kz write to the volume: mount it `:ro` everywhere else",
                "let only kz write to the volume: mount it with `readOnly: true` everywhere else"
            ),
            Self::FileSizes => pair!(
                "raise the limit of file sizes, `ulimit -f`, or `ulimits: fsize` of the container; the old output is as it was",
                "raise the limit of file sizes in the node's container runtime, such as `LimitFSIZE=` of containerd's unit; the old output is as it was"
            ),
            Self::OpenFiles => pair!(
                "raise the limit of open files: `ulimits: {{ nofile: 1024 }}` in Compose, or `ulimit -n 1024`",
                "raise the limit of open files in the node's container runtime, such as `LimitNOFILE=` of containerd's unit"
            ),
        }
    }
}

impl Owning {
    fn words(&self) -> [String; 2] {
        match self {
            Self::Allowed { owner, uid } => pair!(
                "run kz as `user: \"{owner}\"`, or make the directory writable for uid {uid}; on SELinux hosts bind mounts need `:z`",
                "mount an `emptyDir`, which is open to every uid; of another volume the pod's `fsGroup` lets uid {uid} write, or `runAsUser: {owner}`"
            ),
            Self::GiveAway => pair!(
                "`--owner` needs root with `cap_add: [CHOWN]`; without it run kz as the reader: `user: \"UID:GID\"`",
                "leave `--owner` out and give kz's container the reader's `runAsUser`; `--owner` needs `runAsUser: 0` and `capabilities: {{ add: [CHOWN] }}`"
            ),
            Self::OneExporter(theirs) => pair!(
                "run kz as `user: \"{theirs}\"`, or use a directory of its own for each exporter",
                "set `runAsUser: {theirs}`, or use a volume of its own for each exporter"
            ),
            Self::OwnDirectory(uid) => pair!(
                "mount it as kz's own directory: `uid={uid},mode=0755` in the options of the tmpfs",
                "an `emptyDir` with `medium: Memory` is such a directory: give kz's container the `runAsUser` of who reads there and leave the mode at 0400, or write one plain file (`--format env` or `json`); `emptyDir: {{}}` is none, but lies on the node's disk"
            ),
            Self::Reader(reader) => pair!(
                "`--owner {reader}` gives the files to that uid, or run kz as `user: \"{reader}\"`",
                "give kz's container the reader's `runAsUser: {reader}`; `--mode 0440` with the pod's `fsGroup` lets that group read"
            ),
        }
    }
}

impl Starting {
    fn words(&self) -> [String; 2] {
        match self {
            Self::EventLoop => pair!(
                "raise the limit of open files, `ulimits: {{ nofile: 1024 }}`, or use the engine's own seccomp profile",
                "raise the limit of open files, which comes from the node's container runtime, or use `seccompProfile: {{ type: RuntimeDefault }}`"
            ),
            Self::Processes => pair!(
                "raise it: `ulimit -u`, `--pids-limit` of a container, `pids_limit` in Compose",
                "raise the kubelet's `podPidsLimit`, or start fewer processes in this pod"
            ),
            Self::Directory => pair!(
                "start kz in a directory that exists: `cd /app`, or `working_dir: /app`",
                "start kz in a directory that exists: `workingDir: /app`"
            ),
            Self::Command => pair!(
                "Compose drops the image's CMD when `entrypoint:` is set: write the command as `command:` too, or after `--`",
                "`command:` drops the image's CMD: write the command as `args:`, or after `--`"
            ),
            Self::ExporterLog => pair!(
                "look at the exporter's log: `docker compose logs secrets-init`",
                "look at the exporter's log: `kubectl logs POD -c secrets-init`"
            ),
            Self::OneReader => pair!(
                "a 0400 file has one reader: export it with `--owner` this service's uid",
                "a 0400 file has one reader: give kz's container and this one the same `runAsUser`"
            ),
            Self::OtherMachine(other) => pair!(
                "build or pull the image for this machine, or run it as one for the other: `platform: linux/{other}`, where the host can",
                "build or pull the image for this machine, or send the pod to a node of the other: `nodeSelector: {{ kubernetes.io/arch: {other} }}`"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each, with what is filled in.
    fn all() -> Vec<Hint> {
        let (path, name) = (|| "PATH".to_owned(), || "NAME".to_owned());
        let reading = [
            Reading::AsOwner(999),
            Reading::AsRoot,
            Reading::OwnFile(path()),
            Reading::ByAnybody(path()),
            Reading::NotADirectory,
            Reading::NotATextDirectory,
            Reading::ConfigDirectory(path()),
            Reading::Configuration,
        ];
        let writing = [
            Writing::Directory(name()),
            Writing::Writable,
            Writing::Room,
            Writing::KeepsModes,
            Writing::HasLinks,
            Writing::OneWriter,
            Writing::FileSizes,
            Writing::OpenFiles,
        ];
        let owning = [
            Owning::Allowed { owner: 998, uid: 999 },
            Owning::GiveAway,
            Owning::OneExporter(999),
            Owning::OwnDirectory(999),
            Owning::Reader(999),
        ];
        let starting = [
            Starting::EventLoop,
            Starting::Processes,
            Starting::Directory,
            Starting::Command,
            Starting::ExporterLog,
            Starting::OneReader,
            Starting::OtherMachine("arm64".to_owned()),
        ];
        let (reading, writing) = (reading.map(Hint::from), writing.map(Hint::from));
        [&reading[..], &writing[..], &owning.map(Hint::from)[..], &starting.map(Hint::from)[..]].concat()
    }

    #[test]
    fn a_pods_words_are_others_and_name_nothing_that_a_pod_lacks() {
        let of_engines = [
            "user: \"",
            "cap_add",
            "`-v ",
            "`:ro`",
            "`:z`",
            "tmpfs",
            "docker",
            "Docker",
            "Compose",
            "ulimit",
            "--pids-limit",
        ];
        for hint in all() {
            let (elsewhere, pod) = (hint.say(Home::Elsewhere), hint.say(Home::Pod));
            assert_ne!(elsewhere, pod);
            assert!(of_engines.iter().all(|word| !pod.contains(word)), "{pod}");
            assert!(!elsewhere.contains("kubelet") && !elsewhere.contains("runAs"), "{elsewhere}");
            for words in [elsewhere, pod] {
                assert!(words.contains('`') && !words.ends_with('.'), "nothing to type: {words}");
            }
        }
        assert_eq!(Hint::from("raise it").say(Home::Pod), "raise it");
    }

    #[test]
    fn what_is_filled_in_is_changed_and_nothing_else() {
        for hint in all() {
            let before = hint.to_string();
            let after = hint.map(|text| format!("<{text}>")).to_string();
            assert_eq!(after.replace(['<', '>'], ""), before);
            assert_eq!(after != before, before.contains("PATH") || before.contains("NAME"), "{before}");
        }
    }
}
