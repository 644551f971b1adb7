//! A directory whose configuration reads the Vault of this process, and Vaults that are in trouble, by name.

use std::fmt::Write as _;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::support::{Run, Sandbox, kz_binary};
use kz_fakes::byte_server::{Answer, Server};
use kz_fakes::fake_server::Reply;
use kz_fakes::vault::script::{Act, Rule};
use kz_fakes::vault::tls::{Authority, Flaw};
use kz_fakes::vault::{Fake, Transport};

/// A Vault, and a directory beside it with its CA in `ca.pem`.
pub(crate) struct Stage {
    pub(crate) fake: Fake,
    pub(crate) sandbox: Sandbox,
    /// The token in `VAULT_TOKEN`; the root's, unless a test sets another.
    pub(crate) token: Option<String>,
}

impl Stage {
    pub(crate) fn new(transport: Transport) -> Self {
        Self::before(Fake::start(transport))
    }

    pub(crate) fn before(fake: Fake) -> Self {
        let sandbox = Sandbox::new();
        sandbox.file("ca.pem", fake.ca());
        let token = Some(fake.configure(|vault| vault.root()));
        Self { fake, sandbox, token }
    }

    /// So many documents, each with a field `value`, and a secret `S0`… for each.
    pub(crate) fn documents(&self, count: usize) {
        let mut config = "[secrets]\n".to_owned();
        for number in 0..count {
            self.fake.write(
                &format!("secret/data/d{number}"),
                &json!({ "data": { "value": format!("v{number}") } }),
            );
            let _ = writeln!(
                config,
                "S{number} = {{ provider = \"vault\", ref = \"secret/data/d{number}/value\" }}"
            );
        }
        self.sandbox.file(".keyzero.toml", config);
    }

    /// These secrets, by name and ref, and a further section.
    pub(crate) fn secrets(&self, secrets: &[(&str, &str)], section: &str) {
        let line =
            |(name, path): &(&str, &str)| format!("{name} = {{ provider = \"vault\", ref = \"{path}\" }}\n");
        let lines: String = secrets.iter().map(line).collect();
        self.sandbox.file(".keyzero.toml", format!("[secrets]\n{lines}{section}"));
    }

    /// kz, told where the Vault is and who it is.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(kz_binary());
        command.args(words).env("VAULT_ADDR", self.fake.url()).env("VAULT_CACERT", "ca.pem");
        command.envs(self.token.as_ref().map(|token| ("VAULT_TOKEN", token)));
        command
    }

    pub(crate) fn kz(&self, words: &[&str]) -> Run {
        self.sandbox.run(&mut self.command(words))
    }

    /// kz, started and not waited for.
    pub(crate) fn spawn(&self, words: &[&str]) -> Child {
        let mut command = self.command(words);
        command.current_dir(self.sandbox.path("")).stdin(Stdio::null()).stdout(Stdio::null());
        command.env_remove("KEYZERO_ENV").spawn().expect("kz")
    }
}

/// A Vault in some state, as `tests/cases/` names it, and the address to give kz.
pub(crate) fn named(name: &str) -> (Stage, String) {
    let answers = |act: Act| {
        let stage = Stage::new(Transport::Http2);
        stage.fake.script(Rule::new("secret/", act));
        stage
    };
    let stage = match name {
        "running" => Stage::new(Transport::Http2),
        "plain" | "plain-behind-https" => Stage::new(Transport::Plain),
        // Nobody asks this one.
        _ if instead(name).is_some() => Stage::new(Transport::Plain),
        "tls-behind-http" => Stage::new(Transport::Http1),
        "expired" => Stage::before(Fake::flawed(Transport::Http2, Flaw::Expired)),
        "other-name" => Stage::before(Fake::flawed(Transport::Http2, Flaw::OtherName)),
        "wrong-ca" => {
            let stage = Stage::new(Transport::Http2);
            stage.sandbox.file("ca.pem", Authority::new().pem());
            stage
        }
        // What stands before Vault has no route to it.
        "ingress" => answers(Act::Answer(Reply::new(404, "text/plain", "404 page not found\n"))),
        // As recorded of an OpenBao.
        "engine-down" => {
            let stage = Stage::new(Transport::Http2);
            let said = "1 error occurred:\n\t* unable to start transaction: failed to connect to `user=admin \
                        database=postgres`: 127.0.0.1:5432: connect: connection refused\n\n";
            let text = json!({ "errors": [said] }).to_string();
            stage.fake.script(Rule::new("database/", Act::Answer(Reply::new(500, "application/json", text))));
            stage
        }
        "truncated" => answers(Act::Truncate),
        "breaking" => answers(Act::Break),
        "no-json" => answers(Act::Text("<html><body>Sign in to the portal</body></html>")),
        "huge" => answers(Act::Huge(100 << 20)),
        "gzip-bomb" => answers(Act::Gzip(256 << 20)),
        "hanging" => answers(Act::Hang),
        "hanging-in-the-body" => answers(Act::HangInBody),
        "sealed" => {
            let stage = Stage::new(Transport::Http2);
            stage.fake.configure(|vault| vault.sealed = true);
            stage
        }
        _ => panic!("no Vault is called {name:?}"),
    };
    if !stage.fake.configure(|vault| vault.sealed) {
        furnish(&stage.fake);
    }
    let url = match name {
        "plain-behind-https" => stage.fake.url().replace("http:", "https:"),
        "tls-behind-http" => stage.fake.url().replace("https:", "http:"),
        _ => instead(name).map_or_else(|| stage.fake.url(), always),
    };
    (stage, url)
}

/// What somebody else than a Vault answers: a server that is broken, a proxy that lets nobody through, or not this
/// one, and what is no web server.
fn instead(name: &str) -> Option<&'static str> {
    Some(match name {
        "control-characters" => {
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Note: a\x1b[2Jb\x07\r\nContent-Length: 2\r\n\r\n{}"
        }
        "proxy-407" => {
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"canary\"\r\nContent-Length: 0\r\n\r\n"
        }
        "proxy-403" => "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\ncanary",
        "no-http" => "220 mail.example ESMTP\r\n",
        _ => return None,
    })
}

/// The address of a server that answers so, whatever it is asked.
fn always(answer: &'static str) -> String {
    let server = Server::plain(move |_| Answer::Bytes(answer.as_bytes().to_vec()));
    format!("http://127.0.0.1:{}", server.port)
}

/// What all of them hold: `secret/data/app`, a deleted and a destroyed version, a policy `app`.
fn furnish(fake: &Fake) {
    fake.write(
        "secret/data/app",
        &json!({ "data": { "url": "postgres://db", "user": "app", "port": 5432 } }),
    );
    fake.write("secret/data/deep/app/db", &json!({ "data": { "url": "postgres://db" } }));
    for gone in ["deleted", "destroyed"] {
        fake.write(&format!("secret/data/{gone}"), &json!({ "data": { "value": "old" } }));
    }
    fake.write("secret/delete/deleted", &json!({ "versions": [1] }));
    fake.write("secret/destroy/destroyed", &json!({ "versions": [1] }));
    fake.write("kv/app", &json!({ "url": "postgres://old" }));
    fake.configure(|vault| {
        vault.policy("", "app", &["secret/data/app"]);
        vault.mount_kv("", "team/kv", 2);
    });
    fake.write("team/kv/data/app", &json!({ "data": { "url": "postgres://team" } }));
}
