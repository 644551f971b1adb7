//! Names that nobody else has: random digits, and the kubelet's time stamp; and times in words.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

/// Hexadecimal digits in [`random`].
const DIGITS: usize = 16;
const SECONDS_PER_DAY: u64 = 86_400;

/// 64 random bits as 16 hexadecimal digits. They come from the keys of the standard library's
/// hash tables, which the operating system seeds; names need be unlikely, not secret, since
/// everything is created with `O_EXCL` or its like.
pub(super) fn random() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

pub(super) fn is_random(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// `2026_11_23_18_20_37`, in UTC.
pub(super) fn stamp(time: SystemTime) -> String {
    let [year, month, day, hour, minute, second] = parts(time);
    format!("{year:04}_{month:02}_{day:02}_{hour:02}_{minute:02}_{second:02}")
}

/// `2026-11-23T18:20:37Z` (RFC 3339).
pub(super) fn timestamp(time: SystemTime) -> String {
    let [year, month, day, hour, minute, second] = parts(time);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Likewise, with all that file systems tell.
pub(super) fn timestamp_with_nanoseconds(time: SystemTime, nanoseconds: u32) -> String {
    let whole = timestamp(time);
    format!("{}.{nanoseconds:09}Z", whole.trim_end_matches('Z'))
}

/// Year, month, day, hour, minute, second, in UTC.
fn parts(time: SystemTime) -> [u64; 6] {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (year, month, day) = date(seconds / SECONDS_PER_DAY);
    [year, month, day, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60]
}

pub(super) fn is_stamp(text: &str) -> bool {
    let lengths = text.split('_').map(str::len);
    text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_') && lengths.eq([4, 2, 2, 2, 2, 2])
}

/// Year, month and day from days since 1970 (Howard Hinnant, `civil_from_days`, for days after
/// the epoch only).
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_stamp_is_the_date_and_time_in_utc() {
        let table = [
            (0, "1970_01_01_00_00_00"),
            (951_782_399, "2000_02_28_23_59_59"),
            (951_782_400, "2000_02_29_00_00_00"),
            (1_795_458_037, "2026_11_23_18_20_37"),
            (4_102_444_799, "2099_12_31_23_59_59"),
        ];
        for (seconds, text) in table {
            assert_eq!(stamp(UNIX_EPOCH + Duration::from_secs(seconds)), text);
            assert!(is_stamp(text));
        }
        let time = UNIX_EPOCH + Duration::from_secs(1_795_458_037);
        assert_eq!(timestamp(time), "2026-11-23T18:20:37Z");
        assert_eq!(timestamp_with_nanoseconds(time, 12_000), "2026-11-23T18:20:37.000012000Z");
        for other in ["2026_11_23_18_20", "2026_11_23_18_20_3x", "20261_1_23_18_20_37", ""] {
            assert!(!is_stamp(other), "{other}");
        }
    }

    #[test]
    fn random_names_differ_and_are_recognised() {
        let (one, other) = (random(), random());
        assert_ne!(one, other);
        assert!(is_random(&one) && is_random(&other));
        assert!(!is_random("0123456789ABCDEF") && !is_random("0123") && !is_random(&format!("{one}0")));
    }
}
