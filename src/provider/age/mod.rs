//! `age`: files encrypted to an age identity, the backend that needs no server.
