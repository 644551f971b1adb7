//! 1Password: a Connect server, and the program `op`.

/// The Connect server that tests start, and what the vendor's client makes of it.
mod connect_fake;
/// kz and a Connect server.
mod connect_server;
/// kz and the `op` program.
mod op_program;
