//! What `[providers.age]` takes, and what its refs look like. Data and pure checks.

use crate::provider::local_file;
use crate::provider::settings::{RefForm, Setting, SettingType, setting};

/// Holds the identity itself.
pub(super) const IDENTITY_VARIABLE: &str = "KEYZERO_AGE_IDENTITY";
/// The highest that can be set: `age` itself refuses more (4 GiB).
pub(super) const HIGHEST_WORK_FACTOR: u8 = 22;

/// The keys of `[providers.age]`. `max_work_factor` is scrypt's, 20 unless it is set: 2^20 KiB of memory.
pub const SETTINGS: &[Setting] = &[
    setting("identity_file", SettingType::Paths, "age and OpenSSH private keys that open the files"),
    setting("passphrase_file", SettingType::Path, "file with the passphrase of documents or identities"),
    setting(
        "max_work_factor",
        SettingType::Integer(1, HIGHEST_WORK_FACTOR as i64),
        "the scrypt work that a file may demand; each step doubles memory and time",
    ),
];

/// The variable that holds an identity.
pub const CREDENTIAL_VARIABLES: &[&str] = &[IDENTITY_VARIABLE];

/// Refs.
pub const REF: RefForm =
    RefForm { pattern: local_file::REF_PATTERN, example: "secrets.env.age#DATABASE_PASSWORD" };

/// Whether `path` can name a file. Does not look for it.
pub fn check_ref(path: &str) -> Result<(), String> {
    local_file::check_path(path)
}
