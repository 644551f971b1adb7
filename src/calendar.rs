//! Dates in UTC, as names and logs write them. Pure.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SECONDS_PER_DAY: u64 = 86_400;

/// Year, month, day, hour, minute, second of a moment after 1970.
pub fn fields(time: SystemTime) -> [u64; 6] {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (year, month, day) = date(seconds / SECONDS_PER_DAY);
    [year, month, day, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60]
}

/// `2026-11-25T13:30:00.000Z` (RFC 3339, with milliseconds).
pub fn rfc3339(time: SystemTime) -> String {
    let [year, month, day, hour, minute, second] = fields(time);
    let milliseconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z")
}

/// The moment that these are the fields of, in UTC; `None` when there is no such date or time.
pub fn moment(fields: [u64; 6]) -> Option<SystemTime> {
    let [year, month, day, hour, minute, second] = fields;
    // Beyond that the sum would not fit, nor mean anything.
    if !(1970..=9999).contains(&year) || fields[1..].iter().any(|field| *field > 60) || month == 0 {
        return None;
    }
    let seconds = days(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
    let moment = UNIX_EPOCH + Duration::from_secs(seconds);
    (self::fields(moment) == fields).then_some(moment)
}

/// What [`rfc3339`] has written, to the millisecond.
pub fn parse_rfc3339(text: &str) -> Option<SystemTime> {
    let (seconds, milliseconds) = text.strip_suffix('Z')?.split_once('.')?;
    let milliseconds: u64 = milliseconds.parse().ok()?;
    let moment = moment(numbers(seconds)?)?.checked_add(Duration::from_millis(milliseconds))?;
    // Nothing else reads so.
    (rfc3339(moment) == text).then_some(moment)
}

/// The six numbers of a date and a time, whatever stands between them.
pub fn numbers(text: &str) -> Option<[u64; 6]> {
    let numbers = text.split(|separator: char| !separator.is_ascii_digit());
    let numbers: Vec<u64> = numbers.map(|digits| digits.parse().ok()).collect::<Option<_>>()?;
    numbers.try_into().ok()
}

/// Days since 1970 of a date (the inverse of [`date`], as above).
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = year - u64::from(month <= 2);
    let (era, year_of_era) = (year / 400, year % 400);
    let shifted_month = (month + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day.saturating_sub(1);
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).saturating_sub(719_468)
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
    use super::*;

    #[test]
    fn moments_are_written_in_utc() {
        let table = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_795_458_037_007, "2026-11-23T18:20:37.007Z"),
            (4_102_444_799_000, "2099-12-31T23:59:59.000Z"),
        ];
        for (milliseconds, text) in table {
            let moment = UNIX_EPOCH + Duration::from_millis(milliseconds);
            assert_eq!(rfc3339(moment), text);
            assert_eq!(parse_rfc3339(text), Some(moment));
        }
    }

    #[test]
    fn every_day_is_read_as_it_was_written() {
        for day in 0..60_000 {
            let moment = UNIX_EPOCH + Duration::from_secs(day * SECONDS_PER_DAY + 86_399);
            assert_eq!(super::moment(fields(moment)), Some(moment));
        }
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for text in [
            "",
            "Z",
            "2026-11-23T18:20:37Z",
            "2026-11-23T18:20:37.00Z",
            "2026-11-23T18:20:37.000",
            "2026-02-29T00:00:00.000Z",
            "2026-13-01T00:00:00.000Z",
            "2026-00-01T00:00:00.000Z",
            "2026-01-00T00:00:00.000Z",
            "2026-01-01T24:00:00.000Z",
            "1969-12-31T23:59:59.000Z",
            "99999-01-01T00:00:00.000Z",
            "2026-1-001T00:00:00.000Z",
            "2026-11-23T18:20:37.+12Z",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }
}
