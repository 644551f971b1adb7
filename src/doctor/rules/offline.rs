//! D4, seventh part: a kz that has to ask a server, in a service that has no network.

use super::super::Known;
use super::super::catalogue::Code;
use super::super::finding::Findings;
use super::super::remedy::Remedy;
use super::super::scene::{Scene, Unit};
use super::configuration;

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    for unit in scene.units.iter().filter(|unit| !unit.is_partial && configuration::needs_one(unit)) {
        let Some(mark) = unit.service.offline else { continue };
        // What is asked for by name may be what needs no network.
        let is_narrowed = unit.export().is_some_and(|export| !export.only.is_empty());
        let asks = configuration::of(scene, unit, known).is_some_and(|found| !found.far.is_empty());
        if asks && !is_narrowed && !by_socket(unit) {
            let what = "its configuration has secrets of a server, and `network_mode: none` leaves it no way there: kz ends with exit code 75";
            let remedy = Remedy::without_of(&unit.name, "network_mode")
                .remark("or put it into the networks that lead to the server, and no other");
            found.add(Code::NoNetwork, mark, &unit.title, what, remedy);
        }
    }
}

/// Whether a variable says that the server is a socket, or may say so.
fn by_socket(unit: &Unit) -> bool {
    let is_address =
        |name: &str| name.ends_with("_ADDR") || name.contains("ENDPOINT") || name.ends_with("_HOST");
    let says = unit.variables.iter().filter(|variable| is_address(&variable.name)).any(|variable| {
        variable.value.as_ref().is_none_or(|value| value.is_open || value.value.starts_with("unix:"))
    });
    says || !unit.service.env_files.is_empty()
}
