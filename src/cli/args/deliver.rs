//! The commands that bring something somewhere: `kz export`, `kz run`, `kz install`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum, ValueHint};

use crate::output::env::Dialect;
use crate::output::shell::Shell;

use super::supervise::Supervise;
use super::watch::Watch;
use super::{directory_mode, duration, mode};

const EXPORT_EXAMPLES: &str = "\
Examples:
  kz export --format files --output /secrets --owner 999:999
      an init service, as root, for a vendor image whose server runs as uid 999:
      POSTGRES_PASSWORD_FILE=/secrets/POSTGRES_PASSWORD
  kz export --format env --output /secrets/.env
      for `kz run --env-file /secrets/.env`, or a shell: set -a; . /secrets/.env
  kz export --format env --dialect docker --output app.env
      for `docker run --env-file app.env`; each program reads such files in its own way
  s=$(kz export --format shell) || exit; eval \"$s\"
      in a script, which stops there where kz fails or is killed
  kz export --format json | jq -r .DATABASE_URL
  kz export --output /secrets
      everything that [[outputs]] of .keyzero.toml says, read once and written together
  kz export --format files --output /secrets --watch 60s --signal HUP:nginx
      stays: replaces what has changed, renews leases, and tells the server
  kz export --format template --template redis.conf.tmpl --output /secrets/redis.conf
      for a server that reads its password in its own configuration: requirepass {{ PASSWORD | redis }}

A file is replaced only when its content changes, and a reader sees the old set or the new one,
never a part. Mode 0400 has one reader: the owner (and root).";

/// `kz export`.
#[derive(Debug, Args)]
#[command(after_help = EXPORT_EXAMPLES)]
pub(in crate::cli) struct Export {
    /// The form: KEY=value lines, one JSON object, a file per secret, commands for a shell, or files of
    /// your own; without it the configuration's [[outputs]] are written
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Where to: a file, for `files`, `SRC:DST` and [[outputs]] a directory; `-` or nothing is stdout
    #[arg(long, short, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub output: Option<PathBuf>,
    /// For `template`: the file in which secrets stand as {{ NAME | FILTER }}; `SRC:DST`, also several
    /// times, makes the files DST below the directory of --output, all or none
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub template: Vec<String>,
    /// Only these secrets
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Permission bits of what is written [default: 0400]
    #[arg(long, value_name = "OCTAL", value_parser = mode)]
    pub mode: Option<u32>,
    /// Owner of what is written: uid, uid:gid, or names [default: who runs kz]
    #[arg(long, value_name = "UID[:GID]")]
    pub owner: Option<String>,
    /// Permission bits of directories inside of a set of files [default: 0755]
    #[arg(long, value_name = "OCTAL", value_parser = directory_mode)]
    pub dir_mode: Option<u32>,
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
    /// What to do after that.
    #[command(flatten)]
    pub watch: Watch,
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
    /// Files in which secrets stand where templates name them
    Template,
    /// Commands that set variables, for `eval`
    Shell,
}

impl ValueEnum for Dialect {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let readers = match self {
            Self::Common => "Every parser that knows quotes, and shells",
            Self::Compose => {
                "Compose's `env_file:`; a shell must not source it: it can run what a value says"
            }
            Self::Docker => {
                "`--env-file` of docker and podman, `--from-env-file` of kubectl; never to be sourced"
            }
            Self::Sh => "POSIX shells: `set -a; . FILE`",
            Self::Systemd => "systemd's `EnvironmentFile=`",
            Self::Portable => "All of these",
        };
        Some(PossibleValue::new(self.word()).help(readers))
    }
}

impl ValueEnum for Shell {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let command = match self {
            Self::Sh => "Any POSIX shell, by `eval`",
            Self::Fish => "fish, by `source`",
        };
        Some(PossibleValue::new(self.word()).help(command))
    }
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
  kz run --supervise -- ./server                    for database users and other leases: renewed, and
                                                    the server started anew when they are replaced

kz replaces itself with the command, which gets its process id and its signals; with --supervise it
stays, passes signals on and ends as the command does. The credentials of kz's own backends
(VAULT_TOKEN, …) are taken out of the environment; --keep-env NAME keeps one.";

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
    /// Take the secrets from what `kz export --format env` or `json` wrote; needs no configuration
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
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
    /// Whether kz stays.
    #[command(flatten)]
    pub supervise: Supervise,
}

const INSTALL_EXAMPLES: &str = "\
Examples:
  kz install /kz
      an init service, with a volume of its own at /kz; the application mounts that read-only and begins with
      entrypoint: [\"/kz/kz\", \"run\", \"--env-file\", \"/secrets/app.env\", \"--\"]
  kz install /kz --verify \"$(sha256sum < kz | cut -c 1-64)\"

The copy is the program that runs, mode 0555, put there in one step; an equal one is left alone.";

/// `kz install`.
#[derive(Debug, Args)]
#[command(after_help = INSTALL_EXAMPLES)]
pub(in crate::cli) struct Install {
    /// Where to: a directory, which gets the file `kz`, or a file
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub destination: PathBuf,
    /// Write nothing unless the program that runs has this digest
    #[arg(long, value_name = "SHA256", value_parser = digest)]
    pub verify: Option<String>,
}

fn digest(text: &str) -> Result<String, String> {
    let is_digest = text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit());
    if is_digest {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("64 hexadecimal digits, as `sha256sum` prints them".to_owned())
    }
}
