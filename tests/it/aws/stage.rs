//! A directory whose configuration reads the AWS of this process.

use std::fmt::Write as _;
use std::process::{Child, Command, Stdio};

use crate::support::{Run, Sandbox, kz_binary};
use kz_fakes::aws::{Fake, Keys, REGION};
use kz_fakes::fake_server::Transport;

/// An AWS, and a directory beside it with its CA in `ca.pem`.
pub(crate) struct Stage {
    pub(crate) fake: Fake,
    pub(crate) sandbox: Sandbox,
    /// The keys in the environment, if any; those that the fake begins with, unless a test sets others.
    pub(crate) keys: Option<Keys>,
    /// Further variables.
    pub(crate) variables: Vec<(&'static str, String)>,
}

impl Stage {
    pub(crate) fn new(transport: Transport) -> Self {
        Self::before(Fake::start(transport))
    }

    pub(crate) fn before(fake: Fake) -> Self {
        let sandbox = Sandbox::new();
        sandbox.file("ca.pem", fake.ca());
        let keys = Some(fake.configure(|aws| aws.keys()));
        Self { fake, sandbox, keys, variables: Vec::new() }
    }

    /// So many secrets `s0`…, and a secret `S0`… of the configuration for each.
    pub(crate) fn secrets(&self, count: usize) {
        let mut config = "[secrets]\n".to_owned();
        for number in 0..count {
            self.fake.configure(|aws| aws.secret(&format!("s{number}"), &format!("v{number}")));
            let _ = writeln!(config, "S{number} = {{ provider = \"aws-sm\", ref = \"s{number}\" }}");
        }
        self.sandbox.file(".keyzero.toml", config);
    }

    /// These lines of `[secrets]`, and further sections.
    pub(crate) fn config(&self, text: &str) {
        self.sandbox.file(".keyzero.toml", format!("[secrets]\n{text}"));
    }

    /// kz, told where AWS is and who it is. No metadata service is asked that a test has not named.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(kz_binary());
        command.args(words).env("AWS_ENDPOINT_URL", self.fake.url()).env("AWS_CA_BUNDLE", "ca.pem");
        command.env("AWS_REGION", REGION).env("HOME", self.sandbox.path(""));
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        if let Some(Keys { id, secret, token }) = &self.keys {
            command.env("AWS_ACCESS_KEY_ID", id).env("AWS_SECRET_ACCESS_KEY", secret);
            command.envs(token.as_ref().map(|token| ("AWS_SESSION_TOKEN", token)));
        }
        for (name, value) in &self.variables {
            if value.is_empty() {
                command.env_remove(name)
            } else {
                command.env(name, value)
            };
        }
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
