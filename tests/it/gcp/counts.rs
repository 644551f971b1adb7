//! What reading from Secret Manager costs, in counts: requests, connections, and waves that wait for one another.

use std::fmt::Write as _;

use crate::gcp::stage::Stage;
use crate::waves::waves;
use kz_fakes::fake_server::Transport;
use kz_fakes::gcp::PROJECT;

const EXPORT: &[&str] = &["export", "--format", "env", "--output", "out"];

fn delivered(stage: &Stage) -> usize {
    std::fs::read_to_string(stage.sandbox.path("out")).expect("the output").lines().count()
}

/// With a service account's key, as it is used outside of Google: a token is asked for first.
fn with_key(transport: Transport) -> Stage {
    let mut stage = Stage::without_identity(transport);
    let origin = stage.fake.url();
    let key = stage.fake.configure(|gcp| gcp.key("app", &origin));
    stage.credentials(&key.json);
    stage
}

/// Tokens are had elsewhere than secrets, so each has a connection, as with the real ones.
#[test]
fn a_hundred_secrets_are_a_hundred_reads_on_one_connection_and_a_token_on_another() {
    let stage = with_key(Transport::Http2);
    stage.secrets(100);
    let run = stage.kz(EXPORT).expect_code(0);
    let counts = (stage.fake.requests("token"), stage.fake.requests("access/"), stage.fake.connections());
    assert_eq!((counts, delivered(&stage)), ((1, 100, 2), 100), "{}", run.describe());
}

/// Before each of the two connections' first wave stand one round trip for TCP and one for TLS.
#[test]
fn a_hundred_secrets_are_at_most_eight_round_trips_with_the_token() {
    let stage = with_key(Transport::Http2);
    stage.secrets(100);
    stage.fake.hold();
    let words = ["--timeout", "600s", "--quiet", "export", "--format", "env", "--output", "out"];
    let mut kz = stage.spawn(&words);
    let waves = waves(&stage.fake, &mut kz);
    assert!(kz.wait().expect("kz").success());
    assert!(waves.len() + 2 * 2 <= 8, "{waves:?}");
    assert_eq!((waves[0], waves.iter().sum::<usize>()), (1, 101), "{waves:?}");
}

#[test]
fn over_http_1_a_hundred_secrets_are_read_on_at_most_32_connections() {
    let stage = Stage::new(Transport::Http1);
    stage.secrets(100);
    let run = stage.kz(EXPORT).expect_code(0);
    assert_eq!((stage.fake.requests("access/"), delivered(&stage)), (100, 100), "{}", run.describe());
    assert!(stage.fake.connections() <= 32, "{} connections", stage.fake.connections());
}

/// The identity and the project are asked for in one wave.
#[test]
fn an_instance_s_token_and_project_are_asked_for_at_the_same_time() {
    let mut stage = Stage::without_identity(Transport::Plain);
    stage.set("NO_GCE_CHECK", "");
    stage.set("GOOGLE_CLOUD_PROJECT", "");
    stage.set("GCE_METADATA_HOST", stage.fake.address.to_string());
    stage.fake.configure(|gcp| gcp.instance("vm"));
    stage.secrets(1);
    stage.fake.hold();
    let words = ["--timeout", "600s", "--quiet", "export", "--format", "env", "--output", "out"];
    let mut kz = stage.spawn(&words);
    let waves = waves(&stage.fake, &mut kz);
    assert!(kz.wait().expect("kz").success());
    assert_eq!(waves, [2, 1]);
}

#[test]
fn spellings_of_one_version_and_fields_of_it_are_one_read() {
    let stage = Stage::new(Transport::Http2);
    let fields: Vec<String> = (0..50).map(|number| format!("\"f{number}\":\"v\"")).collect();
    stage.fake.configure(|gcp| gcp.secret("app", format!("{{{}}}", fields.join(","))));
    let (whole, mut lines) = (format!("projects/{PROJECT}/secrets/app"), String::new());
    for number in 0..50 {
        let path = ["app", whole.as_str(), "app/versions/latest"][number % 3];
        let _ = writeln!(lines, "S{number} = {{ provider = \"gcp-sm\", ref = \"{path}#f{number}\" }}");
    }
    stage.config(&lines);
    let run = stage.kz(EXPORT).expect_code(0);
    assert_eq!((stage.fake.requests("access/"), delivered(&stage)), (1, 50), "{}", run.describe());
}

#[test]
fn versions_aliases_and_locations_are_told_apart() {
    let stage = Stage::new(Transport::Http2);
    let regional = format!("projects/{PROJECT}/locations/europe-west3/secrets/app");
    stage.fake.configure(|gcp| {
        for value in ["one", "two", "three"] {
            gcp.secret("app", value);
        }
        gcp.alias("app", "live", 2);
        gcp.secret_at(&regional, "regional");
    });
    stage.config(&format!(
        "LATEST = {{ provider = \"gcp-sm\", ref = \"app\" }}\n\
         FIRST = {{ provider = \"gcp-sm\", ref = \"app\", version = 1 }}\n\
         LIVE = {{ provider = \"gcp-sm\", ref = \"app/versions/live\" }}\n\
         REGIONAL = {{ provider = \"gcp-sm\", ref = \"{regional}\" }}\n"
    ));
    let run = stage.kz(&["export", "--format", "env"]).expect_code(0);
    assert_eq!(run.stdout(), "LATEST=three\nFIRST=one\nLIVE=two\nREGIONAL=regional\n", "{}", run.describe());
    let mut places: Vec<String> = stage.fake.seen().into_iter().map(|seen| seen.namespace).collect();
    places.sort();
    assert_eq!(places, ["", "", "", "europe-west3"]);
    stage.section(
        "V = { provider = \"gcp-sm\", ref = \"app\" }\n",
        &format!("endpoint = \"{}\"\nlocation = \"europe-west3\"\n", stage.fake.url()),
    );
    assert_eq!(stage.kz(&["export", "--format", "env"]).expect_code(0).stdout(), "V=regional\n");
}
