//! Every finding of `kz doctor`: its code, why it is one, and what to do. A flat table, and the only place that numbers
//! them.
//!
//! Invariants: a code keeps its meaning for ever; its first digit says what it is about (1 environment and delivery,
//! 2 volumes and ownership, 3 order and lifecycle, 4 credentials, configuration and commands, 5 pods). The words of one
//! occurrence are made beside the rule; what is said here holds for all of them.

/// One kind of finding, explained.
#[derive(Clone, Copy, Debug)]
pub struct Explanation {
    /// Its code.
    pub code: Code,
    /// What is wrong, in a few words.
    pub title: &'static str,
    /// Why that goes wrong.
    pub why: &'static str,
    /// Why it does so in a pod, where that is another reason, or has other words.
    pub why_in_pod: Option<&'static str>,
    /// What to do.
    pub remedy: &'static str,
}

macro_rules! catalogue {
    (@pod) => { None };
    (@pod $pod:literal) => { Some($pod) };
    ($($name:ident = $number:literal, $title:literal, $why:literal $(/ $pod:literal)?, $remedy:literal;)+) => {
        /// A finding's number: stable, so that it can be looked up and searched for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = $title] $name = $number,)+
        }

        /// All of them, by number.
        pub static CATALOGUE: &[Explanation] = &[
            $(Explanation {
                code: Code::$name,
                title: $title,
                why: $why,
                why_in_pod: catalogue!(@pod $($pod)?),
                remedy: $remedy,
            },)+
        ];
    };
}

impl Code {
    /// `D101`.
    pub fn id(self) -> String {
        format!("D{}", self as u16)
    }

    /// What is said of it.
    pub fn explanation(self) -> &'static Explanation {
        let at = CATALOGUE.partition_point(|explanation| explanation.code < self);
        &CATALOGUE[at.min(CATALOGUE.len() - 1)]
    }
}

catalogue! {
    EnvFileInVolume = 101,
        "`env_file` names a file in a volume",
        "Compose reads `env_file:` itself, on the host, before there is any container. A file that an init service writes into a volume does not exist there.",
        "Let the container read it: `*_FILE` variables with `--format files`, a shell that sources it, or `kz run --env-file`.";
    EnvFileOptional = 102,
        "an optional `env_file` that is never there in time",
        "With `required: false` Compose goes on when the file is not on the host. It is never there before the init service has run, so the service starts without its secrets, and nothing says so.",
        "Let the container read the file, as for D101, and remove the `env_file`.";
    EnvFileOnHost = 103,
        "`env_file` names what an init service writes on the host",
        "Compose reads every `env_file:` when it reads the Compose file, before it starts the service that writes it. The first `up` fails, and later ones take what the time before has written.",
        "Run the export by itself first (`docker compose run --rm secrets-init`), or let the container read the file.";
    FileNotMounted = 104,
        "a `*_FILE` variable names a file that is not mounted",
        "Nothing is mounted where the file is looked for: it is in a volume that an export writes to and that is not mounted here, or nobody writes it yet.",
        "Mount the volume where the variable says, read-only.";
    MountedElsewhere = 105,
        "what is read is mounted somewhere else",
        "The volume of the export is mounted, but under another path than the one that is read.",
        "Let both paths agree: mount it where it is read.";
    SecretNotGiven = 106,
        "a file below `/run/secrets` without such a secret",
        "Compose mounts there only what the service lists under `secrets:`.",
        "List the secret under the service's `secrets:`, and define it at the top level.";
    NotExported = 107,
        "a `*_FILE` variable names a secret that is not exported",
        "`kz export --only` writes the named secrets and no other.",
        "Add the secret to `--only`, or leave `--only` out.";
    ScriptNotMounted = 108,
        "a script reads a file that is not mounted",
        "The file is in the volume that the export writes to, and this service or container does not mount that: the shell ends with `can't open`.",
        "Mount the volume where the script reads, read-only.";
    OtherFile = 109,
        "what is read is not what is written",
        "Only one export writes into this volume, and it writes other files: one file for all secrets where a file for each is read, or the other way round, or another name.",
        "Choose the form and the name that the reader expects: `--format files --output DIR` for `*_FILE`, `--format env --output FILE` for `.` and `--env-file`.";
    RunFileNotMounted = 110,
        "`kz run --env-file` reads a file that is not mounted",
        "The file is in the volume that the export writes to, and this service or container does not mount that: `kz run` ends with exit code 125 (KZ501).",
        "Mount the volume where `--env-file` says, read-only.";
    KeptToItself = 111,
        "a script that hands on nothing of what it reads",
        "`--format env` writes `NAME=value`, which makes a variable of the shell. Only what is exported reaches the programs that it starts, and nothing says so.",
        "Write `set -a` before the `.`, or let kz write commands: `kz export --format shell`.";
    PathAsValue = 112,
        "a path where the value itself is read",
        "Only the variable that ends in `_FILE` names a file. The other one is the value: the path becomes the password, which everybody knows who knows the file.",
        "Add `_FILE` to the variable's name, where the image knows it, and change the password that has been set.";
    UnknownSecret = 113,
        "what is read is no secret of the configuration",
        "`kz export --format files` writes a file for each secret, named exactly like it, with its case.",
        "Correct the name, or add the secret to the configuration.";
    FileUnread = 114,
        "a `*_FILE` variable that the image does not know",
        "Such variables are a habit of some images' entrypoints, for the names that each lists, and for no others. An image that does not know one says nothing of it, and starts without the secret.",
        "Use the name that the image lists; where it lists none, write its configuration by `--format template`, or put `kz run` in front of its command.";
    HealthcheckNotMounted = 115,
        "a healthcheck reads a file that is not mounted",
        "A healthcheck runs in its service's own container, where only what that service mounts is. It fails for ever, and whoever waits with `service_healthy` never starts.",
        "Mount the volume where the healthcheck reads, read-only.";
    BesideFile = 116,
        "a variable beside its own `_FILE`",
        "The entrypoints of these images refuse both: `both NAME and NAME_FILE are set (but are exclusive)`, and the container ends. It does not matter whether they come from `environment:`, from an `env_file`, or from what kz writes and a shell reads.",
        "Remove the one that holds the value, and change the credential if it was one; where kz brings the value, remove the one that names a file.";
    NobodyAsks = 117,
        "a password that nobody is asked for",
        "`POSTGRES_HOST_AUTH_METHOD: trust` lets everybody in who reaches the port, whatever the password is. `MYSQL_ALLOW_EMPTY_PASSWORD` and `MARIADB_ALLOW_EMPTY_ROOT_PASSWORD` make a root without one, and RabbitMQ's image lets `guest` in from everywhere until another user is made.",
        "Remove the variable, and let kz bring a password. What was made so keeps it (`trust` in a `pg_hba.conf`, the user `guest`): make it anew, or correct it there.";
    QuotedPath = 118,
        "quotes that belong to the value",
        "In a list of `NAME=value` everything behind `=` is the value, quotes too, so that no file and no address is called so.",
        "Leave the quotes out, or put them around the whole item.";
    NotOfConfiguration = 119,
        "`--only` names no secret of the configuration",
        "Names are compared exactly, with their case. kz ends with exit code 2 (KZ203).",
        "Correct the name, or add the secret to the configuration.";
    NothingToWrite = 120,
        "an export that is told nothing to write",
        "`kz export` without `--format` writes what `[[outputs]]` of the configuration say, and there are none. kz ends with exit code 2 (KZ202).",
        "Write `--format`, or `[[outputs]]` into the configuration.";
    NotSubstituted = 121,
        "what only a shell reads, and no shell does",
        "Only a shell puts the content of a file in the place of `$(cat FILE)`. Compose starts none for a list, for a string, for the value of a variable, or for a healthcheck of `CMD`: the text itself is the password, which everybody knows who knows the file."
            / "Only a shell puts the content of a file in the place of `$(cat FILE)`, and the kubelet fills in `$(NAME)` of a variable that the container has, and no other: the text itself is the password, which everybody knows who knows the file.",
        "Use the variable or the option that names the file, or a configuration that kz writes (`--format template`). What is no option for a credential may be filled in by a shell, `[\"sh\", \"-c\", \"exec … \\\"$$(cat /secrets/NAME)\\\"\"]`, `CMD-SHELL` in a healthcheck: command lines are shown to every user of the host. Change the password that has been set.";
    ProgramNotMounted = 122,
        "kz is started from where nothing is mounted",
        "`kz install` copies the program into a volume. A service that begins with that copy and does not mount the volume has no such program, and the engine does not start it.",
        "Mount the volume where the program is named, read-only.";
    EnvFileMissing = 123,
        "an `env_file` that is not there",
        "Compose reads every `env_file:` itself, on the host, before there is any container, and ends where one is missing that `required: false` does not excuse.",
        "Make the file, of its example where there is one; or leave it out.";

    TmpfsVolume = 201,
        "a one-time export into a volume in memory",
        "The engine mounts a tmpfs volume when its first container starts and unmounts it when its last one ends. The exporter is alone and ends, so everything is gone before anybody reads it.",
        "Use a plain named volume, or let a service that stays mount the volume too and start it first.";
    OwnTmpfs = 202,
        "an export into the container's own tmpfs",
        "`tmpfs:` is memory of one container. No other container sees it, and it ends with the container.",
        "Use a named volume that both mount.";
    NoMount = 203,
        "an export to where nothing is mounted",
        "Without a mount the output goes into the container's own layer, which nobody else sees and which is removed with it; with a read-only root it fails.",
        "Mount a named volume at the directory of `--output`.";
    Anonymous = 204,
        "an export into a volume without a name",
        "An anonymous volume belongs to one container; another service that writes the same line gets another volume.",
        "Give the volume a name, in both services and at the top level.";
    NobodyReads = 205,
        "nobody reads what is exported",
        "The volume is mounted by the exporter alone.",
        "Mount it, read-only, where it is to be read.";
    UndefinedVolume = 206,
        "a volume that is not defined",
        "Compose makes named volumes only when they are listed at the top level, and refuses the whole file otherwise.",
        "Add its name below the top level's `volumes:`; write `./` before what is a path.";
    Writable = 207,
        "a reader may write to the secrets",
        "A volume is shared ground: whoever may write there can replace what the others read and block the next export.",
        "Mount it read-only: `:ro`, or `readOnly: true`.";
    CannotRead = 208,
        "the reader's uid cannot read what is written",
        "kz writes files of mode 0400, which their owner and root can read, and nobody else. The exporter runs as another uid than the reader, and gives the files to nobody.",
        "Where it gives files away, name the reader by `--owner`; else run the exporter as the reader's uid, or as root with CAP_CHOWN and `--owner`. `--for UID` makes the export fail where it would not be readable.";
    OwnerWithoutRoot = 209,
        "`--owner` without root",
        "Only root may give files away; Docker gives no capability to other users, whatever `cap_add` says."
            / "Only root may give files away; the container runtime gives no capability to other users, whatever `capabilities: { add: … }` says.",
        "Run the export as root with CAP_CHOWN alone, or as the very uid that is to own the files.";
    OwnerWithoutChown = 210,
        "`--owner` without `CAP_CHOWN`",
        "`cap_drop: [ALL]` takes CAP_CHOWN from root too."
            / "`capabilities: { drop: [ALL] }` takes CAP_CHOWN from root too.",
        "Add it back: `cap_add: [CHOWN]`.";
    NotForReader = 211,
        "`--for` names somebody who will not be able to read",
        "`--for` makes the export fail when that uid could not read what is written. With this owner and this mode it could not.",
        "Give the files to that uid by `--owner`, or let more than the owner read by `--mode`.";
    ClosedDirectory = 212,
        "an exporter without root on a volume that belongs to root",
        "An empty volume takes owner and mode from the directory of the image that it is mounted over. Where the image has none, it belongs to root and is closed to others.",
        "Mount it at `/secrets`, which kz's image has and which is open, or run the export as root.";
    StickyTarget = 213,
        "links in a sticky directory, for another uid",
        "`--format files` makes symbolic links. In a directory that everybody may write to and that has the sticky bit, the kernel lets only their owner follow them, unless that is the directory's owner too (`fs.protected_symlinks=1`, the default of most distributions). Each `emptyDir: { medium: Memory }` is such a directory of root's, mode 1777.",
        "In Compose export into a volume of its own, or into a directory below. In a pod give kz's container the uid of who reads, with mode 0400; where several uids read, write one plain file (`--format env`, `json`, or a template), run kz as root, or leave `medium` out, which puts the secrets on the node's disk.";
    WritableConfiguration = 214,
        "the configuration is mounted to be written",
        "A configuration is code: it says which addresses get kz's credentials. Mounted read-only nobody in the container can change it, and kz need not ask who owns it.",
        "Add `:ro`.";
    SecretOwner = 215,
        "owner or mode on a secret that comes from a file",
        "Compose mounts such a file as it is on the host. uid, gid and mode are for Swarm, and are ignored.",
        "Give the file the right owner and mode on the host, or run the service as the file's owner.";
    TargetReadOnly = 216,
        "an export into a read-only mount",
        "kz makes new files beside the old ones and renames them, so it has to write to the directory.",
        "Leave out `:ro` at the exporter, and at the exporter only; in a pod write into an `emptyDir`, since a ConfigMap, a Secret and an image are read-only.";
    TargetIsDirectory = 217,
        "one file is to be written where a directory is",
        "A mounted volume is a directory; every format but `files` writes one file.",
        "Name a file in it: `--output /secrets/.env`; or write `--format files`.";
    DirectoryMissing = 218,
        "`--format files` without its directory",
        "`--format files` writes into a directory that has to be there already: kz makes none, since a missing one usually means a missing mount. A new volume is empty.",
        "Write into the mounted directory itself.";
    TargetIsMount = 219,
        "the file to be written is a mount",
        "kz replaces a file by renaming a new one over it, which the kernel refuses for a mount. Writing into it instead would show readers a half-written file.",
        "Mount the directory that the file is to be in.";
    TwoExports = 220,
        "two exports to the same place",
        "An export replaces the whole set, or the whole file. The later one removes what the earlier one has written.",
        "Put all secrets into one export, or give each a volume or a directory of its own.";
    ForeignEnvFile = 221,
        "an env file of another uid",
        "Variables can make programs load code, so `kz run --env-file` takes a file of root or of the uid that it runs as, and of nobody else, whoever may read it: it ends with exit code 125 (KZ504).",
        "Give the file to who reads it, by `--owner` or by the exporter's `user:`, or add `--from-uid UID` where the exporter is trusted.";
    NeededClosed = 222,
        "a file that kz needs and cannot read",
        "Compose mounts a file as it is on the host, with its owner and its mode, and the files of its `secrets:` too. What only its owner may read, no other uid reads, and root only with CAP_DAC_READ_SEARCH or CAP_DAC_OVERRIDE.",
        "Give the file to the uid that kz runs as, by `chown`; or run kz as root with `cap_add: [DAC_READ_SEARCH]` and nothing else.";
    MountedTwice = 223,
        "two mounts at one place",
        "Of two `volumes:` at one place Compose 2 keeps the later one and says nothing; Compose 1 and the engine refuse them.",
        "Leave one of them out, or mount it elsewhere.";

    NoDependency = 301,
        "a reader that does not wait for the export",
        "Compose starts services side by side unless `depends_on` says otherwise.",
        "Wait for the exporter with `condition: service_completed_successfully`, or read by `kz run --env-file F --wait 60s`.";
    ShortDependency = 302,
        "the short form of `depends_on`",
        "`depends_on: [name]` waits until that container has started. The export takes longer, and may fail.",
        "Write the long form with `condition: service_completed_successfully`.";
    StartedDependency = 303,
        "`service_started` on an export",
        "That condition waits until the container has started. The export takes longer, and may fail.",
        "Write `condition: service_completed_successfully`.";
    UnknownDependency = 304,
        "`depends_on` names no service",
        "Compose refuses the whole file.",
        "Correct the name.";
    HealthyDependency = 305,
        "`service_healthy` on an export",
        "An export writes and exits, and a container that has exited is never healthy. One that stays (`--watch`) is so when its healthcheck says it, and never without one.",
        "Write `condition: service_completed_successfully`; where the export stays, give it a healthcheck that runs `kz check`.";
    NotRequired = 306,
        "an export that need not succeed",
        "With `required: false` Compose only warns when the export fails, and starts the reader all the same.",
        "Leave `required: false` out. Where a secret may be missing, say so in `.keyzero.toml`: `optional = true`.";
    Restarted = 307,
        "an export that is started again for ever",
        "`always`, `unless-stopped` and `any` start a container again also after it has ended well.",
        "Leave `restart` out, or write `restart: \"no\"`; `on-failure` does no harm.";
    Circle = 308,
        "services that wait for each other",
        "Compose refuses the whole file.",
        "Remove one of the dependencies. An exporter waits for nobody who reads from it.";
    OtherProfile = 309,
        "an export in a profile that its reader is not in",
        "Services in a profile are off unless it is asked for. Compose starts nobody who needs a service that is off, and starts without it who does not say so.",
        "Give the exporter all profiles of its readers, or none.";
    BehindShell = 310,
        "`kz run` behind a shell",
        "The shell stays as PID 1, unless it makes way. Signals go to it, and a shell passes none on: the program is killed after the grace period instead of ending in order."
            / "The shell stays as PID 1, unless it makes way. The kubelet's SIGTERM goes to it, and a shell passes none on: the program is killed after `terminationGracePeriodSeconds` instead of ending in order.",
        "Write `exec kz run -- …` in the script, or leave the shell out.";
    ExportServes = 311,
        "an export in the place of a server",
        "`kz export` writes and exits; it starts nothing.",
        "Use `kz run -- CMD`, or a service of its own for the export.";
    NoCommand = 312,
        "`kz run` without a command",
        "`entrypoint:` (and `command:` in a pod) drops the CMD of the image, so nothing follows `kz run --`."
            / "`command:` drops the CMD of the image, so nothing follows `kz run --`.",
        "Write the image's CMD as `command:` (`args:` in a pod).";
    Dollar = 313,
        "a dollar sign that Compose reads",
        "Compose fills in `$NAME` and `${NAME}` from the host's environment before the container sees the line, and Compose 1 refuses every other `$`.",
        "Write `$$` where the shell in the container is to see a `$`.";
    EmptyArguments = 314,
        "an entrypoint that is given no command",
        "`entrypoint:` drops the CMD of the image. A script that hands on `\"$@\"` then has nothing to start.",
        "Write the image's CMD as `command:`.";
    StaysForEver = 315,
        "an export that stays, where it has to end",
        "`kz export --watch` writes and stays: it ends when it is stopped, and whoever waits for its end waits for ever."
            / "`kz export --watch` writes and stays: it ends when it is stopped. The kubelet starts the next container when an init container has ended, and so never, unless `restartPolicy: Always` says that it stays.",
        "Wait until it is healthy: a healthcheck that runs `kz check`, and `condition: service_healthy`. In a pod `restartPolicy: Always`, and a `startupProbe` that runs `kz check`.";
    LiteralCredential = 401,
        "a credential in the environment's literal values",
        "This file is read by everybody who may see the repository, and its values by everybody who may ask the engine."
            / "This file is read by everybody who may see the repository, and its values by everybody who may read pods, or what makes them, in the cluster.",
        "Let kz deliver it, as a file or by `kz run`, and change the credential: it has been seen.";
    CredentialInCommand = 402,
        "a credential on a command line",
        "Command lines are shown by `ps` and `docker top` to every user of the host, and stand in this file."
            / "Command lines are shown by `ps` to every user of the node, and by `kubectl get pod -o yaml` to everybody who may read pods, and stand in this file.",
        "Let the program read it from a file or from its environment, and change the credential: it has been seen.";
    BuildArgument = 403,
        "a credential as a build argument",
        "Build arguments are part of the image's history, wherever their value comes from.",
        "Use a build secret: `RUN --mount=type=secret,id=…`, and `secrets:` below `build:`.";
    OwnCredential = 404,
        "kz's own credential in its environment",
        "The engine keeps and shows the environment of every container. kz reads its credential from a file just as well.",
        "Mount it as a file and name that file.";
    NoConfiguration = 405,
        "no configuration where kz looks",
        "kz looks for `.keyzero.toml` in its working directory and above; its image's is `/app`."
            / "kz looks for `.keyzero.toml` in its working directory and above; its image's is `/app`, where the ConfigMap with that key is to be mounted.",
        "Mount it there: `./keyzero.toml:/app/.keyzero.toml:ro`.";
    ConfigurationElsewhere = 406,
        "the configuration is mounted under another name",
        "kz looks for `.keyzero.toml`, with the dot, in its working directory and above; its image's is `/app`.",
        "Mount it under that name, or name it by `--config` or `KEYZERO_CONFIG`.";
    NamedConfiguration = 407,
        "the named configuration is not mounted",
        "`--config` and `KEYZERO_CONFIG` name one file, and kz looks for no other.",
        "Mount it there, or leave the name out.";
    ConfigurationNotThere = 408,
        "the configuration's file is not on the host",
        "Docker makes an empty directory where the source of a bind mount is missing, and starts the container.",
        "Mount the configuration that is there, or the `.keyzero.toml` that `kz init` writes; remove the directory that Docker made, then `docker compose up --force-recreate`.";
    Misread = 409,
        "a command line that kz does not understand",
        "It was read as kz itself reads it.",
        "See `kz export --help` and `kz run --help`.";
    NameMissing = 410,
        "a command without `kz`",
        "kz's image has no ENTRYPOINT, so that any of its commands can be written; the first word is the program.",
        "Write `kz` first.";
    OnlyHelp = 411,
        "kz's image without a command",
        "Its CMD is `kz --help`, which ends well.",
        "Write the command.";
    NoShell = 412,
        "a shell where there is none",
        "Compose splits a string into words and starts the first one: no shell reads it. kz's own image has none at all."
            / "The kubelet starts the first word of `command` (or of `args`, where the image has no ENTRYPOINT) as a program: no shell reads it. kz's own image has none at all.",
        "Write `[\"sh\", \"-c\", \"…\"]` in an image that has a shell. For kz alone its options are enough: `--output`, `--owner`, `--mode`.";
    DoubledKey = 413,
        "a key that stands twice",
        "YAML does not allow it: newer programs refuse the file, older ones silently take one of the two.",
        "Remove one of them.";
    CredentialInEnvFile = 414,
        "a credential in an env file",
        "What Compose reads from an `env_file`, or fills in from `.env`, becomes part of the container, and the engine shows it to everybody who may ask. A ConfigMap is read by more than a Secret."
            / "A ConfigMap is read by everybody who may read ConfigMaps, who are more than those who may read Secrets, and by everybody who may see this file.",
        "Let kz deliver it, as a file or by `kz run`, take it out of the env file or the ConfigMap, and change the credential. Where somebody else needs it in the same file, that stays until he is served too.";
    NeededNotMounted = 415,
        "a file that kz needs is not mounted",
        "kz's image holds nothing but kz. What the configuration names (a document, an identity, a token, a certificate) has to be mounted where it names it; relative paths start at the configuration.",
        "Mount it, read-only: in a pod from a Secret or a ConfigMap that has such a key, or as a projected token of that `path`.";
    NeededNotThere = 416,
        "a file that kz needs is not on the host",
        "Docker makes an empty directory where the source of a bind mount is missing, and starts the container. A secret of Compose whose file is missing ends `up`.",
        "Make the file; if Docker has made a directory of its name, remove that first.";
    VolumeForFile = 417,
        "a volume where a file is meant",
        "A source without `./` is the name of a volume, and a volume is a directory. In a pod every volume is one, unless `subPath` names a file in it.",
        "Write the path with `./`, and remove the name from the top level's `volumes:`; in a pod name the key by `subPath`, or mount the directory.";
    SkippedVerification = 418,
        "certificates are not to be checked",
        "kz refuses `VAULT_SKIP_VERIFY` and `BAO_SKIP_VERIFY`: whoever stands in between would get its credential and every secret. It ends with exit code 1 (KZ105).",
        "Remove the variable, and name the certificate that signs the server's: `ca_cert`, or `VAULT_CACERT`.";
    OwnAddress = 419,
        "an address that is the container's own",
        "In a container `localhost` and 127.0.0.1 are the container itself, and in a pod the pod, where nothing but kz runs while its init container does: the connection is refused.",
        "Name the service that is the server, or the host by `host.docker.internal` with `extra_hosts`; in a pod the server's Service, `vault.vault.svc`.";
    NoScheme = 420,
        "an address without `https://`",
        "kz takes no address of which it does not know whether it is encrypted: it ends with exit code 1 (KZ105).",
        "Write the whole address: `https://vault.internal:8200`.";
    UnknownEnvironment = 421,
        "an environment that the configuration does not have",
        "`KEYZERO_ENV` and `--env` name a section `[NAME.secrets]`, which may be empty and has to be there. kz ends with exit code 2 (KZ219).",
        "Correct the name, or add the section.";
    NoNetwork = 422,
        "a server to be asked, and no network",
        "`network_mode: none` gives the container no interface but its own loopback. kz waits for the server until its deadline and ends with exit code 75.",
        "Leave `network_mode: none` out, or give it to exports whose secrets are all in files.";
    CredentialInConfig = 423,
        "a credential in an inline config or a `ConfigMap`",
        "What stands below `content:` of `configs:` is part of this file, which everybody reads who may see the repository, and Compose copies it into the container."
            / "What stands in a ConfigMap is read by everybody who may read ConfigMaps, who are more than those who may read Secrets, and by everybody who may see this file.",
        "Let kz write the file by `--format template`, and change the credential: it has been seen.";
    OneWord = 424,
        "a command line in one word",
        "In a list each item is one word, and the first one is the name of the program. No program is called `kz run -- app`, and no shell splits it: the container does not start.",
        "Write each word by itself: `[\"kz\", \"run\", \"--\", \"app\"]`.";
    NotInImage = 425,
        "a program that the image does not have",
        "kz's image holds nothing but kz, and no vendor's image holds kz: the engine, or `kz run`, ends with exit code 127 (`executable file not found`)."
            / "kz's image holds nothing but kz, and no vendor's image holds kz: the kubelet, or `kz run`, finds no such program.",
        "Build an image that has both (`COPY --from=kz:dev /usr/local/bin/kz /usr/local/bin/kz`), or let `kz install` bring kz into a volume that the service mounts. Or let `kz export` write what the program reads.";

    ExportAsContainer = 501,
        "an export in `containers`",
        "All of `containers` start side by side and are kept running. Only `initContainers` come first, one after the other, and have to succeed.",
        "Move it to `initContainers`.";
    ScratchOnDisk = 502,
        "secrets in an `emptyDir` on disk",
        "Without `medium: Memory` an emptyDir is a directory on the node's disk, where its content stays readable until it is overwritten, and gets into backups of the node.",
        "Write `emptyDir: { medium: Memory }`, and give kz's container the uid of who reads there: in memory kz's links lead nobody else (D213). Where several uids have to read a set and kz may not be root, a volume on disk is what is left.";
    OnNode = 503,
        "secrets in a directory of the node",
        "A hostPath outlives the pod, and every pod that may mount it reads it.",
        "Write `emptyDir: { medium: Memory }`, as for D502.";
    PartOfSet = 504,
        "a `subPath` of a set",
        "A set of files is replaced by swapping one link, which a mount of the whole volume follows. A subPath, and Compose's `subpath`, is resolved when the container starts and stays with the set that was there then."
            / "A set of files is replaced by swapping one link, which a mount of the whole volume follows. A `subPath` is resolved when the container starts and stays with the set that was there then.",
        "Mount the whole volume.";
    BeforeExport = 505,
        "an init container that reads before the export",
        "Init containers run in the order in which they are written.",
        "Put the export first.";
    ExportAsSidecar = 506,
        "an export that the kubelet does not wait for",
        "An init container with `restartPolicy: Always` is a sidecar: it counts as done when it has started, or when its `startupProbe` is passed, which an export that has ended never does. One that stays (`--watch`) has started before it has written.",
        "Leave `restartPolicy` out, and `startupProbe` with it. An export that stays (`--watch`) has both, and its `startupProbe` runs `kz check`.";
    NoSuchVolume = 507,
        "a volume that the pod does not have",
        "Every volumeMount names one of the pod's `volumes`.",
        "Add the volume, or correct the name.";
    NoServiceAccountToken = 508,
        "Vault's Kubernetes login without a token",
        "The login shows the token of the pod's service account, which the kubelet mounts unless `automountServiceAccountToken: false` says otherwise.",
        "Remove that line, or project a token and name it by `token_file`.";
    RootRefused = 509,
        "root, which the pod itself refuses",
        "`runAsNonRoot: true` keeps the kubelet from starting a container as uid 0, whether `runAsUser` says so or the image, whose entrypoint would become another user only later.",
        "Run as another uid, of the vendor's image as the one that its entrypoint becomes; an emptyDir is open to every uid.";
    UnknownMedium = 510,
        "a medium that the kubelet does not know",
        "The API server takes any word, and the kubelet knows `Memory`, with a capital, and `HugePages`. Of another one it mounts nothing, and the pod waits for ever.",
        "Write `medium: Memory`.";
    VolumeClosed = 511,
        "a mode that keeps kz from reading what the kubelet mounts",
        "Files of a Secret, a ConfigMap and a projected volume belong to root and have the mode of `defaultMode`. YAML reads `0400` as octal, and `400` as the decimal number, which is mode 0620. With `fsGroup` they belong to that group, which the kubelet lets read them.",
        "Write `fsGroup` into the pod's securityContext, with `defaultMode: 0440`; what is no secret, such as the configuration, may have `0444`.";
    SmallLimit = 512,
        "a `sizeLimit` below what is written",
        "In memory each file takes a page of 4 KiB, and kz needs two more for its own; a changed set lies beside the old one until it is in place. A small `m` is a thousandth: `1m` is one byte.",
        "Write `sizeLimit: 1Mi`.";
    KzElsewhere = 513,
        "kz at a path where its image has none",
        "kz's image has one program, `/usr/local/bin/kz`, and that on PATH. Mounted as a volume the image keeps its directories.",
        "Write `kz` in kz's own image, and `MOUNT/usr/local/bin/kz` where the image is mounted at MOUNT.";
    OtherNamespace = 514,
        "an object of another namespace",
        "ConfigMaps and Secrets are read in the pod's own namespace, and nowhere else. The kubelet waits for one of that name there, and starts nothing.",
        "Give both the same `namespace`.";
    NoSuchKey = 515,
        "a key that the object does not have",
        "Keys are compared exactly, with their case. Of a key that is not there, and not `optional`, the kubelet makes no variable and starts no container.",
        "Correct the key, or add it to the object.";
    SecretInManifest = 516,
        "a credential in the manifest of a Secret",
        "`data` of a Secret is base64, which anybody undoes, and `stringData` is clear text: whoever reads this file has what is in it, and whoever reads a repository that it is in, or was in. doctor says nothing of what a program has made (Kustomize's names with a hash, Helm's label, objects that a cluster printed) or has encrypted (SOPS).",
        "Make the Secret without a file (`kubectl create secret generic NAME --from-file=KEY`), keep the manifest encrypted (SOPS, Sealed Secrets), or let kz bring what is in it. Change what has been in a repository.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_finds_its_own_explanation() {
        for explanation in CATALOGUE {
            assert_eq!(explanation.code.explanation().title, explanation.title);
        }
        assert_eq!(Code::Dollar.id(), "D313");
    }

    #[test]
    fn what_is_said_in_pods_has_no_word_of_an_engines() {
        let said: Vec<&str> = CATALOGUE.iter().filter_map(|explanation| explanation.why_in_pod).collect();
        assert!(said.len() >= 10);
        for why in said {
            for word in ["Docker", "docker", "Compose", "engine", "cap_", "service", "entrypoint:"] {
                assert!(!why.contains(word), "{word}: {why}");
            }
        }
    }
}
