//! D4, seventh part: programs that an image certainly does not have. kz's own has kz alone, and vendors' images have no kz.
//!
//! Silent about images that are built here, and where anything is mounted that could bring the program.

use super::super::catalogue::Code;
use super::super::finding::Findings;
use super::super::images;
use super::super::program::file_name;
use super::super::remedy::Remedy;
use super::super::scene::{Scene, Unit};

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, found: &mut Findings) {
    for unit in scene.units.iter().filter(|unit| !unit.is_partial) {
        let first = unit.argv().first().and_then(|word| word.known()).unwrap_or_default().to_owned();
        if images::is_vendors(unit) && first == "kz" {
            without_kz(scene, unit, found);
        } else if let Some(program) = unit.run().and_then(|run| run.program.as_deref())
            && images::is_kz(unit)
            && is_absent(unit, program)
        {
            let what =
                "`kz run` is to become a program that kz's image does not have: it ends with exit code 127";
            found.add(Code::NotInImage, unit.command_mark(), &unit.title, what, remedy());
        }
    }
}

fn without_kz(scene: &Scene, unit: &Unit, found: &mut Findings) {
    if !is_absent(unit, "kz") {
        return;
    }
    let starter = scene.dialect.starter();
    let what = format!(
        "its image has no kz: {starter} ends with `exec: \"kz\": executable file not found in $PATH`"
    );
    found.add(Code::NotInImage, unit.command_mark(), &unit.title, what, remedy());
}

fn remedy() -> Remedy {
    Remedy::said("image: …")
        .remark("one with kz and the program in it: COPY --from=kz:dev /usr/local/bin/kz /usr/local/bin/kz")
}

/// Whether nothing that is mounted could bring a program.
fn is_absent(unit: &Unit, program: &str) -> bool {
    let is_own = images::is_kz(unit) && file_name(program) == "kz";
    let could_bring = if program.starts_with('/') {
        unit.mount_over(program).is_some()
    } else {
        program.contains('/')
            || unit.variable("PATH").is_some()
            || unit
                .mounts
                .iter()
                .any(|mount| mount.target.ends_with("bin") || file_name(&mount.target) == program)
    };
    !is_own && !could_bring
}
