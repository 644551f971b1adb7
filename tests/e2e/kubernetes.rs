//! The pods of `kubernetes/`, run by `podman play kube`, with a Vault in this process that takes a service account's token.
//!
//! And small pods, in which another container reads what kz has written into a volume of a kubelet's mode. What is replaced for
//! podman says `tests/e2e/kubelet.rs`. Vault's own TokenReview, a kubelet and a cluster's admission
//! are not here; the manifests' validity and profile are looked at in `tests/it/kubernetes/`.

use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;

use serde_json::{Value, json};

use crate::engine::{IMAGE, POSTGRES, SERVER, unique};
use crate::kubelet::Node;
use crate::manifests::overlaid;
use crate::podman::Podman;
use crate::support::Sandbox;
use kz_fakes::vault::{Fake, Transport};

/// A cluster's own overlay, as a user writes one. The images are those that podman got from Docker; the arguments are the
/// applications', and keep them from other addresses and ports of the machine, whose network the pods share here.
const OVERLAY: &str = r#"
resources: [../base]
images:
  - { name: kz, newName: localhost/kz, newTag: dev }
  - { name: app, newName: localhost/kz-e2e/server, newTag: latest }
  - { name: postgres, newName: localhost/postgres, newTag: "16" }
configMapGenerator:
  - name: vault
    behavior: merge
    literals: ["VAULT_ADDR=[ADDRESS]"]
    files: [ca.pem]
patches:
  - target: { kind: Deployment, name: app }
    patch: |
      - op: replace
        path: /spec/template/spec/containers/0/args
        value: ["/usr/bin/redis-server", "--port", "0", "--unixsocket", "/tmp/app.sock", "--set-proc-title", "no"]
  - target: { kind: Deployment, name: database }
    patch: |
      - op: replace
        path: /spec/template/spec/containers/0/args
        value: ["postgres", "-c", "listen_addresses=127.0.0.1", "-c", "port=[PORT]"]
"#;

/// A Vault with a password, the pods' manifests, and a machine with the pods' volumes.
struct Cluster {
    vault: Fake,
    manifests: Vec<Value>,
    password: String,
    token: String,
    port: String,
    volumes: Sandbox,
}

impl Cluster {
    fn new() -> Self {
        let (password, token) = (unique("password"), unique("service-account"));
        let vault = Fake::start(Transport::Http2);
        vault.write("secret/data/prod/db", &json!({ "data": { "password": password } }));
        vault.configure(|vault| {
            vault.policy("", "webapp", &["secret/data/prod/db"]);
            vault.kubernetes("", "kubernetes", "webapp", &token, &["webapp"]);
        });
        let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let port = free.expect("a port").port().to_string();
        let overlay = OVERLAY.replace("[ADDRESS]", &vault.url()).replace("[PORT]", &port);
        let manifests = overlaid(&overlay, &[("ca.pem", &vault.ca())]);
        Self { vault, manifests, password, token, port, volumes: Sandbox::new() }
    }

    /// One workload, with the volumes that it finds on a machine whose kubelet was given this token.
    fn workload(&self, name: &str, token: &str) -> Vec<Value> {
        Node { directory: &self.volumes, token }.admit(&self.manifests, name)
    }

    /// Fails when the password or the token is in what podman shows of a container.
    #[track_caller]
    fn expect_clean(&self, podman: &Podman, container: &str) {
        for place in [["inspect", container], ["logs", container]] {
            let run = podman.run(&place).expect_code(0);
            let shown = run.stdout() + &run.stderr();
            assert!(!shown.contains(&self.password), "the password is in `podman {}`", place[0]);
            assert!(!shown.contains(&self.token), "the token is in `podman {}`", place[0]);
        }
    }

    /// A file of the set that was delivered, without the links, which lead nobody but kz's uid to it: the test's root neither.
    fn of_set(&self, name: &str) -> std::path::PathBuf {
        let secrets = self.volumes.path("secrets");
        let generation = std::fs::read_link(secrets.join("..data")).expect("a set");
        secrets.join(generation).join(name)
    }

    /// What Vault was asked.
    fn asked(&self) -> Vec<String> {
        self.vault.seen().into_iter().map(|seen| seen.path).collect()
    }
}

/// What Vault is asked by one start.
const ONE_START: [&str; 4] =
    ["auth/kubernetes/login", "secret/data/prod/db", "auth/token/lookup-self", "auth/token/revoke-self"];

/// Fails unless a container's first process has this user, no capability and no way to one.
#[track_caller]
fn expect_confined(podman: &Podman, container: &str, user: &str) {
    let status = podman.of_process(container, "status");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.expect(name).split_whitespace().next().unwrap_or_default().to_owned()
    };
    assert_eq!((field("Uid").as_str(), field("NoNewPrivs").as_str()), (user, "1"));
    for set in ["CapEff", "CapPrm", "CapBnd"] {
        assert_eq!(field(set).trim_start_matches('0'), "", "{set}");
    }
}

#[test]
fn the_vendors_database_takes_the_delivered_password_and_with_another_token_never_starts() {
    let podman = Podman::with(&[IMAGE, POSTGRES]);
    expect_never_starts(&podman, "database", "postgres");
    let cluster = Cluster::new();
    podman.play(&cluster.workload("database", &cluster.token)).expect_code(0);
    let server = "database-pod-0-postgres";
    assert_eq!(cluster.asked(), ONE_START);
    let delivered = cluster.of_set("POSTGRES_PASSWORD");
    let metadata = delivered.metadata().expect("the file");
    assert_eq!((metadata.mode() & 0o7777, metadata.uid()), (0o400, 999));
    assert_eq!(std::fs::read_to_string(delivered).ok(), Some(cluster.password.clone()));
    let port = &cluster.port;
    // The image trusts its own loopback address, which is where it listens here: from now on it asks everybody.
    let script = format!(
        "i=0; until pg_isready --quiet --port {port}; do i=$((i+1)); [ $i -lt 300 ]; sleep 0.2; done
         echo 'host all all all scram-sha-256' > $PGDATA/pg_hba.conf
         psql --quiet --port {port} --username postgres --command 'select pg_reload_conf()'"
    );
    podman.run(&["exec", server, "sh", "-ec", &script]).expect_code(0);
    let takes = |password: &str| {
        let query = format!(
            "PGPASSWORD={password} psql --host 127.0.0.1 --port {port} --username postgres --command 'select 1'"
        );
        podman.run(&["exec", server, "sh", "-c", &query]).output.status.success()
    };
    assert!(takes("$(cat /secrets/POSTGRES_PASSWORD)") && !takes("wrong"));
    expect_confined(&podman, server, "999");
    for forbidden in ["touch /secrets/x", "touch /x", "ls /var/run/secrets/vault", "ls /app/.keyzero.toml"] {
        let run = podman.run(&["exec", server, "sh", "-c", forbidden]);
        assert!(!run.output.status.success(), "{}", run.describe());
    }
    cluster.expect_clean(&podman, server);
}

#[test]
fn an_image_without_a_shell_gets_the_value_and_with_another_token_never_starts() {
    let podman = Podman::with(&[IMAGE, SERVER]);
    expect_never_starts(&podman, "app", "app");
    let cluster = Cluster::new();
    podman.play(&cluster.workload("app", &cluster.token)).expect_code(0);
    let app = "app-pod-0-app";
    assert_eq!(cluster.asked(), ONE_START);
    assert_eq!(podman.state(app), "running");
    assert_eq!(podman.of_process(app, "comm"), "redis-server\n");
    let environment = podman.of_process(app, "environ");
    let expected = format!("DATABASE_URL=postgres://postgres:{}@database/postgres", cluster.password);
    assert!(environment.split('\0').any(|variable| variable == expected), "{environment:?}");
    for name in ["VAULT", "KEYZERO", "POSTGRES_PASSWORD"] {
        assert!(!environment.contains(name), "{environment:?}");
    }
    expect_confined(&podman, app, "65532");
    let shell = podman.run(&["exec", app, "sh", "-c", "true"]);
    assert!(!shell.output.status.success(), "{}", shell.describe());
    let file = cluster.volumes.path("secrets/app.json").metadata().expect("the file");
    assert_eq!((file.mode() & 0o7777, file.uid()), (0o400, 65532));
    cluster.expect_clean(&podman, app);
}

/// Fails unless a pod that is shown another token ends with its init container, whose log is kz's error.
#[track_caller]
fn expect_never_starts(podman: &Podman, name: &str, container: &str) {
    let cluster = Cluster::new();
    let run = podman.play(&cluster.workload(name, "another-token")).expect_code(125);
    assert!(run.stderr().contains("exited with code 1"), "{}", run.describe());
    assert_eq!(podman.state(&format!("{name}-pod-0-{container}")), "created");
    let init = format!("{name}-pod-0-secrets");
    assert_eq!(podman.run(&["logs", &init]).expect_code(0).stderr(), refused(&cluster.vault));
    assert_eq!(cluster.asked(), ["auth/kubernetes/login"]);
    let left = std::fs::read_dir(cluster.volumes.path("secrets")).expect("the volume").flatten();
    let left: Vec<_> = left.filter(|entry| entry.file_name() != ".kz").collect();
    assert!(left.is_empty(), "{left:?}");
    cluster.expect_clean(podman, &init);
    podman.remove_pods();
}

/// Who reads what kz writes into which volume, as `kz doctor` and docs/outputs.md say it: the options of kz, its container's
/// security context, the reader's, the volume, what the reader opens, and whether it can under `fs.protected_symlinks=1`;
/// without that it always can.
#[rustfmt::skip]
const READERS: &[(&str, &str, &str, &str, &str, bool)] = &[
    ("--format files", r#"{"runAsUser": 65532}"#, r#"{"runAsUser": 65532}"#, MEMORY, "PW", true),
    ("--format files --mode 0444", r#"{"runAsUser": 65532}"#, OTHER, MEMORY, "PW", false),
    ("--format files --mode 0440", r#"{"runAsUser": 65532}"#, OTHER, MEMORY, "PW", false),
    ("--format files", r#"{"runAsUser": 65532}"#, r#"{"runAsUser": 0}"#, MEMORY, "PW", false),
    // What is advised instead.
    ("--format files", OTHER, OTHER, MEMORY, "PW", true),
    ("--format files --mode 0440", OTHER, OTHER, MEMORY, "PW", false),
    ("--format env --mode 0440", r#"{"runAsUser": 65532}"#, OTHER, MEMORY, "app.env", true),
    ("--format json --mode 0444", r#"{"runAsUser": 65532}"#, OTHER, MEMORY, "app.json", true),
    ("--format json", r#"{"runAsUser": 65532}"#, r#"{"runAsUser": 0}"#, MEMORY, "app.json", true),
    ("--format files --owner 999:999", AS_ROOT, OTHER, MEMORY, "PW", true),
    ("--format files --mode 0444", AS_ROOT, OTHER, MEMORY, "PW", true),
    ("--format files --mode 0440", r#"{"runAsUser": 65532}"#, OTHER, "{}", "PW", true),
    ("--format files", r#"{"runAsUser": 65532}"#, r#"{"runAsUser": 0}"#, "{}", "PW", true),
];

/// Of the pod's group, which podman 4.3 gives nobody by itself.
const OTHER: &str = r#"{"runAsUser": 999, "runAsGroup": 2000}"#;
const MEMORY: &str = r#"{"medium": "Memory"}"#;
const AS_ROOT: &str = r#"{"runAsUser": 0, "capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}}"#;

/// A pod in which kz writes PW into a volume, and another container of its image reads it: by kz too, the one program in
/// there, whose `file` secret fails where the file cannot be opened.
fn reading(node: &Node<'_>, row: &(&str, &str, &str, &str, &str, bool)) -> Vec<Value> {
    let (options, writer, reader, volume, opened, _) = row;
    let json = |text: &str| -> Value { serde_json::from_str(text).expect("JSON") };
    let config =
        |reference: &str| format!("[secrets]\nPW = {{ provider = \"file\", ref = \"{reference}\" }}\n");
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "kz" },
        "data": { ".keyzero.toml": config("/app/pw"), "reader.toml": config(&format!("/secrets/{opened}")), "pw": "swordfish" },
    });
    let output = if options.contains("files") { "/secrets".to_owned() } else { format!("/secrets/{opened}") };
    let mut command = vec!["kz", "export"];
    command.extend(options.split(' '));
    command.extend(["--output", &output]);
    let mounts = |is_read_only: bool| {
        json!([
            { "name": "kz", "mountPath": "/app", "readOnly": true },
            { "name": "secrets", "mountPath": "/secrets", "readOnly": is_read_only },
        ])
    };
    let mut spec = json!({
        "securityContext": { "fsGroup": 2000 },
        "initContainers": [{
            "name": "secrets", "image": "localhost/kz:dev", "imagePullPolicy": "Never", "command": command,
            "env": [{ "name": "KUBERNETES_SERVICE_HOST", "value": "10.96.0.1" }],
            "securityContext": json(writer), "volumeMounts": mounts(false),
        }],
        "containers": [{
            "name": "reader", "image": "localhost/kz:dev", "imagePullPolicy": "Never",
            "command": ["kz", "--config", "/app/reader.toml", "export", "--format", "json"],
            "securityContext": json(reader), "volumeMounts": mounts(true),
        }],
        "volumes": [{ "name": "kz", "configMap": { "name": "kz" } }, { "name": "secrets", "emptyDir": json(volume) }],
    });
    node.mount(&mut spec, std::slice::from_ref(&map));
    let pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "readers" }, "spec": spec });
    vec![map, pod]
}

#[test]
fn what_a_memory_volume_shows_to_whom_is_what_is_advised() {
    let podman = Podman::with(&[IMAGE]);
    let protected =
        std::fs::read_to_string("/proc/sys/fs/protected_symlinks").expect("the knob").trim() != "0";
    for row in READERS {
        let volumes = Sandbox::new();
        let documents = reading(&Node { directory: &volumes, token: "" }, row);
        let run = podman.play(&documents);
        let is_readable = row.5 || !protected;
        if podman.state("readers-reader") != "created" {
            podman.ask(&["wait", "readers-reader"]);
        }
        let logs = podman.run(&["logs", "readers-reader"]);
        let seen = logs.stdout().contains("swordfish");
        assert_eq!(seen, is_readable, "{row:?}\n{}\n{}", run.describe(), logs.describe());
        let said = podman.run(&["logs", "readers-secrets"]).stderr();
        let claims_root = said.contains("and root can read");
        assert!(seen || !claims_root, "{row:?}: kz claims what is not so: {said}");
        if said.contains("KZ420") {
            assert!(said.contains("`runAsUser`") && !said.contains("tmpfs"), "{row:?}: {said}");
        }
        podman.remove_pods();
    }
}

/// Everything that kz says when the login is refused.
fn refused(vault: &Fake) -> String {
    format!(
        "kz: asking Vault at {} with a login at auth/kubernetes\n\
         kz: error: a secret could not be resolved, so nothing is delivered [KZ100]\n\
         caused by: POSTGRES_PASSWORD (vault `secret/data/prod/db/password`) denied: login at `auth/kubernetes`: \
         permission denied (status 403) [KZ102]\n\
         kz: hint: check that the role admits this token's audience, namespace and account, and `mount` and \
         `namespace`; the server also answers so where none is mounted, or where it cannot have the token reviewed\n",
        vault.url()
    )
}
