//! The `kz` program: hands everything to [`kz::cli`].

use kz::exec::memory::Heap;

/// Wipes every block of the heap when it is freed: parsers, decoders and ciphers of other crates
/// keep scratch copies of what they read, and those are out of reach of [`kz::secret`].
#[global_allocator]
static WIPING: zeroizing_alloc::ZeroAlloc<Heap> = zeroizing_alloc::ZeroAlloc(Heap::new());

fn main() -> std::process::ExitCode {
    kz::cli::main()
}
