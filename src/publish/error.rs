//! Why nothing was published: the path, the cause, and what to type next.
//!
//! Invariants: an error names paths, uids, modes and sizes, never content; whoever gets one may
//! rely on the old output being as it was. The words follow the house style: lower case, no full
//! stop, literals in backticks.

use std::path::{Path, PathBuf};

use nix::errno::Errno;
use thiserror::Error;

use crate::hint::{Hint, Owning, Writing};
use crate::log::typed;

use super::audience::Audience;

/// A failed publication. [`Error::hint`] says what to do about it.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// A directory on the way to the target, or the target directory, does not exist.
    #[error("directory `{path}` does not exist")]
    DirectoryMissing {
        /// The first directory that is missing.
        path: PathBuf,
        /// The one that is wanted: what is missing below the first comes with it.
        wanted: PathBuf,
    },
    /// Something on the way to the target is no directory.
    #[error("`{path}` is not a directory, and one is needed there")]
    NotADirectory {
        /// What is no directory.
        path: PathBuf,
    },
    /// A symbolic link that somebody else could have planted.
    #[error("`{path}` is a symbolic link that another user could have made, and is not followed")]
    LinkNotFollowed {
        /// The link.
        path: PathBuf,
    },
    /// A single file was meant, and a directory is there.
    #[error("`{path}` is a directory, and this format writes a single file")]
    TargetIsDirectory {
        /// The target.
        path: PathBuf,
    },
    /// A single file was meant, and something else than a file is there.
    #[error("`{path}` is {kind}, and only a regular file is replaced")]
    TargetKind {
        /// The target.
        path: PathBuf,
        /// What it is, with its article.
        kind: &'static str,
    },
    /// A new file was meant, and something is there.
    #[error("`{path}` exists already")]
    Exists {
        /// The target.
        path: PathBuf,
    },
    /// The target's name is one that kz keeps for itself.
    #[error("the name of `{path}` is one that kz keeps for itself")]
    Reserved {
        /// The target.
        path: PathBuf,
    },
    /// The target file is itself a mount point.
    #[error(
        "`{path}` is a mount point: a single file that is mounted cannot be replaced in one step, and readers would see half of it"
    )]
    MountPoint {
        /// The target.
        path: PathBuf,
    },
    /// EROFS.
    #[error("cannot {step} `{path}`: the file system is read-only")]
    ReadOnly {
        /// What was tried, as an infinitive.
        step: &'static str,
        /// On what.
        path: PathBuf,
    },
    /// ENOSPC or EDQUOT.
    #[error("cannot {step} `{path}`: no space left")]
    NoSpace {
        /// What was tried, as an infinitive.
        step: &'static str,
        /// On what.
        path: PathBuf,
    },
    /// EACCES, with what the directory's mode says.
    #[error(
        "uid {uid} cannot {step} `{path}`: directory `{directory}` belongs to uid {owner}, mode {mode:04o}"
    )]
    Denied {
        /// What was tried, as an infinitive.
        step: &'static str,
        /// On what.
        path: PathBuf,
        /// Our effective uid.
        uid: u32,
        /// The directory that said no.
        directory: PathBuf,
        /// Its owner.
        owner: u32,
        /// Its permission bits.
        mode: u32,
    },
    /// EPERM of chown.
    #[error("uid {uid} cannot give `{path}` to {owner}")]
    OwnerDenied {
        /// The file.
        path: PathBuf,
        /// Our effective uid.
        uid: u32,
        /// `uid 999` or `uid 999, gid 999`.
        owner: String,
    },
    /// EINVAL of chown: the user namespace that kz runs in has no such id.
    #[error("`{path}` cannot be given to {owner}, which is not mapped in this user namespace")]
    OwnerUnmapped {
        /// The file.
        path: PathBuf,
        /// `uid 999` or `uid 999, gid 999`.
        owner: String,
    },
    /// EPERM or EOPNOTSUPP of symlink.
    #[error(
        "`{path}` cannot be made: this file system has no symbolic links, which a set of files is made of"
    )]
    NoLinks {
        /// The link.
        path: PathBuf,
    },
    /// The file system took mode or owner without an error, and shows others.
    #[error("`{path}` shows {shown} after it was given {wanted}")]
    NotKept {
        /// The file.
        path: PathBuf,
        /// Mode and owner asked for.
        wanted: String,
        /// Mode and owner that the file system shows.
        shown: String,
    },
    /// Another exporter holds the lock.
    #[error("`{path}` is locked by {}, and the time to wait for it is over", process(*.holder))]
    Locked {
        /// What is locked.
        path: PathBuf,
        /// The holder's pid, when /proc/locks tells it.
        holder: Option<u32>,
    },
    /// `.kz/` was made by another uid.
    #[error("`{path}` belongs to uid {theirs}, and this export runs as uid {ours}")]
    ForeignState {
        /// `.kz` or something in it.
        path: PathBuf,
        /// Its owner.
        theirs: u32,
        /// Our effective uid.
        ours: u32,
    },
    /// `.kz`, or the lock in it, is not what kz made.
    #[error("`{path}` is {kind}, and kz did not make it")]
    StateKind {
        /// `.kz` or something in it.
        path: PathBuf,
        /// What it is, with its article.
        kind: &'static str,
    },
    /// Something that is not kz's has the name of a secret.
    #[error("`{path}` exists already, and is {kind} that kz did not make")]
    NameTaken {
        /// What is in the way.
        path: PathBuf,
        /// What it is, with its article.
        kind: &'static str,
    },
    /// Two files of one set want the same path, or one is inside the other.
    #[error("`{path}` is wanted by two secrets of the set, or is a file and a directory at once")]
    Conflict {
        /// The path inside the set.
        path: String,
    },
    /// What a sticky directory of another owner does not allow.
    #[error("`{path}` is a sticky directory of uid {owner} that everybody may write to: {trouble}")]
    Sticky {
        /// The directory.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Our effective uid, to which it should belong.
        uid: u32,
        /// What does not work there.
        trouble: &'static str,
    },
    /// The uid named by `--for` could not read a file.
    #[error("uid {reader} could not read `{path}`: {reason}")]
    CannotRead {
        /// Who.
        reader: u32,
        /// What.
        path: PathBuf,
        /// Which rule stands against it.
        reason: String,
    },
    /// Somebody who is to read a file could not pass the directories that kz makes around it.
    #[error("{who} could not enter the directories of the set in `{path}`, which will have {shown}")]
    ShutOut {
        /// Who, in words.
        who: String,
        /// Where the set is published.
        path: PathBuf,
        /// Mode and owner that the directories will have.
        shown: String,
    },
    /// Somebody else changed names while they were being published.
    #[error("`{path}` was changed by somebody else while it was being published")]
    Interference {
        /// The name.
        path: PathBuf,
    },
    /// Any other error of the operating system.
    #[error("cannot {step} `{path}`: {}", errno.desc().to_lowercase())]
    System {
        /// What was tried, as an infinitive.
        step: &'static str,
        /// On what.
        path: PathBuf,
        /// What the operating system said.
        errno: Errno,
    },
}

pub(super) fn process(holder: Option<u32>) -> String {
    holder.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

impl Error {
    /// What to do next, in one line that holds something to type.
    pub fn hint(&self) -> Option<Hint> {
        Some(match self {
            Self::DirectoryMissing { wanted, .. } => format!(
                "is the volume mounted? kz does not create the output directory: mount a volume there, or `mkdir -p {}`",
                typed::path(wanted)
            )
            .into(),
            Self::NotADirectory { path } => format!(
                "`ls -ld {}` shows what it is: name another directory, as in `--output /secrets`, or move it away",
                typed::path(path)
            )
            .into(),
            Self::LinkNotFollowed { path } => {
                standard_output(path).unwrap_or("give `--output` the path without links").into()
            }
            Self::TargetIsDirectory { path } => format!(
                "add a file name, such as `--output {}`, or write one file per secret with `--format files`",
                typed::path(&path.join(".env"))
            )
            .into(),
            Self::TargetKind { path, .. } => standard_output(path)
                .unwrap_or("name a file in a mounted directory; `--output -` is stdout")
                .into(),
            Self::Exists { path } => format!("move it away: `mv {0} {0}.old`", typed::path(path)).into(),
            Self::Reserved { .. } => "choose another file name, such as `.env`".into(),
            Self::MountPoint { path } => {
                Writing::Directory(path.file_name().unwrap_or_default().display().to_string()).into()
            }
            Self::ReadOnly { .. } => Writing::Writable.into(),
            Self::NoSpace { .. } => Writing::Room.into(),
            Self::Denied { uid, owner, .. } => Owning::Allowed { owner: *owner, uid: *uid }.into(),
            Self::OwnerDenied { .. } => Owning::GiveAway.into(),
            Self::OwnerUnmapped { .. } => UNMAPPED.into(),
            Self::NoLinks { .. } => Writing::HasLinks.into(),
            Self::NotKept { .. } => Writing::KeepsModes.into(),
            Self::Locked { .. } => "wait for the other export to end, or give more time with `--timeout 120s`".into(),
            Self::ForeignState { theirs, .. } => Owning::OneExporter(*theirs).into(),
            Self::StateKind { path, .. } | Self::NameTaken { path, .. } => {
                format!("look at it and remove it: `rm -r {}`, or use another directory", typed::path(path)).into()
            }
            Self::Conflict { .. } => "give each secret a `file =` of its own".into(),
            Self::Sticky { uid, .. } => Owning::OwnDirectory(*uid).into(),
            Self::CannotRead { reader, .. } => Owning::Reader(*reader).into(),
            Self::ShutOut { .. } => SHUT_OUT.into(),
            Self::Interference { .. } => Writing::OneWriter.into(),
            Self::System { errno: Errno::EFBIG, .. } => Writing::FileSizes.into(),
            Self::System { errno: Errno::EMFILE | Errno::ENFILE, .. } => Writing::OpenFiles.into(),
            Self::System { .. } => return None,
        })
    }
}

const UNMAPPED: &str = "`cat /proc/self/uid_map /proc/self/gid_map` shows which ids there are: the first column and so many as the third says; name one of them, or give the engine's user more of them in /etc/subuid and /etc/subgid";
const SHUT_OUT: &str =
    "`--dir-mode 0755` lets everybody pass: who reads a file is for the file's own mode to say";

/// A device that stands for stdout cannot be replaced by a file, but there is a way to say it.
fn standard_output(path: &std::path::Path) -> Option<&'static str> {
    let path = path.to_str()?;
    let is_stdout = ["/dev/stdout", "/dev/fd", "/proc/self", "/proc/thread-self"]
        .iter()
        .any(|name| path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    is_stdout.then_some("for stdout say `--output -`")
}

impl Error {
    /// Names the whole way where it failed at its very beginning: `.` says nothing to whoever reads it.
    pub(super) fn on_the_way_to(mut self, target: &Path) -> Self {
        if let Self::DirectoryMissing { path, wanted } = &mut self
            && target.strip_prefix(".").unwrap_or(target).starts_with(path.strip_prefix(".").unwrap_or(path))
        {
            target.clone_into(wanted);
        }
        if let Self::System { path, .. }
        | Self::NoSpace { path, .. }
        | Self::ReadOnly { path, .. }
        | Self::Denied { path, .. } = &mut self
            && path == Path::new(".")
        {
            target.clone_into(path);
        }
        self
    }

    /// Whoever holds descriptors of a file system that shows `shown` where `wanted` was asked for.
    pub(super) fn not_kept(path: PathBuf, wanted: Audience, shown: Audience) -> Self {
        Self::NotKept { path, wanted: wanted.describe(), shown: shown.describe() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hint::said;

    #[test]
    fn standard_output_has_its_own_hint() {
        for path in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
            let error = Error::TargetKind { path: path.into(), kind: "a symbolic link" };
            assert_eq!(error.hint(), said("for stdout say `--output -`"));
        }
        let device = Error::TargetKind { path: "/dev/fdx".into(), kind: "a device" };
        assert!(device.hint().is_some_and(|hint| hint.to_string().starts_with("name a file")));
    }
}
