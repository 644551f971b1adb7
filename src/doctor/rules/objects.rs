//! D4, sixth part, and D5: credentials in the `ConfigMap`s and Secrets of a manifest, whoever uses them.
//!
//! Invariants: nothing of a value is told, not even its length; one finding for an object's kind of place, however many keys.
//! What a program has made is left alone: its source is what somebody keeps.

use super::super::Known;
use super::super::catalogue::Code;
use super::super::finding::Findings;
use super::super::manifest::{Entry, Filled};
use super::super::remedy::Remedy;
use super::super::scene::Scene;
use super::super::yaml::Mark;
use super::{env_files, inline, values};

/// How the names of files end that are programs, pages or templates, whose `token = …` is an assignment.
const PROGRAMS: &[&str] = &[
    "py", "js", "mjs", "cjs", "ts", "go", "rb", "php", "pl", "lua", "java", "kt", "rs", "c", "sql", "awk",
    "jq", "rego", "html", "css", "md", "tmpl", "tpl",
];

/// All rules of this kind.
pub(super) fn examine(objects: &[Filled], scenes: &[Scene], known: Known<'_>, found: &mut Findings) {
    for object in objects.iter().filter(|object| !object.is_made) {
        if object.kind == "Secret" {
            secret(object, known, found);
        } else {
            map(object, scenes, known, found);
        }
    }
}

/// A Secret that holds one, in the clear or as good as that.
fn secret(object: &Filled, known: Known<'_>, found: &mut Findings) {
    let mut told: Vec<Mark> = Vec::new();
    for entry in &object.entries {
        let (below, mark) = &entry.below;
        if told.contains(mark) || credential(entry, known).is_none() {
            continue;
        }
        told.push(*mark);
        let Filled { name, .. } = object;
        let key = &entry.key;
        let form = if below == "data" { "in base64, which anybody undoes" } else { "in the clear" };
        let what = format!(
            "`{key}` below `{below}` is a credential, {form}: who reads this file has it, and where the file is in a repository, who reads that or its history"
        );
        let remedy = Remedy::said(format!(
            "keep it out of files: `kubectl create secret generic {name} --from-file={key}`, or let kz bring what is in it"
        ))
        .remark("and change what has been in a repository");
        found.add(Code::SecretInManifest, *mark, &format!("Secret `{name}`"), what, remedy);
    }
}

/// A `ConfigMap` that holds one, as a value or in a file. Of entries that become a container's variables `env_files` tells.
fn map(object: &Filled, scenes: &[Scene], known: Known<'_>, found: &mut Findings) {
    let Filled { name, entries, .. } = object;
    // A file is looked into, whoever takes it for what.
    let is_told = |entry: &&Entry| {
        !entry.value.trim_end().contains('\n')
            && scenes.iter().any(|scene| env_files::is_variable(scene, name, &entry.key))
    };
    for entry in entries.iter().filter(|entry| !is_told(entry)) {
        let Some(key) = credential(entry, known) else { continue };
        let file = &entry.key;
        let is_file = key != file;
        let place =
            if is_file { format!("`{key}` in its file `{file}`") } else { format!("its entry `{file}`") };
        let what = format!(
            "{place} is a credential, which everybody has who may read ConfigMaps, or reads this file or its history"
        );
        let instead = if is_file {
            format!(
                "kz writes the file: `kz export --format template --template {file}.tmpl --output /secrets/{file}`, with `{{{{ NAME }}}}` in the place of the credential"
            )
        } else {
            "kz brings it as a file, `kz export --format files --output /secrets`, or as a variable, `kz run`"
                .to_owned()
        };
        let remedy = Remedy::without(format!("`{file}`")).remark(instead);
        found.add(Code::CredentialInConfig, entry.mark, &format!("ConfigMap `{name}`"), what, remedy);
    }
}

/// What is called so that an entry holds as a credential: the entry itself, or a key of the file that it is.
fn credential<'a>(entry: &'a Entry, known: Known<'_>) -> Option<&'a str> {
    let (key, value) = (entry.key.as_str(), entry.value.as_str());
    // What is filled in later: by Kustomize, Helm, Argo CD, envsubst.
    let is_open = |text: &str| ["${", "{{", "$("].iter().any(|begin| text.contains(begin));
    let is_line = !value.trim_end().contains('\n');
    if is_line && !is_open(value) && is_value(key, value.trim(), known) {
        return Some(key);
    }
    if is_private_key(value) || is_registrys(key, value) {
        return Some(key);
    }
    // A value of one line is a file where it is called as one.
    if is_line && !key.contains('.') {
        return None;
    }
    let extension = key.rsplit_once('.').map_or("", |(_, extension)| extension);
    // A configuration of kz's names places, and kz itself refuses one that holds a credential.
    if PROGRAMS.contains(&extension) || known.kz.configuration(value).secrets.is_some() {
        return None;
    }
    let held = |line: &'a str| {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        inline::credential_in(line, known)
            .filter(|(key, value)| !is_open(value) && !values::may_name_object(key, value))
            .map(|(key, _)| key)
    };
    value.lines().find_map(held)
}

/// Whether a value by itself is one, under this name. A certificate is public.
fn is_value(key: &str, value: &str, known: Known<'_>) -> bool {
    let is_public = value.contains("-----BEGIN CERTIFICATE");
    let name = key.replace('-', "_");
    !is_public && !values::may_name_object(key, value) && values::is_credential(&name, value, known)
}

/// Docker's credentials for registries, as `kubectl create secret docker-registry` has them.
fn is_registrys(key: &str, value: &str) -> bool {
    let is_one = [".dockerconfigjson", ".dockercfg", "config.json"].contains(&key);
    is_one && ["\"auth\"", "\"password\"", "\"identitytoken\""].iter().any(|name| value.contains(name))
}

/// A key in PEM with something in it.
fn is_private_key(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("PRIVATE KEY-----") else { return false };
    let body = rest.split("-----END").next().unwrap_or_default();
    body.chars().filter(char::is_ascii_alphanumeric).count() >= 32
}
