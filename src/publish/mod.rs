//! Brings secrets into a directory that others may write to.
