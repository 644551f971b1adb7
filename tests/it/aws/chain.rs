//! Every source that an AWS identity can come from, and what is said of one that fails.

use crate::aws::stage::Stage;
use crate::canary::{assert_clean, canary};
use crate::support::Run;
use kz_fakes::aws::{Keys, REGION};
use kz_fakes::fake_server::Transport;
use kz_fakes::fake_server::script::{Act, Rule};

const EXPORT: &[&str] = &["--timeout", "5s", "export", "--format", "env"];
const LINE: &str = "V = { provider = \"aws-sm\", ref = \"app\" }\n";

/// A stage without keys in the environment. Plain: metadata services are not asked over TLS.
fn stage() -> Stage {
    let mut stage = Stage::new(Transport::Plain);
    stage.keys = None;
    stage.fake.configure(|aws| aws.secret("app", "value"));
    stage.config(LINE);
    stage
}

/// What kz delivers, and as whom it says that it asks.
#[track_caller]
fn expect(stage: &Stage, words: &[&str]) -> Run {
    let run = stage.kz(EXPORT).expect_code(0).expect_stderr(words);
    assert_eq!(run.stdout(), "V=value\n", "{}", run.describe());
    run
}

fn profile(Keys { id, secret, token }: &Keys) -> String {
    let token = token.as_ref().map(|token| format!("aws_session_token = {token}\n")).unwrap_or_default();
    format!("aws_access_key_id = {id}\naws_secret_access_key = {secret}\n{token}")
}

#[test]
fn keys_of_the_environment_with_and_without_a_session_token() {
    let mut stage = stage();
    stage.keys = Some(stage.fake.configure(|aws| aws.keys()));
    expect(&stage, &["with the identity from AWS_ACCESS_KEY_ID"]);
    stage.keys = Some(stage.fake.configure(|aws| aws.session("app", "kz")));
    expect(&stage, &["with the identity from AWS_ACCESS_KEY_ID"]);
}

#[test]
fn profiles_of_the_usual_files_and_of_others() {
    let mut stage = stage();
    let keys = stage.fake.configure(|aws| aws.keys());
    let (default, other) = (profile(&keys), profile(&stage.fake.configure(|aws| aws.session("app", "kz"))));
    stage.sandbox.file(".aws/credentials", format!("[default]\n{default}[other]\n{other}"));
    expect(&stage, &["the profile `default`"]);
    stage.variables.push(("AWS_PROFILE", "other".to_owned()));
    expect(&stage, &["the profile `other`"]);
    stage.variables.clear();
    let file = stage.sandbox.file("elsewhere", format!("[ci]\n{default}"));
    stage.variables.push(("AWS_SHARED_CREDENTIALS_FILE", file.display().to_string()));
    stage.variables.push(("AWS_PROFILE", "ci".to_owned()));
    expect(&stage, &["the profile `ci`"]);
    stage.variables.clear();
    stage.config(&format!("{LINE}[providers.aws-sm]\nprofile = \"ci\"\ncredentials_file = \"elsewhere\"\n"));
    expect(&stage, &["the profile `ci` of", "elsewhere"]);
}

/// The section's profile and no other source, whatever the environment has.
#[test]
fn a_profile_that_is_named_is_the_only_source() {
    let mut stage = stage();
    stage.keys = Some(stage.fake.configure(|aws| aws.keys()));
    stage.config(&format!("{LINE}[providers.aws-sm]\nprofile = \"nobody\"\n"));
    stage.kz(EXPORT).expect_unresolved().expect_stderr(&["the profile `nobody` is not there"]);
    assert_eq!(stage.fake.seen().len(), 0);
}

#[test]
fn a_profile_assumes_a_role() {
    let stage = stage();
    let (keys, role) = stage.fake.configure(|aws| (aws.keys(), aws.role("app")));
    stage.sandbox.file(".aws/credentials", format!("[base]\n{}", profile(&keys)));
    stage.sandbox.file(
        ".aws/config",
        format!("[default]\nrole_arn = {role}\nsource_profile = base\nregion = {REGION}\n"),
    );
    expect(&stage, &["the profile `default`"]);
    assert_eq!(stage.fake.requests("sts.AssumeRole"), 1);
    // The limit of documents is none of identities.
    stage.config(&format!("{LINE}[resolve]\nmax_document_size = \"1B\"\n"));
    stage.kz(EXPORT).expect_unresolved().expect_stderr(&["more than 1 B", "KZ119"]);
    assert_eq!(stage.fake.requests("sts.AssumeRole"), 2);
}

#[test]
fn a_profile_asks_a_process() {
    let stage = stage();
    let Keys { id, secret, .. } = stage.fake.configure(|aws| aws.keys());
    let json = format!("{{\"Version\":1,\"AccessKeyId\":\"{id}\",\"SecretAccessKey\":\"{secret}\"}}");
    let file = stage.sandbox.file("answer", json);
    stage.sandbox.file(".aws/config", format!("[default]\ncredential_process = cat {}\n", file.display()));
    expect(&stage, &["the profile `default`"]);
}

#[test]
fn a_web_identity_is_traded_for_a_role() {
    let mut stage = stage();
    let role = stage.fake.configure(|aws| aws.web_identity_role("app", "example-web-token"));
    let token = stage.sandbox.file("token", "example-web-token");
    stage.variables.push(("AWS_ROLE_ARN", role.clone()));
    stage.variables.push(("AWS_WEB_IDENTITY_TOKEN_FILE", token.display().to_string()));
    expect(&stage, &["the web identity token", &role]);
    stage.variables.clear();
    stage.config(&format!(
        "{LINE}[providers.aws-sm]\nrole_arn = \"{role}\"\nweb_identity_token_file = \"token\"\n"
    ));
    expect(&stage, &["the web identity token", &role]);
    stage.sandbox.file("token", "another");
    let run = stage.kz(EXPORT).expect_unresolved().expect_stderr(&["does not accept the web identity token"]);
    assert!(!run.stderr().contains("another"), "{}", run.describe());
    std::fs::remove_file(stage.sandbox.path("token")).unwrap();
    stage.kz(EXPORT).expect_unresolved().expect_stderr(&["`web_identity_token_file` names no file"]);
}

#[test]
fn a_container_has_an_endpoint() {
    let mut stage = stage();
    stage.fake.configure(|aws| aws.task_role("example", "app"));
    stage
        .variables
        .push(("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/v2/credentials/example", stage.fake.url())));
    expect(&stage, &["AWS_CONTAINER_CREDENTIALS_FULL_URI"]);
    stage.variables.clear();
    stage.fake.configure(|aws| aws.pod_role("example-pod-token", "app"));
    let token = stage.sandbox.file("token", "example-pod-token");
    stage
        .variables
        .push(("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/v1/credentials", stage.fake.url())));
    stage.variables.push(("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token.display().to_string()));
    expect(&stage, &["AWS_CONTAINER_CREDENTIALS_FULL_URI"]);
    stage.sandbox.file("token", "example-other-token");
    let run =
        stage.kz(EXPORT).expect_unresolved().expect_stderr(&["AWS_CONTAINER_CREDENTIALS_FULL_URI", "denied"]);
    assert!(!run.stderr().contains("example-other-token"), "{}", run.describe());
}

/// The metadata service that the fake is.
fn instance() -> Stage {
    let mut stage = stage();
    stage.variables.push(("AWS_EC2_METADATA_DISABLED", String::new()));
    stage.variables.push(("AWS_EC2_METADATA_SERVICE_ENDPOINT", stage.fake.url()));
    stage
}

#[test]
fn an_instance_has_a_role_and_a_region() {
    let mut stage = instance();
    stage.fake.configure(|aws| aws.instance_role("app"));
    expect(&stage, &["the instance's metadata service"]);
    stage.variables.push(("AWS_REGION", String::new()));
    expect(&stage, &["the instance's metadata service"]);
}

#[test]
fn a_metadata_service_that_is_not_ready_is_waited_for() {
    let stage = instance();
    stage.fake.configure(|aws| aws.instance_role("app"));
    stage.fake.script(Rule::status("imds/latest/api/token", 503).times(2));
    stage.fake.script(Rule::new("imds/latest/api/token", Act::Reset).times(1));
    expect(&stage, &["the instance's metadata service"]);
}

#[test]
fn an_instance_without_a_role_is_no_identity() {
    let run = instance().kz(EXPORT).expect_unresolved();
    for source in
        ["AWS_ACCESS_KEY_ID", "the profile `default`", "AWS_WEB_IDENTITY_TOKEN_FILE", "metadata service"]
    {
        assert!(run.stderr().contains(source), "{source}\n{}", run.describe());
    }
}

#[test]
fn a_role_is_assumed_with_an_external_id() {
    let mut stage = stage();
    stage.keys = Some(stage.fake.configure(|aws| aws.keys()));
    let role = stage.fake.configure(|aws| aws.role_with_external_id("app", "example-id"));
    let section = |id: &str| format!("{LINE}[providers.aws-sm]\nrole_arn = \"{role}\"\n{id}");
    stage.config(&section("external_id = \"example-id\"\nsession_name = \"deploy\"\n"));
    expect(&stage, &["AWS_ACCESS_KEY_ID as ", &role]);
    stage.config(&section("external_id = \"example-other\"\n"));
    stage.kz(EXPORT).expect_unresolved().expect_stderr(&["denied", &role, "trust policy"]);
}

#[test]
fn the_portal_gives_a_role_to_whoever_has_signed_in() {
    let mut stage = stage();
    stage.fake.configure(|aws| aws.assignment("example-bearer", "123456789012", "app"));
    stage.sandbox.file(
        ".aws/config",
        format!(
            "[default]\nsso_session = s\nsso_account_id = 123456789012\nsso_role_name = app\nregion = {REGION}\n\
             [sso-session s]\nsso_region = {REGION}\nsso_start_url = https://example.awsapps.com/start\n"
        ),
    );
    // The SDKs look for the token under the SHA-1 of the session's name.
    stage.sandbox.file(
        ".aws/sso/cache/a0f1490a20d0211c997b44bc357e1972deab8ae3.json",
        "{\"accessToken\":\"example-bearer\",\"expiresAt\":\"2099-01-01T00:00:00Z\"}",
    );
    stage.variables.push(("AWS_ENDPOINT_URL_SSO", stage.fake.url()));
    expect(&stage, &["the profile `default`"]);
}

#[test]
fn one_clear_error_for_each_identity_that_is_none() {
    let canary = canary();
    let mut stage = stage();
    stage.fake.configure(|aws| aws.secret("app", &canary));
    let keys = stage.fake.configure(|aws| aws.keys());
    let cases: Vec<(Keys, &str)> = vec![
        (Keys { id: "AKIDNOBODY".into(), ..keys.clone() }, "AWS does not know the access key"),
        (Keys { secret: canary.clone(), ..keys.clone() }, "the secret access key is not the access key's"),
        (
            stage.fake.configure(|aws| {
                let keys = aws.session("app", "kz");
                aws.expire(&keys.id);
                keys
            }),
            "the session token has expired",
        ),
    ];
    for (keys, words) in cases {
        stage.keys = Some(keys);
        let run = stage.kz(EXPORT).expect_unresolved().expect_stderr(&["V (aws-sm `app`) denied", words]);
        assert_eq!(run.stderr().matches("caused by:").count(), 1, "{}", run.describe());
        assert_clean(&run, &canary);
    }
    stage.keys = Some(keys);
    stage.fake.configure(|aws| aws.deny("app"));
    let run = stage
        .kz(EXPORT)
        .expect_unresolved()
        .expect_stderr(&["may not secretsmanager:GetSecretValue", "kz plan"]);
    assert_clean(&run, &canary);
    stage.variables.push(("AWS_REGION", String::new()));
    stage.kz(EXPORT).expect_unresolved().expect_stderr(&["there is no region", "AWS_REGION"]);
    stage.variables.push(("AWS_SECRET_ACCESS_KEY", String::new()));
    stage
        .kz(EXPORT)
        .expect_unresolved()
        .expect_stderr(&["AWS_ACCESS_KEY_ID is set, and AWS_SECRET_ACCESS_KEY is not"]);
}

#[test]
fn a_secret_that_is_to_be_deleted_or_has_no_value_is_absent() {
    let mut stage = stage();
    stage.keys = Some(stage.fake.configure(|aws| {
        aws.secret("gone", "v");
        aws.delete("gone");
        aws.valueless("bare");
        aws.keys()
    }));
    let line = |name: &str, path: &str| format!("{name} = {{ provider = \"aws-sm\", ref = \"{path}\" }}\n");
    // Alone, and in a batch.
    for more in ["", LINE] {
        stage.config(&[&line("GONE", "gone"), &line("BARE", "bare"), more].concat());
        let run = stage.kz(EXPORT).expect_unresolved();
        for words in [
            "GONE (aws-sm `gone`) absent: it is scheduled for deletion",
            "restore-secret",
            "BARE (aws-sm `bare`) absent",
        ] {
            assert!(run.stderr().contains(words), "{words}\n{}", run.describe());
        }
    }
}

#[test]
fn versions_stages_and_arns_name_a_secret() {
    let mut stage = stage();
    let (arn, id) = stage.fake.configure(|aws| {
        let arn = aws.secret("app", "second");
        aws.version("app", "blue", "third");
        (arn, aws.version_id("app", "AWSPREVIOUS"))
    });
    stage.keys = Some(stage.fake.configure(|aws| aws.keys()));
    let partial = &arn[..arn.len() - 7];
    let line = |name: &str, path: &str, version: &str| {
        let version = if version.is_empty() { String::new() } else { format!(", version = \"{version}\"") };
        format!("{name} = {{ provider = \"aws-sm\", ref = \"{path}\"{version} }}\n")
    };
    stage.config(
        &[
            line("FULL", &arn, ""),
            line("PARTIAL", partial, ""),
            line("PREFIXED", "sm://app", ""),
            line("STAGE", "app", "AWSPREVIOUS"),
            line("BLUE", "app", "blue"),
            line("ID", "app", &id),
        ]
        .concat(),
    );
    let run = stage.kz(EXPORT).expect_code(0);
    let expected = "FULL=second\nPARTIAL=second\nPREFIXED=second\nSTAGE=value\nBLUE=third\nID=value\n";
    assert_eq!(run.stdout(), expected, "{}", run.describe());
}
