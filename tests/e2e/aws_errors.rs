//! What stands between kz and a secret: one message each, word by word, without a key, a token or a value in it.

use crate::aws_stage::{Aws, EXPORT, Keys, READ, REGION, failed, options, told};
use crate::engine::unique;
use crate::support::Run;

const CONFIG: &str = "[secrets]\nVALUE = { provider = \"aws-sm\", ref = \"prod/value\" }\n";

/// Fails unless a failing run says this from its first error on, and none of these anywhere.
#[track_caller]
fn expect_told(run: Run, said: &str, nowhere: &[&Keys], value: &str) {
    let passes = ["[KZ103]", "[KZ120]"].iter().any(|code| said.contains(code));
    let run = run.expect_code(if passes { 75 } else { 1 });
    assert_eq!((run.stdout(), told(&run)), (String::new(), said.to_owned()), "{}", run.describe());
    let keys = nowhere.iter().flat_map(|keys| [Some(&keys.id), Some(&keys.secret), keys.token.as_ref()]);
    for canary in keys.flatten().map(String::as_str).chain([value]) {
        assert!(!run.stderr().contains(canary), "{canary:?} is in\n{}", run.stderr());
    }
}

#[test]
fn a_key_that_aws_does_not_take() {
    let (aws, value) = (Aws::new(), unique("value"));
    aws.admin_with(&value, &["put", "prod/value"]);
    let keys = aws.user("app", READ);
    let wrong = Keys { id: keys.id.clone(), secret: "not-the-secret-of-this-key".into(), token: None };
    let run = aws.kz(CONFIG, &options(wrong.variables(), &[REGION]), EXPORT);
    expect_told(
        run,
        &failed(
            "(aws-sm `prod/value`) denied: the secret access key is not the access key's \
             (SignatureDoesNotMatch) [KZ102]",
            "is AWS_SECRET_ACCESS_KEY whole, and this machine's clock right?",
        ),
        &[&keys, &wrong],
        &value,
    );
    let unknown = Keys { id: "AKIA-nobody".into(), secret: keys.secret.clone(), token: None };
    let run = aws.kz(CONFIG, &options(unknown.variables(), &[REGION]), EXPORT);
    expect_told(
        run,
        &failed(
            "(aws-sm `prod/value`) denied: AWS does not know the access key (InvalidClientTokenId) \
             [KZ102]",
            "is the access key deleted or disabled, or of another partition, or its AWS_SESSION_TOKEN missing?",
        ),
        &[&keys, &unknown],
        &value,
    );
    let run = aws.kz(CONFIG, &options(keys.variables()[..1].to_vec(), &[REGION]), EXPORT);
    expect_told(
        run,
        &failed(
            "(aws-sm `prod/value`) not set up: AWS_ACCESS_KEY_ID is set, and AWS_SECRET_ACCESS_KEY is \
             not [KZ105]",
            "set both, or neither",
        ),
        &[&keys],
        &value,
    );
}

#[test]
fn a_session_that_has_ended() {
    let (aws, value) = (Aws::new(), unique("value"));
    aws.admin_with(&value, &["put", "prod/value"]);
    aws.role(&["job"]);
    let session = aws.session(&["job", "0"]);
    let run = aws.kz(CONFIG, &options(session.variables(), &[REGION]), EXPORT);
    expect_told(
        run,
        &failed(
            "(aws-sm `prod/value`) denied: the session token has expired (ExpiredToken) [KZ102]",
            "give kz new temporary credentials, or a role to take them from",
        ),
        &[&session],
        &value,
    );
}

#[test]
fn an_action_that_is_not_allowed() {
    let (aws, value) = (Aws::new(), unique("value"));
    aws.admin_with(&value, &["put", "prod/value"]);
    let keys = aws.user("app", &["ssm:GetParameters"]);
    let run = aws.kz(CONFIG, &options(keys.variables(), &[REGION]), EXPORT);
    expect_told(
        run,
        &failed(
            "(aws-sm `prod/value`) denied: arn:aws:iam::123456789012:user/app may not \
             secretsmanager:GetSecretValue (AccessDenied) [KZ102]",
            "allow `secretsmanager:GetSecretValue` on it: `kz plan` prints the policy",
        ),
        &[&keys],
        &value,
    );
    let keys = aws.user("other", &["secretsmanager:GetSecretValue"]);
    let config = CONFIG.replace("aws-sm", "aws-ssm");
    let run = aws.kz(&config, &options(keys.variables(), &[REGION]), EXPORT);
    expect_told(
        run,
        &failed(
            "(aws-ssm `prod/value`) denied: arn:aws:iam::123456789012:user/other may not \
             ssm:GetParameters (AccessDenied) [KZ102]",
            "allow `ssm:GetParameters` on it: `kz plan` prints the policy",
        ),
        &[&keys],
        &value,
    );
}

#[test]
fn a_secret_that_is_not_there_or_is_to_be_deleted() {
    let (aws, value) = (Aws::new(), unique("value"));
    let keys = aws.user("app", READ);
    let options = options(keys.variables(), &[REGION]);
    expect_told(
        aws.kz(CONFIG, &options, EXPORT),
        &failed(
            "(aws-sm `prod/value`) absent: nothing is there under this ref [KZ101]",
            "correct the ref, or write `optional = true` when it may be missing",
        ),
        &[&keys],
        &value,
    );
    aws.admin_with(&value, &["put", "prod/value"]);
    aws.admin(&["delete", "prod/value"]);
    expect_told(
        aws.kz(CONFIG, &options, EXPORT),
        &failed(
            "(aws-sm `prod/value`) absent: it is scheduled for deletion [KZ101]",
            "bring it back: `aws secretsmanager restore-secret --secret-id prod/value`",
        ),
        &[&keys],
        &value,
    );
}

#[test]
fn no_region_and_no_identity() {
    let (aws, value) = (Aws::new(), unique("value"));
    let keys = aws.user("app", READ);
    let run = aws.kz(CONFIG, &keys.variables(), EXPORT);
    expect_told(
        run,
        &failed(
            "(aws-sm `prod/value`) not set up: there is no region: looked for `region`, AWS_REGION, \
             AWS_DEFAULT_REGION and the profile's [KZ105]",
            "set AWS_REGION, or write `region = \"…\"` into the provider's section",
        ),
        &[&keys],
        &value,
    );
    let run = aws.kz(CONFIG, &options(Vec::new(), &[REGION]), EXPORT);
    expect_told(
        run,
        &failed(
            "(aws-sm `prod/value`) not set up: there is no AWS identity: looked for \
             AWS_ACCESS_KEY_ID, the profile `default`, AWS_WEB_IDENTITY_TOKEN_FILE, \
             AWS_CONTAINER_CREDENTIALS_FULL_URI and the metadata service of EC2 \
             (AWS_EC2_METADATA_DISABLED) [KZ105]",
            "set one of them up; in a container on EC2 the instance's metadata hop limit has to be 2",
        ),
        &[&keys],
        &value,
    );
}
