//! Who may follow the links that kz makes: the kernel's `fs.protected_symlinks` (`proc_sys_fs(5)`).

use std::path::Path;

use nix::sys::stat::FileStat;
use nix::unistd::geteuid;

use super::directory::is_foreign_sticky;
use super::error::Error;
use super::walk::open_directory;
use crate::delivery::Attributes;

/// Whether root reads what is in a set there, as it reads anything else: unless the links are its own, it follows none in a
/// sticky directory of yet another owner, as each `emptyDir: { medium: Memory }` of the kubelet's is (mode 1777).
pub fn root_follows(directory: &Path) -> bool {
    let stat = || open_directory(directory).ok()?.stat().ok();
    let follows = |stat: FileStat| check_links(directory, &stat, links_are_protected()).is_ok();
    geteuid().is_root() || stat().is_none_or(follows)
}

/// Whether a set may be published into this directory, given who is to read it. A name is a
/// symbolic link of ours there, and under `fs.protected_symlinks` nobody but its owner, not even
/// root, follows a link in a sticky world-writable directory of yet another owner.
pub(super) fn check_links_for<'a>(
    directory: &Path,
    stat: &FileStat,
    files: impl IntoIterator<Item = &'a Attributes>,
) -> Result<(), Error> {
    let us = geteuid().as_raw();
    let others_are_meant = files
        .into_iter()
        .any(|file| file.owner.is_some_and(|owner| owner.uid != us) || file.mode & 0o044 != 0);
    if others_are_meant { check_links(directory, stat, links_are_protected()) } else { Ok(()) }
}

pub(super) fn check_links(directory: &Path, stat: &FileStat, protected: bool) -> Result<(), Error> {
    let uid = geteuid().as_raw();
    if protected && is_foreign_sticky(stat, uid) {
        let trouble =
            "with `fs.protected_symlinks=1` other users cannot follow the links that kz makes there";
        return Err(Error::Sticky { path: directory.to_owned(), owner: stat.st_uid, uid, trouble });
    }
    Ok(())
}

/// Where it cannot be told, the setting is taken to be what most distributions have.
pub(super) fn links_are_protected() -> bool {
    std::fs::read_to_string("/proc/sys/fs/protected_symlinks").map_or(true, |text| text.trim() != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_in_a_sticky_directory_of_another_owner_reach_no_other_reader() {
        let us = geteuid().as_raw();
        let check = |mode, uid, protected| {
            let mut stat = nix::sys::stat::stat("/").unwrap();
            (stat.st_mode, stat.st_uid) = (mode, uid);
            check_links(Path::new("/s"), &stat, protected)
        };
        let error = check(0o041_777, us + 1, true).unwrap_err();
        assert!(error.hint().unwrap().to_string().contains(&format!("uid={us},mode=0755")), "{error:?}");
        for (mode, uid, protected) in [
            (0o041_777, us + 1, false),
            (0o041_777, us, true),
            (0o040_777, us + 1, true),
            (0o041_755, us + 1, true),
        ] {
            assert_eq!(check(mode, uid, protected), Ok(()), "{mode:o} {uid} {protected}");
        }
    }

    #[test]
    fn who_made_the_links_may_read_through_them_anywhere() {
        let mut stat = nix::sys::stat::stat("/").unwrap();
        (stat.st_mode, stat.st_uid) = (0o041_777, geteuid().as_raw() + 1);
        let own = Attributes { mode: 0o400, owner: None };
        assert_eq!(check_links_for(Path::new("/s"), &stat, [&own]), Ok(()));
    }
}
