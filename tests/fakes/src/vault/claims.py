#!/usr/bin/env python3
"""Drives the Vault fake with hvac, through everything that the fake claims: claims.py ADDRESS ROOT_TOKEN.

Prints a line for each part that behaved as Vault's API documentation says. Runs in a directory with ca.pem,
client.pem and client.key.
"""

import sys

import hvac
from hvac.exceptions import Forbidden, InternalServerError, InvalidPath, InvalidRequest, RateLimitExceeded, VaultDown, VaultError

ADDRESS, ROOT = sys.argv[1:]


def client(token=None, **options):
    return hvac.Client(url=ADDRESS, token=token, verify="ca.pem", **options)


def fails(kind, call, *arguments, **options):
    """The error, which has to be exactly of this kind."""
    try:
        answer = call(*arguments, **options)
    except VaultError as error:
        assert type(error) is kind, f"{error!r} is no {kind}"
        return error
    raise AssertionError(f"it answered {answer!r}")


def kv1():
    kv = root.secrets.kv.v1
    kv.create_or_update_secret("a/b", {"x": "1", "y": {"z": 2}}, mount_point="kv")
    assert kv.read_secret("a/b", mount_point="kv")["data"] == {"x": "1", "y": {"z": 2}}
    assert kv.list_secrets("", mount_point="kv")["data"]["keys"] == ["a/"]
    assert kv.list_secrets("a", mount_point="kv")["data"]["keys"] == ["b"]
    kv.delete_secret("a/b", mount_point="kv")
    fails(InvalidPath, kv.read_secret, "a/b", mount_point="kv")
    return "write, read, list, delete"


def kv2():
    kv = root.secrets.kv.v2
    read = lambda path, version=None: kv.read_secret_version(path, version=version, raise_on_deleted_version=True)
    for text in ("one", "two", "three"):
        made = kv.create_or_update_secret("k/v", {"text": text})
    assert made["data"]["version"] == 3
    assert read("k/v")["data"]["data"] == {"text": "three"}
    assert read("k/v", 1)["data"]["data"] == {"text": "one"}
    fails(InvalidPath, read, "k/v", 4)
    kv.delete_latest_version_of_secret("k/v")
    gone = fails(InvalidPath, read, "k/v")
    assert gone.json["data"]["data"] is None and gone.json["data"]["metadata"]["deletion_time"]
    # hvac tells a deleted version from a missing one by that body.
    assert kv.read_secret_version("k/v", raise_on_deleted_version=False)["data"]["metadata"]["version"] == 3
    kv.undelete_secret_versions("k/v", [3])
    assert read("k/v")["data"]["data"] == {"text": "three"}
    kv.delete_secret_versions("k/v", [2])
    kv.destroy_secret_versions("k/v", [1])
    gone = fails(InvalidPath, read, "k/v", 1)
    assert gone.json["data"]["metadata"]["destroyed"] is True
    metadata = kv.read_secret_metadata("k/v")["data"]
    assert metadata["current_version"] == 3 and sorted(metadata["versions"]) == ["1", "2", "3"]
    assert [bool(metadata["versions"][n]["deletion_time"]) for n in "123"] == [False, True, False]
    assert "v" in kv.list_secrets("k")["data"]["keys"]
    error = fails(InvalidRequest, kv.create_or_update_secret, "k/v", {"text": "four"}, cas=1)
    assert "check-and-set" in error.text
    assert kv.create_or_update_secret("k/v", {"text": "four"}, cas=3)["data"]["version"] == 4
    kv.delete_metadata_and_all_versions("k/v")
    missing = fails(InvalidPath, read, "k/v")
    assert missing.json == {"errors": []}, missing.json
    wrong = fails(InvalidPath, root.secrets.kv.v1.read_secret, "k/v", mount_point="secret")
    assert "Invalid path for a versioned K/V secrets engine" in wrong.json["warnings"][0]
    return "versions, soft delete, undelete, destroy, metadata, list, check-and-set, wrong path"


def tokens():
    made = root.auth.token.create(policies=["app"])["auth"]["client_token"]
    app = client(made)
    assert app.is_authenticated() and app.auth.token.lookup_self()["data"]["policies"] == ["app", "default"]
    parent = client(root.auth.token.create(policies=["root"])["auth"]["client_token"])
    child = client(parent.auth.token.create(policies=["app"])["auth"]["client_token"])
    assert child.is_authenticated()
    parent.auth.token.revoke_self()
    assert not parent.is_authenticated() and not child.is_authenticated() and app.is_authenticated()
    assert fails(Forbidden, client("hvs.none").auth.token.lookup_self).errors == ["permission denied"]
    fails(Forbidden, client().secrets.kv.v1.read_secret, "x", mount_point="kv")
    return "lookup, create, revoke with children, bad, none"


def reads(logged_in):
    """Whether the policy `app` is in force: one path is readable, another is not."""
    read = logged_in.secrets.kv.v2.read_secret_version
    assert read("app/db", raise_on_deleted_version=True)["data"]["data"] == {"url": "postgres://db"}
    fails(Forbidden, read, "other", raise_on_deleted_version=True)


def policies():
    app = client(root.auth.token.create(policies=["app"])["auth"]["client_token"])
    reads(app)
    fails(Forbidden, app.secrets.kv.v2.create_or_update_secret, "app/db", {})
    return "read here, denied there"


def approle():
    role_id = root.auth.approle.read_role_id("app")["data"]["role_id"]
    secret_id = root.auth.approle.generate_secret_id("app")["data"]["secret_id"]
    app = client()
    answer = app.auth.approle.login(role_id, secret_id)
    assert answer["auth"]["renewable"] and answer["auth"]["lease_duration"] > 0
    reads(app)
    fails(InvalidRequest, client().auth.approle.login, role_id, "wrong")
    return "role id, secret id, login, wrong secret id"


def kubernetes():
    app = client()
    hvac.api.auth_methods.Kubernetes(app.adapter).login("app", "service-account")
    reads(app)
    fails(Forbidden, hvac.api.auth_methods.Kubernetes(client().adapter).login, "app", "wrong")
    fails(InvalidRequest, hvac.api.auth_methods.Kubernetes(client().adapter).login, "none", "service-account")
    return "login, wrong token, unknown role"


def jwt():
    app = client()
    app.token = app.auth.jwt.jwt_login("app", "pipeline")["auth"]["client_token"]
    reads(app)
    fails(InvalidRequest, client().auth.jwt.jwt_login, "app", "wrong")
    fails(InvalidRequest, client().auth.jwt.jwt_login, "none", "pipeline")
    return "login, wrong token, unknown role"


def userpass():
    app = client()
    app.auth.userpass.login("ada", "lovelace")
    reads(app)
    fails(InvalidRequest, client().auth.userpass.login, "ada", "wrong")
    return "login, wrong password"


def cert():
    app = client(cert=("client.pem", "client.key"))
    app.auth.cert.login(name="app", cert_pem="client.pem", key_pem="client.key")
    reads(app)
    fails(InvalidRequest, client().write_data, "auth/cert/login", data={"name": "app"})
    return "login, without a certificate"


def aws():
    app = client()
    app.auth.aws.iam_login("AKIDEXAMPLE", "example-key", role="app")
    reads(app)
    fails(InvalidRequest, client().auth.aws.iam_login, "AKIDEXAMPLE", "wrong", role="app")
    return "signed login, wrong key"


def wrapping():
    token = root.auth.approle.generate_secret_id("app", wrap_ttl="60s")["wrap_info"]["token"]
    seen = client(token).adapter.post("/v1/sys/wrapping/lookup", json={"token": token})["data"]
    assert seen["creation_path"] == "auth/approle/role/app/secret-id" and seen["creation_ttl"] == 60
    secret_id = client(token).sys.unwrap()["data"]["secret_id"]
    fails(InvalidRequest, client(token).sys.unwrap)
    client().auth.approle.login(root.auth.approle.read_role_id("app")["data"]["role_id"], secret_id)
    wrapped = root.sys.wrap({"a": "b"}, ttl=30)["wrap_info"]
    assert wrapped["ttl"] == 30
    assert root.sys.unwrap(token=wrapped["token"])["data"] == {"a": "b"}
    return "secret id opens once, lookup, wrap, login with it"


def namespaces():
    team = client(ROOT, namespace="team")
    team.secrets.kv.v2.create_or_update_secret("app", {"in": "team"})
    read = lambda who: who.secrets.kv.v2.read_secret_version("app", raise_on_deleted_version=True)
    assert read(team)["data"]["data"] == {"in": "team"}
    fails(InvalidPath, read, root)
    member = client(namespace="team")
    member.auth.userpass.login("ada", "in the team")
    assert read(member)["data"]["data"] == {"in": "team"}
    fails(Forbidden, read, client(member.token))
    fails(InvalidPath, read, client(ROOT, namespace="none"))
    return "apart, own tokens, unknown"


def leases():
    app = client(root.auth.token.create(policies=["app"])["auth"]["client_token"])
    one, two = (app.secrets.database.generate_credentials("app") for _ in range(2))
    assert one["data"]["username"] != two["data"]["username"] and one["lease_id"] != two["lease_id"]
    assert one["lease_duration"] == 3600 and one["renewable"]
    assert root.sys.read_lease(one["lease_id"])["data"]["ttl"] == 3600
    assert root.sys.renew_lease(one["lease_id"])["lease_id"] == one["lease_id"]
    root.sys.revoke_lease(one["lease_id"])
    fails(InvalidRequest, root.sys.read_lease, one["lease_id"])
    app.auth.token.revoke_self()
    fails(InvalidRequest, root.sys.read_lease, two["lease_id"])
    return "new each time, lookup, renew, revoke, with their token"


def health():
    assert root.sys.read_health_status(method="GET")["initialized"] is True
    assert root.sys.is_sealed() is False
    return "unsealed"


def errors():
    read = lambda path: root.secrets.kv.v2.read_secret_version(path, raise_on_deleted_version=True)
    fails(InvalidRequest, root.secrets.database.generate_credentials, "none")
    fails(Forbidden, client("hvs.none").sys.list_mounted_secrets_engines)
    fails(InvalidPath, read, "none")
    # hvac has no name for 412.
    fails(hvac.exceptions.UnexpectedError, read, "status/412")
    fails(RateLimitExceeded, read, "status/429")
    fails(InternalServerError, read, "status/500")
    fails(hvac.exceptions.BadGateway, read, "status/502")
    fails(VaultDown, read, "status/503")
    return "400, 403, 404, 412, 429, 500, 502, 503"


root = client(ROOT)
for part in (kv1, kv2, tokens, policies, approle, kubernetes, jwt, userpass, cert, aws, wrapping, namespaces, leases, health, errors):
    print(f"{part.__name__}: {part()}", flush=True)
