//! Every source that a Google identity can come from, which goes first, and what is said of one that fails.

use serde_json::{Value, json};

use crate::canary::{assert_clean, canary};
use crate::gcp::stage::{LINE, Stage};
use kz_fakes::fake_server::script::{Act, Rule};
use kz_fakes::gcp::{Gcp, PROJECT, SUBJECT_HEADER, impersonation_url, words};

const EXPORT: &[&str] = &["--timeout", "5s", "export", "--format", "env"];
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

#[test]
fn a_service_account_s_key_signs_for_a_token() {
    let mut stage = Stage::with_key();
    stage.expect(&["asking Google at http://127.0.0.1", "for an identity", "credentials.json`"]);
    assert_eq!(stage.fake.requests("token"), 1);
    stage.set("GOOGLE_APPLICATION_CREDENTIALS", "");
    let settings = format!("endpoint = \"{}\"\ncredentials_file = \"credentials.json\"\n", stage.fake.url());
    stage.section(LINE, &settings);
    stage.expect(&["credentials.json`"]);
    // The limit of documents is none of tokens.
    stage.section(LINE, &format!("{settings}[resolve]\nmax_document_size = \"1B\"\n"));
    stage.fails(&["more than 1 B", "KZ119"]);
}

/// The key's own project is that of short names, where nothing else says.
#[test]
fn the_project_is_the_section_s_the_variable_s_the_file_s_or_the_instance_s() {
    let mut stage = Stage::with_key();
    stage.set("GOOGLE_CLOUD_PROJECT", "");
    stage.expect(&[]);
    stage.set("GOOGLE_CLOUD_PROJECT", "another");
    stage.fails(&["absent"]);
    stage.section(LINE, &format!("endpoint = \"{}\"\nproject = \"{PROJECT}\"\n", stage.fake.url()));
    stage.expect(&[]);
    let names: Vec<String> = stage.fake.seen().into_iter().map(|seen| seen.path).collect();
    assert!(names.contains(&"access/projects/another/secrets/app/versions/latest".to_owned()), "{names:?}");
    stage.config(LINE);
    let token = stage.fake.configure(|gcp| gcp.token(&Gcp::email("app")));
    stage.set("GOOGLE_APPLICATION_CREDENTIALS", "");
    stage.set("GOOGLE_CLOUD_PROJECT", "");
    stage.set("GOOGLE_OAUTH_ACCESS_TOKEN", token);
    stage.fails(&["there is no project", "GOOGLE_CLOUD_PROJECT", "the metadata server"]);
    stage.set("NO_GCE_CHECK", "");
    stage.set("GCE_METADATA_HOST", stage.fake.address.to_string());
    stage.expect(&["asking the metadata server at", "with the identity from GOOGLE_OAUTH_ACCESS_TOKEN"]);
}

#[test]
fn what_is_wrong_with_a_key_has_its_own_words() {
    let stage = Stage::with_key();
    let origin = stage.fake.url();
    let email = Gcp::email("app");
    stage.fake.configure(|gcp| gcp.set_clock_ahead(86_400));
    stage.fails(&["denied", "the assertion is of another time", "set this machine's clock"]);
    stage.fake.configure(|gcp| gcp.set_clock_ahead(0));
    // Another key of the same account: the file's is deleted, the account is there.
    stage.fake.configure(|gcp| {
        gcp.delete_keys(&email);
        gcp.key("app", &origin);
    });
    stage.fails(&["denied", "was deleted or disabled (invalid_grant)", "make a new key"]);
    stage.fake.configure(|gcp| gcp.delete_keys(&email));
    stage.fails(&["denied", "no such service account"]);
    assert_eq!(stage.fake.requests("access/"), 0);
}

#[test]
fn what_is_wrong_with_a_file_is_said_without_its_content() {
    let canary = canary();
    let mut stage = Stage::with_key();
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
        let run = stage.fails(&[words]);
        assert_clean(&run, &canary);
    }
    stage.set("GOOGLE_APPLICATION_CREDENTIALS", "nowhere.json");
    stage.fails(&["nowhere.json`, which GOOGLE_APPLICATION_CREDENTIALS names, does not exist"]);
    assert_eq!(stage.fake.seen().len(), 0);
}

#[test]
fn a_token_of_the_environment() {
    let mut stage = Stage::only_for(&Gcp::email("app"));
    let token = stage.fake.configure(|gcp| gcp.token(&Gcp::email("app")));
    stage.set("GOOGLE_OAUTH_ACCESS_TOKEN", token);
    stage.expect(&["with the identity from GOOGLE_OAUTH_ACCESS_TOKEN"]);
    let canary = canary();
    stage.set("GOOGLE_OAUTH_ACCESS_TOKEN", canary.clone());
    assert_clean(&stage.fails(&["denied", "does not accept the identity", "get a new token"]), &canary);
    stage.set("GOOGLE_OAUTH_ACCESS_TOKEN", format!("two words {canary}"));
    assert_clean(&stage.fails(&["GOOGLE_OAUTH_ACCESS_TOKEN holds no token"]), &canary);
}

#[test]
fn whoever_has_logged_in_by_gcloud() {
    let mut stage = Stage::only_for("somebody@example.com");
    let origin = stage.fake.url();
    let login = stage.fake.configure(|gcp| gcp.login(&origin));
    let file = ".config/gcloud/application_default_credentials.json";
    stage.sandbox.file(file, login.to_string());
    stage.expect(&[file]);
    std::fs::remove_file(stage.sandbox.path(file)).unwrap();
    stage.sandbox.file("elsewhere/application_default_credentials.json", login.to_string());
    stage.set("CLOUDSDK_CONFIG", stage.sandbox.path("elsewhere").display().to_string());
    stage.expect(&["elsewhere/application_default_credentials.json"]);
    stage.fake.configure(Gcp::end_logins);
    stage.fails(&[
        "denied",
        "the login has expired, or was revoked",
        "gcloud auth application-default login",
    ]);
}

/// The project that pays: the file's, unless the variable says.
#[test]
fn a_quota_project_is_sent_where_one_is_named() {
    let mut stage = Stage::only_for("somebody@example.com");
    let origin = stage.fake.url();
    let mut login = stage.fake.configure(|gcp| gcp.login(&origin));
    stage.credentials(&login);
    stage.expect(&[]);
    login["quota_project_id"] = json!("payer");
    stage.credentials(&login);
    stage.fails(&["may not use the quota project (USER_PROJECT_DENIED)", "serviceUsageConsumer"]);
    stage.fake.configure(|gcp| gcp.let_pay("payer"));
    stage.expect(&[]);
    stage.set("GOOGLE_CLOUD_QUOTA_PROJECT", "other");
    stage.fake.configure(|gcp| gcp.let_pay("other"));
    stage.expect(&[]);
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
    let mut stage = Stage::only_for(&Gcp::member("pool"));
    stage.sandbox.file("subject", "example-subject\n");
    stage.sandbox.file("subject.json", r#"{"a": "b", "token": "example-subject"}"#);
    stage.credentials(&pool(&stage, &json!({ "file": "subject" })));
    stage.expect(&["credentials.json`"]);
    assert_eq!((stage.fake.requests("sts"), stage.fake.requests("iam")), (1, 0));
    let format = json!({ "type": "json", "subject_token_field_name": "token" });
    stage.credentials(&pool(&stage, &json!({ "file": "subject.json", "format": format })));
    stage.expect(&[]);
    stage.credentials(&pool(&stage, &json!({ "file": "subject", "format": format })));
    stage.fails(&["holds no token as the file describes it", "credential_source.format"]);
    let canary = canary();
    stage.sandbox.file("subject", &canary);
    stage.credentials(&pool(&stage, &json!({ "file": "subject" })));
    let run = stage.fails(&["denied", "does not accept the other provider's token", "is it fresh"]);
    assert_clean(&run, &canary);
    let mut other = pool(&stage, &json!({ "file": "subject" }));
    other["audience"] = json!("//iam.googleapis.com/x");
    stage.credentials(&other);
    stage.fails(&["not set up", "does not take the exchange (invalid_target)", "`audience`"]);
}

#[test]
fn another_provider_vouches_behind_an_address() {
    let mut stage = Stage::only_for(&Gcp::member("pool"));
    stage.fake.configure(|gcp| gcp.serve_subject(r#"{"id_token": "example-subject"}"#));
    let source = |headers: Value| {
        json!({ "url": format!("{}/subject", stage.fake.url()), "headers": headers,
            "format": { "type": "json", "subject_token_field_name": "id_token" } })
    };
    let (with, without) = (source(json!({ SUBJECT_HEADER.0: SUBJECT_HEADER.1 })), source(json!({})));
    stage.credentials(&pool(&stage, &with));
    stage.expect(&["asking the identity provider at http://127.0.0.1"]);
    stage.credentials(&pool(&stage, &without));
    stage.fails(&["answers with status 400"]);
}

#[test]
fn another_account_is_acted_as() {
    let mut stage = Stage::only_for(&Gcp::email("target"));
    let origin = stage.fake.url();
    let url = impersonation_url(&origin, &Gcp::email("target"));
    // From a pool.
    stage.sandbox.file("subject", "example-subject");
    let mut federated = pool(&stage, &json!({ "file": "subject" }));
    federated["service_account_impersonation_url"] = json!(url);
    federated["service_account_impersonation"] = json!({ "token_lifetime_seconds": 600 });
    stage.credentials(&federated);
    stage.fails(&["denied", "may not act as the service account", "roles/iam.workloadIdentityUser"]);
    stage.fake.configure(|gcp| gcp.let_impersonate(&Gcp::member("pool"), "target"));
    stage.expect(&[]);
    // From a key, and by a delegate.
    let key = stage.fake.configure(|gcp| gcp.key("app", &origin));
    let mut file = json!({
        "type": "impersonated_service_account", "source_credentials": key.json,
        "service_account_impersonation_url": url,
    });
    stage.credentials(&file);
    stage.fails(&["denied", "may not act as the service account", "roles/iam.serviceAccountTokenCreator"]);
    let delegate = stage.fake.configure(|gcp| {
        let delegate = gcp.let_impersonate(&key.email, "delegate");
        gcp.let_impersonate(&delegate, "target");
        delegate
    });
    file["delegates"] = json!([format!("projects/-/serviceAccounts/{delegate}")]);
    stage.credentials(&file);
    stage.expect(&["credentials.json`"]);
}

/// Each goes before those that follow, and one that fails is not passed over.
#[test]
fn the_sources_have_an_order() {
    let mut stage = Stage::instance();
    stage.fake.configure(|gcp| gcp.secret("open", "value"));
    stage.config("V = { provider = \"gcp-sm\", ref = \"open\" }\n");
    let origin = stage.fake.url();
    let login = stage.fake.configure(|gcp| gcp.login(&origin)).to_string();
    stage.expect(&["the identity from the metadata server"]);
    stage.sandbox.file(".config/gcloud/application_default_credentials.json", login);
    stage.expect(&["application_default_credentials.json`"]);
    let token = stage.fake.configure(|gcp| gcp.token(&Gcp::email("app")));
    stage.set("GOOGLE_OAUTH_ACCESS_TOKEN", token);
    stage.expect(&["the identity from GOOGLE_OAUTH_ACCESS_TOKEN"]);
    let key = stage.fake.configure(|gcp| gcp.key("app", &origin));
    stage.credentials(&key.json);
    stage.expect(&["credentials.json`"]);
    let other = stage.fake.configure(|gcp| gcp.key("other", &origin));
    stage.sandbox.file("own.json", other.json.to_string());
    let settings = format!("endpoint = \"{origin}\"\ncredentials_file = \"own.json\"\n");
    stage.section("V = { provider = \"gcp-sm\", ref = \"open\" }\n", &settings);
    stage.expect(&["own.json`"]);
    stage.fake.configure(|gcp| gcp.delete_keys(&other.email));
    stage.fails(&["no Google identity from", "own.json`"]);
}

#[test]
fn no_identity_at_all_says_where_kz_looked() {
    let stage = Stage::only_for("nobody");
    stage.fails(&[
        "there is no Google identity",
        "`credentials_file`",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_OAUTH_ACCESS_TOKEN",
        ".config/gcloud/application_default_credentials.json",
        "the metadata server (NO_GCE_CHECK)",
    ]);
}

#[test]
fn token_endpoints_that_fail_are_tried_again_or_told() {
    let stage = Stage::with_key();
    stage.fake.script(Rule::status("token", 503).times(2));
    stage.expect(&[]);
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
        let stage = Stage::with_key();
        stage.fake.script(Rule::new("token", act));
        let run = stage.fails(&["no Google identity from", words]);
        assert!(!run.stderr().contains("canary"), "{}", run.describe());
        assert_eq!(stage.fake.requests("access/"), 0, "{}", run.describe());
    }
}

/// The environment's credentials were meant for the address in the environment.
#[test]
fn a_configuration_cannot_send_the_environment_s_identity_elsewhere() {
    let mut stage = Stage::with_key();
    stage.set("CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER", "https://secretmanager.googleapis.com/");
    let run = stage.kz(EXPORT).expect_code(2);
    let words = "`endpoint` is not the address that CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER names";
    assert!(run.stderr().contains(words), "{}", run.describe());
    assert_eq!(stage.fake.seen().len(), 0);
    stage.set("CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER", format!("{}/", stage.fake.url()));
    stage.section(LINE, "");
    stage.expect(&[]);
}

#[test]
fn another_universe_is_refused() {
    let mut stage = Stage::with_key();
    stage.set("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "example.com");
    stage.fails(&["another universe than googleapis.com"]);
}
