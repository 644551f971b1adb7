//! What reading from Vault costs, in counts: requests, connections, and waves of requests that wait for one another.
//! No time is measured here; `make bench` does that.

use std::process::Child;

use serde_json::json;

use crate::vault::stage::Stage;
use crate::waves::{distant_waves, waves};
use kz_fakes::vault::{Fake, Protocol, Transport};

const EXPORT: &[&str] = &["export", "--format", "env", "--output", "out"];

/// Exports so many documents, and holds kz to that many reads and nothing else.
fn export_documents(transport: Transport, count: usize) -> Stage {
    let stage = Stage::new(transport);
    stage.documents(count);
    let run = stage.kz(EXPORT).expect_code(0);
    let lines = std::fs::read_to_string(stage.sandbox.path("out")).unwrap();
    assert_eq!(lines.lines().count(), count, "{}", run.describe());
    let mut paths: Vec<String> = stage.fake.seen().into_iter().map(|seen| seen.path).collect();
    paths.sort();
    paths.dedup();
    assert!(paths.iter().all(|path| path.starts_with("secret/data/d")), "{paths:?}");
    assert_eq!((paths.len(), stage.fake.seen().len()), (count, count), "a document is not read once");
    stage
}

#[test]
fn a_hundred_documents_are_a_hundred_reads_on_one_connection_of_http2() {
    let stage = export_documents(Transport::Http2, 100);
    assert!(stage.fake.seen().iter().all(|seen| seen.protocol == Protocol::Http2));
    assert_eq!(stage.fake.connections(), 1);
}

#[test]
fn a_hundred_documents_are_a_hundred_reads_on_at_most_32_connections_of_http1() {
    for transport in [Transport::Http1, Transport::Plain] {
        let stage = export_documents(transport, 100);
        assert!(stage.fake.seen().iter().all(|seen| seen.protocol == Protocol::Http1));
        assert!(stage.fake.connections() <= 32, "{transport:?}: {} connections", stage.fake.connections());
    }
}

#[test]
fn a_hundred_fields_of_one_document_are_one_read() {
    let stage = Stage::new(Transport::Http2);
    let fields: serde_json::Map<_, _> = (0..100).map(|number| (format!("f{number}"), json!("v"))).collect();
    stage.fake.write("secret/data/app", &json!({ "data": fields }));
    let refs: Vec<_> = (0..100).map(|n| (format!("S{n}"), format!("secret/data/app/f{n}"))).collect();
    let refs: Vec<_> = refs.iter().map(|(name, path)| (name.as_str(), path.as_str())).collect();
    stage.secrets(&refs, "");
    stage.kz(EXPORT).expect_code(0);
    assert_eq!((stage.fake.seen().len(), stage.fake.connections()), (1, 1));
}

#[test]
fn user_and_password_of_a_dynamic_credential_come_from_one_lease() {
    let stage = Stage::new(Transport::Http2);
    stage.fake.configure(|vault| vault.database_role("", "app"));
    stage.secrets(&[("U", "database/creds/app/username"), ("P", "database/creds/app/password")], "");
    let run = stage.kz(&["export", "--format", "env"]).expect_code(0);
    let number = |name: &str| {
        let line = run.stdout().lines().find_map(|line| Some(line.strip_prefix(name)?.to_owned()));
        line.and_then(|line| Some(line.rsplit_once('-')?.1.to_owned()))
    };
    assert!(number("U=").is_some() && number("U=") == number("P="), "{}", run.describe());
    // And a look at the token that it ends with.
    assert_eq!((stage.fake.seen().len(), stage.fake.configure(|vault| vault.leases())), (2, 1));
}

#[test]
fn a_denied_document_is_asked_for_once() {
    let mut stage = Stage::new(Transport::Http2);
    stage.token = Some(stage.fake.configure(|vault| vault.token("", &["none"])));
    stage.documents(1);
    stage.kz(EXPORT).expect_unresolved().expect_stderr(&["permission denied"]);
    let paths: Vec<String> = stage.fake.seen().into_iter().map(|seen| seen.path).collect();
    // And for its mount, which may be of version 1, where no path has `data/`.
    assert_eq!(paths, ["secret/data/d0", "sys/internal/ui/mounts/secret/data/d0"]);
    assert!(!stage.sandbox.path("out").exists());
}

#[test]
fn a_path_without_data_is_corrected_once() {
    let stage = Stage::new(Transport::Http2);
    stage.fake.write("secret/data/app", &json!({ "data": { "value": "v" } }));
    stage.secrets(&[("V", "secret/app/value")], "");
    stage.kz(EXPORT).expect_code(0);
    let paths: Vec<String> = stage.fake.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths, ["secret/app", "secret/data/app"]);
}

#[test]
fn three_failing_secrets_among_ten_are_all_reported_and_nothing_is_written() {
    let mut stage = Stage::new(Transport::Http2);
    stage.documents(10);
    stage.token = Some(stage.fake.configure(|vault| {
        let allowed: Vec<String> =
            (0..10).filter(|number| number % 4 != 1).map(|number| format!("secret/data/d{number}")).collect();
        let allowed: Vec<&str> = allowed.iter().map(String::as_str).collect();
        vault.policy("", "most", &allowed);
        vault.token("", &["most"])
    }));
    let run = stage.kz(EXPORT).expect_unresolved().expect_stderr(&["S1", "S5", "S9"]);
    assert!(!run.stderr().contains("S0") && !run.stderr().contains("S8"), "{}", run.describe());
    // And one look whether the mount is of version 1, where no path has `data/`.
    assert_eq!(stage.fake.seen().len(), 11, "{}", run.describe());
    assert!(!stage.sandbox.path("out").exists(), "{}", run.describe());
}

fn waves_of_a_hundred(transport: Transport) -> (Vec<usize>, usize) {
    waves_of(100, transport, waves)
}

fn waves_of(
    count: usize,
    transport: Transport,
    waves: fn(&Fake, &mut Child) -> Vec<usize>,
) -> (Vec<usize>, usize) {
    let stage = Stage::new(transport);
    stage.documents(count);
    stage.fake.hold();
    let mut kz =
        stage.spawn(&["--timeout", "600s", "--quiet", "export", "--format", "env", "--output", "out"]);
    let waves = waves(&stage.fake, &mut kz);
    assert!(kz.wait().expect("kz").success());
    assert_eq!(waves.iter().sum::<usize>(), count);
    (waves, stage.fake.connections())
}

/// Before the first wave stand one round trip for TCP and one for TLS.
#[test]
fn a_hundred_documents_are_at_most_6_round_trips_of_http2() {
    let (waves, connections) = waves_of_a_hundred(Transport::Http2);
    assert!(waves.len() + 2 <= 6 && connections == 1, "{waves:?} on {connections} connections");
}

/// The same, and as much once more, since the further connections wait until the first one stands.
#[test]
fn a_hundred_documents_are_at_most_9_round_trips_of_http1() {
    let (waves, connections) = waves_of_a_hundred(Transport::Http1);
    assert!(waves.len() + 4 <= 9 && connections <= 32, "{waves:?} on {connections} connections");
}

/// Before the first wave stands one round trip for TCP, and one more before what goes over further connections.
#[test]
fn a_hundred_documents_far_away_are_at_most_4_round_trips_of_plain_http() {
    let (waves, connections) = waves_of(100, Transport::Plain, distant_waves);
    assert!(waves.len() + 2 <= 4, "{waves:?} on {connections} connections");
    assert!((33..=100).contains(&connections), "{waves:?} on {connections} connections");
}

#[test]
fn no_more_than_a_hundred_connections_go_anywhere_and_few_documents_need_few() {
    let (waves, connections) = waves_of(300, Transport::Plain, distant_waves);
    assert!(connections <= 100 && waves.iter().all(|wave| *wave <= 100), "{waves:?} on {connections}");
    let (waves, connections) = waves_of(5, Transport::Plain, distant_waves);
    assert!(connections <= 5, "{waves:?} on {connections} connections");
}
