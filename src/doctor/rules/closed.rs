//! D2, fifth part: files of the host that kz is given and cannot read: its configuration, documents, identities, credentials.
//! Compose mounts each as it is on the host.
//!
//! Silent where a group may read, since nobody knows who is in it, and about what lies outside of the Compose file's directory.

use super::super::catalogue::Code;
use super::super::finding::Findings;
use super::super::remedy::Remedy;
use super::super::scene::{Mount, Scene, Source, Unit};
use super::super::text::Dialect;
use super::super::{Found, Known, Owned};
use super::{configuration, files, mounting};

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    if scene.dialect != Dialect::Compose {
        return;
    }
    for unit in scene.units.iter().filter(|unit| !unit.is_partial && configuration::needs_one(unit)) {
        let Some(uid) = unit.uid() else { continue };
        for needed in needed(scene, unit, known).iter().filter(|needed| is_closed(needed.owned, unit, uid)) {
            let Needed { mount, file, owned, words, code } = needed;
            let what = format!(
                "`{file}` belongs to uid {} and has mode {:04o}, so that uid {uid} cannot read it: it is {words}, which kz reads at `{}`, and kz ends with exit code {code} (`permission denied`)",
                owned.uid, owned.mode, mount.target
            );
            let remedy = opened(scene, (unit, uid), mount, file);
            found.add(Code::NeededClosed, mount.mark, &unit.title, what, remedy);
        }
    }
}

/// What has to be done besides where a unit comes to run as `uid`: of what it reads now, whatever that uid cannot read.
pub(super) fn opened_for(scene: &Scene, unit: &Unit, uid: u32, known: Known<'_>) -> Remedy {
    if scene.dialect != Dialect::Compose {
        return Remedy::none();
    }
    let needed = needed(scene, unit, known);
    let closed = needed.iter().filter(|needed| is_closed(needed.owned, unit, uid));
    closed.fold(Remedy::none(), |all, needed| all.then(opened(scene, (unit, uid), needed.mount, needed.file)))
}

/// A file of the host that kz reads and that is mounted by itself.
struct Needed<'a> {
    mount: &'a Mount,
    /// On the host.
    file: &'a str,
    owned: Owned,
    /// What it is.
    words: &'static str,
    /// How kz ends where it cannot read it.
    code: u8,
}

/// All of them that are there.
fn needed<'a>(scene: &'a Scene, unit: &'a Unit, known: Known<'_>) -> Vec<Needed<'a>> {
    let configured = configuration::path(unit).map(|path| (path, "the configuration", 2));
    let named = files::files(scene, unit, known);
    let named = named.into_iter().map(|file| (file.path, files::words(file.content), 1));
    configured
        .into_iter()
        .chain(named)
        .filter_map(|(path, words, code)| {
            let mount = unit.mounts.iter().find(|mount| mount.target == path)?;
            let file = source(scene, mount)?;
            let owned = (known.host.look(file) == Found::File).then(|| known.host.owned(file)).flatten()?;
            Some(Needed { mount, file, owned, words, code })
        })
        .collect()
}

/// The file of the host that is mounted.
fn source<'a>(scene: &'a Scene, mount: &'a Mount) -> Option<&'a str> {
    let path = match &mount.source {
        Source::Bind(path) => path,
        Source::Given(Some(name)) => {
            scene.secrets.iter().find(|secret| secret.name == *name)?.file.as_ref()?
        }
        _ => return None,
    };
    (!path.starts_with(['/', '~'])).then_some(path)
}

fn is_closed(owned: Owned, unit: &Unit, uid: u32) -> bool {
    if uid == 0 && unit.capabilities.closed_to_root().is_none() {
        return false;
    }
    if owned.uid == uid { owned.mode & 0o400 == 0 } else { owned.mode & 0o044 == 0 }
}

/// What lets kz read it, and nobody else who could not before.
fn opened(scene: &Scene, (unit, uid): (&Unit, u32), mount: &Mount, file: &str) -> Remedy {
    if uid == 0 {
        return Remedy::unit("cap_add: [DAC_READ_SEARCH]")
            .remark("which lets root read what only its owner on the host may");
    }
    let is_same = |other: &Mount| source(scene, other) == source(scene, mount);
    let others = scene.units.iter().filter(|other| other.name != unit.name);
    // Whoever is root reads it either way.
    let is_of_another = |other: &Unit| {
        let reads = other.mounts.iter().any(is_same);
        reads && !matches!(other.uid(), Some(own) if own == 0 || own == uid)
    };
    let needed: Vec<String> =
        others.filter(|other| is_of_another(other)).map(|other| format!("`{}`", other.name)).collect();
    if needed.is_empty() {
        return Remedy::shell(mounting::given_to(file, uid));
    }
    Remedy::said(format!(
        "give `{}` and {}, which mount it too, one `user:`, and the file to that uid; or copies of the file, one for each uid",
        unit.name,
        needed.join(", ")
    ))
}
