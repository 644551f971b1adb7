//! The contract's rows of `gcp-sm`: the fake, over TLS.

use std::time::Duration;

use super::{BYTES, Row, Scene, Situation, fields};
use crate::support::Sandbox;
use kz_fakes::fake_server::Transport;
use kz_fakes::fake_server::script::{Act, Rule};
use kz_fakes::gcp::{Fake, Gcp, PROJECT};

pub(super) fn rows(situation: Situation, sandbox: &Sandbox, canary: &str) -> Row {
    let fake = match situation {
        Situation::Unreachable => Fake::closed(Transport::Http2),
        _ => Fake::start(Transport::Http2),
    };
    let token = fake.configure(|gcp| {
        gcp.secret("app", canary);
        gcp.token(&Gcp::email("app"))
    });
    let secret = |name: &str, path: &str| format!("{name} = {{ provider = \"gcp-sm\", ref = \"{path}\" }}\n");
    let mut secrets = secret("V", "app");
    let mut words: &'static [&'static str] = &[];
    match situation {
        Situation::Present | Situation::Unset => {}
        Situation::Absent => {
            secrets = secret("V", "none");
            words = &["nothing is there"];
        }
        Situation::Denied => {
            fake.configure(|gcp| gcp.deny(&Gcp::email("app")));
            words = &["permission denied", "IAM_PERMISSION_DENIED"];
        }
        Situation::Unreachable => words = &["connection refused"],
        Situation::Slow => fake.script(Rule::new("access/", Act::Slow(Duration::from_millis(5)))),
        Situation::Malformed => {
            fake.script(Rule::new("access/", Act::Text("<html>Sign in to the portal</html>")));
            words = &["the answer is not what Google sends"];
        }
        Situation::Huge => {
            fake.script(Rule::new("access/", Act::Huge(100 << 20)));
            words = &["more than 64 MiB"];
        }
        Situation::Binary => drop(fake.configure(|gcp| gcp.secret("app", BYTES))),
        Situation::Empty => drop(fake.configure(|gcp| gcp.secret("app", ""))),
        Situation::Fields => {
            fake.configure(|gcp| gcp.secret("app", fields(canary)));
            let fields = [("A", "app#a"), ("B", "app#b.c"), ("C", "app#/e")];
            secrets = fields.map(|(name, path)| secret(name, path)).concat();
        }
        Situation::Deadline => {
            fake.script(Rule::new("access/", Act::Hang));
            words = &["no answer from", "for 2 s"];
        }
        Situation::Failing => {
            fake.script(Rule::status("access/", 500));
            words = &["for 2 s", "the service failed"];
        }
        Situation::Untrusted => words = &["certificate"],
    }
    sandbox.file("ca.pem", fake.ca());
    let trust = if situation == Situation::Untrusted { "" } else { "ca_cert = \"ca.pem\"\n" };
    let section =
        format!("[providers.gcp-sm]\nendpoint = \"{}\"\nproject = \"{PROJECT}\"\n{trust}", fake.url());
    let scene = Scene::new(&format!("[secrets]\n{secrets}{section}"));
    let variables = match situation {
        Situation::Unset => vec![("GOOGLE_APPLICATION_CREDENTIALS", b"nowhere.json".to_vec())],
        _ => vec![("GOOGLE_OAUTH_ACCESS_TOKEN", token.into())],
    };
    Row::Scene(Scene { backend: Some(Box::new(fake)), variables, ..scene }.words(words))
}
