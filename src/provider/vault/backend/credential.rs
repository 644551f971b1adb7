//! Which of its credentials kz uses: what the section names, else the first that is there.
//!
//! The order without `auth`: `token_file`, `VAULT_TOKEN`, `VAULT_TOKEN_FILE`, `VAULT_TOKEN_PATH`,
//! `/run/secrets/vault-token`, `~/.vault-token`; an `AppRole` of `VAULT_ROLE_ID[_FILE]` and `VAULT_SECRET_ID[_FILE]`; `VAULT_ROLE` with
//! `VAULT_JWT_FILE`, then with the pod's service account; `VAULT_USERNAME` with `VAULT_PASSWORD[_FILE]`; at last
//! the role id alone, which is enough for roles that bind no secret id.
//! Invariants: a file is skipped only where it does not exist; nothing here is sent.

use std::path::{Path, PathBuf};

use crate::hint::said;
use crate::provider::local_file::Reader;
use crate::provider::settings::Settings;
use crate::provider::{Failure, FailureKind};

use super::caller_identity::Signer;
use super::piece::{Piece, SERVICE_ACCOUNT};
use super::variables::Variables;
use crate::provider::vault::settings::{TOKEN_VARIABLE, login_mount};

/// Where a token is mounted as a Compose secret.
const MOUNTED_TOKEN: &str = "/run/secrets/vault-token";
/// Where `vault login` leaves one.
const LOGIN_TOKEN: &str = "~/.vault-token";

/// How kz proves who it is.
#[derive(Clone, Debug)]
pub(super) enum Credential {
    /// A token that somebody else got.
    Token(Piece),
    /// A response-wrapping token that holds a token for kz.
    Wrapped(Piece),
    /// A login that gets one.
    Login(Login),
    /// None: an agent or a proxy in between adds its own.
    Nothing,
}

/// A login.
#[derive(Clone, Debug)]
pub(super) struct Login {
    /// Where the method is mounted, below `auth/`.
    pub(super) mount: String,
    /// In which namespace, where that is not the one that is read in.
    pub(super) namespace: Option<String>,
    /// What it takes.
    pub(super) method: Method,
}

/// What a login takes.
#[derive(Clone, Debug)]
pub(super) enum Method {
    /// A role id and, where the role binds one, a secret id, which may be in a response-wrapping token.
    AppRole { role_id: Piece, secret_id: Option<SecretId> },
    /// A signed token: of the pod's service account, or of somebody whom the server trusts.
    Jwt { role: Option<String>, jwt: Piece },
    /// The TLS client certificate.
    Certificate { role: Option<String> },
    /// A signed question to AWS who kz is.
    Aws { role: Option<String>, signer: Signer },
    /// A user and a password.
    UserPass { username: String, password: Piece },
}

/// The secret half of an `AppRole`.
#[derive(Clone, Debug)]
pub(super) enum SecretId {
    /// It lies there.
    Plain(Piece),
    /// A response-wrapping token that holds it lies there.
    Wrapped(Piece),
}

/// What there is to choose from.
pub(super) struct Choice<'a> {
    pub(super) settings: &'a Settings,
    pub(super) variables: &'a Variables,
    pub(super) reader: Reader<'a>,
}

impl Choice<'_> {
    /// The credential to use, or what was looked for in vain.
    pub(super) fn choose(&self) -> Result<Credential, Failure> {
        match self.settings.auth("auth") {
            None => self.first_there(),
            Some(("token", named)) => {
                let token = file(named, "token_file").or_else(|| self.token());
                let is_wrapped = named.boolean("wrapped").unwrap_or(false);
                token.map(if is_wrapped { Credential::Wrapped } else { Credential::Token }).ok_or_else(|| {
                    missing("a token", "`token_file`, VAULT_TOKEN, VAULT_TOKEN_FILE", self.variables)
                })
            }
            Some(("none", _)) => Ok(Credential::Nothing),
            Some((method, named)) => {
                let mount = named.text("mount").map_or(method, login_mount).to_owned();
                let namespace = named.text("namespace").map(str::to_owned);
                Ok(Credential::Login(Login { mount, namespace, method: self.named(method, named)? }))
            }
        }
    }

    /// A method that the section names; what it leaves out comes from the variables.
    fn named(&self, method: &str, named: &Settings) -> Result<Method, Failure> {
        let role = named.text("role").map(str::to_owned).or_else(|| self.variables.text("VAULT_ROLE"));
        let jwt = file(named, "token_file").or_else(|| self.file("VAULT_JWT_FILE"));
        match method {
            "approle" => {
                let written = named.text("role_id").map(|id| Piece::Written(id.to_owned()));
                let role_id = written.or_else(|| file(named, "role_id_file")).or_else(|| self.role_id());
                let secret_id = file(named, "secret_id_file").or_else(|| self.secret_id());
                let secret_id = match (secret_id, named.boolean("wrapped").unwrap_or(false)) {
                    (Some(piece), false) => Some(SecretId::Plain(piece)),
                    (Some(piece), true) => Some(SecretId::Wrapped(piece)),
                    // Roles may bind none.
                    (None, false) => None,
                    (None, true) => {
                        let places = "`secret_id_file`, VAULT_SECRET_ID_FILE";
                        return Err(missing("a secret id", places, self.variables));
                    }
                };
                let role_id = role_id.ok_or_else(|| {
                    missing("a role id", "`role_id`, `role_id_file`, VAULT_ROLE_ID_FILE", self.variables)
                })?;
                Ok(Method::AppRole { role_id, secret_id })
            }
            "kubernetes" => Ok(Method::Jwt {
                role: Some(role.ok_or_else(|| missing("a role", "`role`, VAULT_ROLE", self.variables))?),
                jwt: file(named, "token_file").unwrap_or_else(|| Piece::File(SERVICE_ACCOUNT.into())),
            }),
            "jwt" => Ok(Method::Jwt {
                role,
                jwt: jwt.ok_or_else(|| {
                    missing("a signed token", "`token_file`, VAULT_JWT_FILE", self.variables)
                })?,
            }),
            "cert" => Ok(Method::Certificate { role }),
            "aws" => Ok(Method::Aws { role, signer: self.signer(named) }),
            _ => {
                let username = named.text("username").map(str::to_owned);
                let username = username.or_else(|| self.variables.text("VAULT_USERNAME"));
                let password = file(named, "password_file").or_else(|| self.password());
                Ok(Method::UserPass {
                    username: username
                        .ok_or_else(|| missing("a user", "`username`, VAULT_USERNAME", self.variables))?,
                    password: password.ok_or_else(|| {
                        missing("a password", "`password_file`, VAULT_PASSWORD_FILE", self.variables)
                    })?,
                })
            }
        }
    }

    fn signer(&self, named: &Settings) -> Signer {
        Signer {
            access_key: self.variables.text("AWS_ACCESS_KEY_ID"),
            secret_key: self.variables.secret("AWS_SECRET_ACCESS_KEY").cloned(),
            session_token: self.variables.secret("AWS_SESSION_TOKEN").cloned(),
            region: named.text("region").map(str::to_owned),
            server_id: named.text("server_id").map(str::to_owned),
        }
    }

    fn first_there(&self) -> Result<Credential, Failure> {
        let found = self.token().map(Credential::Token).or_else(|| self.login().map(Credential::Login));
        found.ok_or_else(|| Failure {
            kind: FailureKind::Misconfigured,
            cause: if self.variables.belong() {
                format!(
                    "there is no credential for Vault: looked for VAULT_TOKEN, VAULT_TOKEN_FILE, `{MOUNTED_TOKEN}`, \
                     `{LOGIN_TOKEN}`, VAULT_ROLE_ID_FILE with or without VAULT_SECRET_ID_FILE, VAULT_ROLE with VAULT_JWT_FILE or \
                     with `{SERVICE_ACCOUNT}`, and VAULT_USERNAME with VAULT_PASSWORD_FILE"
                )
            } else {
                format!(
                    "there is no credential for this address: what the environment has is for {}'s",
                    self.variables.address_variable()
                )
            } + &self.variables.hidden(&[TOKEN_VARIABLE]),
            hint: said(format!(
                "mount a token as `{MOUNTED_TOKEN}`, or write `auth = {{ method = \"…\" }}` in this provider's section"
            )),
        })
    }

    /// The first token that is there.
    fn token(&self) -> Option<Piece> {
        if let Some(named) = file(self.settings, "token_file") {
            return Some(named);
        }
        if !self.variables.belong() {
            return None;
        }
        self.variable(TOKEN_VARIABLE)
            .or_else(|| self.file("VAULT_TOKEN_FILE"))
            .or_else(|| self.file("VAULT_TOKEN_PATH"))
            .or_else(|| self.existing(MOUNTED_TOKEN))
            .or_else(|| self.existing(LOGIN_TOKEN))
    }

    /// The first login that is there whole.
    fn login(&self) -> Option<Login> {
        let login = |mount: &str, method| Some(Login { mount: mount.to_owned(), namespace: None, method });
        if let (Some(role_id), Some(secret_id)) = (self.role_id(), self.secret_id()) {
            let secret_id = Some(SecretId::Plain(secret_id));
            return login("approle", Method::AppRole { role_id, secret_id });
        }
        if let Some(role) = self.variables.text("VAULT_ROLE") {
            if let Some(jwt) = self.file("VAULT_JWT_FILE") {
                return login("jwt", Method::Jwt { role: Some(role), jwt });
            }
            if let Some(jwt) = self.existing(SERVICE_ACCOUNT) {
                return login("kubernetes", Method::Jwt { role: Some(role), jwt });
            }
        }
        if let (Some(username), Some(password)) = (self.variables.text("VAULT_USERNAME"), self.password()) {
            return login("userpass", Method::UserPass { username, password });
        }
        login("approle", Method::AppRole { role_id: self.role_id()?, secret_id: None })
    }

    fn role_id(&self) -> Option<Piece> {
        self.file("VAULT_ROLE_ID_FILE").or_else(|| self.variable("VAULT_ROLE_ID"))
    }

    fn secret_id(&self) -> Option<Piece> {
        self.file("VAULT_SECRET_ID_FILE").or_else(|| self.variable("VAULT_SECRET_ID"))
    }

    fn password(&self) -> Option<Piece> {
        self.file("VAULT_PASSWORD_FILE").or_else(|| self.variable("VAULT_PASSWORD"))
    }

    fn variable(&self, name: &str) -> Option<Piece> {
        self.variables.given(name).map(|given| Piece::Variable(given.name, given.value.clone()))
    }

    fn file(&self, name: &str) -> Option<Piece> {
        self.variables.path(name).map(Piece::File)
    }

    /// One of the usual places, when something is there; whether it can be read is seen when it is.
    fn existing(&self, place: &str) -> Option<Piece> {
        let path = self.reader.locate(Path::new(place)).ok()?;
        path.symlink_metadata().is_ok().then_some(Piece::File(path))
    }
}

fn file(settings: &Settings, name: &str) -> Option<Piece> {
    settings.path(name).map(|path| Piece::File(PathBuf::from(path)))
}

fn missing(what: &str, places: &str, variables: &Variables) -> Failure {
    let elsewhere = if variables.belong() {
        variables.hidden(&[TOKEN_VARIABLE])
    } else {
        format!("; the environment's are for {}'s server", variables.address_variable())
    };
    Failure {
        kind: FailureKind::Misconfigured,
        cause: format!("this `auth` has no {}{elsewhere}", what.trim_start_matches("a ")),
        hint: said(format!("give it {what}: {places}")),
    }
}
