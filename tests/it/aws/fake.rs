//! The AWS that tests start, driven once by clients that know nothing of kz: PyPI's boto3, and curl.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Run, Sandbox, in_repository, tools};
use kz_fakes::aws::{Fake, Keys, Kind, words};
use kz_fakes::fake_server::script::{Act, Rule};
use kz_fakes::fake_server::{Protocol, Transport};

/// Everything that the fake claims, as the script lists it.
const CLAIMS: &str = "\
names: name, ARN, partial ARN, other regions, unknown
versions: ids, AWSCURRENT, AWSPREVIOUS, a stage of its own, unknown, id and stage apart
values: text, bytes, deleted, without value, denied, an error of its own
batch: values, bytes, errors by secret, left out, 20, not 21, not none
parameters: types, ciphertext, versions, labels, ARNs, invalid, 10, not 11
denied_parameters: one denies all, decryption
keys: known, with a token, unsigned, unknown, another token, wrong secret, expired
roles: assumed, external id, without it, unknown, another trust
web_identities: traded, wrong token, another trust
metadata: token, role, region, without or with a wrong token, unknown
containers: ECS, EKS, unknown, without or with a wrong token
portal: a role's credentials, wrong token, another role or account
";

fn boto3(sandbox: &Sandbox, script: &str, arguments: &[&str]) -> Run {
    let python = tools().join("moto/bin/python");
    assert!(python.exists(), "{} is missing: run `make setup`", python.display());
    sandbox.run(Command::new(python).arg(in_repository(script)).args(arguments))
}

fn listed(keys: &Keys) -> Value {
    json!([keys.id, keys.secret, keys.token])
}

/// What the script looks for; says what it cannot know.
fn furnish(fake: &Fake) -> Value {
    fake.configure(|aws| {
        aws.secret("prod/db", "old");
        let arn = aws.secret("prod/db", "new");
        let staged = aws.version("prod/db", "blue", "staged");
        aws.secret_in("us-east-1", "elsewhere", "there");
        aws.binary("binary", b"\x00\xff\n");
        aws.valueless("valueless");
        for name in ["deleted", "denied", "encrypted", "kms", "left-out"] {
            aws.secret(name, "here");
        }
        aws.delete("deleted");
        aws.deny("denied");
        aws.fail("encrypted", "DecryptionFailure", "no key");
        aws.fail("kms", "AccessDeniedException", "Access to KMS is not allowed");
        aws.leave_out("left-out");
        for number in 0..21 {
            aws.secret(&format!("many/{number}"), "one of many");
        }
        for value in ["one", "two", "three"] {
            aws.parameter("/app/url", Kind::Text, value);
        }
        aws.label("/app/url", 2, "live");
        aws.parameter("/app/list", Kind::List, "a,b");
        aws.parameter("/app/key", Kind::Secure, "a key");
        aws.parameter("plain", Kind::Text, "p");
        aws.parameter("/denied", Kind::Text, "here");
        aws.deny_parameter("/denied");
        aws.parameter("/encrypted", Kind::Secure, "here");
        aws.fail_parameter("/encrypted", "InvalidKeyId", "no key");
        for number in 0..10 {
            aws.parameter(&format!("/many/{number}"), Kind::Text, &number.to_string());
        }
        let expired = aws.session("app", "yesterday");
        aws.expire(&expired.id);
        aws.instance_role("instance");
        aws.task_role("task-1", "task");
        aws.pod_role("a pod's token", "pod");
        aws.assignment("a login", "123456789012", "admin");
        json!({
            "keys": listed(&aws.keys()),
            "session": listed(&aws.session("app", "today")),
            "expired": listed(&expired),
            "arn": arn,
            "current": aws.version_id("prod/db", "AWSCURRENT"),
            "staged": staged,
            "role": aws.role("other"),
            "partner": aws.role_with_external_id("partner", "ticket & 7"),
            "web": aws.web_identity_role("web", "a web identity"),
        })
    })
}

#[test]
fn a_foreign_client_finds_everything_that_the_fake_claims() {
    let fake = Fake::start(Transport::Plain);
    let facts = furnish(&fake).to_string();
    let sandbox = Sandbox::new();
    let run = boto3(&sandbox, "tests/fakes/src/aws/claims.py", &[&fake.url(), &facts]).expect_code(0);
    assert_eq!(run.stdout(), CLAIMS, "{}", run.describe());
    let names = [
        "secretsmanager.GetSecretValue",
        "secretsmanager.BatchGetSecretValue",
        "ssm.GetParameters",
        "sts.AssumeRole",
        "sts.AssumeRoleWithWebIdentity",
        "imds/latest/api/token",
        "imds/latest/meta-data/iam/security-credentials",
        "container/v2/credentials/task-1",
        "container/v1/credentials",
        "sso/federation/credentials?",
    ];
    for name in names {
        assert!(fake.requests(name) > 0, "{name}: {:?}", fake.seen());
    }
    let regions = |region: &str| fake.seen().iter().filter(|seen| seen.namespace == region).count();
    assert_eq!(regions("us-east-1"), 3);
}

/// A call after the other, and how each ends.
const CALLS: &str = "\
import boto3, sys
from botocore.config import Config
from botocore.exceptions import ClientError
address, id, secret = sys.argv[1:]
own = dict(endpoint_url=address, region_name='eu-west-1', aws_access_key_id=id, aws_secret_access_key=secret,
           config=Config(retries={'total_max_attempts': 1}))
secrets, parameters, sts = (boto3.client(service, **own) for service in ('secretsmanager', 'ssm', 'sts'))
def calls():
    for _ in range(5): yield lambda: secrets.get_secret_value(SecretId='a')
    yield lambda: secrets.batch_get_secret_value(SecretIdList=['a'])
    for _ in range(2): yield lambda: parameters.get_parameters(Names=['/a'])
    for _ in range(2): yield lambda: sts.assume_role(RoleArn='arn:aws:iam::123456789012:role/a', RoleSessionName='kz')
for call in calls():
    try:
        call()
        print('answered')
    except ClientError as error:
        print(error.response['ResponseMetadata']['HTTPStatusCode'], error.response['Error']['Code'],
              error.response['Error']['Message'])
";

const ENDS: &str = "\
400 ThrottlingException Rate exceeded
429 ThrottlingException Rate exceeded
500 InternalServiceError An error occurred on the server side.
503 ServiceUnavailableException Service is unable to handle request.
answered
400 AccessDeniedException User: arn:aws:sts::123456789012:assumed-role/app/kz is not authorized to perform: \
secretsmanager:BatchGetSecretValue because no identity-based policy allows the secretsmanager:BatchGetSecretValue action
500 InternalServerError An error occurred on the server side.
answered
503 ServiceUnavailable Service is unable to handle request.
403 AccessDenied User: arn:aws:sts::123456789012:assumed-role/app/kz is not authorized to perform: sts:AssumeRole on \
resource: arn:aws:iam::123456789012:role/a
";

#[test]
fn what_the_script_and_whole_denials_do_is_in_the_services_words() {
    let fake = Fake::start(Transport::Plain);
    let keys = fake.configure(|aws| {
        aws.secret("a", "v");
        aws.forbid("secretsmanager:BatchGetSecretValue");
        aws.role("a");
        aws.forbid("sts:AssumeRole");
        aws.keys()
    });
    let get = "secretsmanager.GetSecretValue";
    fake.script(Rule::new(get, Act::Answer(words::throttled())).times(1));
    for (name, status) in [(get, 429), (get, 500), (get, 503), ("ssm.", 500), ("sts.", 503)] {
        fake.script(Rule::status(name, status).times(1));
    }
    let sandbox = Sandbox::new();
    let script = sandbox.file("calls.py", CALLS).display().to_string();
    let run = boto3(&sandbox, &script, &[&fake.url(), &keys.id, &keys.secret]).expect_code(0);
    assert_eq!(run.stdout(), ENDS, "{}", run.describe());
    assert_eq!((fake.requests(get), fake.requests("")), (5, 10));
}

/// HTTP/2 has no `Host` header, which is signed all the same.
#[test]
fn signatures_fit_over_http2_too() {
    let fake = Fake::start(Transport::Http2);
    let keys = fake.configure(|aws| {
        aws.secret("a", "v");
        aws.keys()
    });
    let sandbox = Sandbox::new();
    sandbox.file("ca.pem", fake.ca());
    for (service, secret, answer) in [
        ("secretsmanager", keys.secret.as_str(), "SecretString"),
        ("secretsmanager", "wrong", "InvalidSignatureException"),
        ("ssm", keys.secret.as_str(), "InvalidSignatureException"),
    ] {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--http2", "--cacert", "ca.pem", "--data", r#"{"SecretId":"a"}"#]);
        let signed = [format!("aws:amz:eu-west-1:{service}"), format!("{}:{secret}", keys.id)];
        curl.args(["--aws-sigv4", &signed[0], "--user", &signed[1]]);
        curl.args(["--header", "Content-Type: application/x-amz-json-1.1"]);
        curl.args(["--header", "X-Amz-Target: secretsmanager.GetSecretValue", &fake.url()]);
        let run = sandbox.run(&mut curl).expect_code(0);
        assert!(run.stdout().contains(answer), "{}", run.describe());
    }
    assert!(fake.seen().iter().all(|seen| seen.protocol == Protocol::Http2));
}
