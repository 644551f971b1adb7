//! Reads the file that is examined: a regular one of at most 1 MiB, in UTF-8; or stdin, which is what another program has
//! printed.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;

use crate::doctor::Unreadable;

/// More than any Compose file or manifest has that a person wrote.
const LARGEST: u64 = 1 << 20;

/// Why a file is not examined.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum Unread {
    /// It is not there.
    #[error("does not exist")]
    Missing,
    /// A directory.
    #[error("is a directory")]
    Directory,
    /// A device, pipe or socket.
    #[error("is not a regular file")]
    NotRegular,
    /// The system refused.
    #[error("cannot be read")]
    System(std::io::Error),
    /// Over 1 MiB.
    #[error("is larger than 1 MiB")]
    TooLarge,
    /// Not UTF-8 from this line on.
    #[error("is not UTF-8 in line {0}")]
    NotText(usize),
    /// What it holds cannot be examined.
    #[error("is {0}")]
    Content(Unreadable),
}

/// What stands for stdin.
pub(super) const STDIN: &str = "-";

/// All of stdin, to its end. `docker compose config` writes the sources of mounts and the files of secrets as absolute paths:
/// those below this directory are made relative again, as doctor looks at what lies beside a file.
pub(super) fn printed(directory: &Path) -> Result<String, Unread> {
    let text = whole(std::io::stdin().lock())?;
    let above = format!("{}/", directory.display());
    let line = |line: &str| {
        let key = line.trim_start().trim_start_matches("- ");
        let value = ["source: ", "file: ", "path: "].iter().find_map(|name| key.strip_prefix(name));
        match value.and_then(|value| value.strip_prefix(above.as_str())) {
            Some(rest) => format!(
                "{}./{rest}",
                line.strip_suffix(rest).unwrap_or(line).trim_end_matches(above.as_str())
            ),
            None => line.to_owned(),
        }
    };
    Ok(text.split_inclusive('\n').map(line).collect())
}

/// All of it.
pub(super) fn text(path: &Path) -> Result<String, Unread> {
    // Without O_NONBLOCK a pipe in the file's place would hang kz for ever.
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let mut file = File::options().read(true).custom_flags(flags.bits()).open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(Unread::Directory);
    }
    if !metadata.is_file() {
        return Err(Unread::NotRegular);
    }
    whole(&mut file)
}

fn whole(source: impl Read) -> Result<String, Unread> {
    let mut bytes = Vec::new();
    source.take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Err(Unread::TooLarge);
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        Unread::NotText(good.split(|&byte| byte == b'\n').count())
    })
}

fn failed(error: std::io::Error) -> Unread {
    match error.kind() {
        std::io::ErrorKind::NotFound => Unread::Missing,
        _ => Unread::System(error),
    }
}
