//! Reads the file that is examined: a regular one of at most 1 MiB, in UTF-8.

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
    let mut bytes = Vec::new();
    (&mut file).take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
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
