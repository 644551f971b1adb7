//! The commands that bring secrets somewhere: `kz export` and `kz run`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};

use super::{duration, mode};

const EXPORT_EXAMPLES: &str = "\
Examples:
  kz export --format files --output /secrets --owner 999:999
      an init service, as root, for a vendor image whose server runs as uid 999:
      POSTGRES_PASSWORD_FILE=/secrets/POSTGRES_PASSWORD
  kz export --format env --output /secrets/.env
      for `kz run --env-file /secrets/.env`, or a shell: set -a; . /secrets/.env
  kz export --format env --dialect docker --output app.env
      for `docker run --env-file app.env`; each program reads such files in its own way
  eval \"$(kz export --format shell)\"
  kz export --format json | jq -r .DATABASE_URL

A file is replaced only when its content changes, and a reader sees the old set or the new one,
never a part. Mode 0400 has one reader: the owner (and root).";

/// `kz export`.
#[derive(Debug, Args)]
#[command(after_help = EXPORT_EXAMPLES)]
pub(in crate::cli) struct Export {
    /// The form: KEY=value lines, one JSON object, a file per secret, or commands for a shell
    #[arg(long, value_enum)]
    pub format: Format,
    /// Where to: a file, for `files` a directory; `-` or nothing is stdout
    #[arg(long, short, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub output: Option<PathBuf>,
    /// Only these secrets
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Permission bits of what is written [default: 0400]
    #[arg(long, value_name = "OCTAL", value_parser = mode)]
    pub mode: Option<u32>,
    /// Owner of what is written: uid, uid:gid, or names [default: who runs kz]
    #[arg(long, value_name = "UID[:GID]")]
    pub owner: Option<String>,
    /// Fail unless this user, with this group, will be able to read what is written
    #[arg(long = "for", value_name = "UID[:GID]")]
    pub reader: Option<String>,
    /// In `env`, who is to read the file [default: common]
    #[arg(long, value_enum, value_name = "READER")]
    pub dialect: Option<Dialect>,
    /// In `shell`, who evaluates it [default: sh]
    #[arg(long, value_enum, value_name = "SHELL")]
    pub shell: Option<Shell>,
    /// Print secrets on stdout though it is a terminal
    #[arg(long)]
    pub reveal: bool,
    /// In `json`, values that are not UTF-8 become {"base64": "…"} instead of an error
    #[arg(long, value_enum, value_name = "FORM")]
    pub json_bytes: Option<JsonBytes>,
}

/// The forms of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Format {
    /// KEY=value lines, by default as all parsers that know quotes read them alike
    Env,
    /// One JSON object
    Json,
    /// One file per secret, exact bytes
    Files,
    /// Commands that set variables, for `eval`
    Shell,
}

/// Who is to read an env file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Dialect {
    /// Every parser that knows quotes, and shells
    Common,
    /// Compose's `env_file:`; a shell must not source it: it can run what a value says
    Compose,
    /// `--env-file` of docker and podman, `--from-env-file` of kubectl; never to be sourced
    Docker,
    /// POSIX shells: `set -a; . FILE`
    Sh,
    /// systemd's `EnvironmentFile=`
    Systemd,
    /// All of these
    Portable,
}

/// Who evaluates commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Shell {
    /// Any POSIX shell: `eval "$(kz export --format shell)"`
    Sh,
    /// fish: `kz export --format shell --shell fish | source`
    Fish,
}

/// What becomes of bytes in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum JsonBytes {
    /// {"base64": "…"}
    Base64,
}

const RUN_EXAMPLES: &str = "\
Examples:
  ENTRYPOINT [\"kz\", \"run\", \"--\"]                      in a Dockerfile, with
  CMD [\"node\", \"server.js\"]
  kz run --only DATABASE_URL -- ./migrate
  kz run --env-file /secrets/.env --wait 60s -- ./server

kz replaces itself with the command, which gets its process id and its signals. The credentials of
kz's own backends (VAULT_TOKEN, …) are taken out of the environment; --keep-env NAME keeps one.";

/// `kz run`.
#[derive(Debug, Args)]
#[command(after_help = RUN_EXAMPLES)]
pub(in crate::cli) struct Run {
    /// Only these secrets
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Begin with an empty environment, but for the secrets and what --keep-env names
    #[arg(long)]
    pub clean_env: bool,
    /// Keep this variable, though it is a credential of kz's own or the environment is clean
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub keep_env: Vec<String>,
    /// Take the secrets from what `kz export --format env` wrote; needs no configuration
    #[arg(long, value_name = "FILE", conflicts_with = "config", value_hint = ValueHint::FilePath)]
    pub env_file: Option<PathBuf>,
    /// Wait this long for the env file to appear
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "env_file")]
    pub wait: Option<Duration>,
    /// Believe an env file of this uid too, beside root's and our own
    #[arg(long, value_name = "UID", requires = "env_file")]
    pub from_uid: Option<u32>,
    /// Accept this variable from the env file, though it makes programs load code
    #[arg(long, value_name = "NAME", value_delimiter = ',', requires = "env_file")]
    pub allow: Vec<String>,
    /// The command and its arguments
    #[arg(last = true, value_name = "CMD", value_hint = ValueHint::CommandWithArguments)]
    pub command: Vec<OsString>,
}
