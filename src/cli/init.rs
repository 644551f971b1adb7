//! `kz init`: a commented `.keyzero.toml` to begin with; overwrites nothing, not even what appears while it writes.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::config::locate::FILE_NAME;
use crate::config::variables::Process;
use crate::delivery::Attributes;
use crate::log::Log;
use crate::publish::{self, Turn};
use crate::secret::Secret;

use super::args::Common;
use super::args::look::Init;
use super::failure::Failure;
use super::starter::Situation;
use super::stdout;

/// Everybody may read it, since it holds no secret, and only its owner may write it, since it is code.
const MODE: u32 = 0o644;

/// How long another kz that writes into this directory is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs `kz init`.
pub(super) fn init(arguments: &Init, common: &Common, process: &Process, log: Log) -> Result<(), Failure> {
    if common.config.is_some() {
        return Err(Failure::Usage(
            format!("`kz init` writes `{FILE_NAME}` into the working directory, and takes no `--config`"),
            "`kz init --print > FILE` writes it elsewhere".to_owned(),
        ));
    }
    let situation = Situation::of(&process.directory);
    if arguments.print {
        return stdout::print(situation.text().as_bytes());
    }
    let path = process.directory.join(FILE_NAME);
    let content = Secret::new(situation.text().into_bytes());
    let attributes = Attributes { mode: MODE, owner: None };
    let turn = Turn { deadline: Instant::now() + common.timeout.unwrap_or(PATIENCE), log };
    publish::publish_new(&path, &content, attributes, turn).map_err(|error| match error {
        publish::Error::Exists { .. } => Failure::Overwrites(path.clone()),
        error => Failure::Publish(error),
    })?;
    say_next(&situation, &path, log);
    Ok(())
}

fn say_next(situation: &Situation, path: &Path, log: Log) {
    let (reason, last) = match situation {
        Situation::Compose(file) => {
            (format!("for `{file}`"), format!("add the service `secrets-init` of its comments to `{file}`"))
        }
        Situation::Kubernetes(file) => (
            format!("for `{file}`"),
            format!("add the init container `secrets-init` of its comments to `{file}`"),
        ),
        Situation::Script => (
            "for a script: there is no Compose file and no manifest here".to_owned(),
            "`kz run -- ./your-command`".to_owned(),
        ),
    };
    log.note(&format!("wrote {}, {reason}", path.display()));
    log.note("next: make an identity and encrypt the secrets to it, with the commands in its comments");
    log.note("next: `kz validate`");
    log.note(&format!("next: {last}"));
}
