//! The contract's rows of `1password`: a Connect server, over TLS.

use std::time::Duration;

use super::{BYTES, Row, Scene, Situation};
use crate::support::Sandbox;
use kz_fakes::connect::{Fake, TOKEN};
use kz_fakes::fake_server::Transport;
use kz_fakes::fake_server::script::{Act, Rule};

pub(super) fn rows(situation: Situation, sandbox: &Sandbox, canary: &str) -> Row {
    let fake = match situation {
        Situation::Unreachable => Fake::closed(Transport::Http2),
        _ => Fake::start(Transport::Http2),
    };
    fake.configure(|connect| {
        connect.vault("prod");
        connect.item("prod", "app");
        connect.field("prod", "app", None, "value", if situation == Situation::Empty { "" } else { canary });
        connect.file("prod", "app", "bytes", BYTES);
    });
    let secret = |name: &str, path: &str| {
        format!("{name} = {{ provider = \"1password\", ref = \"op://prod/{path}\" }}\n")
    };
    let mut secrets = secret("V", "app/value");
    let mut words: &'static [&'static str] = &[];
    let read = "/v1/vaults";
    match situation {
        Situation::Present | Situation::Empty | Situation::Unset => {}
        Situation::Absent => {
            secrets = secret("V", "app/none");
            words = &["no field or file `none`", "`value`"];
        }
        Situation::Denied => {
            fake.script(Rule::status("/v1/vaults/", 403));
            words = &["does not open this vault", "403"];
        }
        Situation::Unreachable => words = &["connection refused", "up yet?"],
        Situation::Slow => fake.script(Rule::new(read, Act::Slow(Duration::from_millis(5)))),
        Situation::Malformed => {
            fake.script(Rule::new(read, Act::Text("<html>Sign in to the portal</html>")));
            words = &["is not what a Connect server gives"];
        }
        Situation::Huge => {
            fake.script(Rule::new(read, Act::Huge(100 << 20)));
            words = &["more than 64 MiB"];
        }
        Situation::Binary => secrets = secret("V", "app/bytes"),
        Situation::Fields => {
            fake.configure(|connect| {
                connect.field("prod", "app", None, "a", canary);
                connect.field("prod", "app", Some("b"), "c", "two");
                connect.field("prod", "app", Some("e"), "d", "{\"d\":[1,null]}");
            });
            secrets = [("A", "app/a"), ("B", "app/b/c"), ("C", "app/e/d")]
                .map(|(name, path)| secret(name, path))
                .concat();
        }
        Situation::Deadline => {
            fake.script(Rule::new(read, Act::Hang));
            words = &["no answer from 127.0.0.1", "for 2 s"];
        }
        Situation::Failing => {
            fake.script(Rule::status(read, 500));
            words = &["for 2 s", "500"];
        }
        Situation::Untrusted => words = &["certificate"],
    }
    sandbox.file("ca.pem", fake.ca());
    sandbox.file("token", format!("{TOKEN}\n"));
    let trust = if situation == Situation::Untrusted { "" } else { "ca_cert = \"ca.pem\"\n" };
    let token = if situation == Situation::Unset { "" } else { "token_file = \"token\"\n" };
    let section = format!("[providers.1password]\nconnect_host = \"{}\"\n{trust}{token}", fake.url());
    let scene = Scene::new(&format!("[secrets]\n{secrets}{section}"));
    Row::Scene(Scene { backend: Some(Box::new(fake)), ..scene }.words(words))
}
