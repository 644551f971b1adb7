//! The rules, by what they are about. Each looks at a scene and adds what it finds.

mod absent;
mod access;
mod arguments;
mod asked;
mod beside;
mod closed;
mod commands;
mod configuration;
mod contents;
mod credentials;
mod cutting;
mod delivering;
mod denied;
mod documents;
mod env_files;
mod exporters;
mod files;
mod forms;
mod inline;
mod installs;
mod lifecycle;
mod manifest;
mod mounting;
mod objects;
mod of_kubelet;
mod offline;
mod open;
mod order;
mod own;
mod owners;
mod plain;
mod programs;
mod readers;
mod reading;
mod reads;
mod scratch;
mod shells;
mod staying;
mod targets;
mod twice;
mod unmounted;
mod values;
mod variables;
mod vendors;
mod volumes;

use super::Known;
use super::catalogue::Code;
use super::finding::Findings;
use super::manifest::Filled;
use super::remedy::Remedy;
use super::scene::Scene;
use super::text::Dialect;
use super::yaml::Key;

/// Everything that is wrong with one scene.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    found.are_of(scene.dialect);
    reading::examine(scene, known, found);
    targets::examine(scene, known, found);
    scratch::examine(scene, known, found);
    volumes::examine(scene, known, found);
    owners::examine(scene, known, found);
    denied::examine(scene, known, found);
    order::examine(scene, &|delivery| readers::of(scene, delivery, known), found);
    staying::examine(scene, found);
    lifecycle::examine(scene, found);
    shells::examine(scene, known, found);
    credentials::examine(scene, known, found);
    arguments::examine(scene, known, found);
    inline::examine(scene, known, found);
    env_files::examine(scene, known, found);
    absent::examine(scene, known, found);
    beside::examine(scene, known, found);
    vendors::examine(scene, known, found);
    variables::examine(scene, known, found);
    open::examine(scene, known, found);
    asked::examine(scene, known, found);
    offline::examine(scene, known, found);
    installs::examine(scene, found);
    programs::examine(scene, found);
    configuration::examine(scene, known, found);
    files::examine(scene, known, found);
    closed::examine(scene, known, found);
    twice::examine(scene, found);
    contents::examine(scene, known, found);
    commands::examine(scene, known, found);
    manifest::examine(scene, known, found);
    found.remark_shared(&scene.shared);
}

/// What is wrong with the `ConfigMap`s and Secrets of a file by themselves.
pub(super) fn objects(objects: &[Filled], scenes: &[Scene], known: Known<'_>, found: &mut Findings) {
    found.are_of(Dialect::Pod);
    objects::examine(objects, scenes, known, found);
}

/// Keys that stand twice in one map.
pub(super) fn doubled(keys: &[Key], found: &mut Findings) {
    for key in keys {
        let what = format!(
            "`{}` stands twice here: Compose 2 and kubectl refuse the file (`mapping key \"{}\" already defined`), \
             others take one of the two",
            key.text, key.text
        );
        found.add(
            Code::DoubledKey,
            key.mark,
            "the file",
            what,
            Remedy::without(format!("one of the two `{}`", key.text)),
        );
    }
}
