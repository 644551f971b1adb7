//! Every source that a Google identity can come from, which goes first, and what is said of one that fails.

use serde_json::{Value, json};

use crate::canary::{assert_clean, canary};
use crate::fake_server::Transport;
use crate::fake_server::script::{Act, Rule};
use crate::gcp::{Gcp, PROJECT, SUBJECT_HEADER, impersonation_url, words};
use crate::gcp_stage::Stage;
use crate::support::Run;

const EXPORT: &[&str] = &["--timeout", "5s", "export", "--format", "env"];
const LINE: &str = "V = { provider = \"gcp-sm\", ref = \"app\" }\n";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// A stage without an identity, whose one secret only this account may read.
fn stage(reader: &str) -> Stage {
    let stage = Stage::without_identity(Transport::Plain);
    stage.fake.configure(|gcp| {
        gcp.secret("app", "value");
        gcp.only_for("app", reader);
    });
    stage.config(LINE);
    stage
}

fn with_key() -> Stage {
    let mut stage = stage(&Gcp::email("app"));
    let origin = stage.fake.url();
    let key = stage.fake.configure(|gcp| gcp.key("app", &origin));
    stage.credentials(&key.json);
    stage
}

/// What kz delivers, and as whom it says that it asks.
#[track_caller]
fn expect(stage: &Stage, words: &[&str]) -> Run {
    let run = stage.kz(EXPORT).expect_code(0).expect_stderr(words);
    assert_eq!(run.stdout(), "V=value\n", "{}", run.describe());
    run
}

#[track_caller]
fn fails(stage: &Stage, words: &[&str]) -> Run {
    stage.kz(&["-v", "--timeout", "1s", "export", "--format", "env"]).expect_code(1).expect_stderr(words)
}

#[test]
fn a_service_account_s_key_signs_for_a_token() {
    let mut stage = with_key();
    expect(&stage, &["asking Google at http://127.0.0.1", "for an identity", "credentials.json`"]);
    assert_eq!(stage.fake.requests("token"), 1);
    stage.set("GOOGLE_APPLICATION_CREDENTIALS", "");
    let settings = format!("endpoint = \"{}\"\ncredentials_file = \"credentials.json\"\n", stage.fake.url());
    stage.section(LINE, &settings);
    expect(&stage, &["credentials.json`"]);
}

/// The key's own project is that of short names, where nothing else says.
#[test]
fn the_project_is_the_section_s_the_variable_s_the_file_s_or_the_instance_s() {
    let mut stage = with_key();
    stage.set("GOOGLE_CLOUD_PROJECT", "");
    expect(&stage, &[]);
    stage.set("GOOGLE_CLOUD_PROJECT", "another");
    fails(&stage, &["absent"]);
    stage.section(LINE, &format!("endpoint = \"{}\"\nproject = \"{PROJECT}\"\n", stage.fake.url()));
    expect(&stage, &[]);
    let names: Vec<String> = stage.fake.seen().into_iter().map(|seen| seen.path).collect();
    assert!(names.contains(&"access/projects/another/secrets/app/versions/latest".to_owned()), "{names:?}");
    stage.config(LINE);
    let token = stage.fake.configure(|gcp| gcp.token(&Gcp::email("app")));
    stage.set("GOOGLE_APPLICATION_CREDENTIALS", "");
    stage.set("GOOGLE_CLOUD_PROJECT", "");
    stage.set("GOOGLE_OAUTH_ACCESS_TOKEN", token);
    fails(&stage, &["there is no project", "GOOGLE_CLOUD_PROJECT", "the metadata server"]);
    stage.set("NO_GCE_CHECK", "");
    stage.set("GCE_METADATA_HOST", stage.fake.address.to_string());
    expect(&stage, &["asking the metadata server at", "with the identity from GOOGLE_OAUTH_ACCESS_TOKEN"]);
}

#[test]
fn what_is_wrong_with_a_key_has_its_own_words() {
    let stage = with_key();
    let origin = stage.fake.url();
    let email = Gcp::email("app");
    stage.fake.configure(|gcp| gcp.set_clock_ahead(86_400));
    fails(&stage, &["denied", "the assertion is of another time", "set this machine's clock"]);
    stage.fake.configure(|gcp| gcp.set_clock_ahead(0));
    // Another key of the same account: the file's is deleted, the account is there.
    stage.fake.configure(|gcp| {
        gcp.delete_keys(&email);
        gcp.key("app", &origin);
    });
    fails(&stage, &["denied", "was deleted or disabled (invalid_grant)", "make a new key"]);
    stage.fake.configure(|gcp| gcp.delete_keys(&email));
    fails(&stage, &["denied", "no such service account"]);
    assert_eq!(stage.fake.requests("access/"), 0);
}

#[test]
fn what_is_wrong_with_a_file_is_said_without_its_content() {
    let canary = canary();
    let mut stage = with_key();
    let key = stage.fake.configure(|gcp| gcp.key("app", "https://oauth2.googleapis.com")).json;
    let changed = |change: &[(&str, Value)]| {
        let mut json = key.clone();
        for (name, value) in change {
            json[*name] = value.clone();
        }
        json
    };
    let pool = |source: Value| {
        json!({ "type": "external_account", "audience": "a", "subject_token_type": JWT,
            "token_url": "https://sts.googleapis.com/v1/token", "credential_source": source })
    };
    for (json, words) in [
        (json!([canary]), "no JSON of the right form"),
        (json!({ "private_key": canary }), "has no `type`"),
        (changed(&[("type", json!(canary))]), "is of another type than those of Google's"),
        (changed(&[("private_key", Value::Null)]), "has no `private_key`"),
        (changed(&[("private_key", json!(canary))]), "is no private key in PEM"),
        (changed(&[("token_uri", json!(format!("http://{canary}.example/token")))]), "is not `https://`"),
        (changed(&[("token_uri", json!(canary))]), "that is no address"),
        (changed(&[("universe_domain", json!("example.com"))]), "another universe"),
        (json!({ "type": "external_account_authorized_user" }), "workforce identity"),
        (pool(json!({ "environment_id": "aws1" })), "from AWS (`environment_id`), which kz does not support"),
        (pool(json!({ "executable": { "command": canary } })), "from a program (`executable`)"),
        (pool(json!({})), "has no `credential_source.file`"),
        (pool(json!({ "file": "nowhere" })), "nowhere` does not exist"),
        (
            json!({ "type": "impersonated_service_account", "service_account_impersonation_url": "https://x/" }),
            "has no `source_credentials`",
        ),
    ] {
        stage.credentials(&json);
        let run = fails(&stage, &[words]);
        assert_clean(&run, &canary);
    }
    stage.set("GOOGLE_APPLICATION_CREDENTIALS", "nowhere.json");
    fails(&stage, &["nowhere.json` does not exist"]);
    assert_eq!(stage.fake.seen().len(), 0);
}

#[test]
fn a_token_of_the_environment() {
    let mut stage = stage(&Gcp::email("app"));
    let token = stage.fake.configure(|gcp| gcp.token(&Gcp::email("app")));
    stage.set("GOOGLE_OAUTH_ACCESS_TOKEN", token);
    expect(&stage, &["with the identity from GOOGLE_OAUTH_ACCESS_TOKEN"]);
    let canary = canary();
    stage.set("GOOGLE_OAUTH_ACCESS_TOKEN", canary.clone());
    assert_clean(&fails(&stage, &["denied", "does not accept the identity", "get a new token"]), &canary);
    stage.set("GOOGLE_OAUTH_ACCESS_TOKEN", format!("two words {canary}"));
    assert_clean(&fails(&stage, &["GOOGLE_OAUTH_ACCESS_TOKEN holds no token"]), &canary);
}

#[test]
fn whoever_has_logged_in_by_gcloud() {
    let mut stage = stage("somebody@example.com");
    let origin = stage.fake.url();
    let login = stage.fake.configure(|gcp| gcp.login(&origin));
    let file = ".config/gcloud/application_default_credentials.json";
    stage.sandbox.file(file, login.to_string());
    expect(&stage, &[file]);
    std::fs::remove_file(stage.sandbox.path(file)).unwrap();
    stage.sandbox.file("elsewhere/application_default_credentials.json", login.to_string());
    stage.set("CLOUDSDK_CONFIG", stage.sandbox.path("elsewhere").display().to_string());
    expect(&stage, &["elsewhere/application_default_credentials.json"]);
    stage.fake.configure(Gcp::end_logins);
    fails(
        &stage,
        &["denied", "the login has expired, or was revoked", "gcloud auth application-default login"],
    );
}

/// The project that pays: the file's, unless the variable says.
#[test]
fn a_quota_project_is_sent_where_one_is_named() {
    let mut stage = stage("somebody@example.com");
    let origin = stage.fake.url();
    let mut login = stage.fake.configure(|gcp| gcp.login(&origin));
    stage.credentials(&login);
    expect(&stage, &[]);
    login["quota_project_id"] = json!("payer");
    stage.credentials(&login);
    fails(&stage, &["may not use the quota project (USER_PROJECT_DENIED)", "serviceUsageConsumer"]);
    stage.fake.configure(|gcp| gcp.let_pay("payer"));
    expect(&stage, &[]);
    stage.set("GOOGLE_CLOUD_QUOTA_PROJECT", "other");
    stage.fake.configure(|gcp| gcp.let_pay("other"));
    expect(&stage, &[]);
    assert_eq!(stage.fake.configure(|gcp| gcp.paid()), ["payer", "payer", "other"]);
}

fn pool(stage: &Stage, source: &Value) -> Value {
    let audience = stage.fake.configure(|gcp| gcp.pool("pool", JWT, "example-subject"));
    json!({
        "type": "external_account", "audience": audience, "subject_token_type": JWT,
        "token_url": format!("{}/v1/token", stage.fake.url()), "credential_source": source,
    })
}

#[test]
fn another_provider_vouches_by_a_file() {
    let mut stage = stage(&Gcp::member("pool"));
    stage.sandbox.file("subject", "example-subject\n");
    stage.sandbox.file("subject.json", r#"{"a": "b", "token": "example-subject"}"#);
    stage.credentials(&pool(&stage, &json!({ "file": "subject" })));
    expect(&stage, &["credentials.json`"]);
    assert_eq!((stage.fake.requests("sts"), stage.fake.requests("iam")), (1, 0));
    let format = json!({ "type": "json", "subject_token_field_name": "token" });
    stage.credentials(&pool(&stage, &json!({ "file": "subject.json", "format": format })));
    expect(&stage, &[]);
    stage.credentials(&pool(&stage, &json!({ "file": "subject", "format": format })));
    fails(&stage, &["holds no token as the file describes it", "credential_source.format"]);
    let canary = canary();
    stage.sandbox.file("subject", &canary);
    stage.credentials(&pool(&stage, &json!({ "file": "subject" })));
    let run = fails(&stage, &["denied", "does not accept the other provider's token", "is it fresh"]);
    assert_clean(&run, &canary);
    let mut other = pool(&stage, &json!({ "file": "subject" }));
    other["audience"] = json!("//iam.googleapis.com/x");
    stage.credentials(&other);
    fails(&stage, &["not set up", "does not take the exchange (invalid_target)", "`audience`"]);
}

#[test]
fn another_provider_vouches_behind_an_address() {
    let mut stage = stage(&Gcp::member("pool"));
    stage.fake.configure(|gcp| gcp.serve_subject(r#"{"id_token": "example-subject"}"#));
    let source = |headers: Value| {
        json!({ "url": format!("{}/subject", stage.fake.url()), "headers": headers,
            "format": { "type": "json", "subject_token_field_name": "id_token" } })
    };
    let (with, without) = (source(json!({ SUBJECT_HEADER.0: SUBJECT_HEADER.1 })), source(json!({})));
    stage.credentials(&pool(&stage, &with));
    expect(&stage, &["asking the identity provider at http://127.0.0.1"]);
    stage.credentials(&pool(&stage, &without));
    fails(&stage, &["answers with status 400"]);
}

#[test]
fn another_account_is_acted_as() {
    let mut stage = stage(&Gcp::email("target"));
    let origin = stage.fake.url();
    let url = impersonation_url(&origin, &Gcp::email("target"));
    // From a pool.
    stage.sandbox.file("subject", "example-subject");
    let mut federated = pool(&stage, &json!({ "file": "subject" }));
    federated["service_account_impersonation_url"] = json!(url);
    federated["service_account_impersonation"] = json!({ "token_lifetime_seconds": 600 });
    stage.credentials(&federated);
    fails(&stage, &["denied", "may not act as the service account", "roles/iam.workloadIdentityUser"]);
    stage.fake.configure(|gcp| gcp.let_impersonate(&Gcp::member("pool"), "target"));
    expect(&stage, &[]);
    // From a key, and by a delegate.
    let key = stage.fake.configure(|gcp| gcp.key("app", &origin));
    let mut file = json!({
        "type": "impersonated_service_account", "source_credentials": key.json,
        "service_account_impersonation_url": url,
    });
    stage.credentials(&file);
    fails(&stage, &["denied", "may not act as the service account", "roles/iam.serviceAccountTokenCreator"]);
    let delegate = stage.fake.configure(|gcp| {
        let delegate = gcp.let_impersonate(&key.email, "delegate");
        gcp.let_impersonate(&delegate, "target");
        delegate
    });
    file["delegates"] = json!([format!("projects/-/serviceAccounts/{delegate}")]);
    stage.credentials(&file);
    expect(&stage, &["credentials.json`"]);
}

/// The metadata server that the fake is.
fn instance() -> Stage {
    let mut stage = stage(&Gcp::email("vm"));
    stage.set("NO_GCE_CHECK", "");
    stage.set("GCE_METADATA_HOST", stage.fake.address.to_string());
    stage.fake.configure(|gcp| gcp.instance("vm"));
    stage
}

#[test]
fn an_instance_has_an_account_and_a_project() {
    let mut stage = instance();
    expect(
        &stage,
        &["asking the metadata server at http://127.0.0.1", "the identity from the metadata server at"],
    );
    stage.set("GOOGLE_CLOUD_PROJECT", "");
    expect(&stage, &[]);
    stage.set("GCE_METADATA_IP", stage.fake.address.to_string());
    stage.set("GCE_METADATA_HOST", "");
    expect(&stage, &[]);
    stage.set("GCE_METADATA_HOST", "http://x/y");
    fails(&stage, &["GCE_METADATA_HOST is no host, or host and port"]);
}

#[test]
fn a_metadata_server_is_not_reached_through_a_proxy() {
    let mut stage = instance();
    stage.set("HTTP_PROXY", "http://127.0.0.1:1");
    stage.set("http_proxy", "http://127.0.0.1:1");
    expect(&stage, &[]);
}

#[test]
fn a_metadata_server_that_is_not_ready_is_waited_for_and_named() {
    let stage = instance();
    let token = "metadata/instance/service-accounts/default/token";
    stage.fake.script(Rule::status(token, 503).times(2));
    stage.fake.script(Rule::new(token, Act::Reset).times(1));
    expect(&stage, &[]);
    assert_eq!(stage.fake.requests(token), 4);
    stage.fake.script(Rule::status(token, 503));
    fails(&stage, &["unreachable", "the metadata server at 127.0.0.1", "is not ready for 1 s", "status 503"]);
}

#[test]
fn a_metadata_server_that_is_named_and_not_there_is_named_in_the_error() {
    let mut stage = instance();
    stage.set("GCE_METADATA_HOST", "127.0.0.1:1");
    fails(&stage, &["the metadata server at 127.0.0.1:1 is not ready for 1 s: connection refused"]);
}

#[test]
fn what_answers_without_the_flavor_is_no_metadata_server() {
    let stage = instance();
    stage.fake.script(Rule::new("metadata/", Act::Text("{\"access_token\": \"example\"}")));
    let run = fails(&stage, &["malformed", "is no metadata server of Google's"]);
    assert_eq!(stage.fake.requests("access/"), 0, "{}", run.describe());
}

#[test]
fn an_instance_without_an_account_is_no_identity() {
    let stage = instance();
    stage.fake.script(Rule::status("metadata/instance/", 404));
    fails(&stage, &["the instance has no service account", "give the instance"]);
}

/// Each goes before those that follow, and one that fails is not passed over.
#[test]
fn the_sources_have_an_order() {
    let mut stage = instance();
    stage.fake.configure(|gcp| gcp.secret("open", "value"));
    stage.config("V = { provider = \"gcp-sm\", ref = \"open\" }\n");
    let origin = stage.fake.url();
    let login = stage.fake.configure(|gcp| gcp.login(&origin)).to_string();
    expect(&stage, &["the identity from the metadata server"]);
    stage.sandbox.file(".config/gcloud/application_default_credentials.json", login);
    expect(&stage, &["application_default_credentials.json`"]);
    let token = stage.fake.configure(|gcp| gcp.token(&Gcp::email("app")));
    stage.set("GOOGLE_OAUTH_ACCESS_TOKEN", token);
    expect(&stage, &["the identity from GOOGLE_OAUTH_ACCESS_TOKEN"]);
    let key = stage.fake.configure(|gcp| gcp.key("app", &origin));
    stage.credentials(&key.json);
    expect(&stage, &["credentials.json`"]);
    let other = stage.fake.configure(|gcp| gcp.key("other", &origin));
    stage.sandbox.file("own.json", other.json.to_string());
    let settings = format!("endpoint = \"{origin}\"\ncredentials_file = \"own.json\"\n");
    stage.section("V = { provider = \"gcp-sm\", ref = \"open\" }\n", &settings);
    expect(&stage, &["own.json`"]);
    stage.fake.configure(|gcp| gcp.delete_keys(&other.email));
    fails(&stage, &["no Google identity from", "own.json`"]);
}

#[test]
fn no_identity_at_all_says_where_kz_looked() {
    let stage = stage("nobody");
    fails(
        &stage,
        &[
            "there is no Google identity",
            "`credentials_file`",
            "GOOGLE_APPLICATION_CREDENTIALS",
            "GOOGLE_OAUTH_ACCESS_TOKEN",
            ".config/gcloud/application_default_credentials.json",
            "the metadata server (NO_GCE_CHECK)",
        ],
    );
}

#[test]
fn token_endpoints_that_fail_are_tried_again_or_told() {
    let stage = with_key();
    stage.fake.script(Rule::status("token", 503).times(2));
    expect(&stage, &[]);
    assert_eq!(stage.fake.requests("token"), 3);
    for (act, words) in [
        (Act::Status(503, Vec::new()), "the service failed (internal_failure)"),
        (Act::Status(429, vec![("Retry-After".to_owned(), "60".to_owned())]), "too many requests"),
        (Act::Hang, "no answer"),
        (Act::Text("<html>"), "it holds no token"),
        (
            Act::Answer(words::oauth(400, "invalid_grant", "canary")),
            "does not accept the key (invalid_grant)",
        ),
        (Act::Answer(words::html(404)), "is not Google, or a proxy before it"),
    ] {
        let stage = with_key();
        stage.fake.script(Rule::new("token", act));
        let run = fails(&stage, &["no Google identity from", words]);
        assert!(!run.stderr().contains("canary"), "{}", run.describe());
        assert_eq!(stage.fake.requests("access/"), 0, "{}", run.describe());
    }
}

/// The environment's credentials were meant for the address in the environment.
#[test]
fn a_configuration_cannot_send_the_environment_s_identity_elsewhere() {
    let mut stage = with_key();
    stage.set("CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER", "https://secretmanager.googleapis.com/");
    let run = stage.kz(EXPORT).expect_code(2);
    let words = "`endpoint` is not the address that CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER names";
    assert!(run.stderr().contains(words), "{}", run.describe());
    assert_eq!(stage.fake.seen().len(), 0);
    stage.set("CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER", format!("{}/", stage.fake.url()));
    stage.section(LINE, "");
    expect(&stage, &[]);
}

#[test]
fn another_universe_is_refused() {
    let mut stage = with_key();
    stage.set("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "example.com");
    fails(&stage, &["another universe than googleapis.com"]);
}
