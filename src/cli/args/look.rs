//! The commands that say something and deliver nothing.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};

use super::duration;

const CHECK_EXAMPLES: &str = "\
Examples:
  kz check /secrets                  a set of files: complete, unmodified
  kz check /secrets --max-age 1h     and written, or confirmed by --watch, within the last hour
  kz check /secrets/.env             a single file, of which less is known
      as a healthcheck in Compose: test: [\"CMD\", \"/usr/local/bin/kz\", \"check\", \"/secrets\"]

Needs no configuration and contacts nothing. One line on stdout says what was compared, or what is wrong
and what to type; no value is shown. As the exporter's uid, or as root, contents are compared; to others
`.kz/` is closed, and then only names are.

Exit code 0 when all of it is right, 1 when it is not.";

/// `kz check`.
#[derive(Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub(in crate::cli) struct Check {
    /// The directory, or the file, that `kz export --output` names
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub path: PathBuf,
    /// It may not be older
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub max_age: Option<Duration>,
}

const STATUS_STATES: &str = "\
Examples:
  kz status
  kz status --format json | jq -r '.[] | select(.state == \"absent\").name'

States:
  ok             it is there
  default        absent, so its default is used
  optional       absent, which is allowed
  absent         the backend has no such secret, or the document no such field
  denied         the backend does not let kz read it
  unreachable    the backend could not be reached, or did not answer in time
  malformed      what came back does not parse or decode
  too large      what holds it has more bytes than `max_document_size` allows
  server failed  the backend was reached, and failed
  not set up     kz was not told enough to ask, or this version cannot ask
  not rendered   a template of secrets that are there does not come to a value
  blocked        a template that needs one that is not there

Exit code 0 when there are only the first three, 75 when all others are of those that pass by
themselves (docs/exit-codes.md), 1 with any other. No character of a value is shown, nor its length.";

/// `kz status`.
#[derive(Debug, Args)]
#[command(after_help = STATUS_STATES)]
pub(in crate::cli) struct Status {
    /// Only these secrets
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub only: Vec<String>,
    /// A table for people, or JSON for programs
    #[arg(long, value_enum, default_value = "table")]
    pub format: StatusFormat,
}

/// The forms of a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum StatusFormat {
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
pub(in crate::cli) struct Plan {
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
pub(in crate::cli) enum PlanFormat {
    /// Columns, notes and policies
    Table,
    /// One object
    Json,
    /// The Vault policy, for `vault policy write`
    Hcl,
    /// The IAM policy, for `aws iam put-role-policy`
    Iam,
}

const DOCTOR_EXAMPLES: &str = "\
Examples:
  kz doctor compose.yaml
  docker compose config | kz doctor -
  kubectl kustomize . | kz doctor -
  kz doctor --format json compose.yaml | jq -r '.[].code'

Reads the files and what they mount from beside them (of stdin, from here), and nothing else; nothing is contacted or started.
What `${…}`, `extends` and `include` bring is not known, and nothing is said about it. A credential that
is found is not shown. `kz explain D101` says more of a finding.

Exit code 0 when nothing was found, 1 with findings, 2 when a file cannot be read.";

/// `kz doctor`.
#[derive(Debug, Args)]
#[command(after_help = DOCTOR_EXAMPLES)]
pub(in crate::cli) struct Doctor {
    /// Compose files, and manifests of pods and of what makes pods; `-` is stdin
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// Lines for people, or JSON for programs
    #[arg(long, value_enum, default_value = "text")]
    pub format: DoctorFormat,
}

/// The forms of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum DoctorFormat {
    /// Place, code, what will happen, why, and what to write
    Text,
    /// An array of objects with `code`, `file`, `line`, `column`, `subject`, `message`, `why` and `write`
    Json,
}

pub(super) const SCHEMA_EXAMPLES: &str = "\
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
pub(in crate::cli) struct Init {
    /// Write it to stdout
    #[arg(long)]
    pub print: bool,
}

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  kz explain KZ212                   what stands in brackets behind `kz: error: …`
  kz explain D301                    a finding of `kz doctor`
  kz explain                         all codes, a line each";

/// `kz explain`.
#[derive(Debug, Args)]
#[command(after_help = EXPLAIN_EXAMPLES)]
pub(in crate::cli) struct Explain {
    /// The code; without one all are listed
    #[arg(value_name = "CODE")]
    pub code: Option<String>,
}

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  source <(kz completions bash)                                      this shell; or its line in ~/.bashrc
  kz completions zsh > ~/.zfunc/_kz                                  with ~/.zfunc in fpath
  kz completions fish > ~/.config/fish/completions/kz.fish
  kz completions elvish > ~/.config/elvish/lib/kz-completions.elv    and `use kz-completions` in rc.elv
  kz completions powershell | Out-String | Invoke-Expression         or its line in $PROFILE";

/// `kz completions`.
#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub(in crate::cli) struct Completions {
    /// Which shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: CompletionShell,
}

/// The shells that completions are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum CompletionShell {
    /// GNU bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
    /// Elvish
    Elvish,
    /// PowerShell
    #[value(name = "powershell")]
    PowerShell,
}
