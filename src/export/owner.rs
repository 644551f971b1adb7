//! `--owner` and `owner =`: numbers anywhere, names where a passwd file knows them.

use nix::unistd::{Group, User};

use crate::delivery::Owner;

use super::error::Error;

/// `uid`, `uid:gid`, or names for either; an error where a name is not known here.
pub fn parse(text: &str) -> Result<Owner, Error> {
    read(text).ok_or_else(|| Error::UnknownOwner(text.to_owned()))
}

fn read(text: &str) -> Option<Owner> {
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    let uid = match user.parse() {
        Ok(uid) => uid,
        Err(_) => User::from_name(user).ok().flatten()?.uid.as_raw(),
    };
    let gid = match group {
        None => None,
        Some(group) => Some(match group.parse() {
            Ok(gid) => gid,
            Err(_) => Group::from_name(group).ok().flatten()?.gid.as_raw(),
        }),
    };
    // (uid_t)-1 means "leave it" to chown(2), which is nobody's intention here.
    (uid != u32::MAX && gid != Some(u32::MAX)).then_some(Owner { uid, gid })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_owners() {
        assert_eq!(read("999:998"), Some(Owner { uid: 999, gid: Some(998) }));
        assert_eq!(read("7"), Some(Owner { uid: 7, gid: None }));
        assert_eq!(read("root"), Some(Owner { uid: 0, gid: None }));
        for bad in ["", ":", "no-such-user", "1:", "-1", "4294967295"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
