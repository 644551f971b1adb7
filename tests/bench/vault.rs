//! Documents and fields of a Vault.

use std::fmt::Write as _;

use serde_json::json;

use crate::scene::{FAR_TRIP, Scene, head, head_at};
use kz_fakes::fake_server::Fake;
use kz_fakes::vault::{Transport, Vault};

fn variables(fake: &Fake<Vault>, url: String) -> Vec<(&'static str, String)> {
    let token = fake.configure(|vault| vault.root());
    vec![("VAULT_ADDR", url), ("VAULT_CACERT", "ca.pem".to_owned()), ("VAULT_TOKEN", token)]
}

fn documents(transport: Transport, count: usize) -> Scene<Vault> {
    let mut config = "[secrets]\n".to_owned();
    for number in 0..count {
        let _ =
            writeln!(config, "S{number} = {{ provider = \"vault\", ref = \"secret/data/d{number}/value\" }}");
    }
    let scene = Scene::new(transport, &config, variables);
    for number in 0..count {
        let body = json!({ "data": { "value": format!("value {number}") } });
        scene.fake.write(&format!("secret/data/d{number}"), &body);
    }
    scene
}

fn fields(transport: Transport, count: usize) -> Scene<Vault> {
    let mut config = "[secrets]\n".to_owned();
    for number in 0..count {
        let _ = writeln!(config, "S{number} = {{ provider = \"vault\", ref = \"secret/data/d/f{number}\" }}");
    }
    let scene = Scene::new(transport, &config, variables);
    let fields: serde_json::Map<_, _> =
        (0..count).map(|number| (format!("f{number}"), json!("value"))).collect();
    scene.fake.write("secret/data/d", &json!({ "data": fields }));
    scene
}

pub(crate) fn measure() {
    head("Vault over TLS, token auth");
    for (protocol, transport, budget) in [
        ("HTTP/2", Transport::Http2, "<= 6 RTT, 1 connection"),
        ("HTTP/1.1", Transport::Http1, "<= 9 RTT, <= 32 connections"),
    ] {
        for count in [1, 10, 100, 500] {
            let budget = if count == 100 { budget } else { "" };
            documents(transport, count).row(&format!("{protocol}, documents: {count}"), budget);
        }
        fields(transport, 100).row(&format!("{protocol}, 100 fields of one document"), "1 request");
    }
    head_at(FAR_TRIP, "Vault in plain HTTP, far away");
    documents(Transport::Plain, 100).distant_row("HTTP/1.1, documents: 100", "<= 4 RTT");
}
