//! Every error of kz: its code, what it means, and what to do. A flat table, and the only place that numbers them.
//!
//! Invariants: a code keeps its meaning for ever and is never given to another error; its first digit
//! says what it is about (1 a secret, 2 usage or configuration, 3 policy, 4 output, 5 becoming CMD). How kz ends
//! after it stands in `cli/exit.rs`. The words of one occurrence are made beside the error; what is said here holds
//! for all of them.

/// One kind of error, explained.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Explanation {
    /// Its code.
    pub code: Code,
    /// What failed, in a few words.
    pub title: &'static str,
    /// Why that happens, and what has not happened.
    pub cause: &'static str,
    /// What to do, with something to type.
    pub remedy: &'static str,
}

macro_rules! catalogue {
    ($($name:ident = $number:literal, $title:literal, $cause:literal, $remedy:literal;)+) => {
        /// An error's number: stable, so that it can be looked up and searched for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(in crate::cli) enum Code {
            $(#[doc = $title] $name = $number,)+
        }

        /// All of them, by number.
        pub(in crate::cli) static CATALOGUE: &[Explanation] = &[
            $(Explanation { code: Code::$name, title: $title, cause: $cause, remedy: $remedy },)+
        ];
    };
}

catalogue! {
    Internal = 1,
        "kz has a bug",
        "Something that kz takes for impossible has happened. The message names the place in its source and nothing that it was working with.",
        "Report the place and the command. A new version may have mended it: `kz --version` says which one this is.";

    Unresolved = 100,
        "secrets could not be resolved",
        "At least one required secret could not be had, so nothing was delivered: no file was written and no command was started. Each of them is listed with a code of its own.",
        "Look the listed codes up. `kz status` asks again and shows every secret, the good ones too.";
    Absent = 101,
        "the backend has no such secret",
        "The backend answered, and has nothing under this ref, or the document lacks the field. A document that was deleted counts as absent. A mount or a namespace that is not there does not: kz is set up for another server then (KZ105).",
        "Correct the `ref` or the `field`, or store the secret. Where it may be missing, write `optional = true` or give a `default`.";
    Denied = 102,
        "the backend refuses",
        "The backend knows who kz is, or refuses to, and does not let it read. `optional` does not cover this: a secret that may not be read is no missing secret. kz does not try again.",
        "Check the credential that kz has and what it may read. For a file: its owner and mode, and the user that kz runs as.";
    Unreachable = 103,
        "the backend could not be reached",
        "No connection, no name, or no useful answer before the deadline: from a proxy that reaches nobody, a Vault that is sealed, a service that wants fewer requests. One that answers and fails is KZ120, one to which nothing leads as it is set up is KZ121. kz tries again until then, since backends and meshes start late.",
        "The words behind the class say which it is. A name that is not found: correct it; between containers it is the service's, in a pod SERVICE.NAMESPACE.svc. Refused: the port, or `localhost`, which in a container is the container itself. Timed out: a firewall, a proxy, a NetworkPolicy. A certificate: `ca_cert`. Sealed: `vault operator unseal`. Ask from the same network: `docker run --rm --network container:NAME curlimages/curl -v URL`, in a pod `kubectl debug -it POD --image=curlimages/curl -- curl -v URL`. Give it longer with `--timeout 120s` where the backend is only slow to start.";
    Malformed = 104,
        "the answer is not what was expected",
        "What came back does not parse, does not decode with this `encoding`, or has another shape than the ref needs.",
        "Look at the document with the backend's own client. Correct `field` or `encoding`, or what is stored.";
    NotSetUp = 105,
        "the provider is not set up",
        "kz was not told enough to ask: it has no credential or address, or the provider is not built into this version.",
        "Complete `[providers.NAME]`, or set the variable that the message names. `kz status` asks without delivering anything.";
    NotRendered = 106,
        "a template could not be rendered",
        "A value does not fit into the template: a line break or control character would stand bare in it, it is not UTF-8, it holds what its filter cannot carry, an optional secret that it needs is absent, or it takes more work than kz allows.",
        "Put the filter of its place on it, such as `{{ NAME | urlencode }}` or `{{ NAME | redis }}` (docs/templates.md lists them); `{{ NAME | raw }}` insists. `{% if NAME is defined %}` copes with an optional one.";
    EventLoop = 118,
        "kz cannot wait for backends",
        "To wait for several replies at once, or beside a command (`kz run --supervise`), takes a few descriptors (epoll, eventfd, pairs of sockets). The limit of open files is too low for them, or a seccomp profile forbids one. Variables, files and age need none of it where kz does not stay.",
        "Raise the limit, as in Compose's `ulimits: { nofile: 1024 }` or `ulimit -n 1024`, or run kz under the engine's own seccomp profile; in a pod the limit is the node's, and the profile `seccompProfile: { type: RuntimeDefault }`.";
    TooLarge = 119,
        "what holds the document is too large",
        "A file, a server's reply or a program's output has more bytes than kz takes: 64 MiB, unless `max_document_size` in `[resolve]` says otherwise. kz reads no further than that, so that a mistake or a hostile server does not fill the memory.",
        "Is it the right document? Then raise the limit: `max_document_size = \"128MiB\"` in `[resolve]`. A reply is some longer than the document in it: JSON escapes, base64 takes a third more.";
    ServerFailed = 120,
        "the backend was reached, and failed",
        "It answers, and cannot make an answer: an engine's database is away, a plugin or an audit device fails, or it has an error inside. The message has the reason where kz knows the words. kz tries again until the deadline, since much of this passes, and nothing was delivered.",
        "Ask the backend's administrator, or look into its log. Address, network and credential of this container are right: they are what got the answer. Give it longer with `--timeout 120s` where what is behind it starts late.";
    Barred = 121,
        "nothing leads to the backend as it is set up",
        "Somebody has to change something first, so kz does not try again: the server's certificate is not one that kz trusts, or not for this name, or expired; a proxy refuses; what answers speaks neither TLS nor HTTP as the address says. No credential was sent there, and nothing was delivered.",
        "Follow the hint: `ca_cert` or `tls_server_name` for a certificate, HTTPS_PROXY and NO_PROXY for a proxy, `https://` or `http://` in the address. `kz status` asks again without delivering anything.";
    CredentialsEnd = 122,
        "what the command was lent has ended",
        "`kz run --supervise` stops its command when a credential that was lent to it ends and no other one is to be had: the backend is away, or refuses, or `lease = \"exit\"` leaves it to whoever starts kz anew. The messages before say why. What was still lent has been given back.",
        "Look whether the backend can be reached (`kz status`), and let the engine start the container again: `restart: unless-stopped`, or in a pod `restartPolicy: Always`.";

    Problems = 200,
        "the configuration has problems",
        "`.keyzero.toml` was read to its end, and each of its problems is listed with a code of its own. Nothing was contacted.",
        "Correct what is listed, then `kz validate`.";
    CommandLine = 201,
        "the command line is not understood",
        "An option, a command or a value of one is not known, or one that is needed is missing.",
        "`kz --help` and `kz COMMAND --help` show what can be typed, with examples.";
    Options = 202,
        "options do not go together",
        "Each of them is known, and together they have no meaning.",
        "Leave one of them out, as the hint says.";
    UnknownName = 203,
        "`--only` or `--provider` names what is not there",
        "The name is in no `[secrets]` section that applies, or not in the env file; or no secret of the plan is read from that provider.",
        "`kz validate` says what the configuration holds; environments are chosen with `--env`.";
    UnknownOwner = 204,
        "an owner's name is not known",
        "Names are looked up in the passwd and group files of the image that kz runs in, which does not know the vendor's users.",
        "Write numbers: `--owner 999:999`. `docker run --rm VENDOR-IMAGE id`, or `kubectl exec POD -c CONTAINER -- id`, tells which.";
    NoCommand = 205,
        "`kz run --` has nothing to become",
        "Compose drops the image's CMD when a service sets `entrypoint:`; Kubernetes does so with `command:`.",
        "Write the command as `command:` too (`args:` in Kubernetes), or after `kz run --`.";
    Overwrites = 206,
        "there is a configuration already",
        "`kz init` overwrites nothing, not even a link that leads nowhere.",
        "`kz validate` checks the one that is there, `kz init --print` shows what a new one would be.";
    Process = 207,
        "kz cannot look at its own process",
        "The working directory was removed, or the system lacks what every process has.",
        "Start kz in a directory that exists: `cd /app`, or `working_dir: /app` (`workingDir:` in a pod).";
    NoSuchError = 208,
        "there is no error of this code",
        "Codes are `KZ` and three digits, as they stand in brackets behind an error.",
        "`kz explain` lists all of them.";
    NoPolicy = 209,
        "there is not one policy to print",
        "`kz plan --format hcl` and `--format iam` print one policy and nothing else. What is planned reads nothing of that kind, or several Vaults, each of which has a policy of its own.",
        "`kz plan` shows what is read and from where; `--provider NAME` chooses one of several Vaults.";

    ConfigNotFound = 210,
        "there is no configuration",
        "`.keyzero.toml` is looked for in the working directory and above it, as far as the repository's root, the home directory or a mount boundary.",
        "Mount it, as in `-v ./keyzero.toml:/app/.keyzero.toml:ro`, or in a pod the ConfigMap of `kubectl create configmap kz --from-file=.keyzero.toml` at `/app`; or name it: `kz --config FILE`. `kz init` writes a new one.";
    ConfigMissing = 211,
        "the named configuration does not exist",
        "`--config` or KEYZERO_CONFIG names a file that is not there.",
        "Correct the path. In a container it is the path inside: check `volumes:`, in a pod `volumeMounts:` and the keys of the ConfigMap.";
    ConfigDirectory = 212,
        "the configuration is a directory",
        "Docker makes an empty directory where the source of a bind mount is missing, and the kubelet one for a `subPath` that names nothing in its volume.",
        "With Docker create the file on the host, remove the directory that Docker made, then `docker compose up --force-recreate`. In a pod look at the keys of the ConfigMap or Secret and at its `items`: `kubectl get configmap kz -o yaml`.";
    ConfigNotRegular = 213,
        "the configuration is not a regular file",
        "A device, pipe or socket stands in its place.",
        "Name a TOML file: `kz --config FILE`.";
    ConfigUnreadable = 214,
        "the configuration cannot be read",
        "The system refuses to open it for the user that kz runs as, 65532 in the image.",
        "`chmod a+r keyzero.toml`: it holds no secret.";
    ConfigTooLarge = 215,
        "the configuration is too large",
        "More than 1 MiB is no configuration.",
        "Check what is mounted there.";
    ConfigNotText = 216,
        "the configuration is not UTF-8",
        "TOML is UTF-8; the message names the first line that is not.",
        "Save it as UTF-8: `iconv -t utf-8`.";
    ConfigWritable = 217,
        "any user may write the configuration",
        "A configuration is code: it says to whom kz sends its credentials. One that every user may write or exchange is not trusted, unless its mount is read-only.",
        "`chmod o-w` the file or directory that the message names, or mount it read-only: `:ro`, in a pod `readOnly: true`.";
    ConfigStranger = 218,
        "another user's configuration",
        "It was found above the working directory, and belongs neither to the user that kz runs as nor to root.",
        "If you trust it, name it: `kz --config FILE`.";
    UnknownEnvironment = 219,
        "there is no such environment",
        "`--env`, KEYZERO_ENV or a variable of `environment_from` names an environment without a section. Going on with `[secrets]` could hand production's values to a test.",
        "Correct the name, or add `[NAME.secrets]`, which may be empty.";

    Syntax = 220,
        "the configuration is not TOML",
        "The place is where reading had to stop; the mistake may be a little before it. Values are not shown there.",
        "Strings need quotes, a value begins on the line of its key, and a key stands once.";
    UnknownSection = 221,
        "unknown section or top-level key",
        "It is refused rather than ignored: a misspelt section would be a secret that is silently missing.",
        "`kz schema` describes all of them; an environment is written `[NAME.secrets]`.";
    UnknownKey = 222,
        "unknown key",
        "It is refused rather than ignored. The nearest known word is named where there is one.",
        "Correct it; the README lists the keys, and `kz schema` makes editors complete them.";
    UnknownProvider = 223,
        "unknown provider",
        "It is neither built in nor the name of a `[providers.NAME]` section.",
        "Correct the name, or add `[providers.NAME]` with `type = \"vault\"`, or whichever it is.";
    UnknownMethod = 224,
        "unknown way to log in",
        "`auth = { method = \"…\" }` takes the methods of its provider only.",
        "Write one that the message lists.";
    UnknownSecret = 225,
        "unknown secret",
        "A template, an output's `only`, or the local file names a secret that the configuration does not have.",
        "Correct the name, or declare the secret in `[secrets]`.";
    UnknownWord = 226,
        "unknown encoding, or way of delivery",
        "`encoding` says how the backend's text stands for bytes, `deliver` how `kz run` hands the value over.",
        "Write `base64`, `base64url` or `hex` as `encoding`, `env` or `fd` as `deliver`.";
    WrongType = 227,
        "the value has the wrong type",
        "A string stands where a table, number or boolean belongs, or the other way round.",
        "Write what the message says; `kz init --print` shows examples.";
    WrongForm = 228,
        "the value does not have the form that the key takes",
        "The type is right, and the value is outside of what the key can mean: a mode, a time, a path, an address, a host.",
        "A mode is written \"0400\", a time \"30s\", a size \"128MiB\", an address \"https://vault.example:8200\" or \"unix:///run/agent.sock\", a file beneath the output \"certs/ca.pem\", a host \"api.example.com\".";
    Credential = 229,
        "a credential stands in the configuration",
        "The text looks like a credential where the place of one belongs. It is not repeated here. The configuration goes into Git, so it names places and holds no value.",
        "Store the value in a backend and write its `ref`. Since it was in a file, replace it where it was issued.";
    SecretName = 230,
        "not a secret's name",
        "Names stand in file names, environments and templates.",
        "Use letters, digits, `_`, `-` and `.`, and neither `-` nor `.` first.";
    Missing = 231,
        "a key is missing",
        "A secret needs `provider` and `ref`, or a `template`; `auth` needs a `method`.",
        "Add what the message names.";
    Excluded = 232,
        "keys exclude each other",
        "Both together have no meaning, and kz does not guess which one is meant.",
        "Keep one of them.";
    BadRef = 233,
        "the provider cannot mean this ref",
        "Each provider has its own form of refs, and this one breaks it.",
        "Write it as the message says; `kz schema` has an example for each provider.";
    BadField = 234,
        "not a field",
        "A field is names with dots between them (`a.b`, with `\\.` for a literal dot) or a JSON pointer (`/a/b`).",
        "Correct `field`, or what stands behind `#` in the ref.";
    BadTemplate = 235,
        "the template cannot be rendered",
        "It would fail whatever the values are: a syntax error, a filter, function, test or statement that kz does not have (templates load no others), or more than kz allows.",
        "docs/templates.md lists the filters; there is the test `is defined`, and no function.";
    Circle = 236,
        "a template needs itself",
        "Through the secrets that it names it comes back to itself.",
        "Take one of the names out of one of the templates.";
    Scope = 237,
        "a template's secrets may not go there",
        "A template has the intersection of its secrets' `hosts`, `in`, `methods` and `paths`, and may only narrow it, lest a scoped secret leave in an unscoped one.",
        "Narrow the template's own scope, or widen that of the secrets in it.";
    SameFile = 238,
        "two things need the same file",
        "With `--format files` each secret is a file, and one of these is the other, or a directory of it; likewise everything that `[[outputs]]` writes.",
        "Give one of them another `file`, or the output another `path`.";
    LocalFile = 239,
        "more than the local file may change",
        "`.keyzero.local.toml` is a developer's own: it may change `ref`, `field` and `version` of secrets that the main file has, and never where kz sends its credentials.",
        "Put the change into `.keyzero.toml`, or into an environment: `[dev.secrets]`.";
    Address = 240,
        "configuration and environment name different addresses",
        "The environment's credential was given for the environment's address. A configuration that points elsewhere does not get it.",
        "Name that provider's own credentials in the same section (`auth`, or `token_file`), or unset the variable.";
    NotBuilt = 241,
        "not in this version",
        "The configuration uses what a later version of kz has.",
        "`kz --version` says which one this is.";
    Instance = 242,
        "not an instance of a provider",
        "A `[providers.NAME]` section is for a built-in provider of that name, or says by `type` what it is an instance of; each has one section.",
        "Add `type = \"…\"`, or give the instance a name of its own.";
    UnknownFormat = 243,
        "unknown form of an output",
        "`format` of one of `[[outputs]]`, or what says more of it (`dialect`, `shell`, `json_bytes`), names what kz does not have.",
        "Write one that the message lists; `kz schema` describes all of them.";
    TemplateFile = 244,
        "a template file cannot be read",
        "`--template`, or `template` of one of `[[outputs]]`, names what is not there, is closed to kz's user, is no regular file, no UTF-8, or larger than 256 KiB.",
        "Correct the path: after `--template` it starts in the working directory, in `[[outputs]]` at the configuration file. `chmod a+r` the template, or mount it.";
    TemplateWritable = 245,
        "any user may write the template",
        "Whoever writes a template decides which secrets its readers are shown, and what else a server is told by the file, so it is trusted as a configuration is: neither it nor its directory may be open to any user.",
        "`chmod o-w` what the message names, or mount it read-only.";
    Terminal = 246,
        "secrets would be shown on a terminal",
        "What a terminal shows is read over shoulders, kept in its history and recorded with the session. Nothing was asked of a backend.",
        "Send it on: `s=$(kz export --format shell) && eval \"$s\"` (in a script `|| exit; eval \"$s\"`, which stops it), `kz export --format json | jq`, `--output FILE`. `--reveal` shows it where that is meant.";
    ExamineMissing = 260,
        "the file to be examined does not exist",
        "`kz doctor` was given a name under which there is nothing.",
        "Name the file, from the working directory: `kz doctor compose.yaml`.";
    ExamineKind = 261,
        "what is to be examined is no file",
        "`kz doctor` reads regular files, and was given a directory, a device, a pipe or a socket.",
        "Name the files: `kz doctor compose.yaml deployment.yaml`.";
    ExamineUnreadable = 262,
        "the file to be examined cannot be read",
        "The system refuses to open or to read it.",
        "Check its owner and mode, and those of the directories above it.";
    ExamineTooLarge = 263,
        "the file to be examined is too large",
        "`kz doctor` reads files of up to 1 MiB, which is more than any that a person wrote.",
        "Name the Compose file or the manifest itself, not what was made from it.";
    ExamineNotText = 264,
        "the file to be examined is not UTF-8",
        "YAML is text; the message says in which line the first byte stands that is none.",
        "Convert it: `iconv -f LATIN1 -t UTF-8`.";
    ExamineSyntax = 265,
        "the file to be examined is not YAML",
        "From the named place on it is not well-formed. Compose and kubectl refuse it too. The line is not shown, since it may hold a value.",
        "Look at that line and the one above it: indentation, a missing quote or bracket, a tab.";
    ExamineTooMuch = 266,
        "the file to be examined is nested too deep, or grows too much",
        "Aliases let a small file stand for a huge one. kz stops at 200,000 nodes, aliases written out, at 64 levels, and at 500 services or containers.",
        "Write out what its aliases say, or examine a part of it.";
    ExamineNeither = 267,
        "neither a Compose file nor a manifest",
        "It is YAML, but has neither `services` (or `include`) nor `apiVersion` and `kind`.",
        "Name a Compose file or Kubernetes manifests. Files of Helm have to be rendered first: `helm template`.";

    DoesNotFit = 401,
        "a value does not fit the format",
        "The format cannot carry the value exactly, and kz never writes it approximately. Every such secret is listed; nothing was written.",
        "The message names dialects that carry it, if any do (docs/formats.md). `--format files` carries any bytes; for JSON `--json-bytes base64` marks them; `--only` leaves a secret out.";
    Stdout = 402,
        "stdout cannot be written",
        "The disk behind it is full, or it is closed. A reader that has gone, as in `kz plan | head`, is no error: kz ends by SIGPIPE and says nothing.",
        "Check where it leads. With `--output FILE` kz writes all or nothing.";
    DirectoryMissing = 403,
        "the output directory does not exist",
        "kz does not create it: in a container a missing directory is a volume that is not mounted, and a new one would vanish with the container.",
        "Mount a volume there (`-v secrets:/secrets`, in a pod an `emptyDir`), or `mkdir -p` it.";
    NotADirectory = 404,
        "something on the way to the output is no directory",
        "A file stands where a directory of the path should be: kz writes a set into a directory, and a file into one.",
        "`ls -ld PATH` shows what it is. Name another directory, `--output /secrets`, or move the file away; a volume is always a directory, in a pod too, and a bind mount is what its source is.";
    LinkNotFollowed = 405,
        "a symbolic link on the way is not followed",
        "Another user could have made it, and would send the secrets elsewhere. Links that only root or kz's own user can have made are followed.",
        "Give `--output` the path without links; for stdout say `--output -`.";
    TargetIsDirectory = 406,
        "the output is a directory",
        "This format writes one file.",
        "Add a file name, such as `--output /secrets/.env`, or write `--format files`.";
    TargetKind = 407,
        "the output is no regular file",
        "A link, device, pipe or socket is not replaced.",
        "Name a file in a mounted directory; `--output -` is stdout.";
    Reserved = 408,
        "kz keeps this name for itself",
        "`.kz` and `.kz-….tmp` are kz's own, so that it can tell what a killed export left from what is yours.",
        "Choose another file name, such as `.env`.";
    MountPoint = 409,
        "the output file is a mount point",
        "A file that is itself mounted cannot be replaced in one step: readers would see half of it.",
        "Mount a directory and write into it: `-v secrets:/secrets`, or a pod's volume without `subPath`, and `--output /secrets/.env`.";
    ReadOnly = 410,
        "the file system is read-only",
        "The volume is mounted read-only for kz, or is a pod's ConfigMap, Secret or image, which all are; or the container's root is read-only and no volume is there.",
        "Mount a volume that kz may write, in a pod an `emptyDir`; only its readers need `:ro`, or `readOnly: true`.";
    NoSpace = 411,
        "no space left",
        "The disk, the tmpfs or a quota is full. The old output is as it was.",
        "Make room, or give the tmpfs more with `size=`; in a pod raise the `sizeLimit` of the emptyDir.";
    OutputDenied = 412,
        "the output directory cannot be written",
        "It belongs to another user. An empty named volume takes owner and mode of what the image has at that path; over a path that the image lacks it is root's, 0755. In a pod an `emptyDir` is open to every uid, and other volumes often are root's.",
        "Run kz as the directory's owner (`user: \"UID\"`), or make the directory writable for kz; SELinux hosts need `:z` on bind mounts. In a pod mount an `emptyDir`, or let the pod's `fsGroup` or `runAsUser` write there.";
    OwnerDenied = 413,
        "a file cannot be given away",
        "Only a process with CAP_CHOWN may change an owner.",
        "`user: \"0:0\"` with `cap_add: [CHOWN]`, or run kz as the reader: `user: \"999:999\"`. In a pod: `runAsUser: 0` with `capabilities: { add: [CHOWN] }`, or the reader's `runAsUser`.";
    NotKept = 414,
        "the file system does not keep modes or owners",
        "It took them without an error and shows others, so that somebody else might read the secrets. Nothing was written.",
        "Use a named volume or a tmpfs, in a pod an `emptyDir`. A single file (`--format env`, `json`, `shell`) can be asked for as the file system shows it, with `--mode` and `--owner`.";
    Locked = 415,
        "another export holds the lock",
        "Two exports into one place take turns; this one waited until its deadline.",
        "Wait for the other to end, or give more time with `--timeout 120s`. `docker compose ps`, or `kubectl get pods`, shows a second exporter.";
    ForeignState = 416,
        "another user's export was here",
        "`.kz/` holds kz's own state and belongs to one user: exports into one directory run as one user.",
        "Run kz as that user, or give each exporter a directory of its own.";
    StateKind = 417,
        "something else stands in the place of kz's state",
        "`.kz`, or a file in it, is not what kz makes.",
        "Look at it and remove it, or use another directory.";
    NameTaken = 418,
        "a name is taken",
        "Something that kz did not make has the name of a secret, and kz removes only what it made.",
        "Look at it and remove it, give the secret another `file`, or use another directory.";
    Conflict = 419,
        "two files of a set conflict",
        "One path is wanted twice, or is a file and a directory at once.",
        "Give each secret a `file` of its own.";
    Sticky = 420,
        "a sticky directory of another user",
        "In a directory such as /tmp (mode 1777) that belongs to another user, links cannot be followed by other users, root included (`fs.protected_symlinks`), and files cannot be replaced by others than their owner.",
        "Mount it as kz's own directory: `uid=65532,mode=0755` in the options of the tmpfs. In a pod each `emptyDir: { medium: Memory }` is such a directory: give all containers one `runAsUser` and leave the mode at 0400, write one plain file with `--format env` or `json`, or leave `medium` out, which puts the secrets on the node's disk.";
    CannotRead = 421,
        "the reader could not read it",
        "The user that `--for` names could not read what would be written. A 0400 file has one reader beside root: its owner.",
        "`--owner UID` gives the files to that user; or run kz as it: `user: \"UID\"`, in a pod `runAsUser: UID`.";
    Interference = 422,
        "somebody else changes the output",
        "Names changed while they were being published, so kz cannot say what is there now.",
        "Let only kz write to the volume: mount it `:ro` everywhere else, in a pod with `readOnly: true`.";
    System = 423,
        "the system refuses",
        "An error of the operating system that has no words of its own here; the message names the step, the path and the cause.",
        "Run it again; if it stays, look at the disk and at the kernel's log: `dmesg | tail`.";
    CannotInstall = 424,
        "kz cannot read its own program",
        "`kz install` copies the program that runs, which it finds by /proc/self/exe.",
        "Mount /proc, as every container engine does, or copy `/usr/local/bin/kz` by hand.";
    OtherProgram = 425,
        "the program has another digest",
        "`kz install --verify` compares the SHA-256 of the program that runs with what was given, and they differ. Nothing was written.",
        "Use the image that was meant: its digest says which it is. `sha256sum kz` tells what the right program has.";
    NoLinks = 426,
        "a file system without symbolic links",
        "A set of files (`--format files`, `[[outputs]]`) is exchanged at once by one symbolic link. vfat, and some network file systems and shared directories of virtual machines, have none. Nothing was written.",
        "Use a named volume or a tmpfs, in a pod an `emptyDir`. A single file (`--format env`, `json`, `shell`) needs no link.";
    OwnerUnmapped = 427,
        "an owner that does not exist here",
        "A rootless engine, and one with `userns-remap`, gives its containers some of the host's ids only. An id without a counterpart on the host can own no file, whatever capabilities kz has.",
        "Name an id that is mapped (`cat /proc/self/uid_map`), or give the engine's user more ids in `/etc/subuid` and `/etc/subgid`, and start the engine anew.";

    EnvFileMissing = 501,
        "the env file does not exist",
        "`--env-file` names what an exporter writes, and it is not there. Without `--wait` kz does not wait for it.",
        "If an exporter writes it later, wait: `--wait 60s`. `docker compose logs secrets-init`, or `kubectl logs POD -c secrets-init`, shows what became of it.";
    EnvFileUnreadable = 502,
        "the env file cannot be read",
        "A 0400 file has one reader beside root: its owner.",
        "Export it with `--owner` and this service's uid.";
    EnvFileKind = 503,
        "the env file is not a regular file",
        "A directory, device, pipe or socket stands in its place.",
        "Name the file that `kz export --format env` wrote.";
    EnvFileStranger = 504,
        "another user's env file",
        "It belongs neither to root nor to the user that kz runs as: whoever wrote it could make the command run code.",
        "If that exporter is trusted, add `--from-uid UID`.";
    EnvFileWritable = 505,
        "others may write the env file",
        "Group or others may write it, and could make the command run code.",
        "`chmod go-w` it; kz itself writes 0400.";
    EnvFileTooLarge = 506,
        "the env file is too large",
        "More than 16 MiB fits no environment.",
        "Name the file that `kz export --format env` wrote.";
    EnvFileLine = 507,
        "a line of the env file is not one of kz's",
        "kz reads what it writes, and nothing else: other dialects quote differently, and a value would be corrupted silently.",
        "Write it with `kz export --format env`.";
    Dangerous = 508,
        "the env file makes programs run code",
        "Variables such as LD_PRELOAD, NODE_OPTIONS or PATH decide what code the command runs.",
        "If that is meant, add `--allow NAME`.";
    HoldsNul = 509,
        "a value has a NUL byte",
        "No environment variable can hold one.",
        "Deliver it as a file: `kz export --format files`, or leave it out with `--only`.";
    VariableTooLong = 510,
        "a value is too long for the environment",
        "Linux takes strings of less than 128 KiB.",
        "Deliver it as a file: `kz export --format files`, or leave it out with `--only`.";
    EnvironmentTooLarge = 511,
        "the environment is too large",
        "Arguments and environment together are limited by the stack limit.",
        "Deliver the largest secrets as files: `kz export --format files`.";
    NotFound = 512,
        "the command was not found",
        "kz looks in PATH, without a shell. A script whose `#!` line names an interpreter that is not there, also with a carriage return at its end, and a program whose loader is not there, have this code too, and the error says which.",
        "Check the name, or give the whole path; end the lines of a script as Unix does; use an image that has what the program needs. Exit code 127, as of a shell.";
    NotExecutable = 513,
        "the command cannot be executed",
        "It is not marked executable, is a directory, is built for another architecture, or is a script without a `#!` line, or with one behind a byte order mark.",
        "`chmod +x` it; a script needs a `#!` line, at its very beginning; take the image for this machine. Exit code 126, as of a shell.";
    KernelRefuses = 514,
        "the kernel does not take this environment",
        "Arguments and environment are larger than this kernel takes.",
        "Deliver large secrets as files: `kz export --format files`.";
    MemoryFile = 515,
        "a value cannot be an open file",
        "`deliver = \"fd\"` puts a value into a sealed memory file that the command inherits. The system refused one: too many open files, too little memory, or a filter that forbids memfd_create(2).",
        "Raise the limit (`ulimits: nofile`, `mem_limit`; in a pod `resources.limits.memory`), or leave `deliver` out: the value is a variable then.";
    EnvFileLate = 516,
        "the env file did not come in time",
        "`--wait` lets kz wait for what an exporter writes, and when that time was over the file was still not there.",
        "Look what became of the exporter: `docker compose logs secrets-init`, or `kubectl logs POD -c secrets-init`. Give it longer with `--wait 120s`.";
    NotStarted = 517,
        "the command cannot be started",
        "The kernel makes no further process for `kz run --supervise`: the limit of processes, or memory, is used up. Others may have used it up, so whoever restarts kz tries it again.",
        "Raise it: `ulimit -u`, `--pids-limit` of a container, `pids_limit` in Compose, the kubelet's `podPidsLimit`.";
}

impl Code {
    /// As it is written: `KZ212`.
    pub(in crate::cli) fn id(self) -> String {
        format!("KZ{:03}", self as u16)
    }

    /// The first digit: what it is about.
    pub(in crate::cli) fn class(self) -> u16 {
        self as u16 / 100
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an engine has and a pod lacks, and what says that a pod is spoken of.
    #[test]
    fn what_speaks_of_an_engine_speaks_of_pods_too() {
        let of_engines = [
            "user: \"",
            "cap_add",
            "`-v ",
            "`:ro`",
            "tmpfs",
            "docker ",
            "Docker ",
            "ulimit",
            "working_dir",
            "bind mount",
            "`volumes:`",
            "named volume",
        ];
        let of_pods = ["pod", "kubectl", "kubelet", "Kubernetes", "manifest"];
        // About files of Compose by themselves, about hosts, and about images.
        let by_itself = [Code::OwnerUnmapped, Code::CannotInstall];
        let mut spoken = 0;
        for explanation in CATALOGUE.iter().filter(|explanation| !by_itself.contains(&explanation.code)) {
            let text = [explanation.cause, explanation.remedy].concat();
            if of_engines.iter().any(|word| text.contains(word)) {
                spoken += 1;
                let id = explanation.code.id();
                assert!(of_pods.iter().any(|word| text.contains(word)), "{id}: {text}");
            }
        }
        assert!(spoken > 12, "{spoken}");
    }

    #[test]
    fn the_catalogue_is_sorted_and_has_each_code_once() {
        assert!(CATALOGUE.windows(2).all(|pair| pair[0].code < pair[1].code));
    }

    #[test]
    fn every_explanation_says_something_and_every_remedy_has_something_to_type() {
        for Explanation { code, title, cause, remedy } in CATALOGUE {
            let id = code.id();
            assert!(title.len() > 8 && !title.ends_with('.'), "{id}");
            assert!(cause.len() > 20 && cause.ends_with('.') && remedy.ends_with('.'), "{id}");
        }
    }
}
