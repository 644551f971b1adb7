//! Makes manifests fit for podman 4.3, and a pod's volumes as the kubelet would make them.
//!
//! What is replaced, and why: every volume by a directory of the machine, since that podman has no projected volumes, keeps
//! `medium: Memory` on disk and gives none of them the kubelet's owners and modes; the restart policy by `Never`, since it
//! would apply it to init containers that have done their work; and ports are left out, which it would publish where there
//! is nothing to publish. Everything else is played as it is rendered.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;

use serde_json::{Value, json};

use crate::manifests::find;
use crate::support::Sandbox;

/// The machine that a pod comes to.
pub struct Node<'a> {
    /// Where volumes lie, by their names.
    pub directory: &'a Sandbox,
    /// What the cluster would issue for a service account.
    pub token: &'a str,
}

/// Whom a pod's volumes are for.
struct Users {
    /// The uid of all containers, where they are of one.
    user: Option<u32>,
    /// `fsGroup`.
    group: Option<u32>,
}

impl Users {
    fn of(spec: &Value) -> Self {
        let id = |node: &Value, name: &str| {
            let id = node["securityContext"][name].as_u64()?;
            u32::try_from(id).ok()
        };
        let lists = ["initContainers", "containers"].into_iter().filter_map(|list| spec[list].as_array());
        let mut users =
            lists.flatten().map(|container| id(container, "runAsUser").or_else(|| id(spec, "runAsUser")));
        let first = users.next().flatten();
        Self { user: first.filter(|_| users.all(|user| user == first)), group: id(spec, "fsGroup") }
    }
}

impl Node<'_> {
    /// The documents to play for one workload.
    pub fn admit(&self, manifests: &[Value], name: &str) -> Vec<Value> {
        let mut workload = find(manifests, "Deployment", name).clone();
        let spec = &mut workload["spec"]["template"]["spec"];
        for container in spec["containers"].as_array_mut().expect("containers") {
            container["ports"] = json!([]);
        }
        self.mount(spec, manifests);
        let maps = manifests.iter().filter(|document| document["kind"] == "ConfigMap");
        maps.cloned().chain([workload]).collect()
    }

    /// Makes the volumes of a pod as the kubelet would, and the pod mount them.
    pub fn mount(&self, spec: &mut Value, manifests: &[Value]) {
        spec["restartPolicy"] = json!("Never");
        let users = Users::of(spec);
        for volume in spec["volumes"].as_array_mut().expect("volumes") {
            let name = volume["name"].as_str().expect("a name").to_owned();
            self.directory.file(&format!("{name}/.made"), "");
            let path = self.directory.path(&name);
            std::fs::remove_file(path.join(".made")).expect("an empty directory");
            self.fill(volume, &path, manifests, &users);
            *volume = json!({ "name": name, "hostPath": { "path": path, "type": "Directory" } });
        }
    }

    /// What a kubelet 1.37.2 was seen to make: what lies in memory (`medium: Memory`, Secrets, projected volumes) is a mount
    /// of its own with the sticky bit, what lies on the disk has none.
    fn fill(&self, volume: &Value, path: &Path, manifests: &[Value], users: &Users) {
        let mut is_in_memory = volume["emptyDir"]["medium"] == "Memory";
        if let Some(name) = volume["configMap"]["name"].as_str() {
            let map = manifests.iter().find(|document| document["metadata"]["name"] == name);
            let data = map.expect("the map")["data"].as_object().expect("its data");
            let text = |value: &Value| value.as_str().expect("a text").to_owned();
            let files = data.iter().map(|(name, value)| (name.as_str(), text(value))).collect();
            let mode = volume["configMap"]["defaultMode"].as_u64().unwrap_or(0o644);
            write(path, &files, mode, None, users.group);
        } else if let Some(source) = volume["projected"]["sources"].as_array() {
            is_in_memory = true;
            let name = source[0]["serviceAccountToken"]["path"].as_str().expect("a token");
            // A token is closed to all but one user, where there is one, or a group that it is given to.
            let is_for_somebody = users.user.is_some() || users.group.is_some();
            let default = volume["projected"]["defaultMode"].as_u64().unwrap_or(0o644);
            let mode = if is_for_somebody { 0o600 } else { default };
            let files = BTreeMap::from([(name, self.token.to_owned())]);
            write(path, &files, mode, users.user, users.group);
        }
        chown(path, None, users.group).expect("a group");
        let sticky = if is_in_memory { 0o1000 } else { 0 };
        let group = if users.group.is_some() { 0o2000 } else { 0 };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777 | sticky | group))
            .expect("a mode");
    }
}

/// Files behind `..data`, as its `AtomicWriter` leaves them: with `fsGroup` the group may read whatever the mode says.
fn write(path: &Path, files: &BTreeMap<&str, String>, mode: u64, owner: Option<u32>, group: Option<u32>) {
    let mode = u32::try_from(mode).expect("a mode") | if group.is_some() { 0o440 } else { 0 };
    let stamp = "..2026_01_01_00_00_00.1234567890";
    let directory = path.join(stamp);
    std::fs::create_dir(&directory).expect("a directory");
    symlink(stamp, path.join("..data")).expect("a link");
    for (name, content) in files {
        let file = directory.join(name);
        std::fs::write(&file, content).expect("a file");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("a mode");
        chown(&file, owner, group).expect("an owner");
        symlink(Path::new("..data").join(name), path.join(name)).expect("a link");
    }
}
