//! The integration tests: the real binary, real files, real processes.
/// What Debian's age and OpenSSH write, the age provider reads.
mod age_interop;
/// The age format's public vectors, through the provider.
mod age_vectors;
mod support;
mod surroundings;
