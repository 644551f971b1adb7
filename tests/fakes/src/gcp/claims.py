"""Drives the fake of Google Cloud with Google's own client, through everything that it claims: claims.py ADDRESS FACTS.

FACTS is a file of JSON with what tests/it/gcp/fake.rs has put into the fake: names, keys, addresses.
Prints a line for each part that behaved as Google's client expects.
"""

import json
import os
import sys

address, facts = sys.argv[1], json.load(open(sys.argv[2]))
os.environ["GCE_METADATA_HOST"] = os.environ["GCE_METADATA_IP"] = address.removeprefix("http://")

import google.auth.compute_engine
import google.oauth2.credentials
import requests
from google.api_core import exceptions
from google.auth import identity_pool, impersonated_credentials
from google.auth.compute_engine import _metadata
from google.auth.exceptions import GoogleAuthError, RefreshError
from google.auth.transport.requests import Request
from google.cloud.secretmanager_v1.services.secret_manager_service import SecretManagerServiceClient
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import SecretManagerServiceRestTransport
from google.oauth2 import service_account

SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
PROJECT = f"projects/{facts['project']}"
NUMBER = f"projects/{facts['number']}"


def client(credentials):
    host = address.removeprefix("http://")
    return SecretManagerServiceClient(
        transport=SecretManagerServiceRestTransport(host=host, url_scheme="http", credentials=credentials)
    )


def known(token):
    return google.oauth2.credentials.Credentials(token)


def access(name, credentials=None):
    # Errors pass at once: what is tried again is not this client's to decide.
    return (credentials or reader).access_secret_version(name=name, retry=None)


def refused(error, call, *words):
    try:
        call()
    except error as raised:
        for word in words:
            assert word in str(raised), (word, str(raised))
        return raised
    raise AssertionError(f"not refused with {error.__name__}")


def reads(credentials):
    """The credentials get a token by themselves, and it is let in."""
    credentials.refresh(Request())
    answer = access(f"{PROJECT}/secrets/app/versions/latest", client(known(credentials.token)))
    assert answer.payload.data == b"new"


def crc32c(data):
    remainder = 0xFFFFFFFF
    for byte in data:
        remainder ^= byte
        for _ in range(8):
            remainder = (remainder >> 1) ^ (0x82F63B78 & -(remainder & 1))
    return remainder ^ 0xFFFFFFFF


def versions():
    name = f"{PROJECT}/secrets/app/versions/"
    for version, number, data in (("latest", 2, b"new"), ("1", 1, b"old"), ("blue", 1, b"old")):
        answer = access(name + version)
        assert answer.name == f"{NUMBER}/secrets/app/versions/{number}"
        assert answer.payload.data == data and answer.payload.data_crc32c == crc32c(data)
    assert access(f"{NUMBER}/secrets/app/versions/latest").payload.data == b"new"
    regional = f"{PROJECT}/locations/europe-west3/secrets/app/versions/latest"
    assert access(regional).payload.data == b"regional"
    return "latest, number, alias, a project's number, regional"


def values():
    assert access(f"{PROJECT}/secrets/bytes/versions/1").payload.data == b"\x00\xff\n"
    empty = access(f"{PROJECT}/secrets/empty/versions/1").payload
    assert empty.data == b"" and empty.data_crc32c == 0
    damaged = access(f"{PROJECT}/secrets/damaged/versions/1").payload
    assert damaged.data_crc32c != crc32c(damaged.data)
    whole = access(f"{PROJECT}/secrets/damaged/versions/1").payload
    assert whole.data_crc32c == crc32c(whole.data) and whole.data == b"whole"
    assert access(f"{PROJECT}/secrets/unsummed/versions/1").payload._pb.data_crc32c == 0
    return "bytes, empty, damaged once, without a checksum"


def errors():
    get = lambda name: lambda: access(f"{PROJECT}/secrets/{name}")
    refused(exceptions.NotFound, get("none/versions/latest"), "Secret [", "not found or has no versions")
    refused(exceptions.NotFound, get("app/versions/9"), "Secret Version [", "not found")
    refused(exceptions.BadRequest, get("app/versions/3"), "is in DISABLED state")
    refused(exceptions.BadRequest, get("app/versions/4"), "is in DESTROYED state")
    denied = refused(exceptions.Forbidden, get("closed/versions/1"), "secretmanager.versions.access")
    assert denied.reason == "IAM_PERMISSION_DENIED"
    # The client would ask for another token.
    url = f"{address}/v1/{PROJECT}/secrets/app/versions/1:access"
    nobody = exceptions.from_http_response(requests.get(url, headers={"Authorization": "Bearer nobody's"}))
    assert isinstance(nobody, exceptions.Unauthorized) and nobody.reason == "ACCESS_TOKEN_TYPE_UNSUPPORTED"
    return "no secret, no version, disabled, destroyed, denied, no token"


def keys():
    info = facts["key"]
    reads(service_account.Credentials.from_service_account_info(info, scopes=SCOPES))
    deleted = service_account.Credentials.from_service_account_info(facts["deleted"], scopes=SCOPES)
    refused(RefreshError, lambda: deleted.refresh(Request()), "Invalid grant: account not found")
    other = {**info, "private_key_id": "0" * 40}
    other = service_account.Credentials.from_service_account_info(other, scopes=SCOPES)
    refused(RefreshError, lambda: other.refresh(Request()), "Invalid JWT Signature")
    stranger = service_account.Credentials.from_service_account_info(
        {**info, "private_key": facts["deleted"]["private_key"]}, scopes=SCOPES
    )
    refused(RefreshError, lambda: stranger.refresh(Request()), "Invalid JWT Signature")
    unscoped = service_account.Credentials.from_service_account_info(info, scopes=["email"])
    refused(RefreshError, lambda: unscoped.refresh(Request()), "Invalid OAuth scope")
    return "a token, deleted account, unknown key, another's signature, no scope"


def logins():
    login = facts["login"]
    person = lambda refresh: google.oauth2.credentials.Credentials(
        None, refresh_token=refresh, token_uri=login["token_uri"], client_id=login["client_id"],
        client_secret=login["client_secret"],
    )
    reads(person(login["refresh_token"]))
    refused(RefreshError, lambda: person("another").refresh(Request()), "invalid_grant")
    return "a token, revoked"


def pools():
    info = facts["pool"]
    load = lambda **changed: identity_pool.Credentials.from_info({**info, **changed}, scopes=SCOPES)
    reads(load())
    reads(load(credential_source=facts["behind_an_address"]))
    reads(load(service_account_impersonation_url=facts["impersonation_url"]))
    refused(GoogleAuthError, lambda: load(audience="//iam.googleapis.com/x").refresh(Request()), "invalid_target")
    jwt = "urn:ietf:params:oauth:token-type:id_token"
    refused(GoogleAuthError, lambda: load(subject_token_type=jwt).refresh(Request()), "invalid_request")
    wrong = {"file": facts["wrong_token_file"]}
    refused(GoogleAuthError, lambda: load(credential_source=wrong).refresh(Request()), "invalid_grant")
    without = {**facts["behind_an_address"], "headers": {}}
    refused(GoogleAuthError, lambda: load(credential_source=without).refresh(Request()))
    return "a file, an address, an account, another audience, another type, another token, no header"


def impersonation():
    source = service_account.Credentials.from_service_account_info(facts["key"], scopes=SCOPES)
    override = facts["impersonation_url"].rsplit("/", 1)[0]
    made = lambda target, delegates=None: impersonated_credentials.Credentials(
        source_credentials=source, target_principal=target, target_scopes=SCOPES, delegates=delegates,
        iam_endpoint_override=f"{override}/{target}:generateAccessToken",
    )
    reads(made(facts["target"]))
    reads(made(facts["far"], [f"projects/-/serviceAccounts/{facts['target']}"]))
    refused(RefreshError, lambda: made(facts["far"]).refresh(Request()), "iam.serviceAccounts.getAccessToken")
    return "an account, by a delegate, denied"


def metadata():
    assert _metadata.ping(Request()), "it does not say what it is"
    assert _metadata.get_project_id(Request()) == facts["project"]
    reads(google.auth.compute_engine.Credentials())
    return "what it is, project, a token"


reader = client(known(facts["token"]))
for part in (versions, values, errors, keys, logins, pools, impersonation, metadata):
    print(f"{part.__name__}: {part()}", flush=True)
