//! Who kz is to AWS: the sources of an identity, in the order of the SDKs' default chain
//! (<https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html>), asked one by one, so that an
//! error can say which were looked at and which one failed.
//!
//! Invariants: a source that is set up and fails is an error, not a reason to try the next, so that kz never acts
//! as somebody else than was meant; an identity is got once. How each is asked is in `sources`.

use crate::provider::Failure;

use super::identity_sources::{Chain, Identity, misfit};
use super::keys;
use super::links::{self, Base, Role};

impl Chain<'_> {
    /// The identity to act as.
    pub(super) async fn identity(&self) -> Result<Identity, Failure> {
        let role = self.settings.text("role_arn").map(|arn| self.section_role(arn));
        if let Some(file) = self.settings.path("web_identity_token_file") {
            let role = role.ok_or_else(|| {
                Failure::misconfigured(
                    "a web identity token is traded for a role, and none is named",
                    "set `role_arn`",
                )
            })?;
            return self.web_identity(file, &role).await;
        }
        let base = self.base().await?;
        match role {
            None => Ok(base),
            Some(role) => self.assume(&role, base).await,
        }
    }

    fn section_role<'a>(&'a self, arn: &'a str) -> Role<'a> {
        let text = |name| self.settings.text(name).map(str::trim);
        Role { arn: arn.trim(), external_id: text("external_id"), session: text("session_name") }
    }

    /// The identity that a role is assumed with, or that is used as it is.
    async fn base(&self) -> Result<Identity, Failure> {
        if self.profiles.is_chosen() {
            return self.of_profile().await?.ok_or_else(|| self.profiles.missing());
        }
        if let Some(identity) = self.of_variables()? {
            return Ok(identity);
        }
        if let Some(identity) = self.of_profile().await? {
            return Ok(identity);
        }
        if let Some(file) = self.variables.path("AWS_WEB_IDENTITY_TOKEN_FILE") {
            let arn = self.variables.text("AWS_ROLE_ARN").ok_or_else(|| {
                Failure::misconfigured(
                    "AWS_WEB_IDENTITY_TOKEN_FILE is set, and AWS_ROLE_ARN is not",
                    "set both, or neither",
                )
            })?;
            let session = self.variables.text("AWS_ROLE_SESSION_NAME");
            return self.web_identity(&file, &Role { arn, external_id: None, session }).await;
        }
        if let Some(identity) = self.container().await? {
            return Ok(identity);
        }
        let metadata = if self.is_instance_excluded() {
            "the metadata service of EC2 (AWS_EC2_METADATA_DISABLED)"
        } else if let Some(identity) = self.instance().await? {
            return Ok(identity);
        } else {
            "the metadata service of EC2"
        };
        Err(Failure::misconfigured(
            format!(
                "there is no AWS identity: looked for AWS_ACCESS_KEY_ID, {}, AWS_WEB_IDENTITY_TOKEN_FILE, \
                 AWS_CONTAINER_CREDENTIALS_FULL_URI and {metadata}",
                self.profiles
            ),
            "set one of them up; in a container on EC2 the instance's metadata hop limit has to be 2",
        ))
    }

    fn is_instance_excluded(&self) -> bool {
        self.variables
            .text("AWS_EC2_METADATA_DISABLED")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The keys of the environment, if there are any. Half of them is an error: the chain would go on to
    /// somebody else's.
    fn of_variables(&self) -> Result<Option<Identity>, Failure> {
        const NAMES: [&str; 2] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
        match NAMES.map(|name| self.variables.text(name)) {
            [None, None] => Ok(None),
            [Some(id), Some(secret)] => {
                let token = self.variables.text("AWS_SESSION_TOKEN");
                let credentials = keys::keys(id, secret, token, None, "environment");
                let credentials = credentials.map_err(|unfit| misfit("the environment", unfit))?;
                Ok(Some(Identity { credentials, source: NAMES[0].to_owned(), region: None }))
            }
            [id, _] => {
                let (set, unset) = if id.is_some() { (NAMES[0], NAMES[1]) } else { (NAMES[1], NAMES[0]) };
                Err(Failure::misconfigured(
                    format!("{set} is set, and {unset} is not"),
                    "set both, or neither",
                ))
            }
        }
    }

    /// What the profile leads to; nothing where it holds no credentials.
    async fn of_profile(&self) -> Result<Option<Identity>, Failure> {
        let held = self.held.as_ref().map_err(Clone::clone)?;
        let name = self.profiles.to_string();
        let wrong = |words: String, hint: &str| {
            Failure::misconfigured(format!("no AWS identity from {name}: {words}"), hint)
        };
        let links = links::links(&held.set, self.profiles.name()).map_err(|fault| {
            wrong(
                fault.to_string(),
                "`aws configure list-profiles` shows those that there are; correct this one",
            )
        })?;
        let Some(links) = links else { return Ok(None) };
        let mut identity = match links.base {
            Base::Keys { id, secret, token } => {
                let credentials =
                    keys::keys(id, secret, token, None, "profile").map_err(|unfit| misfit(&name, unfit))?;
                Identity { credentials, source: name.clone(), region: None }
            }
            Base::Environment => self.of_variables()?.ok_or_else(|| {
                wrong(
                    "`credential_source` is `Environment`, which has no keys".to_owned(),
                    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
                )
            })?,
            Base::Container => self.container().await?.ok_or_else(|| {
                wrong(
                    "`credential_source` is `EcsContainer`, and this is none".to_owned(),
                    "set AWS_CONTAINER_CREDENTIALS_FULL_URI",
                )
            })?,
            Base::Instance => self.instance().await?.ok_or_else(|| {
                wrong(
                    "`credential_source` is `Ec2InstanceMetadata`, which gives no identity".to_owned(),
                    "give the instance a role",
                )
            })?,
            Base::WebIdentity { file, ref role } => self.web_identity(file.as_ref(), role).await?,
            Base::Process(command) => self.process(&name, command).await?,
            Base::Portal { .. } => self.portal(&name, &links.base).await?,
        };
        for role in &links.roles {
            identity = self.assume(role, identity).await?;
        }
        // What the profile itself holds is said of it already.
        let source = if identity.source.starts_with(&name) {
            identity.source
        } else {
            format!("{name}: {}", identity.source)
        };
        Ok(Some(Identity { source, ..identity }))
    }
}
