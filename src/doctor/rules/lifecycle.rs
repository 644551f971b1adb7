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
            behind_a_shell(scene, unit, script, found);
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

fn behind_a_shell(scene: &Scene, unit: &Unit, script: &Text, found: &mut Findings) {
    for (is_exec, words) in kz_commands(script) {
        if !is_exec && words.get(1).is_some_and(|word| word == "run") {
            let what = match scene.dialect {
                Dialect::Compose => {
                    "the shell may stay as PID 1 before kz (dash does): `stop` then signals the shell, which passes nothing on, and after 10 seconds everything is killed"
                }
                Dialect::Pod => {
                    "the shell may stay as PID 1 before kz (dash does): the kubelet then signals the shell, which passes nothing on, and after the grace period everything is killed"
                }
            };
            found.add(Code::BehindShell, script.mark, &unit.title, what, Remedy::said("exec kz run -- …"));
        }
    }
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
