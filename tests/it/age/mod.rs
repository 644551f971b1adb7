//! The age provider.

/// What Debian's age and OpenSSH write, the age provider reads.
mod interop;
/// The age format's public vectors, through the provider.
mod vectors;
