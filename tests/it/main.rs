//! The integration tests: the real binary, real files, real processes. One module for each subject.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "tests write files, read the environment and may fail"
)]

/// Who follows the advice of `kz doctor`.
#[path = "../advised/mod.rs"]
mod advised;
/// The age provider.
mod age;
/// AWS Secrets Manager and Parameter Store.
mod aws;
/// A value's bytes appear in the intended output and nowhere else, whatever fails.
mod canary;
/// Every user-visible text, whole, from `tests/cases/`.
mod cases;
/// What long chains of templates cost a whole command, in instructions.
mod chains;
/// Whether what was exported is still so.
mod check;
/// What a shell completes.
mod completions;
/// Which configuration is found, and which is trusted.
mod config_trust;
/// Connections that end, refuse and allow little: everything arrives, at a bounded cost.
mod connections;
/// One contract for all providers, and the rows of each.
mod contract;
/// What stands in a variable or a setting, and what kz does with it before any library has it.
mod credentials;
mod delivery;
/// Values in open files that lie nowhere.
mod descriptors;
/// The documents say what is there.
mod docs;
/// Every finding of `kz doctor` in a broken file, at its line; none in files that are right.
mod doctor;
/// Every error has a code, an explanation, a page and a case.
mod errors;
/// Shells that evaluate an export, and see that it failed.
mod evaluation;
/// Servers and proxies that lie, flood and never end.
mod floods;
/// Whoever answers in a backend's stead is not believed, and not repeated.
mod foreign_answers;
/// A disk that is full, read-only, missing or broken.
mod full_disk;
/// What is typed or set in the wrong place is repeated by no command.
mod gate;
/// Google Cloud Secret Manager.
mod gcp;
/// Signals, descriptors and limits that kz is started with.
/// Where the words of engines may stand.
mod handover;
mod hints;
mod inherited;
/// The starter file works, in each situation.
mod init;
/// The program itself as an output.
mod install;
/// SIGKILL at every system call of an export.
mod kill9;
/// The manifests of `kubernetes/`, checked and their commands carried out.
mod kubernetes;
/// Documents of many megabytes.
mod large;
/// What kz starts ends when kz does, by whatever signal.
mod left_running;
/// The manual pages are what the command line is.
mod man;
/// What is written down of a set, and what it is believed for.
mod manifest;
/// The manifests of `kubernetes/`, rendered.
#[path = "../kubernetes/mod.rs"]
mod manifests;
/// Whether every file of Rust is compiled by somebody.
mod modules;
/// Values that break writers.
#[path = "../nasty/mod.rs"]
mod nasty;
/// Disks that keep no modes, owners or marks, and access control lists.
mod odd_disk;
/// Servers that take one connection and no second.
mod one_connection;
/// 1Password: a Connect server, and the program `op`.
mod onepassword;
/// The order of an export's system calls.
mod order;
/// Several outputs from one resolution.
mod outputs;
/// Who owns what is exported, and who can read it.
mod ownership;
/// What a start would read, without reading it.
mod plan;
/// Two exporters at the same time.
mod race;
mod reader;
/// A set that changes a hundred times under four readers, with exports that are killed.
mod readers;
/// Names, beside glibc, in networks of their own.
mod resolver;
/// Who may import whom.
mod rows;
/// Becoming CMD: exec, environment, limits, exit codes.
mod run;
/// Thousands of secrets, in counts.
mod scale;
/// The JSON Schema says of a configuration what `kz validate` says.
mod schema;
/// Volumes that give what is in them their group.
mod set_group;
/// Names to which a shell gives a meaning.
mod shell_names;
/// SIGTERM in the middle of an export.
mod signals;
/// Stdout that nobody reads any more, and stdout that a person reads.
mod sigpipe;
/// Where in the program lies what every start runs.
#[cfg(feature = "provider-age")]
mod start;
mod strace;
/// `kz run --supervise`.
mod supervise;
mod support;
mod surroundings;
/// Targets that are not what they should be.
mod targets;
/// Templates on the command line: one, several, long ones, broken ones.
mod template_files;
/// Each filter of templates, through the programs that read what it makes.
mod template_readers;
mod template_servers;
/// The umask changes no mode.
mod umask;
/// Vault and `OpenBao`.
mod vault;
/// What is said during long waits.
mod waits;
/// Staying: what `--watch` does at changes, signals, losses and its end.
mod watch;
/// Round trips, counted.
mod waves;
/// Situations, what is said in them, and the hint, followed.
mod words;
