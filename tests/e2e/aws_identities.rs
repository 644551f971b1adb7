//! Every source of an identity, in a container, against moto's STS and the endpoints that give containers theirs.

use crate::aws_stage::{Aws, EXPORT, READ, REGION, failed, options, resolved, told};
use crate::engine::{Network, credentials_subnet, unique};
use crate::support::Run;

const SECRET: &str =
    "[secrets]\nVALUE = { provider = \"aws-sm\", ref = \"prod/value\" }\n[providers.aws-sm]\n";

/// An AWS with a secret, and its value.
struct Case {
    aws: Aws,
    value: String,
}

impl Case {
    fn new() -> Self {
        Self::of(Aws::new())
    }

    /// At this address, which the SDK takes for one that gives containers their credentials.
    fn at(address: &str) -> Self {
        let network = Network::closed(&["--subnet=169.254.170.0/24", "--gateway=169.254.170.1"]);
        Self::of(Aws::within(network, &[&format!("--ip={address}")]))
    }

    fn of(aws: Aws) -> Self {
        let value = unique("value");
        aws.admin_with(&value, &["put", "prod/value"]);
        Self { aws, value }
    }

    fn kz(&self, section: &str, variables: &[&str]) -> Run {
        self.aws.kz(&format!("{SECRET}{section}"), &options(Vec::new(), variables), EXPORT)
    }

    /// Fails unless the value is read, with the identity from `source`.
    #[track_caller]
    fn resolves(&self, section: &str, variables: &[&str], source: &str) {
        let run = self.kz(section, variables);
        let said = format!(" with the identity from {source}\n");
        assert!(run.stderr().contains(&said), "no {said:?}\n{}", run.describe());
        assert!(!run.stderr().contains(&self.value), "{}", run.describe());
        assert_eq!(resolved(run), serde_json::json!({ "VALUE": self.value }));
    }

    /// Fails unless that is all that is said of an identity that is not to be had.
    #[track_caller]
    fn fails(&self, section: &str, variables: &[&str], cause: &str, hint: &str) {
        let passes = ["[KZ103]", "[KZ120]"].iter().any(|code| cause.contains(code));
        let run = self.kz(section, variables).expect_code(if passes { 75 } else { 1 });
        let said = failed(&format!("(aws-sm `prod/value`) {cause}"), hint);
        assert_eq!((run.stdout(), told(&run)), (String::new(), said), "{}", run.describe());
        for canary in [self.value.as_str(), "not-a-token"] {
            assert!(!run.stderr().contains(canary), "{}", run.describe());
        }
    }
}

/// The hint where an endpoint of a container's refuses.
const ENDPOINT: &str = "is that the address of this container's credentials, and their token \
                        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE?";

fn borrowed(variables: &[String]) -> Vec<&str> {
    variables.iter().map(String::as_str).chain([REGION]).collect()
}

#[test]
fn keys_in_the_environment_and_a_session() {
    let case = Case::new();
    let keys = case.aws.user("app", READ).variables();
    case.resolves("", &borrowed(&keys), "AWS_ACCESS_KEY_ID");
    case.aws.role(&["job"]);
    let session = case.aws.session(&["job"]).variables();
    case.resolves("", &borrowed(&session), "AWS_ACCESS_KEY_ID");
    // Without its token a session's key is nobody's.
    case.fails(
        "",
        &borrowed(&session[..2]),
        "denied: AWS does not know the access key (InvalidClientTokenId) [KZ102]",
        "is the access key deleted or disabled, or of another partition, or its AWS_SESSION_TOKEN missing?",
    );
}

#[test]
fn profiles_in_mounted_files() {
    let case = Case::new();
    let (app, base) = (case.aws.user("app", READ), case.aws.user("base", &["sts:AssumeRole"]));
    let role = case.aws.role(&["job"]);
    let file = case.aws.mounted("aws", &[app.profile("default"), base.profile("base")].concat());
    let named = "--env=AWS_SHARED_CREDENTIALS_FILE=/run/secrets/aws";
    case.resolves("", &[&file, named, REGION], "the profile `default` of `/run/secrets/aws`");
    case.resolves(
        "credentials_file = \"/run/secrets/aws\"\nprofile = \"default\"\nregion = \"eu-west-1\"\n",
        &[&file],
        "the profile `default` of `/run/secrets/aws`",
    );
    let config = format!("[profile job]\nrole_arn = {role}\nsource_profile = base\nregion = eu-west-1\n");
    let config = case.aws.mounted("config", &config);
    let chosen =
        ["--env=AWS_CONFIG_FILE=/run/secrets/config", "--env=AWS_PROFILE=job", named, &file, &config];
    case.resolves("", &chosen, &format!("the profile `job` of `/run/secrets/aws` as {role}"));
}

#[test]
fn a_profile_that_wants_a_program_is_refused_where_there_is_no_shell() {
    let case = Case::new();
    let config =
        case.aws.mounted("config", "[default]\nregion = eu-west-1\ncredential_process = /bin/credentials\n");
    case.fails(
        "",
        &["--env=AWS_CONFIG_FILE=/run/secrets/config", &config],
        "not set up: no AWS identity from the profile `default`: its `credential_process` needs a shell, and there is \
         none, as in kz's image [KZ105]",
        "`kz explain KZ105` says more",
    );
}

#[test]
fn a_role_of_the_section_with_its_external_id() {
    let case = Case::new();
    let base = case.aws.user("base", &["sts:AssumeRole"]).variables();
    let role = case.aws.role(&["job", "shared-with-us"]);
    let section =
        |id: &str| format!("role_arn = \"{role}\"\nexternal_id = \"{id}\"\nsession_name = \"kz-test\"\n");
    case.resolves(&section("shared-with-us"), &borrowed(&base), &format!("AWS_ACCESS_KEY_ID as {role}"));
    // moto refuses a wrong external id, and lets none at all through, as AWS does not.
    case.fails(
        &section("another"),
        &borrowed(&base),
        &format!(
            "denied: no AWS identity from the role {role} with the identity from AWS_ACCESS_KEY_ID: \
             sts.eu-west-1.amazonaws.com:443: permission denied (AccessDenied) [KZ102]"
        ),
        "the role's trust policy has to name kz's identity, and its external id",
    );
}

#[test]
fn a_web_identity_as_kubernetes_gives_it_to_a_service_account() {
    let case = Case::new();
    let role = case.aws.role(&["job"]);
    let token = &case.aws.admin(&["token"])[0];
    let file = case.aws.mounted("token", token);
    let arn = format!("--env=AWS_ROLE_ARN={role}");
    let variables = ["--env=AWS_WEB_IDENTITY_TOKEN_FILE=/run/secrets/token", &arn, REGION, &file];
    case.resolves("", &variables, &format!("the web identity token `/run/secrets/token` as {role}"));
    let section = format!("web_identity_token_file = \"/run/secrets/token\"\nrole_arn = \"{role}\"\n");
    case.resolves(
        &section,
        &[REGION, &file],
        &format!("the web identity token `/run/secrets/token` as {role}"),
    );
    let file = case.aws.mounted("token", "not-a-token");
    case.fails(
        "",
        &[&variables[..3], &[file.as_str()]].concat(),
        &format!(
            "denied: no AWS identity from the web identity token `/run/secrets/token` for {role}: \
             sts.eu-west-1.amazonaws.com:443: AWS does not accept the web identity token (InvalidIdentityToken) [KZ102]"
        ),
        "is it fresh, for the audience `sts.amazonaws.com`, and its issuer one that the account trusts?",
    );
}

#[test]
fn an_instance_by_version_2_of_its_metadata_service() {
    let case = Case::new();
    case.aws.role(&["instance"]);
    let variables =
        ["--env=AWS_EC2_METADATA_SERVICE_ENDPOINT=http://aws", "--env=AWS_EC2_METADATA_DISABLED=false"];
    // It knows the region, too.
    case.resolves("", &variables, "the instance's metadata service");
}

#[test]
fn a_task_by_its_endpoint() {
    let _alone = credentials_subnet();
    let case = Case::at("169.254.170.2");
    case.aws.role(&["task"]);
    let relative = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
    case.resolves("", &[&format!("--env={relative}=/role/task"), REGION], relative);
    let full = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    case.resolves("", &[&format!("--env={full}=http://169.254.170.2/role/task"), REGION], full);
    case.fails(
        "",
        &[&format!("--env={relative}=/role/nobody"), REGION],
        &format!(
            "not set up: no AWS identity from {relative}: 169.254.170.2:80: the service does not accept the request \
             (an error code that is none of AWS's) [KZ105]"
        ),
        ENDPOINT,
    );
}

#[test]
fn a_pod_by_its_agent_and_token() {
    let _alone = credentials_subnet();
    let case = Case::at("169.254.170.23");
    case.aws.role(&["pod"]);
    let token = &case.aws.admin(&["token"])[0];
    let file = case.aws.mounted("token", token);
    let full = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    let uri = format!("--env={full}=http://169.254.170.23/v1/credentials");
    let named = "--env=AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/run/secrets/token";
    case.resolves("", &[&uri, named, &file, REGION], full);
    let file = case.aws.mounted("token", "not-a-token");
    let refused =
        |kind: &str, words: &str| format!("{kind}: no AWS identity from {full}: 169.254.170.23:80: {words}");
    let denied = refused("denied", "permission denied (AccessDenied) [KZ102]");
    case.fails("", &[&uri, named, &file, REGION], &denied, ENDPOINT);
    let invalid = refused("not set up", "the service does not accept the request (InvalidRequest) [KZ105]");
    case.fails("", &[&uri, REGION], &invalid, ENDPOINT);
}
