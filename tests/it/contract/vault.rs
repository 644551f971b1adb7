//! The contract's rows of `vault`: the fake, over TLS and HTTP/2.

use std::time::Duration;

use serde_json::{Value, json};

use super::{BYTES_BASE64, Row, Scene, Situation, fields};
use crate::support::Sandbox;
use kz_fakes::vault::script::{Act, Rule};
use kz_fakes::vault::{Fake, Transport};

const PATH: &str = "secret/data/app";

pub(super) fn rows(situation: Situation, sandbox: &Sandbox, canary: &str) -> Row {
    let fake = match situation {
        Situation::Unreachable => Fake::closed(Transport::Http2),
        _ => Fake::start(Transport::Http2),
    };
    let token = fake.configure(|vault| {
        vault.policy("", "app", &["secret/data/app", "secret/data/none"]);
        vault.token("", &["app"])
    });
    let value = match situation {
        Situation::Binary => BYTES_BASE64,
        Situation::Empty => "",
        _ => canary,
    };
    fake.write(PATH, &json!({ "data": { "value": value } }));
    let mut secrets = "V = { provider = \"vault\", ref = \"secret/data/app/value\" }\n".to_owned();
    let mut words: &'static [&'static str] = &[];
    match situation {
        Situation::Present | Situation::Empty | Situation::Unset => {}
        Situation::Absent => {
            secrets = secrets.replace("app/value", "none/value");
            words = &["nothing is there"];
        }
        Situation::Denied => {
            secrets = secrets.replace("app/value", "other/value");
            words = &["permission denied", "403"];
        }
        Situation::Unreachable => words = &["connection refused", "127.0.0.1", "up yet?"],
        Situation::Slow => fake.script(Rule::new(PATH, Act::Slow(Duration::from_millis(5)))),
        Situation::Malformed => {
            fake.script(Rule::new(PATH, Act::Truncate));
            words = &["the answer is not what Vault sends"];
        }
        Situation::Huge => {
            fake.script(Rule::new(PATH, Act::Huge(100 << 20)));
            words = &["more than 64 MiB"];
        }
        Situation::Binary => secrets = secrets.replace(" }", ", encoding = \"base64\" }"),
        Situation::Fields => {
            let document: Value = serde_json::from_str(&fields(canary)).expect("JSON");
            fake.write(PATH, &json!({ "data": document }));
            secrets = ["A|a", "B|b.c", "C|/e"].map(secret).concat();
        }
        Situation::Deadline => {
            fake.script(Rule::new(PATH, Act::Hang));
            words = &["no answer from 127.0.0.1", "for 2 s"];
        }
        Situation::Failing => {
            fake.script(Rule::status(PATH, 500));
            words = &["for 2 s", "500"];
        }
        Situation::Untrusted => words = &["certificate"],
    }
    sandbox.file("ca.pem", fake.ca());
    let mut config = format!("[secrets]\n{secrets}[providers.vault]\naddress = \"{}\"\n", fake.url());
    if situation != Situation::Untrusted {
        config.push_str("ca_cert = \"ca.pem\"\n");
    }
    if situation != Situation::Unset {
        config.push_str("token_file = \"token\"\n");
    }
    sandbox.file("token", token);
    let scene = Scene { backend: Some(Box::new(fake)), ..Scene::new(&config) };
    Row::Scene(scene.words(words))
}

fn secret(name_and_field: &str) -> String {
    let (name, field) = name_and_field.split_once('|').expect("two parts");
    format!("{name} = {{ provider = \"vault\", ref = \"secret/data/app#{field}\" }}\n")
}
