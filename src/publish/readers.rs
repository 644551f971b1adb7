//! Who can read what is published: decided from modes and owners, before anything is written.
//!
//! Everything but the functions at the top that take a target is pure. They open and look at the target
//! directory and write nothing. Only the target directory and what is in it count: readers mount
//! it elsewhere, so the way to it in this container says nothing about theirs. Root reads
//! everything (it has `CAP_DAC_OVERRIDE` unless somebody took it away).

use std::path::{Path, PathBuf};

use nix::sys::stat::Mode;
use nix::unistd::geteuid;

use super::access_list::AccessList;
pub use super::audience::{Audience, Reader};
use super::directory::Directory;
use super::error::Error;
use super::protected_links::{check_links, links_are_protected};
use super::single;
use super::walk::open_directory;
use crate::delivery::RelativePath;
use crate::delivery::{Attributes, Owner};

/// Fails when `reader` could not read the file `target` published with `attributes`.
pub fn check_file_reader(target: &Path, attributes: Attributes, reader: Reader) -> Result<(), Error> {
    let (parent, name) = single::split(target)?;
    let directory = open_directory(parent)?;
    let paths = [(PathBuf::from(name), attributes)];
    check_reader(reader, directory.path(), &Entrance::of(&directory)?, paths)
}

/// Fails when `reader` could not read one of the files of a set published into `directory`, whose
/// directories are to have `directory_mode`.
pub fn check_set_reader<'a>(
    directory: &Path,
    files: impl IntoIterator<Item = (&'a RelativePath, Attributes)>,
    directory_mode: u32,
    reader: Reader,
) -> Result<(), Error> {
    let directory = open_directory(directory)?;
    let stat = directory.stat().map_err(directory.failed_itself("look at"))?;
    if reader.uid != geteuid().as_raw() {
        check_links(directory.path(), &stat, links_are_protected())?;
    }
    let inner = inner(directory_mode, Audience::of(&stat));
    if !inner.grants(reader, Mode::S_IXOTH) {
        return Err(shut_out(format!("uid {}", reader.uid), directory.path(), inner));
    }
    let files = files.into_iter().map(|(path, attributes)| (PathBuf::from(path.as_str()), attributes));
    check_reader(reader, directory.path(), &Entrance::of(&directory)?, files)
}

/// Fails when somebody who may read a file of a set could not enter the directories around it: the
/// file's owner also that into which the set is published.
pub fn check_set_entry(directory: &Path, directory_mode: u32, attributes: Attributes) -> Result<(), Error> {
    check_entry(directory, attributes)?;
    let directory = open_directory(directory)?;
    let stat = directory.stat().map_err(directory.failed_itself("look at"))?;
    let audience = Audience::of(&stat);
    let (inner, file) = (inner(directory_mode, audience), Audience::expected(attributes, audience));
    match shut_out_class(inner, file, attributes.owner.and_then(|owner| owner.gid)) {
        Some(who) => Err(shut_out(who, directory.path(), inner)),
        None => Ok(()),
    }
}

/// The group that a file without a group of its own gets in `directory`, where that can be told.
pub fn group(directory: &Path) -> Option<u32> {
    let stat = open_directory(directory).ok()?.stat().ok()?;
    let nothing_said = Attributes { mode: 0, owner: None };
    Some(Audience::expected(nothing_said, Audience::of(&stat)).gid)
}

/// What the directories of a set will have: they are ours.
fn inner(mode: u32, directory: Audience) -> Audience {
    Audience::expected(Attributes { mode, owner: None }, directory)
}

fn shut_out(who: String, directory: &Path, inner: Audience) -> Error {
    Error::ShutOut { who, path: directory.to_owned(), shown: inner.describe() }
}

/// Whom a file's mode lets read it and `directory` does not let pass: its owner, of whom it is known to be
/// in the group `with`, its group, or others.
fn shut_out_class(directory: Audience, file: Audience, with: Option<u32>) -> Option<String> {
    // A uid that is nobody's: neither the owner of the file nor that of the directory.
    let nobody = u32::MAX;
    let classes = [
        (0o400, Reader { uid: file.uid, gid: with }, format!("uid {}", file.uid)),
        (0o040, Reader { uid: nobody, gid: Some(file.gid) }, format!("group {}", file.gid)),
        (0o004, Reader { uid: nobody, gid: None }, "other users".to_owned()),
    ];
    let is_shut_out = |(bit, reader, _): &(u32, Reader, String)| {
        file.mode & bit != 0 && !directory.grants(*reader, Mode::S_IXOTH)
    };
    classes.into_iter().find(is_shut_out).map(|(_, _, who)| who)
}

/// Fails when the owner of a file published into `directory` could not even enter that.
pub fn check_entry(directory: &Path, attributes: Attributes) -> Result<(), Error> {
    let Some(Owner { uid, gid }) = attributes.owner else { return Ok(()) };
    let directory = open_directory(directory)?;
    check_reader(Reader { uid, gid }, directory.path(), &Entrance::of(&directory)?, [])
}

/// The target directory as the kernel judges who may enter it.
struct Entrance {
    audience: Audience,
    list: Option<AccessList>,
}

impl Entrance {
    fn of(directory: &Directory) -> Result<Self, Error> {
        let failed = directory.failed_itself("look at");
        let audience = Audience::of(&directory.stat().map_err(&failed)?);
        Ok(Self { audience, list: AccessList::of(directory.descriptor()).map_err(&failed)? })
    }

    fn admits(&self, reader: Reader) -> bool {
        match &self.list {
            Some(list) if reader.uid != 0 => list.grants(self.audience, reader, Mode::S_IXOTH.bits()),
            _ => self.audience.grants(reader, Mode::S_IXOTH),
        }
    }

    fn describe(&self) -> String {
        let list = if self.list.is_some() { " and an access control list" } else { "" };
        self.audience.describe() + list
    }
}

/// The rule itself: the directory has to let `reader` in, and every file has to let it read.
fn check_reader(
    reader: Reader,
    directory: &Path,
    entrance: &Entrance,
    files: impl IntoIterator<Item = (PathBuf, Attributes)>,
) -> Result<(), Error> {
    let cannot = |path: PathBuf, reason: String| Error::CannotRead { reader: reader.uid, path, reason };
    let audience = entrance.audience;
    if !entrance.admits(reader) {
        let reason = format!("it cannot enter the directory, which has {}", entrance.describe());
        return Err(cannot(directory.to_owned(), reason));
    }
    for (path, attributes) in files {
        let file = Audience::expected(attributes, audience);
        if !file.grants(reader, Mode::S_IROTH) {
            return Err(cannot(directory.join(path), format!("it will have {}", file.describe())));
        }
    }
    Ok(())
}

impl Attributes {
    /// Who can read a file with these attributes, in words: `only uid 65532 and root`. `group` is the one
    /// that it has when nobody says, where that is known; `root` whether [`super::protected_links::root_follows`].
    pub fn readers(self, group: Option<u32>, root: bool) -> String {
        if self.mode & 0o004 != 0 {
            return "every user".to_owned();
        }
        let uid = self.owner.map_or_else(|| geteuid().as_raw(), |owner| owner.uid);
        let user = (self.mode & 0o400 != 0 && uid != 0).then(|| format!("uid {uid}"));
        let group = match self.owner.and_then(|owner| owner.gid).or(group) {
            _ if self.mode & 0o040 == 0 => None,
            Some(gid) => Some(format!("members of group {gid}")),
            None => Some("members of its group".to_owned()),
        };
        let others: Vec<String> = user.into_iter().chain(group).collect();
        match (others.as_slice(), root) {
            ([], _) => "only root".to_owned(),
            (others, true) => format!("only {} and root", others.join(", ")),
            (others, false) => format!("only {}, not even root,", others.join(" and ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READER: Reader = Reader { uid: 999, gid: None };

    fn owned(mode: u32, uid: u32, gid: u32) -> Attributes {
        Attributes { mode, owner: Some(Owner { uid, gid: Some(gid) }) }
    }

    fn verdict(reader: Reader, directory: (u32, u32, u32), file: Attributes) -> bool {
        let (mode, uid, gid) = directory;
        let files = [(PathBuf::from("A"), file)];
        let entrance = Entrance { audience: Audience { uid, gid, mode }, list: None };
        check_reader(reader, Path::new("/s"), &entrance, files).is_ok()
    }

    #[test]
    fn a_reader_needs_the_way_in_and_the_file_and_the_first_class_that_fits_decides() {
        let open = (0o755, 0, 0);
        let with_group = Reader { uid: 999, gid: Some(50) };
        let table = [
            (READER, open, owned(0o400, 999, 0), true),
            (READER, open, owned(0o400, 1000, 0), false),
            (READER, open, owned(0o444, 1000, 0), true),
            (READER, open, owned(0o040, 999, 0), false),
            (READER, open, owned(0o440, 0, 50), false),
            (with_group, open, owned(0o440, 0, 50), true),
            (with_group, open, owned(0o404, 0, 50), false),
            (Reader { uid: 0, gid: None }, (0o700, 5, 5), owned(0o400, 999, 0), true),
            (READER, (0o700, 0, 0), owned(0o400, 999, 0), false),
            (READER, (0o700, 999, 0), owned(0o400, 999, 0), true),
            (READER, (0o750, 0, 50), owned(0o400, 999, 0), false),
            (with_group, (0o750, 0, 50), owned(0o400, 999, 0), true),
            (READER, (0o711, 0, 0), owned(0o400, 999, 0), true),
        ];
        for (reader, directory, file, expected) in table {
            assert_eq!(verdict(reader, directory, file), expected, "{reader:?} {directory:?} {file:?}");
        }
    }

    #[test]
    fn whoever_may_read_a_file_has_to_get_past_the_directories_around_it() {
        let audience = |mode, uid, gid| Audience { uid, gid, mode };
        let table = [
            (audience(0o755, 0, 0), audience(0o444, 999, 50), None),
            (audience(0o711, 0, 0), audience(0o440, 999, 50), None),
            (audience(0o750, 0, 0), audience(0o400, 0, 0), None),
            (audience(0o750, 0, 0), audience(0o400, 999, 0), Some("uid 999")),
            (audience(0o750, 0, 0), audience(0o440, 0, 50), Some("group 50")),
            (audience(0o750, 0, 50), audience(0o440, 0, 50), None),
            (audience(0o700, 0, 50), audience(0o440, 0, 50), Some("group 50")),
            (audience(0o750, 0, 50), audience(0o444, 0, 50), Some("other users")),
            (audience(0o701, 0, 50), audience(0o404, 0, 0), None),
        ];
        for (directory, file, who) in table {
            assert_eq!(shut_out_class(directory, file, None).as_deref(), who, "{directory:?} {file:?}");
        }
        let of_group = (audience(0o750, 0, 50), audience(0o400, 999, 0));
        assert_eq!(shut_out_class(of_group.0, of_group.1, Some(50)), None);
    }

    #[test]
    fn the_refusal_names_the_file_and_what_it_will_have() {
        let entrance = Entrance { audience: Audience { uid: 0, gid: 0, mode: 0o755 }, list: None };
        let files = [(PathBuf::from("A"), owned(0o400, 65532, 65532))];
        let error = check_reader(READER, Path::new("/secrets"), &entrance, files).unwrap_err();
        assert_eq!(
            error.to_string(),
            "uid 999 could not read `/secrets/A`: it will have mode 0400, owner 65532:65532"
        );
        assert!(error.hint().unwrap().to_string().contains("`--owner 999`"));
    }

    #[test]
    fn checking_a_reader_writes_nothing() {
        let sandbox = tempfile::tempdir().unwrap();
        let path = RelativePath::new("A").unwrap();
        let file = owned(0o400, 1, 1);
        let error = check_set_reader(sandbox.path(), [(&path, file)], 0o755, READER).unwrap_err();
        assert!(matches!(error, Error::CannotRead { reader: 999, .. }), "{error:?}");
        assert!(check_file_reader(&sandbox.path().join("x"), file, READER).is_err());
        assert_eq!(std::fs::read_dir(sandbox.path()).unwrap().count(), 0);
    }

    #[test]
    fn readers_are_named_in_words() {
        let us = geteuid();
        let table = [
            (owned(0o400, 65532, 65532), "only uid 65532 and root".to_owned()),
            (owned(0o440, 999, 50), "only uid 999, members of group 50 and root".to_owned()),
            (owned(0o440, 0, 50), "only members of group 50 and root".to_owned()),
            (owned(0o400, 0, 0), "only root".to_owned()),
            (owned(0o444, 0, 0), "every user".to_owned()),
        ];
        for (attributes, words) in table {
            assert_eq!(attributes.readers(None, true), words);
            assert_eq!(attributes.readers(Some(7), true), words, "a group that is said comes first");
        }
        assert_eq!(owned(0o400, 65532, 65532).readers(None, false), "only uid 65532, not even root,");
        assert_eq!(owned(0o400, 0, 0).readers(None, false), "only root");
        if !us.is_root() {
            let own = Attributes { mode: 0o400, owner: None };
            assert_eq!(own.readers(None, true), format!("only uid {us} and root"));
        }
        let of_root = |gid| Attributes { mode: 0o440, owner: Some(Owner { uid: 0, gid }) };
        assert_eq!(of_root(None).readers(Some(2000), true), "only members of group 2000 and root");
        assert_eq!(of_root(None).readers(None, true), "only members of its group and root");
    }
}
