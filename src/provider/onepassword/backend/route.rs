//! Which way to 1Password there is: the section's settings, else the variables of `op`.

use std::path::PathBuf;

use crate::http::{self, Address, Client};
use crate::provider::local_file::{Places, Reader, quoted};
use crate::provider::remote::way::Way;
use crate::provider::settings::Settings;
use crate::provider::{Ask, Failure, Surroundings, Terms};
use crate::secret::Secret;

use super::Route;
use super::connect::Connect;
use super::program::{self, Program};

/// A token is some hundred bytes.
const LIMIT: u64 = 64 << 10;

/// What is set up, as yet unread.
pub(super) struct Routes {
    host: Option<String>,
    connect: Token,
    account: Token,
    roots: Option<PathBuf>,
    way: Way,
    places: Places,
    path: Option<Secret>,
    home: Option<Secret>,
}

/// A token in a file, or in a variable.
struct Token {
    file: Option<PathBuf>,
    variable: &'static str,
    value: Option<Secret>,
}

impl Token {
    fn of(
        settings: &Settings,
        setting: &str,
        variable: &'static str,
        surroundings: &dyn Surroundings,
    ) -> Self {
        let value = surroundings.given(variable);
        Self { file: settings.path(setting).map(ToOwned::to_owned), variable, value }
    }

    fn is_set(&self) -> bool {
        self.file.is_some() || self.value.is_some()
    }

    fn source(&self) -> String {
        self.file.as_ref().map_or_else(|| self.variable.to_owned(), |file| quoted(file))
    }

    /// Without the white space around it: editors end a file with a line break.
    fn read(&self, reader: Reader<'_>) -> Result<Secret, Failure> {
        let text = match (&self.file, &self.value) {
            (Some(file), _) => reader.credential(file, LIMIT)?,
            (None, Some(value)) => value.clone(),
            (None, None) => Secret::new(Vec::new()),
        };
        let token = text.expose().trim_ascii();
        if token.is_empty() || token.iter().any(|byte| !byte.is_ascii_graphic()) {
            let cause = format!("{} holds no token", self.source());
            return Err(Failure::misconfigured(cause, "a token is one line without spaces"));
        }
        Ok(Secret::new(token.to_vec()))
    }
}

impl Routes {
    pub(super) fn of(settings: &Settings, surroundings: &dyn Surroundings) -> Self {
        let written = settings.text("connect_host").map(str::to_owned);
        Self {
            host: written.or_else(|| surroundings.given_text("OP_CONNECT_HOST")),
            connect: Token::of(settings, "token_file", "OP_CONNECT_TOKEN", surroundings),
            account: Token::of(
                settings,
                "service_account_token_file",
                "OP_SERVICE_ACCOUNT_TOKEN",
                surroundings,
            ),
            roots: settings.path("ca_cert").map(ToOwned::to_owned),
            way: Way::of(surroundings),
            places: Places::of(surroundings),
            path: surroundings.given("PATH"),
            home: surroundings.given("HOME"),
        }
    }

    /// Connect where it is set up, else the program.
    pub(super) fn choose(&self, ask: &Ask, terms: &Terms) -> Result<Route, Failure> {
        match (&self.host, self.connect.is_set(), self.account.is_set()) {
            (Some(host), true, _) => self.connect(host, ask, terms).map(Box::new).map(Route::Connect),
            (Some(_), false, false) => Err(Failure::misconfigured(
                "there is a Connect server, and no token for it: looked for `token_file` and OP_CONNECT_TOKEN",
                "name the file that holds it: `token_file = \"…\"`",
            )),
            (None, true, false) => Err(Failure::misconfigured(
                "there is a token for a Connect server, and no server: looked for `connect_host` and OP_CONNECT_HOST",
                "write `connect_host = \"http://…:8080\"` into `[providers.1password]`",
            )),
            (_, _, true) => self.program(ask, terms).map(Route::Program),
            (None, false, false) => Err(Failure::misconfigured(
                "there is no way to 1Password: looked for `connect_host` or OP_CONNECT_HOST with `token_file` or \
                 OP_CONNECT_TOKEN, and for `service_account_token_file` or OP_SERVICE_ACCOUNT_TOKEN",
                "set up one of them",
            )),
        }
    }

    fn connect(&self, host: &str, ask: &Ask, terms: &Terms) -> Result<Connect, Failure> {
        let reader = self.places.reader(ask);
        let address = Address::parse(host).map_err(|invalid| {
            Failure::misconfigured(
                format!("the address of the Connect server {invalid}"),
                "write it as `http://connect-api:8080`",
            )
        })?;
        let client = Client::new(&http::Settings {
            address,
            roots: self.way.roots(self.roots.as_deref(), reader)?,
            identity: None,
            server_name: None,
            proxies: self.way.proxies.clone(),
            largest_reply: self.way.largest_reply,
            bodies: self.way.bodies.clone(),
        })
        .map_err(|unbuilt| Failure::misconfigured(unbuilt.to_string(), unbuilt.hint()))?;
        let token = self.connect.read(reader)?;
        Connect::new(client, &token, &self.connect.source(), terms)
    }

    fn program(&self, ask: &Ask, terms: &Terms) -> Result<Program, Failure> {
        let program = self.path.as_ref().and_then(program::find).ok_or_else(|| {
            Failure::misconfigured(
                "a service account's token is used by the `op` program, which is not on PATH",
                "install 1Password's CLI beside kz, or run a Connect server and set OP_CONNECT_HOST and OP_CONNECT_TOKEN",
            )
        })?;
        let token = self.account.read(self.places.reader(ask))?;
        Ok(Program::new(program, token, &self.account.source(), self.path.clone(), self.home.clone(), terms))
    }
}
