//! What can be typed: options, commands, and help that teaches by example. No I/O.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

use crate::config::{parse_duration, secret::parse_mode};

const VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION"), " (", env!("KZ_COMMIT"), ", ", env!("KZ_TARGET"), ")");

const EXAMPLES: &str = "\
Examples:
  kz init                                            a commented .keyzero.toml to begin with
  kz validate                                        check .keyzero.toml, contact nothing
  kz status                                          ask every backend, show no value
  kz plan                                            calls, cost and policies, contact nothing
  kz run -- node server.js                           become the server, secrets in its environment
  kz export --format files --output /secrets         one file per secret, for *_FILE variables
  kz export --format env --output /secrets/.env      KEY=value lines, all or none
  kz run --env-file /secrets/.env -- ./server        use what an init service exported

Exit codes: 0 done, 1 a secret could not be resolved, 2 usage or configuration, 4 the output could
not be written; for `kz run` 125, 126, 127 as in `docker run`, otherwise the command's own.";

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "kz", version = VERSION, disable_help_subcommand = true, max_term_width = 100)]
#[command(about = "Brings secrets to containers when they start", after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Options of every command.
    #[command(flatten)]
    pub common: Common,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// Read this file instead of looking for .keyzero.toml here and above [variable: `KEYZERO_CONFIG`]
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// Lay [NAME.secrets] over [secrets] [variable: `KEYZERO_ENV`]
    #[arg(long = "env", global = true, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub environment: Option<String>,
    /// Give up on backends and locks after this long [default: 60s]
    #[arg(long, global = true, value_name = "TIME", value_parser = duration)]
    pub timeout: Option<Duration>,
    /// Leave a token that kz got itself to expire, instead of revoking it once nothing hangs on it
    #[arg(long, global = true)]
    pub no_revoke: bool,
    /// Say each step
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Say errors only
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// What stderr is written as: lines for people, or a JSON object a line
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORM",
        default_value = "text",
        hide_default_value = true
    )]
    pub log_format: LogFormat,
}

/// The forms of what is said on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// `kz: …`
    Text,
    /// {"time":"…","level":"info","message":"…"}
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write the secrets to a file, a directory or stdout, all or none, and exit
    Export(Export),
    /// Become a command that has the secrets in its environment
    Run(Run),
    /// Check the configuration without contacting anything
    Validate,
    /// Ask every backend and say of each secret whether it is there, without showing it
    Status(Status),
    /// Say what a start would read, in how many calls, at what cost and with which permissions
    Plan(Plan),
    /// Write a commented .keyzero.toml for what is in this directory
    Init(Init),
    /// Print the JSON Schema of .keyzero.toml, for editors
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema,
    /// Say what an error's code means, and what to do
    Explain(Explain),
    /// Print the completions of a shell
    Completions(Completions),
}

const EXPORT_EXAMPLES: &str = "\
Examples:
  kz export --format files --output /secrets --owner 999:999
      an init service, as root, for a vendor image whose server runs as uid 999:
      POSTGRES_PASSWORD_FILE=/secrets/POSTGRES_PASSWORD
  kz export --format env --output /secrets/.env
      for `kz run --env-file /secrets/.env`, or a shell: set -a; . /secrets/.env
  kz export --format json | jq -r .DATABASE_URL

A file is replaced only when its content changes, and a reader sees the old set or the new one,
never a part. Mode 0400 has one reader: the owner (and root).";

/// `kz export`.
#[derive(Debug, Args)]
#[command(after_help = EXPORT_EXAMPLES)]
pub(super) struct Export {
    /// The form: KEY=value lines, one JSON object, or a file per secret
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
    /// In `json`, values that are not UTF-8 become {"base64": "…"} instead of an error
    #[arg(long, value_enum, value_name = "FORM")]
    pub json_bytes: Option<JsonBytes>,
}

/// The forms of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// KEY=value lines that all quote-aware parsers read alike
    Env,
    /// One JSON object
    Json,
    /// One file per secret, exact bytes
    Files,
}

/// What becomes of bytes in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum JsonBytes {
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
pub(super) struct Run {
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

const STATUS_STATES: &str = "\
Examples:
  kz status
  kz status --format json | jq -r '.[] | select(.state == \"absent\").name'

States:
  ok            it is there
  default       absent, so its default is used
  optional      absent, which is allowed
  absent        the backend has no such secret, or the document no such field
  denied        the backend does not let kz read it
  unreachable   the backend could not be reached, or did not answer in time
  malformed     what came back does not parse or decode
  not set up    kz was not told enough to ask, or this version cannot ask
  not rendered  a template of secrets that are there does not come to a value
  blocked       a template that needs one that is not there

Exit code 0 when there are only the first three, 1 with any other. No character of a value is shown,
nor its length.";

/// `kz status`.
#[derive(Debug, Args)]
#[command(after_help = STATUS_STATES)]
pub(super) struct Status {
    /// Only these secrets
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub only: Vec<String>,
    /// A table for people, or JSON for programs
    #[arg(long, value_enum, default_value = "table")]
    pub format: StatusFormat,
}

/// The forms of a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum StatusFormat {
    /// Columns
    Table,
    /// An array of objects with `name`, `provider`, `ref`, `state` and, where there is one, `cause`
    Json,
}

const PLAN_EXAMPLES: &str = "\
Examples:
  kz plan                                            calls, cost, and what has to be allowed
  kz plan --starts-per-day 5000 --format json | jq .usd_per_month
  kz plan --format hcl | vault policy write app -
  kz plan --format iam > policy.json
  aws iam put-role-policy --role-name app --policy-name kz --policy-document file://policy.json

The configuration is read, and nothing else; nothing is contacted. Calls are those of a start in which
every secret is there. Costs are of these calls at list prices, without storage. The policies allow what
this configuration reads, and nothing more. Where it names no region or login, this command's environment
is taken for that in which kz will run.";

/// `kz plan`.
#[derive(Debug, Args)]
#[command(after_help = PLAN_EXAMPLES)]
pub(super) struct Plan {
    /// Only these secrets
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Only this provider, by its name in the configuration
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
    /// How often kz is started, for the cost of a month
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u64).range(..=1_000_000_000))]
    pub starts_per_day: u64,
    /// A table for people, JSON for programs, or a policy alone
    #[arg(long, value_enum, default_value = "table")]
    pub format: PlanFormat,
}

/// The forms of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum PlanFormat {
    /// Columns, notes and policies
    Table,
    /// One object
    Json,
    /// The Vault policy, for `vault policy write`
    Hcl,
    /// The IAM policy, for `aws iam put-role-policy`
    Iam,
}

const SCHEMA_EXAMPLES: &str = "\
Examples:
  kz schema > keyzero.schema.json
      and as the first line of .keyzero.toml, for editors with taplo: #:schema ./keyzero.schema.json
  kz schema > s.json && check-jsonschema --schemafile s.json .keyzero.toml

`kz validate` sees more than any schema can: names in templates, circles, literal credentials.";

const INIT_EXAMPLES: &str = "\
Examples:
  kz init                            for the Compose file or the manifest that is here, else for a script
  kz init --print | less             look at it first

It uses age, which needs no server, and its comments hold the commands that make an identity and
encrypt the first secret. A .keyzero.toml that is there already stays as it is.";

/// `kz init`.
#[derive(Debug, Args)]
#[command(after_help = INIT_EXAMPLES)]
pub(super) struct Init {
    /// Write it to stdout
    #[arg(long)]
    pub print: bool,
}

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  kz explain KZ212                   what stands in brackets behind `kz: error: …`
  kz explain                         all codes, a line each";

/// `kz explain`.
#[derive(Debug, Args)]
#[command(after_help = EXPLAIN_EXAMPLES)]
pub(super) struct Explain {
    /// The code; without one all are listed
    #[arg(value_name = "CODE")]
    pub code: Option<String>,
}

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  source <(kz completions bash)                                      this shell; or its line in ~/.bashrc
  kz completions zsh > ~/.zfunc/_kz                                  with ~/.zfunc in fpath
  kz completions fish > ~/.config/fish/completions/kz.fish";

/// `kz completions`.
#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub(super) struct Completions {
    /// Which shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: CompletionShell,
}

/// The shells that completions are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum CompletionShell {
    /// GNU bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "a time such as 60s, 500ms or 2m".to_owned())
}

fn mode(text: &str) -> Result<u32, String> {
    parse_mode(text).ok_or_else(|| "octal permission bits that let the owner read, such as 0400".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_follows_the_dashes_belongs_to_the_command() {
        let parsed = Arguments::try_parse_from(["kz", "run", "-v", "--", "sh", "-c", "--only"]).unwrap();
        let Command::Run(run) = parsed.command else { panic!("not run") };
        assert_eq!(run.command, ["sh", "-c", "--only"]);
        assert!(parsed.common.verbose);
    }
}
