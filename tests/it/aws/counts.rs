//! What reading from AWS costs, in counts: calls, connections, and waves of calls that wait for one another.

use std::fmt::Write as _;

use crate::aws::stage::Stage;
use crate::waves::waves;
use kz_fakes::aws::{Kind, words};
use kz_fakes::fake_server::script::{Act, Rule};
use kz_fakes::fake_server::{Reply, Transport};

const EXPORT: &[&str] = &["export", "--format", "env", "--output", "out"];
const BATCH: &str = "secretsmanager.BatchGetSecretValue";
const SINGLE: &str = "secretsmanager.GetSecretValue";

fn delivered(stage: &Stage) -> usize {
    std::fs::read_to_string(stage.sandbox.path("out")).expect("the output").lines().count()
}

/// Batches and single reads that were asked for.
fn calls(stage: &Stage) -> (usize, usize) {
    (stage.fake.requests(BATCH), stage.fake.requests(SINGLE))
}

#[test]
fn a_hundred_secrets_are_five_batches() {
    for transport in [Transport::Http1, Transport::Http2] {
        let stage = Stage::new(transport);
        stage.secrets(100);
        let run = stage.kz(EXPORT).expect_code(0);
        assert_eq!((calls(&stage), delivered(&stage)), ((5, 0), 100), "{}", run.describe());
        assert!(stage.fake.connections() <= 5, "{} connections", stage.fake.connections());
    }
}

/// Before the first wave stand one round trip for TCP and one for TLS, and as much once more for the further
/// connections of HTTP/1.1.
#[test]
fn a_hundred_secrets_are_at_most_six_round_trips() {
    for (transport, connecting) in [(Transport::Http1, 4), (Transport::Http2, 2)] {
        let stage = Stage::new(transport);
        stage.secrets(100);
        stage.fake.hold();
        let mut kz =
            stage.spawn(&["--timeout", "600s", "--quiet", "export", "--format", "env", "--output", "out"]);
        let waves = waves(&stage.fake, &mut kz);
        assert!(kz.wait().expect("kz").success());
        assert!(waves.len() + connecting <= 6, "{transport:?}: {waves:?}");
        assert_eq!(waves.iter().sum::<usize>(), 5);
    }
}

#[test]
fn a_denied_batch_is_a_hundred_reads_on_at_most_32_connections_and_the_permission_is_named() {
    let stage = Stage::new(Transport::Http1);
    stage.secrets(100);
    stage.fake.configure(|aws| aws.forbid("secretsmanager:BatchGetSecretValue"));
    let run = stage.kz(EXPORT).expect_code(0).expect_stderr(&["allow `secretsmanager:BatchGetSecretValue`"]);
    assert_eq!((calls(&stage), delivered(&stage)), ((5, 100), 100), "{}", run.describe());
    assert!(stage.fake.connections() <= 32, "{} connections", stage.fake.connections());
    assert_eq!(run.stderr().matches("BatchGetSecretValue`").count(), 1, "{}", run.describe());
}

#[test]
fn a_missing_optional_member_costs_no_call() {
    let stage = Stage::new(Transport::Http2);
    stage.secrets(99);
    let config = std::fs::read_to_string(stage.sandbox.path(".keyzero.toml")).expect("the configuration");
    let missing = "MISSING = { provider = \"aws-sm\", ref = \"none\", optional = true }\n";
    stage.sandbox.file(".keyzero.toml", config + missing);
    let run = stage.kz(EXPORT).expect_code(0);
    assert_eq!((calls(&stage), delivered(&stage)), ((5, 0), 99), "{}", run.describe());
}

#[test]
fn what_a_batch_leaves_out_is_asked_for_by_itself() {
    let stage = Stage::new(Transport::Http2);
    stage.secrets(20);
    stage.fake.configure(|aws| {
        aws.leave_out("s7");
        aws.leave_out("s8");
    });
    let run = stage.kz(EXPORT).expect_code(0);
    assert_eq!((calls(&stage), delivered(&stage)), ((1, 2), 20), "{}", run.describe());
}

#[test]
fn a_throttled_batch_is_read_one_by_one_and_a_throttled_read_is_tried_again() {
    let stage = Stage::new(Transport::Http2);
    stage.secrets(3);
    stage.fake.script(Rule::new(BATCH, Act::Answer(words::throttled())));
    stage.fake.script(Rule::new(SINGLE, Act::Answer(words::throttled())).times(2));
    let run = stage.kz(EXPORT).expect_code(0).expect_stderr(&["too many requests"]);
    assert_eq!((calls(&stage), delivered(&stage)), ((1, 5), 3), "{}", run.describe());
}

#[test]
fn a_status_of_429_and_the_services_own_failures_pass() {
    for status in [408, 429, 500, 502, 503, 504] {
        let stage = Stage::new(Transport::Http1);
        stage.secrets(1);
        stage.fake.script(Rule::status(SINGLE, status).times(2));
        let run = stage.kz(EXPORT).expect_code(0);
        assert_eq!(calls(&stage), (0, 3), "{status}\n{}", run.describe());
    }
    for act in [Act::Reset, Act::Break] {
        let stage = Stage::new(Transport::Http1);
        stage.secrets(3);
        stage.fake.script(Rule::new(BATCH, act.clone()).times(1));
        let run = stage.kz(EXPORT).expect_code(0);
        assert_eq!(calls(&stage), (2, 0), "{act:?}\n{}", run.describe());
    }
}

#[test]
fn a_hundred_fields_of_one_secret_are_one_read() {
    let stage = Stage::new(Transport::Http2);
    let fields: Vec<String> = (0..100).map(|number| format!("\"f{number}\":\"v\"")).collect();
    stage.fake.configure(|aws| aws.secret("app", &format!("{{{}}}", fields.join(","))));
    let lines = (0..100).map(|n| format!("S{n} = {{ provider = \"aws-sm\", ref = \"app#f{n}\" }}\n"));
    stage.config(&lines.collect::<String>());
    stage.kz(EXPORT).expect_code(0);
    assert_eq!((calls(&stage), delivered(&stage)), ((0, 1), 100));
}

#[test]
fn parameters_are_read_in_tens_and_versions_of_one_are_told_apart() {
    let stage = Stage::new(Transport::Http2);
    let mut lines = String::new();
    stage.fake.configure(|aws| {
        for number in 0..18 {
            aws.parameter(&format!("/p/{number}"), Kind::Secure, &format!("v{number}"));
            let _ = writeln!(lines, "P{number} = {{ provider = \"aws-ssm\", ref = \"/p/{number}\" }}");
        }
        aws.parameter("/p/0", Kind::Secure, "second");
        aws.label("/p/0", 1, "old");
    });
    lines += "FIRST = { provider = \"aws-ssm\", ref = \"/p/0\", version = \"1\" }\n";
    lines += "OLD = { provider = \"aws-ssm\", ref = \"ssm:///p/0:old\" }\n";
    stage.config(&lines);
    let run = stage.kz(EXPORT).expect_code(0);
    let text = std::fs::read_to_string(stage.sandbox.path("out")).expect("the output");
    for line in ["P0=second", "P17=v17", "FIRST=v0", "OLD=v0"] {
        assert!(text.lines().any(|written| written == line), "{line}\n{text}\n{}", run.describe());
    }
    assert_eq!(stage.fake.requests("ssm.GetParameters"), 2, "{}", run.describe());
}

/// The real service denies all ten where it denies one.
#[test]
fn one_denied_parameter_is_told_from_the_others() {
    let stage = Stage::new(Transport::Http2);
    let names = ["a", "b", "c"];
    stage.fake.configure(|aws| {
        for name in names {
            aws.parameter(name, Kind::Secure, "v");
        }
        aws.deny_parameter("b");
    });
    let lines = names
        .map(|name| format!("{} = {{ provider = \"aws-ssm\", ref = \"{name}\" }}\n", name.to_uppercase()));
    stage.config(&lines.concat());
    let run =
        stage.kz(EXPORT).expect_unresolved().expect_stderr(&["B (aws-ssm `b`) denied", "ssm:GetParameters"]);
    assert!(
        !run.stderr().contains("A (aws-ssm") && !run.stderr().contains("C (aws-ssm"),
        "{}",
        run.describe()
    );
}

#[test]
fn regions_of_arns_are_asked_for_their_own() {
    let stage = Stage::new(Transport::Http2);
    let arn = stage.fake.configure(|aws| {
        aws.secret("here", "h");
        aws.secret_in("us-east-1", "there", "t")
    });
    stage.config(&format!(
        "HERE = {{ provider = \"aws-sm\", ref = \"here\" }}\nTHERE = {{ provider = \"aws-sm\", ref = \"{arn}\" }}\n"
    ));
    let run = stage.kz(&["export", "--format", "env"]).expect_code(0);
    assert_eq!(run.stdout(), "HERE=h\nTHERE=t\n", "{}", run.describe());
    let mut places: Vec<String> = stage.fake.seen().into_iter().map(|seen| seen.namespace).collect();
    places.sort();
    assert_eq!(places, ["eu-west-1", "us-east-1"]);
}

#[test]
fn somebody_elses_404_is_no_absence() {
    for body in ["404 page not found", "<html>404 Not Found</html>", "", "{}"] {
        let stage = Stage::new(Transport::Http1);
        stage.config("A = { provider = \"aws-sm\", ref = \"prod/db\", optional = true }\n");
        stage.fake.script(Rule::new("", Act::Answer(Reply::new(404, "text/plain", body))));
        let run = stage.kz(&["--timeout", "2s", "export", "--format", "env"]).expect_unresolved();
        assert_eq!(run.stdout(), "", "{body:?}: {}", run.describe());
    }
}
