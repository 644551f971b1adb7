//! What could not be given back, in one line: what stays, for how long, and why.
//!
//! Pure. Invariant: neither a token nor the id of a lease is named.

use std::time::Duration;

/// Why something stays at the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// There was no answer in time when kz looked whether the token is its own.
    LookedInVain,
    /// The policy does not let the token look at itself.
    LookForbidden,
    /// The server does not say what it sees.
    LookFailed,
    /// The server sees another token than kz sends.
    Replaced,
    /// What is left of a number of uses does not suffice.
    OneUse,
    /// It was asked to end, and what came of that is not known.
    Unconfirmed,
    /// It may not be ended.
    Forbidden,
    /// The server, or the engine that made it, did not end it.
    Failed,
    /// kz has no client any more with which it could ask.
    NoSession,
}

impl Why {
    /// Why a token stays.
    fn of_token(self) -> &'static str {
        match self {
            Self::LookedInVain => "Vault did not answer in time when kz looked whether it is its own",
            Self::LookForbidden => {
                "kz may not look whether it is its own (a policy with `read` on `auth/token/lookup-self` lets it)"
            }
            Self::LookFailed => "Vault does not tell whether it is kz's own",
            Self::Replaced => {
                "Vault sees another one in its place, as behind a proxy that adds its own (`auth = { method = \"none\" }` is for such a proxy)"
            }
            Self::OneUse => "it is good for one request more, and to look at it and to end it takes two",
            Self::Unconfirmed => "Vault did not confirm in time that it ended",
            Self::Forbidden => {
                "it may not end itself (a policy with `update` on `auth/token/revoke-self` lets it)"
            }
            Self::Failed => "Vault failed to end it",
            Self::NoSession => "the credential that it came by cannot be read any more",
        }
    }

    /// What is added where a lease stays.
    fn of_lease(self) -> &'static str {
        match self {
            Self::Forbidden => " (a policy with `update` on `sys/leases/revoke` lets kz give it back)",
            Self::Failed => " (what made it did not take it back: is that database, or cloud, away?)",
            Self::Unconfirmed => " (it was asked to, and did not answer in time)",
            _ => "",
        }
    }
}

/// What stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Left {
    /// A token of kz's own: for how long, where that is known.
    pub(super) token: Option<(Option<Duration>, Why)>,
    /// Credentials that nobody has: how many, and for how long the last is valid.
    pub(super) leases: Option<(usize, Duration, Why)>,
}

impl Left {
    /// The line; nothing where nothing stays.
    pub(super) fn words(&self) -> Option<String> {
        let leases = self.leases.map(|(count, longest, why)| {
            let longest = longest.as_secs();
            let more = why.of_lease();
            match count {
                1 => format!(
                    "Vault made a credential that is not delivered, and does not take it back: it is valid for {longest} s more{more}"
                ),
                _ => format!(
                    "Vault made {count} credentials that are not delivered, and does not take them back: the last is valid for \
                     {longest} s more{more}"
                ),
            }
        });
        let token = self.token.map(|(life, why)| {
            let stays = if why == Why::Unconfirmed { "may stay" } else { "stays" };
            let life =
                life.map_or("until its own end".to_owned(), |life| format!("for {} s", life.as_secs()));
            format!("kz's own token {stays} {life}: {}", why.of_token())
        });
        match (leases, token) {
            (Some(leases), Some(token)) => Some(format!("{leases}; {token}")),
            (leases, token) => leases.or(token),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_is_named_with_its_own_life() {
        let second = Duration::from_secs(1);
        let token = |life, why| Left { token: Some((life, why)), leases: None }.words().unwrap();
        assert_eq!(
            token(Some(second * 1190), Why::LookedInVain),
            "kz's own token stays for 1190 s: Vault did not answer in time when kz looked whether it is its own"
        );
        assert_eq!(
            token(None, Why::Unconfirmed),
            "kz's own token may stay until its own end: Vault did not confirm in time that it ended"
        );
        let leases = |count, token| {
            let leases = Some((count, second * 60, Why::Forbidden));
            Left { token, leases }.words().unwrap()
        };
        assert_eq!(
            leases(1, None),
            "Vault made a credential that is not delivered, and does not take it back: it is valid for 60 s more (a policy with \
             `update` on `sys/leases/revoke` lets kz give it back)"
        );
        let both = leases(3, Some((Some(second * 90), Why::Failed)));
        assert!(
            both.contains("made 3 credentials") && both.contains("the last is valid for 60 s more"),
            "{both}"
        );
        assert!(both.ends_with("; kz's own token stays for 90 s: Vault failed to end it"), "{both}");
        assert_eq!(Left::default().words(), None);
    }
}
