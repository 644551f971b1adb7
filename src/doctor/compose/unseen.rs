//! What of a Compose file is not looked at, so that nobody takes silence for a judgement: what comes from elsewhere, what
//! the engine has and doctor does not know, and what nobody knows, such as a key with a typo.

use super::super::scene::User;
use super::super::text::{Dialect, Text};
use super::super::yaml::{Key, Node};
use super::super::{Found, Known};
use super::OVERRIDES;

/// The keys of a file that are read, or do not matter here.
const TOP: &[&str] = &["name", "version", "services", "volumes", "secrets", "configs", "networks"];

/// The keys of a service that are read.
const READ: &[&str] = &[
    "image",
    "build",
    "entrypoint",
    "command",
    "user",
    "environment",
    "volumes",
    "tmpfs",
    "secrets",
    "configs",
    "working_dir",
    "cap_add",
    "cap_drop",
    "depends_on",
    "env_file",
    "ports",
    "restart",
    "deploy",
    "profiles",
    "healthcheck",
];

/// Those of the Compose specification that do not matter here.
const INDIFFERENT: &[&str] = &[
    "annotations",
    "attach",
    "blkio_config",
    "cgroup",
    "cgroup_parent",
    "container_name",
    "cpu_count",
    "cpu_percent",
    "cpu_period",
    "cpu_quota",
    "cpu_rt_period",
    "cpu_rt_runtime",
    "cpu_shares",
    "cpus",
    "cpuset",
    "credential_spec",
    "develop",
    "device_cgroup_rules",
    "devices",
    "dns",
    "dns_opt",
    "dns_search",
    "domainname",
    "driver_opts",
    "expose",
    "external_links",
    "extra_hosts",
    "gpus",
    "group_add",
    "hostname",
    "init",
    "ipc",
    "isolation",
    "label_file",
    "labels",
    "links",
    "logging",
    "mac_address",
    "mem_limit",
    "mem_reservation",
    "mem_swappiness",
    "memswap_limit",
    "models",
    "network_mode",
    "networks",
    "oom_kill_disable",
    "oom_score_adj",
    "pid",
    "pids_limit",
    "platform",
    "privileged",
    "pull_policy",
    "read_only",
    "runtime",
    "scale",
    "security_opt",
    "shm_size",
    "stdin_open",
    "stop_grace_period",
    "stop_signal",
    "storage_opt",
    "sysctls",
    "tty",
    "ulimits",
    "use_api_socket",
    "userns_mode",
    "uts",
];

/// What is not looked at, in words.
pub(super) fn of(root: &Node, known: Known<'_>) -> Vec<String> {
    let is_other = |key: &&Key, known: &[&[&str]]| {
        !key.text.starts_with("x-") && !known.iter().any(|keys| keys.contains(&key.text.as_str()))
    };
    let mut unseen: Vec<String> = OVERRIDES
        .iter()
        .filter(|name| known.host.look(name) == Found::File)
        .map(|name| format!("`{name}`"))
        .collect();
    let keys = root.entries().map(|(key, _)| key).filter(|key| is_other(key, &[TOP]));
    unseen.extend(keys.map(|key| format!("`{}`", key.text)));
    for (name, service) in root.get("services").into_iter().flat_map(Node::entries) {
        let keys = service.entries().map(|(key, _)| key).filter(|key| is_other(key, &[READ, INDIFFERENT]));
        unseen.extend(keys.map(|key| format!("`{}` of service `{}`", key.text, name.text)));
        if is_named_user(service) {
            unseen.push(format!("which uid the `user` of service `{}` has", name.text));
        }
        if is_open(service) {
            unseen.push(format!("the command of service `{}`, which is filled in later", name.text));
        }
    }
    unseen
}

/// Whether it runs as somebody by a name of the image's own, which nobody here knows.
fn is_named_user(service: &Node) -> bool {
    let written = service.get("user").and_then(Node::text).is_some_and(|user| !user.contains('$'));
    written && super::user(service, super::own_image(service)) == User::Unknown
}

/// Whether it runs kz by words that are not all known.
fn is_open(service: &Node) -> bool {
    let words = |key: &str| service.get(key).map(Node::items).unwrap_or_default();
    let line: Vec<Text> = [words("entrypoint"), words("command")]
        .concat()
        .into_iter()
        .filter_map(|node| Text::of(node, Dialect::Compose))
        .take_while(|word| word.value != "--")
        .collect();
    let begins = line.first().is_some_and(|first| {
        first.value.split_whitespace().next().is_some_and(|word| word == "kz" || word.ends_with("/kz"))
    });
    begins && line.iter().any(|word| word.is_open)
}
