//! Access control lists of files and directories (acl(5)): whom they let in beside what the mode says.
//!
//! Invariants: what kz makes has none, whatever its directory hands down, so that its mode says all; what is
//! there already is judged by the kernel's rule. A file system without such lists has none.

use std::os::fd::AsFd;

use nix::errno::Errno;
use rustix::fs::{fgetxattr, fremovexattr};

use super::audience::{Audience, Reader};

/// The attributes that hold the lists: who may do what, and what new entries of a directory get.
const ATTRIBUTES: [&str; 2] = ["system.posix_acl_access", "system.posix_acl_default"];

/// The largest extended attribute that Linux has (`XATTR_SIZE_MAX`).
const LARGEST: usize = 64 << 10;

/// `include/uapi/linux/posix_acl_xattr.h`: a version of four bytes, then entries of tag, permissions and id.
const HEAD: usize = 4;
const ENTRY: usize = 8;
const NAMED_USER: u16 = 0x02;
const OWNING_GROUP: u16 = 0x04;
const NAMED_GROUP: u16 = 0x08;
const MASK: u16 = 0x10;

/// The entries of a list that say more than the mode does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AccessList(Vec<Entry>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    tag: u16,
    /// As the last digit of a mode.
    permissions: u32,
    id: u32,
}

impl AccessList {
    /// The list of an open file or directory, where it has one.
    pub(super) fn of(descriptor: impl AsFd) -> nix::Result<Option<Self>> {
        Ok(attribute(descriptor, ATTRIBUTES[0])?.map(|bytes| Self::parse(&bytes)))
    }

    fn parse(bytes: &[u8]) -> Self {
        let entry = |bytes: &[u8]| {
            let (tag, rest) = bytes.split_first_chunk()?;
            let (permissions, id) = rest.split_first_chunk()?;
            Some(Entry {
                tag: u16::from_le_bytes(*tag),
                permissions: u16::from_le_bytes(*permissions).into(),
                id: u32::from_le_bytes(id.try_into().ok()?),
            })
        };
        Self(bytes.get(HEAD..).unwrap_or_default().chunks_exact(ENTRY).filter_map(entry).collect())
    }

    /// Whether `reader`, who is not root, has the permission `bit` of others (4 reads, 1 enters) at what
    /// `audience` is of.
    pub(super) fn grants(&self, audience: Audience, reader: Reader, bit: u32) -> bool {
        if reader.uid == audience.uid {
            return audience.mode & (bit << 6) != 0;
        }
        let mask = self.0.iter().find(|entry| entry.tag == MASK).map_or(0o7, |entry| entry.permissions);
        let has = |entry: &Entry| entry.permissions & mask & bit != 0;
        let named = |entry: &&Entry| entry.tag == NAMED_USER && entry.id == reader.uid;
        if let Some(entry) = self.0.iter().find(named) {
            return has(entry);
        }
        // Of several groups that fit, one that grants is enough.
        let fits = |entry: &&Entry| match entry.tag {
            OWNING_GROUP => reader.gid == Some(audience.gid),
            NAMED_GROUP => reader.gid == Some(entry.id),
            _ => false,
        };
        let mut groups = self.0.iter().filter(fits).peekable();
        if groups.peek().is_some() { groups.any(has) } else { audience.mode & bit != 0 }
    }
}

/// Takes away what a new file or directory of ours got from the directory that it is in. Before its mode is
/// set: what was the list's mask is then the group's permissions.
pub(super) fn clear(descriptor: impl AsFd) -> nix::Result<()> {
    for name in ATTRIBUTES {
        if attribute(&descriptor, name)?.is_some() {
            fremovexattr(&descriptor, name).map_err(errno)?;
            if attribute(&descriptor, name)?.is_some() {
                return Err(Errno::ENOTSUP);
            }
        }
    }
    Ok(())
}

fn attribute(descriptor: impl AsFd, name: &str) -> nix::Result<Option<Vec<u8>>> {
    let mut bytes = vec![0; 512];
    loop {
        match fgetxattr(&descriptor, name, bytes.as_mut_slice()).map_err(errno) {
            Ok(length) => {
                bytes.truncate(length);
                return Ok(Some(bytes));
            }
            Err(Errno::ERANGE) if bytes.len() < LARGEST => bytes.resize(LARGEST, 0),
            Err(Errno::ENODATA | Errno::ENOTSUP | Errno::ENOSYS) => return Ok(None),
            Err(errno) => return Err(errno),
        }
    }
}

fn errno(error: rustix::io::Errno) -> Errno {
    Errno::from_raw(error.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: u16 = 0x01;
    const OTHER: u16 = 0x20;

    fn list(entries: &[(u16, u32, u32)]) -> AccessList {
        let mut bytes = 2_u32.to_le_bytes().to_vec();
        for (tag, permissions, id) in entries {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(u16::try_from(*permissions).unwrap().to_le_bytes());
            bytes.extend(id.to_le_bytes());
        }
        AccessList::parse(&bytes)
    }

    #[test]
    fn the_kernels_rule_decides_and_not_the_mode_alone() {
        let none = u32::MAX;
        let base = [(OWNER, 7, none), (OWNING_GROUP, 0, none), (OTHER, 0, none)];
        let reader = |uid, gid| Reader { uid, gid };
        let table = [
            ("a named user", vec![(NAMED_USER, 5, 33), (MASK, 5, none)], reader(33, None), true),
            ("another", vec![(NAMED_USER, 5, 33), (MASK, 5, none)], reader(34, None), false),
            ("masked", vec![(NAMED_USER, 5, 33), (MASK, 0, none)], reader(33, None), false),
            ("a named group", vec![(NAMED_GROUP, 5, 50), (MASK, 5, none)], reader(9, Some(50)), true),
            ("the owning group", vec![(MASK, 5, none)], reader(9, Some(1)), false),
            (
                "a user before a group",
                vec![(NAMED_USER, 0, 9), (NAMED_GROUP, 5, 50)],
                reader(9, Some(50)),
                false,
            ),
            ("the owner", vec![(MASK, 0, none)], reader(1, None), true),
        ];
        // Its group's digit is the mask.
        let audience = Audience { uid: 1, gid: 1, mode: 0o750 };
        for (what, more, reader, expected) in table {
            let list = list(&[&base[..], &more].concat());
            assert_eq!(list.grants(audience, reader, 1), expected, "{what}");
        }
    }

    #[test]
    fn half_an_attribute_is_no_entry() {
        assert_eq!(AccessList::parse(&[2, 0, 0]), AccessList::default());
        assert_eq!(AccessList::parse(&[2, 0, 0, 0, 1, 0, 7]), AccessList::default());
    }
}
