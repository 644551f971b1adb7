//! The end-to-end tests: the real image on a real Docker engine. Missing infrastructure fails.
