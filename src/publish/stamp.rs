//! Names that nobody else has: random digits, and the kubelet's time stamp.

use std::ffi::OsStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::stat::FileStat;

use crate::calendar;
use crate::random::DIGITS;

/// Of these a name need be unlikely, not secret, since everything is created with `O_EXCL` or its like.
pub(super) use crate::random::digits as random;

pub(super) fn is_random(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// `2026_11_23_18_20_37`, in UTC.
pub(super) fn stamp(time: SystemTime) -> String {
    let [year, month, day, hour, minute, second] = calendar::fields(time);
    format!("{year:04}_{month:02}_{day:02}_{hour:02}_{minute:02}_{second:02}")
}

/// When the directory `..STAMP.RANDOM` was made.
pub(super) fn moment(name: &OsStr) -> Option<SystemTime> {
    let (stamp, _) = name.to_str()?.strip_prefix("..")?.split_once('.')?;
    calendar::moment(calendar::numbers(stamp)?)
}

/// When the content of a file changed last, as the file system says it.
pub(super) fn changed(stat: &FileStat) -> SystemTime {
    let seconds = u64::try_from(stat.st_mtime).unwrap_or_default();
    let nanoseconds = u32::try_from(stat.st_mtime_nsec).unwrap_or_default();
    let since = Duration::from_secs(seconds).saturating_add(Duration::from_nanos(nanoseconds.into()));
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}

pub(super) fn is_stamp(text: &str) -> bool {
    let lengths = text.split('_').map(str::len);
    text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_') && lengths.eq([4, 2, 2, 2, 2, 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_the_date_and_time_in_utc() {
        let text = stamp(UNIX_EPOCH + Duration::from_secs(1_795_458_037));
        assert_eq!(text, "2026_11_23_18_20_37");
        assert!(is_stamp(&text));
        let name = format!("..{text}.0123456789abcdef");
        assert_eq!(moment(OsStr::new(&name)), Some(UNIX_EPOCH + Duration::from_secs(1_795_458_037)));
        for other in ["2026_11_23_18_20", "2026_11_23_18_20_3x", "20261_1_23_18_20_37", ""] {
            assert!(!is_stamp(other), "{other}");
        }
    }

    #[test]
    fn random_names_differ_and_are_recognised() {
        let (one, other) = (random().unwrap(), random().unwrap());
        assert_ne!(one, other);
        assert!(is_random(&one) && is_random(&other));
        assert!(!is_random("0123456789ABCDEF") && !is_random("0123") && !is_random(&format!("{one}0")));
    }
}
