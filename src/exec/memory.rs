//! The heap where the system gives no more memory: a little that was kept back, then kz's own end.
//!
//! Invariants: what is small and comes after the last of the system's memory is served, so that an export that has
//! begun can end, or take back what it made; what is not ends kz with a line of words and its exit code for a failure of its own,
//! and not by a signal. The pages that are kept back cost nothing until they are touched.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is kept back.
const RESERVE_BYTES: usize = 512 << 10;

/// kz's exit code for failures of its own.
const EXIT_CODE: i32 = 125;

const WORDS: &[u8] =
    b"kz: error: out of memory\nkz: hint: give the container more, or raise the limit: `ulimit -v`\n";

/// The system's heap with a reserve.
#[derive(Debug)]
pub struct Heap {
    reserve: Reserve,
    /// How much of the reserve is taken. It is never given back.
    taken: AtomicUsize,
}

#[repr(align(64))]
#[derive(Debug)]
struct Reserve(UnsafeCell<MaybeUninit<[u8; RESERVE_BYTES]>>);

#[expect(unsafe_code, reason = "an allocator")]
// SAFETY: each byte of the reserve is handed out once, to one caller (`Heap::taken` only grows, atomically).
unsafe impl Sync for Reserve {}

impl Heap {
    /// With all of its reserve.
    #[expect(clippy::new_without_default, reason = "there is one, and it is a static")]
    pub const fn new() -> Self {
        Self { reserve: Reserve(UnsafeCell::new(MaybeUninit::zeroed())), taken: AtomicUsize::new(0) }
    }

    fn take_reserved(&self, layout: Layout) -> Option<*mut u8> {
        let base = self.reserve.0.get().cast::<u8>();
        let end = |taken: usize| {
            let start =
                (base as usize).checked_add(taken)?.checked_next_multiple_of(layout.align())? - base as usize;
            start.checked_add(layout.size()).filter(|end| *end <= RESERVE_BYTES)
        };
        let before = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, end).ok()?;
        Some(base.wrapping_add(end(before)? - layout.size()))
    }

    /// From the reserve, or not at all.
    fn last_resort(&self, layout: Layout) -> *mut u8 {
        self.take_reserved(layout).unwrap_or_else(|| end())
    }

    fn is_reserved(&self, block: *mut u8) -> bool {
        let base = self.reserve.0.get() as usize;
        (base..base + RESERVE_BYTES).contains(&(block as usize))
    }
}

#[expect(unsafe_code, reason = "an allocator")]
// SAFETY: blocks are the system's, or disjoint pieces of the reserve that are aligned as asked and stay valid as long as the heap.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller guarantees.
        let block = unsafe { System.alloc(layout) };
        if block.is_null() { self.last_resort(layout) } else { block }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller guarantees.
        let block = unsafe { System.alloc_zeroed(layout) };
        // The reserve is zero where it was not handed out.
        if block.is_null() { self.last_resort(layout) } else { block }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if !self.is_reserved(block) {
            // SAFETY: as the caller guarantees, and it is the system's.
            unsafe { System.dealloc(block, layout) }
        }
    }
}

#[expect(unsafe_code, reason = "nothing that allocates may run any more, destructors neither")]
fn end() -> ! {
    let _ = nix::unistd::write(std::io::stderr(), WORDS);
    // SAFETY: _exit takes any status.
    unsafe { nix::libc::_exit(EXIT_CODE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    static HEAP: Heap = Heap::new();

    #[test]
    fn pieces_of_the_reserve_are_aligned_apart_and_end_with_it() {
        let layout = |size, align| Layout::from_size_align(size, align).unwrap();
        let mut last = 0;
        for (size, align) in [(1, 1), (8, 8), (3, 1), (100, 64), (4096, 4096)] {
            let block = HEAP.take_reserved(layout(size, align)).unwrap() as usize;
            assert!(block.is_multiple_of(align) && block >= last, "{size} {align}");
            assert!(HEAP.is_reserved(block as *mut u8));
            last = block + size;
        }
        assert_eq!(HEAP.take_reserved(layout(RESERVE_BYTES, 1)), None);
        while HEAP.take_reserved(layout(4096, 1)).is_some() {}
        assert_eq!(HEAP.take_reserved(layout(4096, 1)), None);
        assert!(!HEAP.is_reserved((&raw const last).cast_mut().cast()));
    }
}
