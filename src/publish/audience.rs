//! Mode and owner of what is there or is going to be: compared, judged and put into words. Pure.
//!
//! Invariant: whoever may read is decided by the first class that fits, as the kernel has it. Lists beside the
//! mode are `access_list`'s.

use std::path::Path;

use nix::sys::stat::{FileStat, Mode};
use nix::unistd::{getegid, geteuid};

use crate::delivery::{Attributes, Owner};
use crate::log::Log;

/// The bits of `st_mode` that are permissions.
pub(super) const PERMISSIONS: u32 = 0o7777;

/// Whom `--for` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reader {
    /// The user.
    pub uid: u32,
    /// Its group, where it is known; without it group permissions do not count.
    pub gid: Option<u32>,
}

/// Mode and owner of a file or directory: all that decides who may read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audience {
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The permission bits.
    pub mode: u32,
}

impl Audience {
    /// What the file system shows.
    pub(super) fn of(stat: &FileStat) -> Self {
        Self { uid: stat.st_uid, gid: stat.st_gid, mode: stat.st_mode & PERMISSIONS }
    }

    /// What a new file in `directory` will have.
    pub(super) fn expected(attributes: Attributes, directory: Self) -> Self {
        let inherits = directory.mode & Mode::S_ISGID.bits() != 0;
        let own_gid = || if inherits { directory.gid } else { getegid().as_raw() };
        Self {
            uid: attributes.owner.map_or_else(|| geteuid().as_raw(), |owner| owner.uid),
            gid: attributes.owner.and_then(|owner| owner.gid).unwrap_or_else(own_gid),
            mode: attributes.mode,
        }
    }

    /// Whether what is there is what was asked for. Where no owner is named it is us; a group not asked for is
    /// whatever the directory and the file system gave.
    pub(super) fn satisfies(self, attributes: Attributes) -> bool {
        let ours = Owner { uid: geteuid().as_raw(), gid: None };
        let owner = attributes.owner.unwrap_or(ours);
        let is_right = owner.uid == self.uid && owner.gid.is_none_or(|gid| gid == self.gid);
        is_right && self.mode == attributes.mode
    }

    /// Whether `reader` has the permission `bit`, one of those of others (`S_IROTH`, `S_IXOTH`).
    /// As the kernel has it, the first class that fits decides alone.
    pub(super) fn grants(self, reader: Reader, bit: Mode) -> bool {
        let bit = bit.bits();
        if reader.uid == 0 {
            true
        } else if reader.uid == self.uid {
            self.mode & (bit << 6) != 0
        } else if reader.gid == Some(self.gid) {
            self.mode & (bit << 3) != 0
        } else {
            self.mode & bit != 0
        }
    }

    pub(super) fn describe(self) -> String {
        format!("mode {:04o}, owner {}:{}", self.mode, self.uid, self.gid)
    }
}

/// Says that a file lost the mode or the owner that somebody gave it, since what kz was told wins, and how
/// many others did.
pub(super) fn say_replaced(path: &Path, old: &FileStat, new: &FileStat, others: usize, log: Log) {
    let (old, new) = (Audience::of(old), Audience::of(new));
    if old != new {
        let (path, old, new) = (path.display(), old.describe(), new.describe());
        let others = if others == 0 { String::new() } else { format!("; likewise {others} more") };
        log.note(&format!("`{path}` had {old}, and has {new} now{others}"));
    }
}
