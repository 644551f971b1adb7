//! Random numbers, from the operating system: the one source of those that have to be unlikely or secret.
//!
//! Invariant: where the system gives none, that is an error and no panic, as std's own maps would have it.

use nix::errno::Errno;

/// Hexadecimal digits in [`digits`].
pub(crate) const DIGITS: usize = 16;

/// Fills these bytes.
pub(crate) fn fill(bytes: &mut [u8]) -> nix::Result<()> {
    let refused = |error: getrandom::Error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
    getrandom::getrandom(bytes).map_err(refused)
}

/// 64 random bits as 16 hexadecimal digits.
pub(crate) fn digits() -> nix::Result<String> {
    let mut bytes = [0; DIGITS / 2];
    fill(&mut bytes)?;
    Ok(format!("{:016x}", u64::from_ne_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_draws_differ_and_are_of_so_many_digits() {
        let (one, other) = (digits().unwrap(), digits().unwrap());
        assert_ne!(one, other);
        assert!(
            [one, other]
                .iter()
                .all(|text| text.len() == DIGITS && text.bytes().all(|b| b.is_ascii_hexdigit()))
        );
    }
}
