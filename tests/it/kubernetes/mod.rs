//! `kubernetes/`, without a cluster: rendered, valid for several versions, within the *restricted* profile, and each
//! command of it carried out against a Vault. `tests/e2e/kubernetes.rs` runs the pods.

mod commands;
mod restricted;

use serde_json::{Value, json};

use crate::manifests::{containers, documents, find, kustomize, overlaid, pods, validator, words};
use crate::support::{Sandbox, in_repository};

/// Versions whose schemas the manifests are held to: the oldest that the validator knows, the newest, and some between.
const VERSIONS: &[&str] = &["1.25", "1.28", "1.31", "1.34", "1.37"];

fn example() -> Vec<Value> {
    documents(&kustomize(&in_repository("kubernetes/overlays/example")))
}

/// Which of these manifests a version's schemas take, strictly. Not a warning is let pass: a kind that has no schema is
/// no more than that to the validator.
fn taken<'a>(version: &str, manifests: &[(&'a str, String)]) -> Vec<&'a str> {
    let sandbox = Sandbox::new();
    let mut validate = validator("kubernetes-validate");
    validate.args(["--strict", "--kubernetes-version", version]);
    for (name, yaml) in manifests {
        validate.arg(sandbox.file(&format!("{name}.yaml"), yaml).file_name().expect("a name"));
    }
    let run = sandbox.run(&mut validate);
    let said = run.stdout();
    let of = |name: &str| {
        let lines: Vec<&str> = said.lines().filter(|line| line.contains(&format!(" {name}.yaml "))).collect();
        assert!(!lines.is_empty(), "nothing is said of {name}\n{}", run.describe());
        lines.iter().all(|line| line.starts_with("INFO "))
    };
    manifests.iter().map(|(name, _)| *name).filter(|name| of(name)).collect()
}

#[test]
fn base_and_overlay_are_valid_for_every_version_and_what_is_broken_is_not() {
    let base = kustomize(&in_repository("kubernetes/base"));
    let broken = |name, right: &str, wrong: &str| {
        assert!(base.contains(right), "{right}");
        (name, base.replace(right, wrong))
    };
    let manifests = [
        ("base", base.clone()),
        ("overlay", kustomize(&in_repository("kubernetes/overlays/example"))),
        broken("key", "serviceAccountName:", "serviceAccount_name:"),
        broken("type", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: \"true\""),
        broken("kind", "kind: Deployment", "kind: Deploymnt"),
    ];
    for version in VERSIONS {
        assert_eq!(taken(version, &manifests), ["base", "overlay"], "{version}");
    }
}

#[test]
fn every_pod_keeps_the_restricted_profile() {
    let documents = example();
    let names: Vec<&str> = pods(&documents).iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["app", "database"]);
    for (name, pod) in pods(&documents) {
        assert_eq!(restricted::violations(pod), [""; 0], "{name}");
    }
    let labels = &find(&documents, "Namespace", "webapp")["metadata"]["labels"];
    assert_eq!(labels["pod-security.kubernetes.io/enforce"], "restricted");
}

/// The schemas know the rules from 1.34 on, where they are not on yet; 1.35 obeys them.
#[test]
fn the_job_starts_again_what_may_pass_and_gives_up_what_does_not() {
    let job = std::fs::read_to_string(in_repository("kubernetes/job/migrate.yaml")).expect("the Job");
    let only = kustomize(&in_repository("kubernetes/job"));
    for (version, is_known) in [("1.31", false), ("1.34", true), ("1.37", true)] {
        assert_eq!(taken(version, &[("job", only.clone())]).len(), usize::from(is_known), "{version}");
    }
    let overlay = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../base, migrate.yaml]\n";
    let documents = overlaid(overlay, &[("migrate.yaml", &job)]);
    let job = find(&documents, "Job", "migrate");
    let pod = &job["spec"]["template"];
    assert_eq!(restricted::violations(pod), [""; 0]);
    // What the ConfigMaps are called is Kustomize's: the Job finds them.
    let volumes = pod["spec"]["volumes"].as_array().expect("volumes");
    for name in volumes.iter().filter_map(|volume| volume["configMap"]["name"].as_str()) {
        assert!(documents.iter().any(|document| document["metadata"]["name"] == name), "{name}");
    }
    let kz = &pod["spec"]["initContainers"][0];
    assert_eq!(kz["restartPolicyRules"][0]["exitCodes"]["values"], json!([75]));
    let page = std::fs::read_to_string(in_repository("docs/exit-codes.md")).expect("a page");
    for (rule, action) in [(0, "FailJob"), (1, "Ignore")] {
        let rule = &job["spec"]["podFailurePolicy"]["rules"][rule];
        assert_eq!((&rule["action"], &rule["onExitCodes"]["containerName"]), (&json!(action), &kz["name"]));
        for code in rule["onExitCodes"]["values"].as_array().expect("codes") {
            let row = page.lines().find(|line| line.starts_with(&format!("| {code} |"))).expect("its row");
            assert_eq!(row.contains("| yes |"), action == "Ignore", "{row}");
        }
    }
}

/// The pod that `kz init` suggests, as a person pastes it; its application has an image of its own.
fn starter() -> Value {
    let sandbox = Sandbox::new();
    sandbox.file("pod.yaml", "apiVersion: v1\nkind: Pod\n");
    let starter = sandbox.kz(&["init", "--print"]).expect_code(0).stdout();
    let lines = starter.lines().skip_while(|line| *line != "# spec:");
    let yaml: Vec<&str> = lines.map_while(|line| line.strip_prefix("# ")).collect();
    let yaml = yaml.join("\n").replace("- name: app\n", "- name: app\n      image: registry.example/app:1\n");
    let [pod] = documents(&yaml).try_into().unwrap_or_else(|_| panic!("no pod: {starter}"));
    pod
}

#[test]
fn the_pod_that_init_suggests_keeps_the_restricted_profile_and_is_valid() {
    let pod = starter();
    assert_eq!(restricted::violations(&pod), [""; 0]);
    let object =
        json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "web" }, "spec": pod["spec"] });
    for version in VERSIONS {
        assert_eq!(taken(version, &[("starter", object.to_string())]), ["starter"], "{version}");
    }
    // Each of these lines is needed: without it a restricted namespace refuses the pod.
    for (pointer, rules) in [
        ("/spec/securityContext/runAsNonRoot", 2),
        ("/spec/securityContext/seccompProfile", 2),
        ("/spec/initContainers/0/securityContext", 2),
        ("/spec/containers/0/securityContext", 2),
    ] {
        let found = restricted::violations(&plant(&pod, pointer, Value::Null));
        assert_eq!(found.len(), rules, "{pointer}: {found:?}");
    }
}

/// `kubectl describe` then shows kz's error, of a container that is gone too.
#[test]
fn every_container_leaves_its_last_words_in_the_pods_status() {
    let documents = example();
    let starter = starter();
    let pods = pods(&documents).into_iter().chain([("starter", &starter)]);
    for (name, pod) in pods {
        for container in containers(pod) {
            let policy = &container["terminationMessagePolicy"];
            assert_eq!(policy, "FallbackToLogsOnError", "{name}/{}", container["name"]);
        }
    }
}

/// What is planted where, as JSON, and the rule that it breaks.
#[rustfmt::skip]
const PLANTED: &[(&str, &str, &str)] = &[
    ("/spec/hostNetwork", "true", "hostNetwork"),
    ("/spec/hostPID", "true", "hostPID"),
    ("/spec/hostIPC", "true", "hostIPC"),
    ("/spec/volumes/0", r#"{"name": "v", "hostPath": {"path": "/"}}"#, "volumes/v: hostPath"),
    ("/spec/volumes/0", r#"{"name": "v", "nfs": {"server": "s", "path": "/"}}"#, "volumes/v: nfs"),
    ("/spec/securityContext/sysctls", r#"[{"name": "kernel.msgmax", "value": "1"}]"#, r#"sysctl "kernel.msgmax""#),
    ("/spec/securityContext/windowsOptions", r#"{"hostProcess": true}"#, "securityContext: hostProcess"),
    ("/spec/securityContext/runAsNonRoot", "false", "securityContext: runAsNonRoot"),
    ("/spec/securityContext/runAsUser", "0", "securityContext: runAsUser 0"),
    ("/spec/securityContext/seccompProfile/type", r#""Unconfined""#, r#"securityContext: seccompProfile "Unconfined""#),
    ("/spec/securityContext/appArmorProfile", r#"{"type": "Unconfined"}"#, r#"securityContext: appArmorProfile "Unconfined""#),
    ("/spec/securityContext/seLinuxOptions", r#"{"type": "spc_t"}"#, "securityContext: seLinuxOptions type"),
    ("/spec/securityContext/seLinuxOptions", r#"{"user": "u"}"#, "securityContext: seLinuxOptions user"),
    ("/spec/securityContext/seLinuxOptions", r#"{"role": "r"}"#, "securityContext: seLinuxOptions role"),
    ("/metadata/annotations", r#"{"container.apparmor.security.beta.kubernetes.io/app": "unconfined"}"#, "container.apparmor.security.beta.kubernetes.io/app"),
    ("/spec/containers/0/securityContext/privileged", "true", "containers/app: privileged"),
    ("/spec/containers/0/securityContext/procMount", r#""Unmasked""#, "containers/app: procMount"),
    ("/spec/containers/0/securityContext/capabilities/add", r#"["NET_RAW"]"#, "containers/app: capabilities added"),
    ("/spec/containers/0/ports", r#"[{"containerPort": 1, "hostPort": 1}]"#, "containers/app: hostPort"),
    ("/spec/containers/0/livenessProbe", r#"{"tcpSocket": {"host": "10.0.0.1"}}"#, "containers/app: host of a probe"),
    ("/spec/containers/0/lifecycle", r#"{"preStop": {"httpGet": {"host": "h"}}}"#, "containers/app: host of a probe"),
    ("/spec/initContainers/0/securityContext/allowPrivilegeEscalation", "null", "initContainers/kz-install: allowPrivilegeEscalation"),
    ("/spec/initContainers/0/securityContext/allowPrivilegeEscalation", "true", "initContainers/kz-install: allowPrivilegeEscalation"),
    ("/spec/initContainers/0/securityContext/capabilities/drop", r#"["NET_RAW"]"#, "initContainers/kz-install: capabilities not dropped"),
    ("/spec/initContainers/0/securityContext/runAsNonRoot", "false", "initContainers/kz-install: runAsNonRoot"),
    ("/spec/initContainers/0/securityContext/runAsUser", "0", "initContainers/kz-install: runAsUser 0"),
    ("/spec/initContainers/0/securityContext/seccompProfile", r#"{"type": "Unconfined"}"#, r#"initContainers/kz-install: seccompProfile "Unconfined""#),
];

/// Puts a value at a JSON pointer whose last part need not be there yet.
fn plant(pod: &Value, pointer: &str, value: Value) -> Value {
    let mut pod = pod.clone();
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    match pod.pointer_mut(parent).unwrap_or_else(|| panic!("{parent}")) {
        Value::Array(list) => list[name.parse::<usize>().expect("an index")] = value,
        parent => parent[name] = value,
    }
    pod
}

#[test]
fn whatever_breaks_the_profile_is_found_alone_and_in_its_place() {
    let documents = example();
    let pod = &find(&documents, "Deployment", "app")["spec"]["template"];
    for (pointer, value, rule) in PLANTED {
        let value = serde_json::from_str(value).expect("JSON");
        assert_eq!(restricted::violations(&plant(pod, pointer, value)), [*rule], "{pointer}");
    }
    // What the pod says for all containers is missed in each of them.
    for name in ["runAsNonRoot", "seccompProfile"] {
        let found =
            restricted::violations(&plant(pod, &format!("/spec/securityContext/{name}"), Value::Null));
        let expected: Vec<String> = ["initContainers/kz-install", "initContainers/secrets", "containers/app"]
            .iter()
            .map(|place| format!("{place}: no {name}"))
            .collect();
        assert_eq!(found, expected);
    }
}

/// What these manifests keep beyond the profile.
#[test]
fn roots_are_read_only_and_only_kz_sees_a_token_or_writes_secrets() {
    let documents = example();
    for (name, pod) in pods(&documents) {
        assert_eq!(pod["spec"]["automountServiceAccountToken"], false, "{name}");
        let account = pod["spec"]["serviceAccountName"].as_str().expect("an account of its own");
        assert_eq!(find(&documents, "ServiceAccount", account)["automountServiceAccountToken"], false);
        for container in containers(pod) {
            let place = format!("{name}/{}", container["name"]);
            assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true, "{place}");
            assert!(container["resources"]["limits"]["memory"].is_string(), "{place}");
            assert!(container["resources"]["requests"]["cpu"].is_string(), "{place}");
            let is_kz = words(&container["command"]).first() == Some(&"kz");
            for mount in container["volumeMounts"].as_array().expect("mounts") {
                let volume = mount["name"].as_str().expect("a name");
                let writes = mount["readOnly"] != true;
                assert!(is_kz || !["kz", "vault", "vault-token"].contains(&volume), "{place} has {volume}");
                let by_kz_only = ["secrets", "kz-program"].contains(&volume);
                assert!(is_kz || !writes || !by_kz_only, "{place} may write {volume}");
            }
        }
        let volumes = pod["spec"]["volumes"].as_array().expect("volumes");
        let secrets = volumes.iter().find(|volume| volume["name"] == "secrets").expect("the secrets");
        assert_eq!(secrets["emptyDir"]["medium"], "Memory", "{name}");
        let token = volumes.iter().find(|volume| volume["name"] == "vault-token").expect("the token");
        let token = &token["projected"]["sources"][0]["serviceAccountToken"];
        assert_eq!((&token["audience"], &token["path"]), (&json!("vault"), &json!("token")), "{name}");
    }
}

#[test]
fn what_the_readme_types_into_vault_fits_the_manifests() {
    let documents = example();
    let readme = std::fs::read_to_string(in_repository("kubernetes/README.md")).expect("the README");
    let accounts: Vec<&str> =
        pods(&documents).iter().filter_map(|(_, pod)| pod["spec"]["serviceAccountName"].as_str()).collect();
    let namespace =
        find(&documents, "Deployment", "app")["metadata"]["namespace"].as_str().expect("a namespace");
    let config = find(&documents, "ConfigMap", "kz")["data"][".keyzero.toml"].as_str().expect("a file");
    assert!(config.contains("role = \"webapp\"") && config.contains("\"secret/data/prod/db/password\""));
    for typed in [
        format!("bound_service_account_names={} ", accounts.join(",")),
        format!("bound_service_account_namespaces={namespace} "),
        "auth/kubernetes/role/webapp ".to_owned(),
        "path \"secret/data/prod/db\" ".to_owned(),
        "audience=vault ".to_owned(),
    ] {
        assert!(readme.contains(&typed), "the README lacks {typed:?}");
    }
}
