#!/usr/bin/env python3
"""Drives the AWS fake with boto3, through everything that the fake claims: claims.py ADDRESS FACTS.

FACTS is a JSON object with what tests/it/aws/fake.rs has put into the fake: ARNs, ids of versions, keys.
Prints a line for each part that behaved as AWS's API references say.
"""

import json
import sys
import time
import urllib.error
import urllib.request

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.credentials import ContainerProvider
from botocore.exceptions import ClientError
from botocore.utils import InstanceMetadataFetcher, InstanceMetadataRegionFetcher

ADDRESS, FACTS = sys.argv[1], json.loads(sys.argv[2])
USER = "arn:aws:sts::123456789012:assumed-role/app/kz"


def client(service, keys=None, region="eu-west-1", **options):
    id, secret, token = keys or FACTS["keys"]
    options = Config(retries={"total_max_attempts": 1}, **options)
    return boto3.client(service, endpoint_url=ADDRESS, region_name=region, config=options, aws_access_key_id=id,
                        aws_secret_access_key=secret, aws_session_token=token)


def fails(code, call, **options):
    """The message of the error, which has to be this one."""
    try:
        answer = call(**options)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error.response
        return error.response["Error"]["Message"]
    raise AssertionError(f"it answered {answer!r}")


def may_not(action, resource):
    on = f" on resource: {resource}" if resource else ""
    return (f"User: {USER} is not authorized to perform: {action}{on} because no identity-based policy allows the "
            f"{action} action")


def reads(keys):
    """Whether these keys are somebody's."""
    assert client("secretsmanager", keys).get_secret_value(SecretId="prod/db")["SecretString"] == "new"


def names():
    arn = FACTS["arn"]
    for id in ("prod/db", arn, arn[:-7]):
        answer = get(SecretId=id)
        assert (answer["Name"], answer["ARN"], answer["SecretString"]) == ("prod/db", arn, "new"), answer
    elsewhere = client("secretsmanager", region="us-east-1").get_secret_value
    assert elsewhere(SecretId="elsewhere")["SecretString"] == "there"
    fails("ResourceNotFoundException", elsewhere, SecretId="prod/db")
    fails("ResourceNotFoundException", elsewhere, SecretId=arn)
    fails("ResourceNotFoundException", get, SecretId="elsewhere")
    assert fails("ResourceNotFoundException", get, SecretId="none") == "Secrets Manager can't find the specified secret."
    return "name, ARN, partial ARN, other regions, unknown"


def versions():
    current = get(SecretId="prod/db")
    assert current["VersionStages"] == ["AWSCURRENT"] and current["VersionId"] == FACTS["current"]
    assert get(SecretId="prod/db", VersionStage="AWSCURRENT")["SecretString"] == "new"
    assert get(SecretId="prod/db", VersionStage="AWSPREVIOUS")["SecretString"] == "old"
    assert get(SecretId="prod/db", VersionStage="blue")["SecretString"] == "staged"
    assert get(SecretId="prod/db", VersionId=FACTS["staged"])["VersionStages"] == ["blue"]
    assert get(SecretId="prod/db", VersionId=FACTS["staged"], VersionStage="blue")["SecretString"] == "staged"
    fails("InvalidRequestException", get, SecretId="prod/db", VersionId=FACTS["staged"], VersionStage="AWSCURRENT")
    message = fails("ResourceNotFoundException", get, SecretId="prod/db", VersionStage="green")
    assert message.endswith("secret value for staging label: green"), message
    fails("ResourceNotFoundException", get, SecretId="prod/db", VersionId="0" * 36)
    return "ids, AWSCURRENT, AWSPREVIOUS, a stage of its own, unknown, id and stage apart"


def values():
    answer = get(SecretId="binary")
    assert answer["SecretBinary"] == b"\x00\xff\n" and "SecretString" not in answer
    assert "marked for deletion" in fails("InvalidRequestException", get, SecretId="deleted")
    message = fails("ResourceNotFoundException", get, SecretId="valueless")
    assert message.endswith("secret value for staging label: AWSCURRENT"), message
    message = fails("AccessDeniedException", get, SecretId="denied")
    assert message == may_not("secretsmanager:GetSecretValue", "denied"), message
    assert fails("DecryptionFailure", get, SecretId="encrypted") == "no key"
    assert fails("AccessDeniedException", get, SecretId="kms") == "Access to KMS is not allowed"
    return "text, bytes, deleted, without value, denied, an error of its own"


def batch():
    read = secrets.batch_get_secret_value
    wanted = ["binary", "prod/db", FACTS["arn"][:-7], "none", "deleted", "valueless", "denied", "encrypted", "left-out"]
    answer = read(SecretIdList=wanted)
    found = [(value["Name"], value.get("SecretString")) for value in answer["SecretValues"]]
    assert found == [("binary", None), ("prod/db", "new"), ("prod/db", "new")], found
    assert answer["SecretValues"][0]["SecretBinary"] == b"\x00\xff\n"
    assert answer["SecretValues"][1]["VersionStages"] == ["AWSCURRENT"]
    errors = {error["SecretId"]: (error["ErrorCode"], error["Message"]) for error in answer["Errors"]}
    assert {id: code for id, (code, _) in errors.items()} == {
        "none": "ResourceNotFoundException", "deleted": "InvalidRequestException", "encrypted": "DecryptionFailure",
        "valueless": "ResourceNotFoundException", "denied": "AccessDeniedException"}, errors
    assert errors["denied"][1] == may_not("secretsmanager:GetSecretValue", "denied")
    assert get(SecretId="left-out")["SecretString"] == "here"
    many = [f"many/{number}" for number in range(21)]
    assert len(read(SecretIdList=many[:20])["SecretValues"]) == 20
    fails("ValidationException", read, SecretIdList=many)
    fails("InvalidParameterException", read)
    fails("InvalidParameterException", read, SecretIdList=["binary"], Filters=[{"Key": "name", "Values": ["b"]}])
    return "values, bytes, errors by secret, left out, 20, not 21, not none"


def parameters():
    read = lambda *names, **options: parameter_store.get_parameters(Names=list(names), **options)
    answer = read("/app/url", "/app/list", "/app/key", "plain", "/none", WithDecryption=True)
    found = {parameter["Name"]: (parameter["Type"], parameter["Value"]) for parameter in answer["Parameters"]}
    assert found == {"/app/url": ("String", "three"), "/app/list": ("StringList", "a,b"), "plain": ("String", "p"),
                     "/app/key": ("SecureString", "a key")}, found
    assert answer["InvalidParameters"] == ["/none"]
    assert answer["Parameters"][0]["ARN"] == "arn:aws:ssm:eu-west-1:123456789012:parameter/app/url"
    assert all("Selector" not in parameter for parameter in answer["Parameters"])
    for options in ({}, {"WithDecryption": False}):
        [cipher] = read("/app/key", **options)["Parameters"]
        assert cipher["Type"] == "SecureString" and "a key" not in cipher["Value"], cipher
    arn = answer["Parameters"][0]["ARN"]
    for name, selector, version, value in [
        ("/app/url:1", ":1", 1, "one"), ("/app/url:live", ":live", 2, "two"), ("/app/url", None, 3, "three"),
        (arn, None, 3, "three"), (f"{arn}:1", ":1", 1, "one"), (f"{arn}:live", ":live", 2, "two"),
    ]:
        [parameter] = read(name)["Parameters"]
        shown = (parameter["Name"], parameter.get("Selector"), parameter["Version"], parameter["Value"])
        assert shown == ("/app/url", selector, version, value), (name, parameter)
    assert len(read("/app/url:1", "/app/url:live", "/app/url")["Parameters"]) == 3
    wrong = ["/app/url:4", "/app/url:0", "/app/url:dead", f"{arn}x", arn.replace("eu-west-1", "us-east-1")]
    assert read(*wrong)["InvalidParameters"] == wrong
    assert read(*(f"/many/{number}" for number in range(10)))["Parameters"][9]["Value"] == "9"
    fails("ValidationException", parameter_store.get_parameters, Names=["/none"] * 11)
    return "types, ciphertext, versions, labels, ARNs, invalid, 10, not 11"


def denied_parameters():
    read = parameter_store.get_parameters
    message = fails("AccessDeniedException", read, Names=["/app/url", "/denied", "/none"])
    assert message == may_not("ssm:GetParameters", "arn:aws:ssm:eu-west-1:123456789012:parameter/denied"), message
    assert fails("InvalidKeyId", read, Names=["/app/url", "/encrypted"], WithDecryption=True) == "no key"
    assert len(read(Names=["/app/url", "/encrypted"])["Parameters"]) == 2
    return "one denies all, decryption"


def keys():
    session, expired, (id, secret, _) = FACTS["session"], FACTS["expired"], FACTS["keys"]
    reads(session)
    ask = {"secretsmanager": {"SecretId": "prod/db"}, "ssm": {"Names": ["/app/url"]}}
    for service, operation in (("secretsmanager", "get_secret_value"), ("ssm", "get_parameters")):
        read = lambda keys=None, **options: getattr(client(service, keys, **options), operation)(**ask[service])
        fails("MissingAuthenticationTokenException", read, signature_version=UNSIGNED)
        for unknown in (["AKIDNONE", secret, None], [id, secret, "token"], [*session[:2], None], [*session[:2], "token"]):
            assert "security token" in fails("UnrecognizedClientException", read, keys=unknown)
        assert "signature" in fails("InvalidSignatureException", read, keys=[id, "wrong", None])
        assert "expired" in fails("ExpiredTokenException", read, keys=expired)
    role = {"RoleArn": FACTS["role"], "RoleSessionName": "kz"}
    assume = lambda keys=None, **options: client("sts", keys, **options).assume_role(**role)
    fails("MissingAuthenticationToken", assume, signature_version=UNSIGNED)
    fails("InvalidClientTokenId", assume, keys=["AKIDNONE", secret, None])
    fails("SignatureDoesNotMatch", assume, keys=[id, "wrong", None])
    fails("ExpiredToken", assume, keys=expired)
    return "known, with a token, unsigned, unknown, another token, wrong secret, expired"


def granted(answer):
    held = answer["Credentials"]
    assert held["Expiration"].timestamp() > time.time() + 3000, held
    reads([held["AccessKeyId"], held["SecretAccessKey"], held["SessionToken"]])
    return answer["AssumedRoleUser"]["Arn"]


def roles():
    assume = client("sts").assume_role
    role, partner = ({"RoleArn": FACTS[name], "RoleSessionName": "kz"} for name in ("role", "partner"))
    assert granted(assume(**role)) == "arn:aws:sts::123456789012:assumed-role/other/kz"
    assert granted(assume(**partner, ExternalId="ticket & 7")).endswith("/partner/kz")
    for wrong in (partner, {**partner, "ExternalId": "ticket 8"}, {**role, "RoleArn": FACTS["role"] + "s"}):
        message = fails("AccessDenied", assume, **wrong)
        assert message == f"User: {USER} is not authorized to perform: sts:AssumeRole on resource: {wrong['RoleArn']}"
    fails("AccessDenied", assume, RoleArn=FACTS["web"], RoleSessionName="kz")
    return "assumed, external id, without it, unknown, another trust"


def web_identities():
    trade = client("sts", signature_version=UNSIGNED).assume_role_with_web_identity
    role = {"RoleArn": FACTS["web"], "RoleSessionName": "kz"}
    assert granted(trade(**role, WebIdentityToken="a web identity")).endswith("/web/kz")
    fails("InvalidIdentityToken", trade, **role, WebIdentityToken="another one")
    fails("AccessDenied", trade, RoleArn=FACTS["role"], RoleSessionName="kz", WebIdentityToken="a web identity")
    return "traded, wrong token, another trust"


def status(path, method="GET", **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urllib.request.urlopen(urllib.request.Request(ADDRESS + path, method=method, headers=headers)) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def metadata():
    held = InstanceMetadataFetcher(base_url=ADDRESS + "/", num_attempts=1).retrieve_iam_role_credentials()
    assert held["role_name"] == "instance", held
    reads([held["access_key"], held["secret_key"], held["token"]])
    assert InstanceMetadataRegionFetcher(base_url=ADDRESS + "/", num_attempts=1).retrieve_region() == "eu-west-1"
    ttl = "X_aws_ec2_metadata_token_ttl_seconds"
    region, token_path, roles = ("/latest/" + path for path in (
        "meta-data/placement/region", "api/token", "meta-data/iam/security-credentials/"))
    for wrong in ({}, {ttl: "0"}, {ttl: "21601"}, {ttl: "x"}):
        assert status(token_path, "PUT", **wrong)[0] == 400
    code, token = status(token_path, "PUT", **{ttl: "60"})
    own = {"X_aws_ec2_metadata_token": token}
    assert code == 200 and status(region, **own) == (200, "eu-west-1") and status(roles, **own) == (200, "instance")
    assert status(roles + "other", **own)[0] == 404
    for wrong in ({}, {"X_aws_ec2_metadata_token": token + "0"}):
        assert status(region, **wrong)[0] == 401 and status(roles, **wrong)[0] == 401
    return "token, role, region, without or with a wrong token, unknown"


def containers():
    def load(path, **variables):
        held = ContainerProvider({"AWS_CONTAINER_CREDENTIALS_FULL_URI": ADDRESS + path, **variables}).load()
        reads(list(held.get_frozen_credentials()[:3]))

    load("/v2/credentials/task-1")
    load("/v1/credentials", AWS_CONTAINER_AUTHORIZATION_TOKEN="a pod's token")
    assert status("/v2/credentials/task-2")[0] == 404
    assert status("/v1/credentials")[0] == 401
    assert status("/v1/credentials", Authorization="another's")[0] == 403
    return "ECS, EKS, unknown, without or with a wrong token"


def portal():
    give = client("sso").get_role_credentials
    own = {"accessToken": "a login", "accountId": "123456789012", "roleName": "admin"}
    held = give(**own)["roleCredentials"]
    assert held["expiration"] > 1_000 * time.time()
    reads([held["accessKeyId"], held["secretAccessKey"], held["sessionToken"]])
    fails("UnauthorizedException", give, **{**own, "accessToken": "none"})
    fails("ForbiddenException", give, **{**own, "roleName": "root"})
    fails("ForbiddenException", give, **{**own, "accountId": "000000000000"})
    return "a role's credentials, wrong token, another role or account"


secrets, parameter_store = client("secretsmanager"), client("ssm")
get = secrets.get_secret_value
for part in (names, versions, values, batch, parameters, denied_parameters, keys, roles, web_identities, metadata, containers,
             portal):
    print(f"{part.__name__}: {part()}", flush=True)
