//! D3, second part: how programs start and end.

use super::super::catalogue::Code;
use super::super::finding::Findings;
use super::super::program::{Program, kz_commands};
use super::super::remedy::Remedy;
use super::super::scene::{Scene, Unit};
use super::super::text::{Dialect, Text};

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, found: &mut Findings) {
    for unit in &scene.units {
        if let Program::Script(script) = &unit.program {
            behind_a_shell(unit, script, found);
            if scene.dialect == Dialect::Compose {
                dollars(unit, script, found);
            }
        }
        no_command(scene, unit, found);
        if let (Some(_), Some(mark)) = (unit.export(), unit.service.ports) {
            let what = "it publishes ports, but its command writes the secrets and exits: nothing listens, and what the image would have run never starts";
            let remedy = Remedy::unit("entrypoint: [\"kz\", \"run\", \"--\"]").then(
                Remedy::unit("command: [\"…\"]")
                    .remark("the image's own, which Compose drops when entrypoint is set"),
            );
            found.add(Code::ExportServes, mark, &unit.title, what, remedy);
        }
    }
}

fn behind_a_shell(unit: &Unit, script: &Text, found: &mut Findings) {
    for (is_exec, words) in kz_commands(script) {
        if !is_exec && words.get(1).is_some_and(|word| word == "run") {
            let what = "the shell may stay as PID 1 before kz (dash does): `stop` then signals the shell, which passes nothing on, and after 10 seconds everything is killed";
            found.add(Code::BehindShell, script.mark, &unit.title, what, Remedy::said("exec kz run -- …"));
        }
    }
}

/// What Compose fills in, or refuses, though the shell in the container is meant to read it.
fn dollars(unit: &Unit, script: &Text, found: &mut Findings) {
    // A value that comes from the host anyway is the same in both places.
    let is_set = |name: &str| {
        unit.variable(name).and_then(|variable| variable.value.as_ref()).is_some_and(|value| !value.is_open)
    };
    let Some(dollar) =
        dollar_words(&script.raw).into_iter().find(|word| match word.trim_matches(['$', '{']) {
            "" => true,
            name if name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') => is_set(name),
            _ => true,
        })
    else {
        return;
    };
    let name = dollar.trim_matches(['$', '{']);
    let what = if is_set(name) {
        format!(
            "Compose fills in `${name}` from the host's environment before the container has one (`The {name} variable is not set. Defaulting to a blank string.`)"
        )
    } else {
        format!(
            "Compose reads `{dollar}` itself, and Compose 1 refuses the file (`Invalid interpolation format for … in service \"{}\"`)",
            unit.name
        )
    };
    let remedy = Remedy::said(format!("${dollar}")).remark("`$$` is a `$` for the shell");
    found.add(Code::Dollar, script.mark, &unit.title, what, remedy);
}

/// The single `$` of a text, each with what belongs to it: a name (after `{` too), or one character that no variable
/// begins with. Braces around anything else are not listed.
fn dollar_words(raw: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(dollar) = raw[at..].find('$').map(|offset| at + offset) {
        let rest = &raw[dollar + 1..];
        let open = usize::from(rest.starts_with('{'));
        let name =
            rest[open..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len() - open);
        at = dollar + 1;
        if rest.starts_with('$') {
            at += 1;
        } else if name > 0 && !rest[open..].starts_with(|c: char| c.is_ascii_digit()) {
            words.push(&raw[dollar..dollar + 1 + open + name]);
        } else if open == 0 && rest.starts_with(['(', '@', '*', '#', '?', '!', '-'])
            || rest.starts_with(|c: char| c.is_ascii_digit())
        {
            words.push(&raw[dollar..dollar + 2]);
        }
    }
    words
}

fn no_command(scene: &Scene, unit: &Unit, found: &mut Findings) {
    if unit.is_partial || unit.run().is_none_or(|run| run.has_command) {
        return;
    }
    let (dropper, key) = match scene.dialect {
        Dialect::Compose => ("Compose drops the image's CMD when `entrypoint:` is set", "command"),
        Dialect::Pod => ("the image's CMD is dropped when `command:` is set", "args"),
    };
    let reason = if unit.entrypoint.is_some() { dropper } else { "nothing follows it" };
    let what = format!("`kz run` has no command to become: {reason}. It ends with exit code 125");
    let remedy = Remedy::unit(format!("{key}: [\"…\"]")).remark("the image's own CMD");
    found.add(Code::NoCommand, unit.command_mark(), &unit.title, what, remedy);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_dollars_are_found_with_what_belongs_to_them() {
        assert_eq!(dollar_words("a $$B $C ${D:-x} $$$E"), ["$C", "${D", "$E"]);
        assert_eq!(dollar_words("$@ $$@ $(x) $1 é$ 5$"), ["$@", "$(", "$1"]);
    }
}
