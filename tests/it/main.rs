//! The integration tests: the real binary, real files, real processes.
/// The age format's public vectors, through the provider.
mod age_vectors;
mod support;
mod surroundings;
