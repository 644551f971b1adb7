//! The integration tests: the real binary, real files, real processes.
mod support;
