//! Passwords of static roles: the server keeps one for each, changes it by itself, and says when the next change is due.
//!
//! Told by the path and by what a static role's answer has, `ttl` and `last_vault_rotation`, as `OpenBao` was recorded to send
//! them (`tests/fakes/src/vault/recording.jsonl`). Nothing is lent: it ends with no token, and there is nothing to give back.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::effect::may_be_changed;

/// Of such a password.
#[derive(Deserialize)]
pub(super) struct Changed {
    /// In how many seconds it is changed. 0 means at any moment: the server looks every few seconds, and tries again where it failed.
    pub(super) ttl: u64,
    /// When it was changed last.
    last_vault_rotation: String,
}

impl Changed {
    /// That of this path, where it is one.
    pub(super) fn of(data: &RawValue, path: &str) -> Option<Self> {
        may_be_changed(path).then(|| serde_json::from_str(data.get()).ok()).flatten()
    }

    /// Which password it is, among all that the role has had.
    pub(super) fn version(self) -> Option<String> {
        Some(self.last_vault_rotation).filter(|time| is_time(time))
    }
}

/// Nothing of a server's is repeated that is not plainly a time.
pub(super) fn is_time(text: &str) -> bool {
    (10..=40).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit() || b"-:.TZ+".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(text: &str, path: &str) -> Option<(u64, Option<String>)> {
        let data: &RawValue = serde_json::from_str(text).unwrap();
        Changed::of(data, path).map(|changed| (changed.ttl, changed.version()))
    }

    #[test]
    fn a_password_of_a_static_role_has_an_end_and_a_version() {
        let database = r#"{"last_vault_rotation":"2026-11-30T12:00:00.123456789Z","password":"p","rotation_period":7,"ttl":4,"username":"stat"}"#;
        let version = Some("2026-11-30T12:00:00.123456789Z".to_owned());
        assert_eq!(changed(database, "database/static-creds/app"), Some((4, version.clone())));
        let ldap = r#"{"dn":"d","last_password":"o","last_vault_rotation":"2026-11-30T12:00:00.123456789Z","password":"p","rotation_period":86400,"ttl":0,"username":"u"}"#;
        assert_eq!(changed(ldap, "team/ldap/static-cred/app"), Some((0, version)));
        // What says no time is no version, and still an end.
        let odd = r#"{"last_vault_rotation":"canary canary","ttl":9}"#;
        assert_eq!(changed(odd, "database/static-creds/app"), Some((9, None)));
    }

    #[test]
    fn what_only_looks_alike_is_none() {
        let whole = r#"{"last_vault_rotation":"2026-11-30T12:00:00Z","ttl":4}"#;
        for (text, path) in [
            (whole, "kv/copied"),
            (whole, "database/creds/app"),
            (r#"{"ttl":4}"#, "aws/static-creds/app"),
            (r#"{"last_vault_rotation":"2026-11-30T12:00:00Z","ttl":"4s"}"#, "kv/static-creds"),
        ] {
            assert_eq!(changed(text, path), None, "{path} {text}");
        }
    }
}
