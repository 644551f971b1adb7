//! What the recorded server held when it was asked, and a request with what stands for its placeholders.
//!
//! Each request has a world of its own: nothing that one does is seen by another.

use hyper::http;
use serde_json::{Value, json};

use super::Recorded;
use kz_fakes::fake_server::Request;
use kz_fakes::vault::{Call, Vault};

/// A Vault as the recording's was when it was asked this, and the request with what stands for its placeholders.
pub(super) struct World {
    pub(super) vault: Vault,
    role_id: String,
    secret_id: String,
}

const CERTIFICATE: &[u8] = b"a certificate";
const JWT: &str = "HEADER.CLAIMS.SIGNATURE";

impl World {
    pub(super) fn of(recorded: &Recorded) -> Self {
        let mut vault = Vault::default();
        for name in ["n1", "n1/n2", "ns1", "locked", "locked/below", "own", "empty", "nw", "nd"] {
            vault.namespace(name);
        }
        for name in ["", "n1", "n1/n2", "ns1", "locked", "own", "nw", "nd"] {
            vault.mount_kv(name, "kv1", 1);
            let paths =
                ["kv1/*", "secret/data/*", "secret/metadata/*", "team/app/kv/*", "nowhere/*", "database/*"];
            vault.policy(name, "app", &paths);
            vault.grant(name, "app", "sys/leases/revoke", &["update"]);
            vault.database_role(name, "app");
        }
        vault.static_role("", "st", 86_399);
        vault.issuer("", "app", false);
        vault.grant("", "app", "pki/*", &["read", "update"]);
        vault.one_time("", "otp");
        vault.mount_kv("", "team/app/kv", 2);
        for mount in ["approle-w", "approle"] {
            vault.approle("nw", mount, "app", &["app"]);
            vault.approle("", mount, "app", &["app"]);
        }
        let (role_id, secret_id) = vault.approle("", "approle", "app", &["app"]);
        if recorded.id == "approle-role-id-only" {
            vault.unbind("", "approle", "app");
        }
        vault.user("", "userpass", "ann", "p", &["app"]);
        vault.user("", "userpass", "lock", "p", &["app"]);
        vault.user("", "up-mfa", "ann", "p", &["app"]);
        vault.demand_factor("", "up-mfa");
        let jwt = if recorded.status() == 200 { JWT } else { "another" };
        vault.jwt("", "jwt", "app", jwt, &["app"]);
        vault.kubernetes("", "kubernetes", "app", jwt, &["app"]);
        vault.certificate("", "cert", "app", CERTIFICATE, &["app"]);
        let mut world = Self { vault, role_id, secret_id };
        world.write_documents(recorded);
        world.bring_about(recorded);
        world
    }

    fn as_root(&mut self, method: &str, path: &str, namespace: &str, body: Value) -> Value {
        let token = Some(self.vault.root());
        let call = Call { token, namespace: namespace.to_owned(), body, ..Call::new(method, path) };
        let reply = self.vault.answer(&call);
        assert!(reply.status < 300, "{path}: {reply:?}");
        reply.body.unwrap_or_default()
    }

    /// What is read is what was recorded, wherever it was read from.
    fn write_documents(&mut self, recorded: &Recorded) {
        let data = &recorded.line["body"]["data"];
        let path = recorded.target().split('?').next().unwrap_or_default();
        for namespace in ["", "n1", "n1/n2"] {
            for path in
                ["secret/data/app", "secret/data/dir/one", "secret/data/dir/sub/two", "secret/data/a b"]
            {
                self.as_root("POST", path, namespace, json!({ "data": { "password": "p", "user": "app" } }));
            }
            let kv1 = if recorded.id == "ns-kv1" { data.clone() } else { json!({ "password": "one" }) };
            self.as_root("POST", "kv1/app", namespace, kv1);
        }
        for path in ["kv1/dir/one", "kv1/dir/sub/two", "kv1/w"] {
            self.as_root("POST", path, "", json!({ "a": "1" }));
        }
        if recorded.method() == "GET"
            && path.starts_with("kv1/")
            && data.is_object()
            && data["keys"].is_null()
        {
            self.as_root("POST", path, "", data.clone());
        }
        for path in ["versions", "versions", "versions", "gone", "nil", "custom", "empty"] {
            let data = match path {
                "nil" => Value::Null,
                "empty" => json!({}),
                _ => json!({ "a": "1" }),
            };
            self.as_root("POST", &format!("secret/data/{path}"), "", json!({ "data": data }));
        }
        self.as_root("POST", "team/app/kv/data/app", "", json!({ "data": data["data"] }));
        self.as_root("POST", "secret/metadata/hollow", "", json!({}));
        let custom = json!({ "custom_metadata": { "owner": "team a", "tier": "1" } });
        self.as_root("POST", "secret/metadata/custom", "", custom);
        self.as_root("POST", "secret/delete/versions", "", json!({ "versions": [1] }));
        self.as_root("POST", "secret/destroy/versions", "", json!({ "versions": [2] }));
        self.as_root("POST", "secret/delete/gone", "", json!({ "versions": [1] }));
        if recorded.id == "kv2-newest-destroyed" {
            self.as_root("POST", "secret/destroy/gone", "", json!({ "versions": [1] }));
        }
    }

    /// What was done before the request.
    fn bring_about(&mut self, recorded: &Recorded) {
        let id = recorded.id.as_str();
        if id.starts_with("ns-locked") {
            self.vault.lock_namespace("locked");
        } else if id.starts_with("ns-sealed") {
            self.vault.seal_namespace("own");
        } else if id.contains("uninitialized") {
            self.vault.initialized = false;
        } else if id.starts_with("sealed-") || id == "health-sealed" {
            self.vault.sealed = true;
        }
        if id.contains("locked") && !id.starts_with("ns-") {
            for path in ["auth/approle/login", "auth/userpass/login/lock"] {
                let wrong = json!({ "role_id": self.role_id, "secret_id": "wrong", "password": "wrong" });
                // As often as it takes.
                for _ in 0..5 {
                    let call = Call { body: wrong.clone(), ..Call::new("POST", path) };
                    assert_eq!(self.vault.answer(&call).status, 400);
                }
            }
        }
    }

    /// A token of the kind that stands for it.
    fn token(&mut self, recorded: &Recorded, kind: &str) -> Option<String> {
        let namespace = recorded.header("X-Vault-Namespace").unwrap_or_default().trim_matches('/');
        let first = recorded.target().split('/').next().unwrap_or_default();
        // `n2` below `n1` is meant by both together.
        let namespace = match (namespace, first) {
            ("root" | "nope" | "n1/nope", _) => String::new(),
            ("", "n1") if recorded.target().starts_with("n1/n2/") => "n1/n2".to_owned(),
            ("", "n1" | "ns1" | "own") => first.to_owned(),
            ("n1", "n2") => "n1/n2".to_owned(),
            (named, _) => named.to_owned(),
        };
        let vault = &mut self.vault;
        Some(match kind {
            "none" => return None,
            "empty" => String::new(),
            "root" => vault.root(),
            "valid" if recorded.id == "approle-lookup-self" => {
                let body = json!({ "role_id": self.role_id, "secret_id": self.secret_id });
                let login = vault.answer(&Call { body, ..Call::new("POST", "auth/approle/login") });
                login.body.expect("a login")["auth"]["client_token"].as_str().expect("a token").to_owned()
            }
            "valid" => {
                let token = vault.token(&namespace, &["app"]);
                match recorded.id.as_str() {
                    "token-last-use" | "token-uses-lookup-self" | "database-creds-last-use" => {
                        vault.limit_uses(&token, if recorded.id.ends_with("-use") { 1 } else { 2 });
                    }
                    _ => {}
                }
                token
            }
            "without-policy" => vault.bare_token(&namespace, &["none"]),
            "of-another-namespace" => vault.token("n1", &["app"]),
            "batch" => vault.batch_token(&namespace, &["app"]),
            "wrapping" => self.wrapped(recorded, &namespace),
            // Ended in one way or the other, or never one: the server does not tell which, and has none of them.
            _ => "hvs.none".to_owned(),
        })
    }

    /// A wrapping token with that in it which the recording's opened.
    fn wrapped(&mut self, recorded: &Recorded, namespace: &str) -> String {
        let namespace = if recorded.id.contains("namespace") { "nw" } else { namespace };
        let (method, path, body) = match recorded.id.as_str() {
            "unwrap-read" | "wrapping-lookup-read" => ("GET", "secret/data/app", Value::Null),
            "unwrap-login" => (
                "POST",
                "auth/approle/login",
                json!({ "role_id": self.role_id, "secret_id": self.secret_id }),
            ),
            "unwrap-own" => ("POST", "sys/wrapping/wrap", json!({ "a": "1", "b": { "c": 2 } })),
            _ => ("POST", "auth/approle-w/role/app/secret-id", json!({})),
        };
        let token = Some(self.vault.root());
        let call =
            Call { token, body, namespace: namespace.to_owned(), wrap: Some(60), ..Call::new(method, path) };
        let body = self.vault.answer(&call).body.expect("a wrapping token");
        let token = body["wrap_info"]["token"].as_str().expect("a wrapping token").to_owned();
        if recorded.id == "unwrap-again" {
            let call = Call { token: Some(token.clone()), ..Call::new("POST", "sys/wrapping/unwrap") };
            assert_eq!(self.vault.answer(&call).status, 200);
        }
        token
    }

    /// The body with what stands for its placeholders.
    fn body(&mut self, recorded: &Recorded, token: Option<&str>) -> Vec<u8> {
        let id = recorded.id.as_str();
        let Some(mut body) = recorded.line["request"].get("body").cloned() else { return Vec::new() };
        if let Some(text) = body["text"].as_str() {
            return text.as_bytes().to_vec();
        }
        let good = recorded.status() < 300;
        if body["role_id"].is_string() && !["approle-role-id-unknown", "approle-role-deleted"].contains(&id) {
            body["role_id"] = self.role_id.clone().into();
        }
        if body["secret_id"].is_string() && (good || id == "approle-locked") {
            body["secret_id"] = self.secret_id.clone().into();
        }
        if body["token"].is_string() && good {
            body["token"] = self.wrapped(recorded, "").into();
        }
        if body["lease_id"].is_string() && (good || id.ends_with("denied")) && !id.contains("unknown") {
            body["lease_id"] = self.lease(recorded, token).into();
        }
        body.to_string().into_bytes()
    }

    /// A lease that was given to somebody with the same token, and renewed where the recording's was.
    fn lease(&mut self, recorded: &Recorded, token: Option<&str>) -> String {
        let namespace = recorded.header("X-Vault-Namespace").unwrap_or_default().to_owned();
        let token =
            token.filter(|_| recorded.status() < 300).map_or_else(|| self.vault.root(), str::to_owned);
        let call = Call { token: Some(token), namespace, ..Call::new("GET", "database/creds/app") };
        let reply = self.vault.answer(&call).body.expect("a credential");
        let lease = reply["lease_id"].as_str().expect("a lease").to_owned();
        if recorded.id == "lease-lookup-renewed" {
            self.as_root("POST", "sys/leases/renew", "", json!({ "lease_id": lease }));
        }
        lease
    }

    pub(super) fn request(&mut self, recorded: &Recorded) -> Request {
        let token = self.token(recorded, recorded.header("X-Vault-Token").unwrap_or("none"));
        let body = self.body(recorded, token.as_deref());
        let mut target = recorded.target().to_owned();
        for action in ["renew", "revoke"] {
            if target.starts_with(&format!("sys/leases/{action}/")) {
                target = format!("sys/leases/{action}/{}", self.lease(recorded, token.as_deref()));
            }
        }
        let mut head =
            http::Request::builder().method(recorded.method()).uri(format!("http://vault/v1/{target}"));
        for line in recorded.line["request"]["headers"].as_array().into_iter().flatten() {
            let (name, value) = line.as_str().and_then(|line| line.split_once(": ")).expect("a header");
            let bearer = (name == "Authorization" && value == "Bearer valid")
                .then(|| format!("Bearer {}", self.vault.token("", &["app"])));
            head = match (name, &token) {
                ("X-Vault-Token", None) => head,
                ("X-Vault-Token", Some(token)) => head.header(name, token),
                _ => head.header(name, bearer.as_deref().unwrap_or(value)),
            };
        }
        let certificate = match recorded.id.as_str() {
            id if !id.starts_with("cert") || id == "cert-none" => None,
            "cert-untrusted" => Some(b"another".to_vec()),
            _ => Some(CERTIFICATE.to_vec()),
        };
        Request::new(head.body(()).expect("a request").into_parts().0, body, certificate)
    }
}
