//! The exporter that a file does not have yet: what somebody needs who reads a credential from this file today and has no
//! kz in it. With nothing else to be done it starts: the service, its volume and its configuration, what that reads, and
//! the mount and the order of who reads.

use super::super::Found;
use super::super::Known;
use super::super::images;
use super::super::remedy::Remedy;
use super::super::scene::{Scene, Unit};
use super::super::text::{Dialect, host_words};
use super::super::{Configuration, Content};
use super::{configuration, order};

/// Where kz's image has a directory that every uid may write to.
const DIRECTORY: &str = "/secrets";

/// What `kz init` calls them.
const DOCUMENT: &str = "secrets.env.age";
const IDENTITY: &str = "identity.txt";
const IDENTITY_PLACE: &str = "/run/secrets/age-identity";

/// What it is to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// A file for each secret.
    Files,
    /// This one file below its directory, of commands for a shell.
    Shell(&'static str),
}

/// The lines that bring a secret to `target` in a unit, where nobody in the file exports anything yet.
pub(super) fn made(
    scene: &Scene,
    unit: &Unit,
    secret: &str,
    (written, target): (Written, &str),
    known: Known<'_>,
) -> Remedy {
    // Where kz is, the way to it is what is missing; and another file may bring one.
    let has_kz = scene.units.iter().any(|other| other.is_kz() && other.run().is_none());
    if scene.is_partial || has_kz {
        return Remedy::none();
    }
    if scene.dialect == Dialect::Pod {
        return in_pod(scene, unit, secret, target, known);
    }
    let (configured, file, found) = configured(secret, known);
    let mut mounts = vec![format!("{}:/app/.keyzero.toml:ro", host_words(&file))];
    mounts.extend(found.files.iter().filter_map(mount));
    let volume = volume(scene);
    mounts.push(format!("{volume}:{DIRECTORY}"));
    let name =
        ["secrets-init", "kz-init"].into_iter().find(|name| scene.unit(name).is_none()).unwrap_or("kz");
    let (owner, remark) = owner(unit);
    let service = service(name, written, owner.as_deref(), &mounts);
    let mut service = Remedy::top(service);
    if let Some(remark) = remark.or_else(|| is_asked_elsewhere(&found).then(|| ADDRESS.to_owned())) {
        service = service.remark(remark);
    }
    let defined = if scene.volume(&volume).is_some() {
        Remedy::none()
    } else {
        Remedy::top(format!("volumes:\n  {volume}: {{}}"))
    };
    configured
        .then(service)
        .then(defined)
        .then(Remedy::unit(format!("volumes:\n  - {volume}:{target}:ro")))
        .then(order::waiting_for(name))
        .remark("then ask `kz doctor` again, before another finding is followed")
}

/// All that brings a secret into a pod without kz: the volume, the init container, the configuration.
fn in_pod(scene: &Scene, unit: &Unit, name: &str, target: &str, known: Known<'_>) -> Remedy {
    let is_taken = ["secrets", "kz"].iter().any(|volume| scene.volume(volume).is_some())
        || scene.units.iter().any(|unit| unit.name == "secrets-init" || unit.is_kz());
    if is_taken {
        return Remedy::none();
    }
    // In memory kz's links lead nobody but their owner, and what root makes leads everybody.
    let is_root = images::reads_as_root(unit) && !unit.refuses_root;
    let (context, remark) = match unit.uid().or(is_root.then_some(0)) {
        Some(uid) if uid == images::KZ_UID => (String::new(), ""),
        Some(uid) => (format!(", securityContext: {{ runAsUser: {uid} }}"), ""),
        None => (String::new(), ", with the uid of who reads there as its `runAsUser`"),
    };
    in_pod_as((&context, remark), name, target, known)
}

fn in_pod_as((context, remark): (&str, &str), name: &str, target: &str, known: Known<'_>) -> Remedy {
    let container = format!(
        "initContainers:\n  - {{ name: secrets-init, image: \"kz:dev\", command: [kz, export, --format, files, --output, /secrets]{context}, \
         volumeMounts: [{{ name: kz, mountPath: /app, readOnly: true }}, {{ name: secrets, mountPath: /secrets }}] }}"
    );
    let volumes = "volumes:\n  - { name: secrets, emptyDir: { medium: Memory } }\n  - { name: kz, configMap: { name: kz } }";
    let mount = format!("volumeMounts:\n  - {{ name: secrets, mountPath: {target}, readOnly: true }}");
    Remedy::unit(mount)
        .then(Remedy::top(container).remark(format!("before all others{remark}")))
        .then(Remedy::top(volumes))
        .then(configured_in_pod(name, known))
}

/// The command that makes the configuration, and what makes an object of it.
fn configured_in_pod(name: &str, known: Known<'_>) -> Remedy {
    const FILE: &str = ".keyzero.toml";
    let object = "then `kubectl create configmap kz --from-file=.keyzero.toml`";
    if known.host.look(FILE) == Found::Nothing {
        return Remedy::shell("kz init").remark(format!("with `{name}` in it, and where it is; {object}"));
    }
    let written = known.host.text(FILE).and_then(|text| known.kz.configuration(&text).secrets);
    if written.is_some_and(|secrets| secrets.iter().any(|secret| secret == name)) {
        return Remedy::none();
    }
    let line = format!("{name} = {{ provider = \"…\", ref = \"…\" }}");
    Remedy::configuration(FILE, "secrets", line).remark(format!("where it is; {object}"))
}

const ADDRESS: &str = "with what its provider needs besides, such as VAULT_ADDR and VAULT_TOKEN_FILE";

/// What makes the configuration have the secret, what it is called, and what it says.
fn configured(secret: &str, known: Known<'_>) -> (Remedy, String, Configuration) {
    if let Some(file) = configuration::beside(known) {
        let found = known.host.text(&file).map(|text| known.kz.configuration(&text)).unwrap_or_default();
        let lacks = found.secrets.as_ref().is_some_and(|secrets| !secrets.iter().any(|name| name == secret));
        let line = format!("{} = {{ provider = \"…\", ref = \"…\" }}", key(secret));
        let added = if lacks {
            Remedy::configuration(&file, "secrets", line).remark("where it is")
        } else {
            Remedy::none()
        };
        return (added, file, found);
    }
    let line = format!("{} = {{ provider = \"age\", ref = \"{DOCUMENT}#{secret}\" }}", key(secret));
    let file = configuration::FILE_NAME.to_owned();
    let mut remedy = Remedy::configuration(&file, "secrets", line);
    let is_there = |path| known.host.look(path) == Found::File;
    if !is_there(IDENTITY) {
        remedy = remedy
            .then(Remedy::shell(format!("(umask 077; age-keygen -o {IDENTITY})")))
            .remark("it stays here, out of Git");
    }
    if !is_there(DOCUMENT) {
        remedy = remedy
            .then(Remedy::shell(format!(
                "[ -e {DOCUMENT} ] || age -r \"$(age-keygen -y {IDENTITY})\" -o {DOCUMENT}"
            )))
            .remark(format!("type NAME=… for each secret of `{file}`, a line each, then Ctrl-D"));
    }
    (remedy, file, of_kz_init(known))
}

/// What a configuration that has an age document and nothing else needs.
fn of_kz_init(known: Known<'_>) -> Configuration {
    known.kz.configuration(&format!("[secrets]\nA = {{ provider = \"age\", ref = \"{DOCUMENT}#A\" }}\n"))
}

/// A key of TOML: `db.password` would be two.
fn key(secret: &str) -> String {
    let is_bare = secret.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if is_bare { secret.to_owned() } else { format!("\"{secret}\"") }
}

/// The item that mounts a file which a configuration names.
fn mount(needed: &super::super::Needed) -> Option<String> {
    let path = needed.path.as_str();
    if path.starts_with('~') || path.contains('$') {
        return None;
    }
    match (path.starts_with('/'), needed.what) {
        (false, _) => Some(format!("{}:/app/{path}:ro", host_words(path))),
        (true, Content::Identity) if path == IDENTITY_PLACE => Some(format!("./{IDENTITY}:{path}:ro")),
        (true, _) => None,
    }
}

/// A volume that nobody else uses.
fn volume(scene: &Scene) -> String {
    let is_free = |name: &&str| scene.volume(name).is_none();
    ["secrets", "kz-secrets"].into_iter().find(is_free).unwrap_or("secrets-of-kz").to_owned()
}

/// To whom the files are given, and what is to be known of that: root needs none, and an image whose uid nobody knows has
/// one that its owner knows.
fn owner(unit: &Unit) -> (Option<String>, Option<String>) {
    match unit.uid() {
        Some(0) => (None, None),
        Some(uid) => (Some(format!("{uid}:{uid}")), None),
        None if images::reads_as_root(unit) => (Some("999:999".to_owned()), None),
        None => {
            let words = format!("1000:1000 stands for whom `{}` runs as", unit.name);
            (Some("1000:1000".to_owned()), Some(words))
        }
    }
}

fn is_asked_elsewhere(found: &Configuration) -> bool {
    !found.far.is_empty()
}

/// The service, as `kz init` has it.
fn service(name: &str, written: Written, owner: Option<&str>, mounts: &[String]) -> String {
    let output = match written {
        Written::Files => format!("\"files\", \"--output\", \"{DIRECTORY}\""),
        Written::Shell(file) => format!("\"shell\", \"--output\", \"{DIRECTORY}/{file}\""),
    };
    let (given, capabilities) = match owner {
        Some(owner) => (format!(", \"--owner\", \"{owner}\""), "CHOWN, DAC_READ_SEARCH"),
        None => (String::new(), "DAC_READ_SEARCH"),
    };
    let mounts: Vec<String> = mounts.iter().map(|mount| format!("      - {mount}")).collect();
    format!(
        "services:\n  {name}:\n    image: kz:dev\n    command: [\"kz\", \"export\", \"--format\", {output}{given}]\n    \
         user: \"0:0\"\n    cap_drop: [ALL]\n    cap_add: [{capabilities}]\n    volumes:\n{}",
        mounts.join("\n")
    )
}
