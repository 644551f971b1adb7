"""What gives a container its identity, with keys of moto's STS, whose process this is:

- `/role/NAME`, as on ECS (and as amazon-ecs-local-container-endpoints gives it)
- `/v1/credentials`, as EKS Pod Identity: the role `pod`, against the token of `aws-admin token`
- `/latest/…`, as EC2's metadata service, version 2 only: the role `instance`, in eu-west-1

Refuses whoever comes without the token that he needs, and roles that `aws-admin role` has not made.
"""

import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

ACCOUNT = "123456789012"

# The token for the instance's metadata: it must be fetched, by PUT, and given back.
SESSION = "a-session-with-the-metadata-service"
TTL = "X-aws-ec2-metadata-token-ttl-seconds"
ROLES = "/latest/meta-data/iam/security-credentials/"


def credentials(role):
    """What an endpoint answers about a role, or nothing where there is none."""
    if not any(known.name == role for known in iam_backends[ACCOUNT]["aws"].roles.values()):
        return None
    arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
    keys = sts_backends[ACCOUNT]["aws"].assume_role("eu-west-1", "container", arn, None, 3600, None)
    return {
        "Code": "Success",
        "Type": "AWS-HMAC",
        "RoleArn": arn,
        "LastUpdated": "2026-01-01T00:00:00Z",
        "AccessKeyId": keys.access_key_id,
        "SecretAccessKey": keys.secret_access_key,
        "Token": keys.session_token,
        "Expiration": keys.expiration.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def pod_token():
    try:
        with open("/aws/token") as file:
            return file.read()
    except FileNotFoundError:
        return None


class Handler(BaseHTTPRequestHandler):
    def answer(self, status, content="", headers=()):
        body = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if isinstance(content, str) else "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def role(self, role):
        keys = credentials(role)
        if keys is None:
            self.answer(404, {"code": "NoSuchRole", "message": "there is no such role"})
        else:
            self.answer(200, keys)

    def do_PUT(self):
        if self.path == "/latest/api/token" and self.headers.get(TTL):
            self.answer(200, SESSION, [(TTL, self.headers[TTL])])
        else:
            self.answer(400)

    def do_GET(self):
        if self.path.startswith("/latest/"):
            self.instance()
        elif self.path == "/v1/credentials":
            if self.headers.get("Authorization") not in (None, pod_token()) or pod_token() is None:
                self.answer(401, {"code": "AccessDeniedException", "message": "the token is not valid"})
            elif self.headers.get("Authorization") is None:
                self.answer(400, {"code": "InvalidRequestException", "message": "there is no token"})
            else:
                self.role("pod")
        elif named := re.fullmatch("/role/([a-z-]+)", self.path):
            self.role(named[1])
        else:
            self.answer(404)

    def instance(self):
        if self.headers.get("X-aws-ec2-metadata-token") != SESSION:
            self.answer(401)
        elif self.path == ROLES:
            self.answer(200, "instance")
        elif self.path == f"{ROLES}instance":
            self.role("instance")
        elif self.path == "/latest/meta-data/placement/region":
            self.answer(200, "eu-west-1")
        else:
            self.answer(404)

    def log_message(self, *_):
        print(f"{self.command} {self.path}", flush=True)


def server(port):
    return ThreadingHTTPServer(("0.0.0.0", port), Handler)
