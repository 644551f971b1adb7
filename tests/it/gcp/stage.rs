//! A directory whose configuration reads the Google Cloud of this process.

use std::fmt::Write as _;
use std::process::{Child, Command, Stdio};

use crate::support::{Run, Sandbox, kz_binary};
use kz_fakes::fake_server::Transport;
use kz_fakes::gcp::{Fake, Gcp, PROJECT};

/// The one secret of most tests.
pub(crate) const LINE: &str = "V = { provider = \"gcp-sm\", ref = \"app\" }\n";

/// A Google Cloud, and a directory beside it with its CA in `ca.pem`.
pub(crate) struct Stage {
    pub(crate) fake: Fake,
    pub(crate) sandbox: Sandbox,
    /// What the environment says of an identity, and whatever else. No metadata server is asked that is not named here.
    pub(crate) variables: Vec<(&'static str, String)>,
}

impl Stage {
    /// With a token in the environment.
    pub(crate) fn new(transport: Transport) -> Self {
        let mut stage = Self::without_identity(transport);
        let token = stage.fake.configure(|gcp| gcp.token(&Gcp::email("app")));
        stage.set("GOOGLE_OAUTH_ACCESS_TOKEN", token);
        stage
    }

    /// Without an identity; its one secret `app`, which the configuration names `V`, only this account may read. Plain:
    /// metadata servers are not asked over TLS.
    pub(crate) fn only_for(reader: &str) -> Self {
        let stage = Self::without_identity(Transport::Plain);
        stage.fake.configure(|gcp| {
            gcp.secret("app", "value");
            gcp.only_for("app", reader);
        });
        stage.config(LINE);
        stage
    }

    /// The same with the account's key in a file that a variable names.
    pub(crate) fn with_key() -> Self {
        let mut stage = Self::only_for(&Gcp::email("app"));
        let origin = stage.fake.url();
        let key = stage.fake.configure(|gcp| gcp.key("app", &origin));
        stage.credentials(&key.json);
        stage
    }

    /// The same on an instance that has the account.
    pub(crate) fn instance() -> Self {
        let mut stage = Self::only_for(&Gcp::email("vm"));
        stage.set("NO_GCE_CHECK", "");
        stage.set("GCE_METADATA_HOST", stage.fake.address.to_string());
        stage.fake.configure(|gcp| gcp.instance("vm"));
        stage
    }

    pub(crate) fn without_identity(transport: Transport) -> Self {
        let (fake, sandbox) = (Fake::start(transport), Sandbox::new());
        sandbox.file("ca.pem", fake.ca());
        let mut stage = Self { fake, sandbox, variables: Vec::new() };
        stage.set("NO_GCE_CHECK", "true");
        stage.set("GOOGLE_CLOUD_PROJECT", PROJECT);
        stage
    }

    /// A variable, or this value instead of another; nothing unsets it.
    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.variables.retain(|(known, _)| *known != name);
        let value = value.into();
        if !value.is_empty() {
            self.variables.push((name, value));
        }
    }

    /// A credentials file in the directory.
    pub(crate) fn credentials(&mut self, json: &serde_json::Value) {
        self.sandbox.file("credentials.json", json.to_string());
        self.set("GOOGLE_APPLICATION_CREDENTIALS", "credentials.json");
    }

    /// So many secrets `s0`…, and a secret `S0`… of the configuration for each.
    pub(crate) fn secrets(&self, count: usize) {
        let mut lines = String::new();
        for number in 0..count {
            self.fake.configure(|gcp| gcp.secret(&format!("s{number}"), format!("v{number}")));
            let _ = writeln!(lines, "S{number} = {{ provider = \"gcp-sm\", ref = \"s{number}\" }}");
        }
        self.config(&lines);
    }

    /// These lines of `[secrets]`, with the fake's address and CA.
    pub(crate) fn config(&self, lines: &str) {
        self.section(lines, &format!("endpoint = \"{}\"\n", self.fake.url()));
    }

    /// These lines of `[secrets]`, and these of the provider's section.
    pub(crate) fn section(&self, lines: &str, settings: &str) {
        let text = format!("[secrets]\n{lines}[providers.gcp-sm]\nca_cert = \"ca.pem\"\n{settings}");
        self.sandbox.file(".keyzero.toml", text);
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(kz_binary());
        command.args(words).env("HOME", self.sandbox.path(""));
        for (name, value) in &self.variables {
            command.env(name, value);
        }
        command
    }

    pub(crate) fn kz(&self, words: &[&str]) -> Run {
        self.sandbox.run(&mut self.command(words))
    }

    /// That kz delivers the one value, and what it says meanwhile.
    #[track_caller]
    pub(crate) fn expect(&self, words: &[&str]) -> Run {
        let run = self.kz(&["export", "--format", "env"]).expect_code(0).expect_stderr(words);
        assert_eq!(run.stdout(), "V=value\n", "{}", run.describe());
        run
    }

    /// That it does not, and what it says of that.
    #[track_caller]
    pub(crate) fn fails(&self, words: &[&str]) -> Run {
        self.kz(&["-v", "--timeout", "3s", "export", "--format", "env"])
            .expect_unresolved()
            .expect_stderr(words)
    }

    /// kz, started and not waited for.
    pub(crate) fn spawn(&self, words: &[&str]) -> Child {
        let mut command = self.command(words);
        command.current_dir(self.sandbox.path("")).stdin(Stdio::null()).stdout(Stdio::null());
        command.env_remove("KEYZERO_ENV").spawn().expect("kz")
    }
}
