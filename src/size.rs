//! A number of bytes that somebody writes or reads: `16 MiB`.
//!
//! Units are binary, as those of memory and of Vault's own limit on a request; `MB` and `M` are refused, since half of their
//! readers take them for 1,000,000 and the other half for 1,048,576.

use std::fmt;

/// The units from the largest on, with their names.
const UNITS: [(u64, &str); 4] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B")];

/// So many bytes. `Display` is exact, in the largest unit of which they are a whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl Size {
    /// So many MiB.
    pub const fn mebibytes(number: u64) -> Self {
        Self(number << 20)
    }

    /// Reads `128MiB`, `1 GiB`, `512KiB` or `1024B`: a whole number from 1 on, of at most ten digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if !(1..=10).contains(&digits) || text.starts_with('0') {
            return None;
        }
        let (number, name) = text.split_at(digits);
        let name = name.strip_prefix(' ').unwrap_or(name);
        let (unit, _) = UNITS.into_iter().find(|(_, known)| *known == name)?;
        number.parse::<u64>().ok()?.checked_mul(unit).map(Self)
    }

    /// As a length in memory.
    pub fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |(unit, _): &(u64, &str)| self.0 >= *unit && self.0.is_multiple_of(*unit);
        let (unit, name) = UNITS.into_iter().find(whole).unwrap_or((1, "B"));
        write!(formatter, "{} {name}", self.0 / unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_read_as_it_is_shown() {
        for text in ["1 B", "1023 B", "1 KiB", "1025 B", "16 MiB", "1536 KiB", "3 GiB"] {
            assert_eq!(Size::parse(text).unwrap().to_string(), text);
            assert_eq!(Size::parse(&text.replace(' ', "")), Size::parse(text));
        }
    }

    #[test]
    fn a_unit_that_can_mean_two_things_or_none_is_refused() {
        for text in [
            "",
            "16",
            "MiB",
            "16M",
            "16MB",
            "16mib",
            "16  MiB",
            "-1MiB",
            "1.5MiB",
            "16Mi",
            " 16MiB",
            "0B",
            "01B",
            "10000000000B",
        ] {
            assert_eq!(Size::parse(text), None, "{text}");
        }
        assert_eq!(Size::parse("9999999999GiB").unwrap().to_string(), "9999999999 GiB");
    }
}
