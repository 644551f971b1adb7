//! The *restricted* profile of the Pod Security Standards, as the page states it
//! (<https://kubernetes.io/docs/concepts/security/pod-security-standards/>): its own rules and those of *baseline*.
//!
//! Says in which place a pod breaks which rule. A cluster's admission is the judge; this is the same list, written by
//! hand for Linux pods, and it may be stricter: a user of 0 is refused however it is written.

use serde_json::Value;

/// Kinds of volumes that a pod may have.
const VOLUMES: &[&str] = &[
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// Types of `SELinux` labels that confine a container.
const SELINUX: &[&str] = &["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];

/// Parameters of the kernel that belong to the pod alone.
const SYSCTLS: &[&str] = &[
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_syncookies",
];

/// Where a container names a host that is to be asked.
const PROBES: &[&str] =
    &["/livenessProbe", "/readinessProbe", "/startupProbe", "/lifecycle/postStart", "/lifecycle/preStop"];

/// What breaks a rule, with the place: `containers/app: privileged`.
pub(super) fn violations(pod: &Value) -> Vec<String> {
    let mut found = of_pod(pod);
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for container in pod["spec"][list].as_array().into_iter().flatten() {
            let place = format!("{list}/{}", container["name"].as_str().unwrap_or_default());
            let broken = of_container(container, &pod["spec"]["securityContext"]);
            found.extend(broken.into_iter().map(|rule| format!("{place}: {rule}")));
        }
    }
    found
}

fn of_pod(pod: &Value) -> Vec<String> {
    let spec = &pod["spec"];
    let mut found = Vec::new();
    for namespace in ["hostNetwork", "hostPID", "hostIPC"] {
        if spec[namespace] == true {
            found.push(namespace.to_owned());
        }
    }
    for volume in spec["volumes"].as_array().into_iter().flatten() {
        let kinds = volume.as_object().into_iter().flatten().map(|(kind, _)| kind.as_str());
        let refused = kinds.filter(|kind| *kind != "name" && !VOLUMES.contains(kind));
        found.extend(
            refused.map(|kind| format!("volumes/{}: {kind}", volume["name"].as_str().unwrap_or_default())),
        );
    }
    let context = &spec["securityContext"];
    for sysctl in context["sysctls"].as_array().into_iter().flatten() {
        if !sysctl["name"].as_str().is_some_and(|name| SYSCTLS.contains(&name)) {
            found.push(format!("sysctl {}", sysctl["name"]));
        }
    }
    let annotations = pod["metadata"]["annotations"].as_object().into_iter().flatten();
    found.extend(annotations.filter(|(name, value)| unconfined(name, value)).map(|(name, _)| name.clone()));
    found.extend(of_both(context).into_iter().map(|rule| format!("securityContext: {rule}")));
    found
}

/// An annotation that takes `AppArmor` away.
fn unconfined(name: &str, value: &Value) -> bool {
    let value = value.as_str().unwrap_or_default();
    name.starts_with("container.apparmor.security.beta.kubernetes.io/")
        && value != "runtime/default"
        && !value.starts_with("localhost/")
}

/// What neither a pod nor a container may say.
fn of_both(context: &Value) -> Vec<String> {
    let mut found = Vec::new();
    if context["windowsOptions"]["hostProcess"] == true {
        found.push("hostProcess".to_owned());
    }
    for profile in ["appArmorProfile", "seccompProfile"] {
        let kind = &context[profile]["type"];
        if !kind.is_null() && kind != "RuntimeDefault" && kind != "Localhost" {
            found.push(format!("{profile} {kind}"));
        }
    }
    let label = &context["seLinuxOptions"];
    if !SELINUX.contains(&label["type"].as_str().unwrap_or_default()) {
        found.push("seLinuxOptions type".to_owned());
    }
    for part in ["user", "role"] {
        if label[part].as_str().is_some_and(|text| !text.is_empty()) {
            found.push(format!("seLinuxOptions {part}"));
        }
    }
    if context["runAsNonRoot"] == false {
        found.push("runAsNonRoot".to_owned());
    }
    if context["runAsUser"] == 0 {
        found.push("runAsUser 0".to_owned());
    }
    found
}

fn of_container(container: &Value, of_pod: &Value) -> Vec<String> {
    let context = &container["securityContext"];
    let mut found = of_both(context);
    let mut refuse = |rule: &str, broken: bool| {
        if broken {
            found.push(rule.to_owned());
        }
    };
    refuse("privileged", context["privileged"] == true);
    refuse("allowPrivilegeEscalation", context["allowPrivilegeEscalation"] != false);
    refuse("procMount", !context["procMount"].is_null() && context["procMount"] != "Default");
    // What a container does not say the pod says; that neither says it breaks the rule.
    let missing = |name: &str| context[name].is_null() && of_pod[name].is_null();
    refuse("no runAsNonRoot", missing("runAsNonRoot"));
    refuse("no seccompProfile", missing("seccompProfile"));
    let capabilities = &context["capabilities"];
    let list = |name: &str| capabilities[name].as_array().cloned().unwrap_or_default();
    refuse("capabilities not dropped", !list("drop").iter().any(|name| name == "ALL"));
    refuse("capabilities added", list("add").iter().any(|name| name != "NET_BIND_SERVICE"));
    let ports = container["ports"].as_array().cloned().unwrap_or_default();
    refuse("hostPort", ports.iter().any(|port| port["hostPort"].as_u64().is_some_and(|port| port != 0)));
    refuse("host of a probe", PROBES.iter().any(|probe| names_host(container.pointer(probe))));
    found
}

fn names_host(probe: Option<&Value>) -> bool {
    let kinds = ["httpGet", "tcpSocket"].into_iter();
    let mut hosts = kinds.filter_map(|kind| probe?[kind]["host"].as_str());
    hosts.any(|host| !host.is_empty())
}
