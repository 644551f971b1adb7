//! The contract's rows of `aws-sm` and `aws-ssm`: the fake, over TLS.

use std::time::Duration;

use super::{BYTES, BYTES_BASE64, Row, Scene, Situation, fields};
use crate::support::Sandbox;
use kz_fakes::aws::{Aws, Fake, Kind, REGION};
use kz_fakes::fake_server::Transport;
use kz_fakes::fake_server::script::{Act, Rule};

/// One of the two services.
struct Service {
    provider: &'static str,
    /// The name of a read.
    read: &'static str,
    put: fn(&mut Aws, &str, &str),
    deny: fn(&mut Aws, &str),
}

pub(super) fn secrets(situation: Situation, sandbox: &Sandbox, canary: &str) -> Row {
    let service = Service {
        provider: "aws-sm",
        read: "secretsmanager.",
        put: |aws, name, value| drop(aws.secret(name, value)),
        deny: |aws, name| aws.deny(name),
    };
    service.rows(situation, sandbox, canary)
}

pub(super) fn parameters(situation: Situation, sandbox: &Sandbox, canary: &str) -> Row {
    if situation == Situation::Empty {
        return Row::DoesNotApply("a parameter has at least one character");
    }
    let service = Service {
        provider: "aws-ssm",
        read: "ssm.",
        put: |aws, name, value| {
            aws.parameter(name, Kind::Secure, value);
        },
        deny: |aws, name| aws.deny_parameter(name),
    };
    service.rows(situation, sandbox, canary)
}

impl Service {
    fn secret(&self, name: &str, path: &str, more: &str) -> String {
        format!("{name} = {{ provider = \"{}\", ref = \"{path}\"{more} }}\n", self.provider)
    }

    fn rows(&self, situation: Situation, sandbox: &Sandbox, canary: &str) -> Row {
        let fake = match situation {
            Situation::Unreachable => Fake::closed(Transport::Http2),
            _ => Fake::start(Transport::Http2),
        };
        let keys = fake.configure(|aws| {
            (self.put)(aws, "app", canary);
            aws.keys()
        });
        let mut secrets = self.secret("V", "app", "");
        let mut words: &'static [&'static str] = &[];
        match situation {
            Situation::Present => {}
            Situation::Absent => {
                secrets = self.secret("V", "none", "");
                words = &["nothing is there"];
            }
            Situation::Denied => {
                fake.configure(|aws| (self.deny)(aws, "app"));
                words = &["may not", "AccessDenied"];
            }
            Situation::Unreachable => words = &["connection refused", "in eu-west-1"],
            Situation::Slow => fake.script(Rule::new(self.read, Act::Slow(Duration::from_millis(5)))),
            Situation::Malformed => {
                fake.script(Rule::new(self.read, Act::Text("<html>Sign in to the portal</html>")));
                words = &["is not the service", "status 200"];
            }
            Situation::Huge => {
                fake.script(Rule::new(self.read, Act::Huge(100 << 20)));
                words = &["more than 64 MiB"];
            }
            Situation::Binary if self.provider == "aws-sm" => {
                fake.configure(|aws| aws.binary("bytes", BYTES));
                secrets = self.secret("V", "bytes", "");
            }
            Situation::Binary => {
                fake.configure(|aws| (self.put)(aws, "bytes", BYTES_BASE64));
                secrets = self.secret("V", "bytes", ", encoding = \"base64\"");
            }
            Situation::Empty => drop(fake.configure(|aws| aws.secret("app", ""))),
            Situation::Fields => {
                fake.configure(|aws| (self.put)(aws, "app", &fields(canary)));
                let fields = [("A", "app#a"), ("B", "app#b.c"), ("C", "app#/e")];
                secrets = fields.map(|(name, path)| self.secret(name, path, "")).concat();
            }
            Situation::Deadline => {
                fake.script(Rule::new(self.read, Act::Hang));
                words = &["no answer from", "for 2 s"];
            }
            Situation::Failing => {
                fake.script(Rule::status(self.read, 500));
                words = &["for 2 s", "the service failed"];
            }
            Situation::Untrusted => words = &["certificate"],
            Situation::Unset => words = &["no AWS identity"],
        }
        sandbox.file("ca.pem", fake.ca());
        let trust = if situation == Situation::Untrusted { "" } else { "ca_cert = \"ca.pem\"\n" };
        let section = format!(
            "[providers.{}]\nendpoint = \"{}\"\nregion = \"{REGION}\"\n{trust}",
            self.provider,
            fake.url()
        );
        let scene = Scene::new(&format!("[secrets]\n{secrets}{section}"));
        let variables = match situation {
            Situation::Unset => vec![("AWS_EC2_METADATA_DISABLED", b"true".to_vec())],
            _ => vec![("AWS_ACCESS_KEY_ID", keys.id.into()), ("AWS_SECRET_ACCESS_KEY", keys.secret.into())],
        };
        Row::Scene(Scene { backend: Some(Box::new(fake)), variables, ..scene }.words(words))
    }
}
