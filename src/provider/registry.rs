//! The one list of all providers.
