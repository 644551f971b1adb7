//! Words for what ends `kz run` on the way from the values to CMD: the env file, the environment, execve.

use std::path::Path;

use crate::config::problem;
use crate::exec;
use crate::log::typed;
use crate::output::dotenv::DecodeErrors;

use super::super::explain::Code;
use super::system;
use super::words::Words;

pub(super) fn no_command_words() -> Words {
    Words::error(Code::NoCommand, "`kz run --` has no command to become").hint(
        "Compose drops the image's CMD when `entrypoint:` is set: write the command as `command:` too, or after `--`",
    )
}

pub(super) fn env_file_words(error: &exec::env_file::Error) -> Words {
    use exec::env_file::Error;
    let code = match error {
        Error::Missing { .. } => Code::EnvFileMissing,
        Error::Read { .. } => Code::EnvFileUnreadable,
        Error::NotRegular(_) => Code::EnvFileKind,
        Error::Stranger { .. } => Code::EnvFileStranger,
        Error::Writable { .. } => Code::EnvFileWritable,
        Error::TooLarge(_) => Code::EnvFileTooLarge,
    };
    let words = Words::error(code, error.to_string());
    match error {
        Error::Missing { path, waited } if waited.is_zero() => words.hint(format!(
            "if an exporter writes it later, wait: `kz run --env-file {} --wait 60s -- …`",
            typed::path(path)
        )),
        Error::Missing { .. } => words.hint("look at the exporter's log: `docker compose logs secrets-init`"),
        Error::Read { source, .. } => words
            .cause(system(source))
            .hint("a 0400 file has one reader: export it with `--owner` this service's uid"),
        Error::Stranger { owner, .. } => {
            words.hint(format!("if that exporter is trusted, add `--from-uid {owner}`"))
        }
        Error::Writable { path, .. } => words.hint(format!("`chmod go-w {}`", typed::path(path))),
        Error::NotRegular(_) | Error::TooLarge(_) => {
            words.hint("name the file that `kz export --format env` wrote")
        }
    }
}

pub(super) fn env_file_line_words(path: &Path, error: &DecodeErrors) -> Words {
    Words::error(Code::EnvFileLine, format!("`{}` is not what kz wrote", path.display()))
        .cause(error.to_string())
        .hint(format!(
            "write it with `kz export --format env --output {}`, or with `--format json`",
            typed::path(path)
        ))
}

pub(super) fn dangerous_words(path: &Path, names: &[String]) -> Words {
    let listed = problem::list(names.iter().map(String::as_str));
    let message = format!("`{}` sets {listed}, which makes programs load or run code", path.display());
    Words::error(Code::Dangerous, message)
        .hint(format!("if that is meant, add `--allow {}`", typed::word(&names.join(","))))
}

pub(super) fn unfit_code(error: &exec::child::Unfit) -> Code {
    use exec::child::Unfit;
    match error {
        Unfit::Nul(_) => Code::HoldsNul,
        Unfit::TooLong { .. } => Code::VariableTooLong,
        Unfit::TooMuch { .. } => Code::EnvironmentTooLarge,
    }
}

pub(super) fn exec_words(program: &str, refused: exec::child::Refused) -> Words {
    match refused {
        exec::child::Refused::NotFound => Words::error(Code::NotFound, format!("`{program}` was not found"))
            .hint(if program.contains('/') {
                "check the path; a script whose `#!` line names a missing interpreter is reported so too"
            } else {
                "check the name, or give the whole path: kz looks in PATH only, without a shell"
            }),
        exec::child::Refused::NotExecutable(errno) => {
            Words::error(Code::NotExecutable, format!("`{program}` cannot be executed"))
                .cause(errno.desc().to_lowercase())
                .hint(format!("`chmod +x {}`; a script needs a `#!` line", typed::path(Path::new(program))))
        }
        exec::child::Refused::TooBig => {
            let message = "the kernel does not take arguments and environment of this size";
            Words::error(Code::KernelRefuses, message)
                .hint("deliver large secrets as files: `kz export --format files`")
        }
    }
}
