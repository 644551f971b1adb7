//! What a profile leads to: the keys, program, portal or service that an identity begins with, and the roles that are
//! assumed from there (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html>).
//!
//! Pure. Invariant: a profile that begins to say who somebody is and does not end is a [`Fault`] with words of its own,
//! since the next source would be somebody else. Nothing of a profile but names of profiles, sessions and keys is said.

use aws_config::profile::{Profile, ProfileSet};
use thiserror::Error;

use crate::literal::shown;

/// Where an identity begins, and the roles that are assumed one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Links<'a> {
    pub(super) base: Base<'a>,
    pub(super) roles: Vec<Role<'a>>,
}

/// Where an identity begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Base<'a> {
    /// With keys that the profile has.
    Keys { id: &'a str, secret: &'a str, token: Option<&'a str> },
    /// With the keys of the environment.
    Environment,
    /// With the container's.
    Container,
    /// With the instance's.
    Instance,
    /// With a token that is traded for a role.
    WebIdentity { file: &'a str, role: Role<'a> },
    /// With what a program prints.
    Process(&'a str),
    /// With somebody who has signed in to the portal.
    Portal { account: &'a str, role: &'a str, region: &'a str, start_url: &'a str, session: Option<&'a str> },
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Role<'a> {
    pub(super) arn: &'a str,
    pub(super) external_id: Option<&'a str>,
    pub(super) session: Option<&'a str>,
}

/// What is wrong with a profile.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Fault {
    #[error("the profile `{}` is not there", shown(.0))]
    Missing(String),
    #[error("there is no profile `{}`, which `source_profile` of `{}` names", shown(.0), shown(.1))]
    MissingSource(String, String),
    #[error("`source_profile` leads back to `{}`", shown(.0))]
    Loop(String),
    #[error("the profile `{}` has a role, and neither `source_profile` nor `credential_source`", shown(.0))]
    NoSource(String),
    #[error("the profile `{}` has both `source_profile` and `credential_source`", shown(.0))]
    TwoSources(String),
    #[error("the profile `{}`, which `source_profile` names, holds no credentials", shown(.0))]
    EmptySource(String),
    #[error("`credential_source` of the profile `{}` is none of `Environment`, `Ec2InstanceMetadata` and `EcsContainer`", shown(.0))]
    UnknownSource(String),
    #[error("the keys of the profile `{}` are incomplete: it has no `{}`", shown(.0), .1)]
    Incomplete(String, &'static str),
    #[error("the profile `{}` names the sso-session `{}`, which is not there", shown(.0), shown(.1))]
    MissingSession(String, String),
    #[error("the SSO settings of the profile `{}` are incomplete: there is no `{}`", shown(.0), .1)]
    IncompletePortal(String, &'static str),
    #[error("the profile `{}` has a `login_session`, which kz does not support", shown(.0))]
    Unsupported(String),
}

/// What the profile `name` leads to; nothing where it holds no credentials, or where it is `default` and not there.
pub(super) fn links<'a>(set: &'a ProfileSet, name: Option<&'a str>) -> Result<Option<Links<'a>>, Fault> {
    let mut current = name.unwrap_or("default");
    let (mut seen, mut roles): (Vec<&str>, _) = (Vec::new(), Vec::new());
    loop {
        let Some(profile) = set.get_profile(current) else {
            return match (seen.last(), name) {
                (Some(&before), _) => Err(Fault::MissingSource(current.to_owned(), before.to_owned())),
                (None, Some(name)) => Err(Fault::Missing(name.to_owned())),
                (None, None) => Ok(None),
            };
        };
        if seen.contains(&current) {
            return Err(Fault::Loop(current.to_owned()));
        }
        let is_source = !seen.is_empty();
        seen.push(current);
        // A source's own keys go before its role.
        let base = match role(profile).filter(|_| !(is_source && has_keys(profile))) {
            None => base(set, profile)?,
            Some(role) => {
                let next = source(profile)?;
                roles.push(role);
                match next {
                    Some(next) if next != current => {
                        current = next;
                        continue;
                    }
                    _ => base(set, profile)?,
                }
            }
        };
        roles.reverse();
        return match base {
            Some(base) => Ok(Some(Links { base, roles })),
            None if seen.len() > 1 || !roles.is_empty() => Err(Fault::EmptySource(current.to_owned())),
            None => Ok(None),
        };
    }
}

/// The value of a key, unless it is nothing.
fn get<'a>(profile: &'a Profile, key: &str) -> Option<&'a str> {
    profile.get(key).map(str::trim).filter(|value| !value.is_empty())
}

fn has_keys(profile: &Profile) -> bool {
    get(profile, "aws_access_key_id").is_some() && get(profile, "aws_secret_access_key").is_some()
}

/// The role that is assumed with somebody else's identity.
fn role(profile: &Profile) -> Option<Role<'_>> {
    if get(profile, "web_identity_token_file").is_some() {
        return None;
    }
    let arn = get(profile, "role_arn")?;
    Some(Role { arn, external_id: get(profile, "external_id"), session: get(profile, "role_session_name") })
}

/// The profile that a role is assumed with; nothing where the profile itself says so otherwise.
fn source(profile: &Profile) -> Result<Option<&str>, Fault> {
    match (get(profile, "source_profile"), get(profile, "credential_source")) {
        (Some(_), Some(_)) => Err(Fault::TwoSources(profile.name().to_owned())),
        (None, None) => Err(Fault::NoSource(profile.name().to_owned())),
        (source, _) => Ok(source),
    }
}

fn base<'a>(set: &'a ProfileSet, profile: &'a Profile) -> Result<Option<Base<'a>>, Fault> {
    let name = || profile.name().to_owned();
    if let Some(source) = get(profile, "credential_source") {
        return match source {
            "Environment" => Ok(Some(Base::Environment)),
            "EcsContainer" => Ok(Some(Base::Container)),
            "Ec2InstanceMetadata" => Ok(Some(Base::Instance)),
            _ => Err(Fault::UnknownSource(name())),
        };
    }
    if let Some(file) = get(profile, "web_identity_token_file") {
        let arn = get(profile, "role_arn").ok_or_else(|| Fault::Incomplete(name(), "role_arn"))?;
        let role = Role { arn, external_id: None, session: get(profile, "role_session_name") };
        return Ok(Some(Base::WebIdentity { file, role }));
    }
    if let Some(portal) = portal(set, profile)? {
        return Ok(Some(portal));
    }
    if get(profile, "login_session").is_some() {
        return Err(Fault::Unsupported(name()));
    }
    if let Some(command) = get(profile, "credential_process") {
        return Ok(Some(Base::Process(command)));
    }
    keys(profile)
}

fn keys(profile: &Profile) -> Result<Option<Base<'_>>, Fault> {
    let token = get(profile, "aws_session_token");
    let incomplete = |key| Err(Fault::Incomplete(profile.name().to_owned(), key));
    match (get(profile, "aws_access_key_id"), get(profile, "aws_secret_access_key")) {
        (Some(id), Some(secret)) => Ok(Some(Base::Keys { id, secret, token })),
        (Some(_), None) => incomplete("aws_secret_access_key"),
        (None, Some(_)) => incomplete("aws_access_key_id"),
        (None, None) if token.is_some() => incomplete("aws_access_key_id"),
        (None, None) => Ok(None),
    }
}

fn portal<'a>(set: &'a ProfileSet, profile: &'a Profile) -> Result<Option<Base<'a>>, Fault> {
    const KEYS: [&str; 5] = ["sso_session", "sso_account_id", "sso_role_name", "sso_region", "sso_start_url"];
    let [session, account, role, region, start_url] = KEYS.map(|key| get(profile, key));
    if [session, account, role, region, start_url].iter().all(Option::is_none) {
        return Ok(None);
    }
    let name = || profile.name().to_owned();
    let of_session = |key: &str, own: Option<&'a str>| match session.map(|session| set.sso_session(session)) {
        Some(Some(found)) => found.get(key).map(str::trim).or(own),
        _ => own,
    };
    if let Some(session) = session
        && set.sso_session(session).is_none()
    {
        return Err(Fault::MissingSession(name(), session.to_owned()));
    }
    let needed = |value: Option<&'a str>, key| value.ok_or_else(|| Fault::IncompletePortal(name(), key));
    Ok(Some(Base::Portal {
        account: needed(account, "sso_account_id")?,
        role: needed(role, "sso_role_name")?,
        region: needed(of_session("sso_region", region), "sso_region")?,
        start_url: needed(of_session("sso_start_url", start_url), "sso_start_url")?,
        session,
    }))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::collections::HashMap;

    use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
    use aws_types::os_shim_internal::{Env, Fs};

    use super::*;

    fn set(config: &str) -> ProfileSet {
        let files = EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, config).build();
        let (fs, env) = (Fs::from_raw_map(HashMap::new()), Env::from(HashMap::new()));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let loaded = aws_config::profile::load(&fs, &env, &files, Some(Cow::Borrowed("default")));
        runtime.block_on(loaded).unwrap()
    }

    fn fault(config: &str) -> String {
        links(&set(config), None).unwrap_err().to_string()
    }

    const ROLE: &str = "role_arn = arn:aws:iam::1:role/a\n";
    const KEYS: &str = "aws_access_key_id = i\naws_secret_access_key = s\n";

    #[test]
    fn each_thing_that_can_be_wrong_with_a_profile_has_its_words() {
        for (config, words) in [
            (
                format!("[default]\n{ROLE}"),
                "has a role, and neither `source_profile` nor `credential_source`",
            ),
            (format!("[default]\n{ROLE}source_profile=b\ncredential_source=Environment\n"), "has both"),
            (
                format!("[default]\n{ROLE}source_profile=b\n"),
                "there is no profile `b`, which `source_profile` of `default` names",
            ),
            (
                format!("[default]\n{ROLE}source_profile=b\n[profile b]\nregion=x\n"),
                "`b`, which `source_profile` names, holds no credentials",
            ),
            (
                format!("[default]\n{ROLE}source_profile=b\n[profile b]\n{ROLE}source_profile=default\n"),
                "leads back to `default`",
            ),
            (
                format!("[default]\n{ROLE}credential_source=Nope\n"),
                "`credential_source` of the profile `default` is none of",
            ),
            ("[default]\naws_access_key_id=x\n".to_owned(), "incomplete: it has no `aws_secret_access_key`"),
            ("[default]\naws_secret_access_key=x\n".to_owned(), "incomplete: it has no `aws_access_key_id`"),
            ("[default]\naws_session_token=x\n".to_owned(), "incomplete: it has no `aws_access_key_id`"),
            ("[default]\nweb_identity_token_file=x\n".to_owned(), "incomplete: it has no `role_arn`"),
            (
                "[default]\nsso_session=nope\nsso_account_id=1\nsso_role_name=r\n".to_owned(),
                "names the sso-session `nope`, which is not there",
            ),
            (
                "[default]\nsso_account_id=1\nsso_role_name=r\nsso_region=x\n".to_owned(),
                "incomplete: there is no `sso_start_url`",
            ),
            (
                "[default]\nsso_session=s\nsso_role_name=r\n[sso-session s]\nsso_region=x\nsso_start_url=u\n"
                    .to_owned(),
                "incomplete: there is no `sso_account_id`",
            ),
            ("[default]\nlogin_session=x\n".to_owned(), "`login_session`, which kz does not support"),
        ] {
            assert!(fault(&config).contains(words), "{config}\n{}", fault(&config));
        }
        let none = set("");
        assert_eq!(links(&none, Some("nobody")).unwrap_err(), Fault::Missing("nobody".to_owned()));
        assert_eq!(links(&none, None), Ok(None));
        assert_eq!(links(&set("[default]\nregion = eu-west-1\n"), Some("default")), Ok(None));
    }

    #[test]
    fn roles_are_assumed_from_the_source_on() {
        let config = format!(
            "[default]\nrole_arn = arn:1\nsource_profile = b\nexternal_id = e\n[profile b]\nrole_arn = arn:2\n\
             source_profile = c\nrole_session_name = n\n[profile c]\n{KEYS}{ROLE}"
        );
        let set = set(&config);
        let Links { base, roles } = links(&set, None).unwrap().unwrap();
        assert_eq!(base, Base::Keys { id: "i", secret: "s", token: None });
        let roles: Vec<_> = roles.iter().map(|role| (role.arn, role.external_id, role.session)).collect();
        assert_eq!(roles, [("arn:2", None, Some("n")), ("arn:1", Some("e"), None)]);
    }

    #[test]
    fn a_profile_may_be_its_own_source_or_name_one_that_is_no_profile() {
        let own = set(&format!("[default]\n{ROLE}source_profile = default\n{KEYS}"));
        assert!(matches!(links(&own, None).unwrap().unwrap().base, Base::Keys { .. }));
        let container = set(&format!("[default]\n{ROLE}credential_source = EcsContainer\n"));
        let Links { base, roles } = links(&container, None).unwrap().unwrap();
        assert_eq!((base, roles.len()), (Base::Container, 1));
        let process = set("[default]\ncredential_process = /bin/x\n");
        assert_eq!(links(&process, None).unwrap().unwrap().base, Base::Process("/bin/x"));
    }
}
