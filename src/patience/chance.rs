//! Chance enough to keep a hundred containers from knocking at the same moment. No secret hangs on it, so it is not the
//! system's: std's panics where the system refuses to give any.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use super::Chance;

/// What a step of Weyl's sequence is: the golden ratio, as in splitmix64 (Steele, Lea, Flood 2014).
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Numbers that differ from those of every other process: by the time in nanoseconds, by the process's number, and by
/// where the kernel has put its memory.
pub(super) fn chance() -> Chance {
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let here = 0_u8;
    let memory = std::ptr::from_ref(&here).addr() as u64;
    // Only the low digits differ between two processes.
    let nanoseconds = u64::from(time.subsec_nanos()) ^ time.as_secs().rotate_left(32);
    seeded(mix(nanoseconds ^ mix(memory ^ mix(u64::from(std::process::id())))))
}

/// The numbers that follow from a seed.
pub(super) fn seeded(seed: u64) -> Chance {
    let state = AtomicU64::new(seed);
    Box::new(move || {
        let bits = mix(state.fetch_add(STEP, Ordering::Relaxed)) >> 11;
        // 53 bits: as many as a f64 holds exactly.
        #[expect(clippy::cast_precision_loss, reason = "both numbers have at most 53 bits")]
        let number = bits as f64 / (1_u64 << 53) as f64;
        number
    })
}

/// Spreads what differs in a few bits over all.
fn mix(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_between_nothing_and_all_and_not_always_the_same() {
        let chance = chance();
        let numbers: Vec<f64> = (0..1000).map(|_| chance()).collect();
        assert!(numbers.iter().all(|number| (0.0..1.0).contains(number)));
        assert!(numbers.iter().any(|number| *number < 0.1) && numbers.iter().any(|number| *number > 0.9));
        let middle = numbers.iter().sum::<f64>() / 1000.0;
        assert!((0.45..0.55).contains(&middle), "{middle}");
    }

    #[test]
    fn two_that_begin_in_the_same_process_differ() {
        let (one, other) = (chance(), chance());
        let of = |chance: &Chance| -> Vec<f64> { (0..8).map(|_| chance()).collect() };
        assert_ne!(of(&one), of(&other));
    }
}
