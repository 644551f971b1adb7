//! Secrets of Secrets Manager, in batches and where those are denied; parameters.

use std::fmt::Write as _;

use crate::scene::{Scene, head};
use kz_fakes::aws::{Aws, Kind, REGION};
use kz_fakes::fake_server::{Fake, Transport};

fn variables(fake: &Fake<Aws>, url: String) -> Vec<(&'static str, String)> {
    let keys = fake.configure(|aws| aws.keys());
    vec![
        ("AWS_ENDPOINT_URL", url),
        ("AWS_CA_BUNDLE", "ca.pem".to_owned()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", keys.id),
        ("AWS_SECRET_ACCESS_KEY", keys.secret),
    ]
}

fn scene(transport: Transport, count: usize, provider: &str) -> Scene<Aws> {
    let mut config = "[secrets]\n".to_owned();
    for number in 0..count {
        let _ = writeln!(config, "S{number} = {{ provider = \"{provider}\", ref = \"s{number}\" }}");
    }
    let scene = Scene::new(transport, &config, variables);
    scene.fake.configure(|aws| {
        for number in 0..count {
            let (name, value) = (format!("s{number}"), format!("value {number}"));
            aws.secret(&name, &value);
            aws.parameter(&name, Kind::Secure, &value);
        }
    });
    scene
}

pub(crate) fn measure() {
    head("AWS over TLS, keys of the environment");
    for (protocol, transport) in [("HTTP/1.1", Transport::Http1), ("HTTP/2", Transport::Http2)] {
        for count in [1, 10, 100, 500] {
            let budget = if count == 100 { "<= 6 RTT, 5 requests" } else { "" };
            scene(transport, count, "aws-sm").row(&format!("{protocol}, secrets: {count}"), budget);
        }
        let denied = scene(transport, 100, "aws-sm");
        denied.fake.configure(|aws| aws.forbid("secretsmanager:BatchGetSecretValue"));
        denied.row(&format!("{protocol}, secrets: 100, no batches"), "<= 32 connections");
        scene(transport, 100, "aws-ssm").row(&format!("{protocol}, parameters: 100"), "10 requests");
    }
}
