//! What vendors' images make of the variables and commands that they are given.

use super::super::catalogue::Code;
use super::super::finding::Findings;
use super::super::images::{self, FileForm};
use super::super::program::{Form, Program};
use super::super::remedy::Remedy;
use super::super::scene::{Scene, Source, Unit, Variable};
use super::super::text::{Dialect, Text, host_words, normal};
use super::super::{Found, Known};
use super::{delivering, mounting, values};

/// What follows a word that a path may stand behind, in names of variables whose value is certainly no path.
const VALUES: &[&str] = &["PASSWORD", "PASSWD", "PASSPHRASE"];

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    for unit in scene.units.iter().filter(|unit| !unit.is_kz()) {
        for variable in &unit.variables {
            relative(scene, unit, variable, known, found);
            let value = variable.value.as_ref().and_then(Text::known).filter(|value| value.starts_with('/'));
            if let Some(value) = value {
                path_as_value(scene, unit, variable, value, found);
                unread(scene, unit, variable, value, known, found);
            }
        }
        if scene.dialect == Dialect::Compose {
            empty_arguments(unit, found);
        }
    }
}

/// The variable without its end, where it names a file.
fn stem(name: &str) -> Option<&str> {
    name.strip_suffix("__FILE").or_else(|| name.strip_suffix("_FILE")).filter(|stem| !stem.is_empty())
}

/// A file of the host, named as it is there and not as the container has it.
fn relative(scene: &Scene, unit: &Unit, variable: &Variable, known: Known<'_>, found: &mut Findings) {
    let Variable { name, value, mark } = variable;
    let Some(path) = value.as_ref().and_then(Text::known).filter(|path| !path.starts_with(['/', '~'])) else {
        return;
    };
    let Some(stem) = stem(name).filter(|_| scene.dialect == Dialect::Compose && !unit.is_partial) else {
        return;
    };
    let is_read = images::file_form(unit, stem) == FileForm::Known(name.clone());
    if !is_read || known.host.look(path) != Found::File {
        return;
    }
    let path = normal(path);
    let what = format!(
        "`{name}` names `{path}`, which is beside this file, and in the container relative to its working directory: there is no such file, and it ends"
    );
    let mounted = unit.mounts.iter().find(|mount| mount.source == Source::Bind(path.clone()));
    let remedy = if let Some(mount) = mounted {
        Remedy::here(mounting::variable_line(scene.dialect, name, &mount.target))
    } else {
        let secret = stem.to_ascii_lowercase();
        Remedy::here(mounting::variable_line(scene.dialect, name, &format!("/run/secrets/{secret}")))
            .then(Remedy::unit(format!("secrets: [{secret}]")))
            .then(Remedy::top(format!("secrets:\n  {secret}: {{ file: {} }}", host_words(&path))))
    };
    found.add(Code::FileNotMounted, *mark, &unit.title, what, remedy);
}

fn path_as_value(scene: &Scene, unit: &Unit, variable: &Variable, value: &str, found: &mut Findings) {
    let Variable { name, mark, .. } = variable;
    let path = normal(value);
    let is_delivered = path.starts_with("/run/secrets/") || is_delivered(scene, unit, &path);
    let form = images::file_form(unit, name);
    let is_value = match form {
        FileForm::Known(_) => values::is_named_so(name),
        _ => VALUES.iter().any(|end| name.to_ascii_uppercase().ends_with(end)),
    };
    if !is_delivered || !is_value {
        return;
    }
    let what = format!(
        "`{name}` is the value itself, and names no file: the password is the text `{path}`, which stands here for everybody to read"
    );
    let remedy = match form {
        FileForm::Known(other) => Remedy::here(mounting::variable_line(scene.dialect, &other, value)),
        FileForm::Unknown => {
            Remedy::here(mounting::variable_line(scene.dialect, &format!("{name}_FILE"), value))
                .remark("if the image knows it; else `kz run` in front of its command")
        }
        FileForm::None => Remedy::without(format!("`{name}`"))
            .remark("a template of its configuration brings it, or `kz run` in front of its command"),
    };
    found.add(Code::PathAsValue, *mark, &unit.title, what, remedy);
}

/// Whether a path is below the mount of something that an export writes a file for each secret to, or that Compose gives.
fn is_delivered(scene: &Scene, unit: &Unit, path: &str) -> bool {
    let Some((mount, _)) = unit.mount_over(path) else { return false };
    let is_written = || {
        let writes = |source: &Source| *source == mount.source;
        scene
            .deliveries()
            .iter()
            .any(|delivery| delivery.export.form == Form::Files && delivery.shared().is_some_and(writes))
    };
    matches!(mount.source, Source::Given(_)) || is_written()
}

/// A variable that an image would have to know, and does not.
fn unread(
    scene: &Scene,
    unit: &Unit,
    variable: &Variable,
    value: &str,
    known: Known<'_>,
    found: &mut Findings,
) {
    let Variable { name, mark, .. } = variable;
    let upper = name.to_ascii_uppercase();
    let Some(stem) = stem(&upper) else { return };
    // Its own command may read it.
    let is_mentioned = unit.argv().iter().any(|word| word.value.contains(name.as_str()));
    if is_mentioned || matches!(unit.program, Program::Script(_)) {
        return;
    }
    let image = unit.image.as_ref().map(|image| image.raw.as_str()).unwrap_or_default();
    let (what, remedy) = match images::file_form(unit, stem) {
        FileForm::Known(other) if other != *name && is_meant(&other, stem) => {
            let what = format!("`{image}` does not know `{name}`, but `{other}`: nobody reads this file");
            (what, Remedy::here(mounting::variable_line(scene.dialect, &other, value)))
        }
        FileForm::None => {
            if let Some(near) = images::nearest(unit, stem) {
                let near = format!("{near}_FILE");
                let what = format!("`{image}` does not know `{name}`, but `{near}`: nobody reads this file");
                (what, Remedy::here(mounting::variable_line(scene.dialect, &near, value)))
            } else {
                let what =
                    format!("`{image}` knows no `{name}`: nobody reads this file, and it starts without");
                (what, delivering::in_place_of(scene, unit, (name, stem), known))
            }
        }
        _ => return,
    };
    found.add(Code::FileUnread, *mark, &unit.title, what, remedy);
}

/// Whether the variable that an image knows is what was meant: settings of Grafana's end in `_FILE` themselves.
fn is_meant(known: &str, stem: &str) -> bool {
    !known.ends_with("__FILE") || values::is_named_so(stem)
}

/// `sh -c '… exec docker-entrypoint.sh "$@"'`, and nothing that `$@` could be.
fn empty_arguments(unit: &Unit, found: &mut Findings) {
    let Program::Script(script) = &unit.program else { return };
    let Some(entrypoint) = unit.entrypoint.as_ref().filter(|_| !unit.is_partial) else { return };
    let words: Vec<&str> = script.value.split_whitespace().collect();
    let is_all = |word: &str| ["\"$@\"", "$@", "\"$*\"", "$*"].contains(&word.trim_end_matches(';'));
    // A program of its own may do without arguments; `exec` and an entrypoint start what follows them.
    let starts =
        |word: &str| word == "exec" || word.ends_with("entrypoint.sh") || word.ends_with("entrypoint");
    let hands_on = words.windows(2).any(|pair| starts(pair[0]) && is_all(pair[1]));
    let arguments = entrypoint.words.len().saturating_sub(4);
    if !hands_on || unit.command.is_some() || arguments > 0 {
        return;
    }
    let known = images::start(unit).filter(|(_, command)| !command.is_empty());
    let command = known.map_or("…", |(_, command)| command);
    let what = "its script hands on `\"$@\"`, and nothing is there: Compose drops the image's CMD when `entrypoint:` is set, so that the script ends, or starts nothing";
    let remedy = Remedy::unit(format!("command: [\"{command}\"]")).remark("the image's own CMD");
    found.add(Code::EmptyArguments, entrypoint.mark, &unit.title, what, remedy);
}
