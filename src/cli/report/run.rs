//! Words for what ends `kz run` on the way from the values to CMD: the env file, the environment, execve.

use std::path::Path;

use nix::errno::Errno;

use crate::config::problem;
use crate::exec;
use crate::hint::Starting;
use crate::log::typed;
use crate::output::dotenv::DecodeErrors;

use super::super::explain::Code;
use super::system;
use super::words::Words;

pub(super) fn no_command_words() -> Words {
    Words::error(Code::NoCommand, "`kz run --` has no command to become").hint(Starting::Command)
}

pub(super) fn env_file_words(error: &exec::env_file::Error) -> Words {
    use exec::env_file::Error;
    let code = match error {
        Error::Missing { waited, .. } if waited.is_zero() => Code::EnvFileMissing,
        Error::Missing { .. } => Code::EnvFileLate,
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
        Error::Missing { .. } => words.hint(Starting::ExporterLog),
        Error::Read { source, .. } => words.cause(system(source)).hint(Starting::OneReader),
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

pub(super) fn exec_words(program: &str, refused: &exec::child::Refused) -> Words {
    let shown = typed::path(Path::new(program));
    let cannot = || Words::error(Code::NotExecutable, format!("`{program}` cannot be executed"));
    match refused {
        exec::child::Refused::NotFound => Words::error(Code::NotFound, format!("`{program}` was not found"))
            .hint(if program.contains('/') {
                "check the path, which starts where kz does: `kz run` sees what is in this container"
            } else {
                "check the name, or give the whole path: kz looks in PATH only, without a shell"
            }),
        exec::child::Refused::Needs(needed) => needed_words(program, needed),
        exec::child::Refused::OtherMachine(other) => cannot()
            .cause(format!("it is a program for {other}, and this machine is {}", this_machine()))
            .hint(Starting::OtherMachine(other.clone())),
        exec::child::Refused::NoProgram => cannot()
            .cause("it is neither a program nor a script that names its shell")
            .hint(format!("write `#!/bin/sh` as its first line, or name the shell: `kz run -- sh {shown}`")),
        exec::child::Refused::Marked => cannot()
            .cause("it begins with a byte order mark, behind which the kernel sees no `#!` line")
            .hint(format!("write the script as UTF-8 without one: `sed -i '1s/^\\xef\\xbb\\xbf//' {shown}`")),
        exec::child::Refused::Directory => cannot()
            .cause("it is a directory")
            .hint(format!("name the program in it: `ls {shown}` shows what there is")),
        exec::child::Refused::NotExecutable(errno) => cannot()
            .cause(errno.desc().to_lowercase())
            .hint(format!("`chmod +x {shown}`; nothing is executed on a volume that is mounted `noexec`")),
        exec::child::Refused::NotStarted(errno) => {
            // A limit of kz's own is not mended by waiting, one that counts others' processes may be.
            let (code, hint) = match errno {
                Errno::EMFILE | Errno::ENFILE => (Code::EventLoop, Starting::EventLoop),
                _ => (Code::NotStarted, Starting::Processes),
            };
            Words::error(code, format!("`{program}` cannot be started"))
                .cause(errno.desc().to_lowercase())
                .hint(hint)
        }
        exec::child::Refused::TooBig => {
            let message = "the kernel does not take arguments and environment of this size";
            Words::error(Code::KernelRefuses, message)
                .hint("deliver large secrets as files: `kz export --format files`")
        }
    }
}

/// Of a file that is there, and whose interpreter or loader is not.
fn needed_words(program: &str, needed: &exec::child::Needed) -> Words {
    let exec::child::Needed { name, is_script } = needed;
    let shown = typed::path(Path::new(program));
    let words = |what: &str, name: &str| {
        Words::error(Code::NotFound, format!("`{program}` needs {what} `{name}`, which is not there"))
    };
    match (is_script, name.strip_suffix('\r')) {
        (true, Some(name)) => words("what its `#!` line names,", name)
            .cause("the line ends in a carriage return, which belongs to the name")
            .hint(format!("write the script with the ends of lines of Unix: `sed -i 's/\\r$//' {shown}`")),
        (true, None) => words("what its `#!` line names,", name)
            .hint(format!("correct that line, or use an image that has `{name}`")),
        (false, _) => words("its loader", name).hint(
            "use the build for this image's C library (`musl` on Alpine, `glibc` elsewhere), or a static one",
        ),
    }
}

/// This machine, as images are called that are for it.
fn this_machine() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

pub(super) fn credentials_ended_words(program: &str) -> Words {
    let message = format!(
        "`{program}` was stopped: a credential that it was lent has ended, and no other is to be had"
    );
    Words::error(Code::CredentialsEnd, message).hint("`kz status` says what the backend answers now")
}
