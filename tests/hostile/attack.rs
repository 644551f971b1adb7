//! What the attackers do, each attack one move that can be made at any moment; a row of the table.
//!
//! A move never destroys what kz made: it puts it aside (`taken-…`), so that a run can tell what the
//! attacker did from what kz did. It fails where there is nothing to attack at that moment.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::mkfifo;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::scene::{Form, Scene, Surface, hard};

/// A name as kz gives it, that it never gives: the dates are long past.
const GENERATION: &str = "..2020_01_01_00_00_00.0123456789abcdef";
const TEMPORARY: &str = ".kz-0123456789abcdef.tmp";
const LINK: &str = "..data_tmp.0123456789abcdef";
/// Prefix of what a move put aside.
pub const TAKEN: &str = "taken-";

/// Who attacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Another uid that may write to the volume.
    Foreign,
    /// Root in another container that mounts the volume.
    Root,
}

/// What the attacker's move may cost without kz being to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// Nothing: after an error the old output is there, after a success the new one.
    Nothing,
    /// The attacker itself hides or replaces names of the output, or what leads to them.
    Names,
}

/// How a run may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With 0, or with 4 and an error.
    Either,
    /// With 0: this attack stops nobody.
    Success,
    /// With 0, or with 4 at the deadline, in these words.
    Words(&'static str),
}

/// A row of the table.
#[derive(Debug)]
pub struct Attack {
    pub name: &'static str,
    pub by: By,
    pub forms: &'static [Form],
    pub surface: Surface,
    pub plant: fn(&Scene, &mut Vec<File>) -> io::Result<()>,
    /// What takes it back, before the call that comes next.
    pub revert: Option<fn(&Scene) -> io::Result<()>>,
    pub cost: Cost,
    pub ending: Ending,
}

const BOTH: &[Form] = &[Form::File, Form::Set];
const FILE: &[Form] = &[Form::File];
const SET: &[Form] = &[Form::Set];

impl Attack {
    const fn new(name: &'static str, forms: &'static [Form], plant: Move) -> Self {
        let (by, surface) = (By::Foreign, Surface::Open);
        Self { name, by, forms, surface, plant, revert: None, cost: Cost::Names, ending: Ending::Either }
    }

    const fn by_root(self) -> Self {
        Self { by: By::Root, ..self }
    }

    const fn on(self, surface: Surface) -> Self {
        Self { surface, ..self }
    }

    /// It leaves the output alone.
    const fn beside(self) -> Self {
        Self { cost: Cost::Nothing, ..self }
    }

    const fn reverted(self, revert: fn(&Scene) -> io::Result<()>) -> Self {
        Self { revert: Some(revert), ..self }
    }

    const fn ends(self, ending: Ending) -> Self {
        Self { ending, ..self }
    }
}

type Move = fn(&Scene, &mut Vec<File>) -> io::Result<()>;

/// All rows. The first is none, to compare with.
pub const ATTACKS: &[Attack] = &[
    Attack::new("nobody attacks", BOTH, |_, _| Ok(())).beside().ends(Ending::Success),
    Attack::new("nobody, a volume of the attackers' group", BOTH, |_, _| Ok(()))
        .on(Surface::Group)
        .beside()
        .ends(Ending::Success),
    // What others own in a sticky directory kz cannot replace without CAP_FOWNER, and says so.
    Attack::new("nobody, a sticky volume of a third uid", BOTH, |_, _| Ok(())).on(Surface::Sticky).beside(),
    // The way to the target.
    Attack::new("last directory swapped for a link outside", BOTH, |s, _| swap(s, "vol/a/b", "link")),
    Attack::new("upper directory swapped for a link outside", BOTH, |s, _| swap(s, "vol/a", "link")),
    Attack::new("last directory swapped, and back", BOTH, |s, _| swap(s, "vol/a/b", "link"))
        .reverted(|s| swap(s, "vol/a/b", "link")),
    Attack::new("upper directory swapped, and back", BOTH, |s, _| swap(s, "vol/a", "link"))
        .reverted(|s| swap(s, "vol/a", "link")),
    Attack::new("last directory swapped for the attacker's own", BOTH, |s, _| {
        swap(s, "vol/a/b", "directory")
    }),
    // The names that readers use.
    Attack::new("`..data` leads outside", SET, |s, _| replace_by_link(s, "..data", &s.outside())),
    Attack::new("`..data` is a generation outside", SET, |s, _| {
        replace_by_link(s, GENERATION, &s.outside().join("generation"))?;
        replace_by_link(s, "..data", Path::new(GENERATION))
    }),
    Attack::new("`..data` is a FIFO", SET, |s, _| replace_by_fifo(s, "..data")),
    Attack::new("`..data` is a directory", SET, |s, _| replace_by_directory(s, "..data")),
    Attack::new("a name leads outside", SET, |s, _| replace_by_link(s, "S0", &s.outside().join("S0"))),
    Attack::new("a new name leads outside", SET, |s, _| replace_by_link(s, "sub", &s.outside().join("sub"))),
    Attack::new("a name is a FIFO", SET, |s, _| replace_by_fifo(s, "S0")),
    Attack::new("a name is a directory", SET, |s, _| replace_by_directory(s, "S0")),
    Attack::new("the file leads outside", FILE, |s, _| replace_by_link(s, ".env", &s.outside().join(".env"))),
    Attack::new("the file leads outside, and back", FILE, |s, _| {
        replace_by_link(s, ".env", &s.outside().join(".env"))
    })
    .reverted(|s| put_back(s, ".env")),
    Attack::new("the file is a FIFO", FILE, |s, _| replace_by_fifo(s, ".env")),
    Attack::new("the file is a directory", FILE, |s, _| replace_by_directory(s, ".env")),
    Attack::new("the file is a socket", FILE, |s, _| {
        take(s, ".env")?;
        UnixListener::bind(s.at(".env")).map(drop)
    }),
    // What is being written.
    Attack::new("the new generation is swapped for a link", SET, |s, _| {
        let name = draft(s)?;
        replace_by_link(s, &name, &s.outside())
    }),
    Attack::new("the new generation is swapped, and back", SET, |s, _| {
        let name = draft(s)?;
        replace_by_link(s, &name, &s.outside())
    })
    .reverted(|s| {
        let name = draft(s)?;
        put_back(s, &name)
    }),
    Attack::new("the new generation is swapped for the attacker's", SET, |s, _| {
        let name = draft(s)?;
        replace_by_directory(s, &name)
    }),
    Attack::new("the new generation is swapped for another's", SET, |s, _| {
        let name = draft(s)?;
        take(s, &name)?;
        std::fs::rename(s.at("theirs"), s.at(&name))
    }),
    Attack::new("the temporary link leads outside", SET, |s, _| {
        let name = newest(s, "..data_tmp.")?;
        replace_by_link(s, &name, &s.outside())
    }),
    Attack::new("the temporary file is swapped for a link", FILE, |s, _| {
        let name = newest(s, ".kz-")?;
        replace_by_link(s, &name, &s.outside().join(".env"))
    }),
    Attack::new("the temporary file is swapped for the attacker's", FILE, |s, _| {
        let name = newest(s, ".kz-")?;
        take(s, &name)?;
        std::fs::write(s.at(&name), "S0=forged\n")
    }),
    // What looks like debris.
    Attack::new("debris: links that lead outside", BOTH, |s, _| {
        symlink(s.outside(), s.at(GENERATION))?;
        symlink(s.outside().join("private"), s.at(TEMPORARY))?;
        symlink(s.outside(), s.at(LINK))
    })
    .beside()
    .ends(Ending::Success),
    Attack::new("debris: a directory with links outside", SET, |s, _| {
        std::fs::create_dir(s.at(GENERATION))?;
        symlink(s.outside(), s.at(GENERATION).join("x"))
    })
    .beside()
    .ends(Ending::Success),
    Attack::new("debris: FIFOs", BOTH, |s, _| {
        fifo(&s.at(TEMPORARY))?;
        fifo(&s.at(GENERATION))
    })
    .beside()
    .ends(Ending::Success),
    Attack::new("debris: another's directory by its name", BOTH, |s, _| {
        std::fs::rename(s.at("theirs"), s.at(GENERATION))
    })
    .beside()
    .ends(Ending::Success),
    // kz's own directory.
    Attack::new("`.kz` leads outside", SET, |s, _| {
        replace_by_link(s, ".kz", &s.outside().join("lock-directory"))
    })
    .beside(),
    Attack::new("`.kz` is a FIFO", SET, |s, _| replace_by_fifo(s, ".kz")).beside(),
    Attack::new("`.kz` is the attacker's", SET, |s, _| {
        replace_by_directory(s, ".kz")?;
        std::fs::write(s.at(".kz/lock"), "")
    })
    .beside(),
    Attack::new("`.kz` is another's directory", SET, |s, _| {
        take(s, ".kz")?;
        std::fs::rename(s.at("theirs"), s.at(".kz"))
    })
    .beside(),
    Attack::new("`.kz` vanishes", SET, |s, _| take(s, ".kz")).beside(),
    Attack::new("`.kz` vanishes, and comes back", SET, |s, _| take(s, ".kz"))
        .reverted(|s| put_back(s, ".kz"))
        .beside(),
    // Locks.
    Attack::new("a reader locks the directory", SET, |s, held| lock(&s.target(), held))
        .beside()
        .ends(Ending::Success),
    Attack::new("a reader locks the directory of a file", FILE, |s, held| lock(&s.target(), held))
        .beside()
        .ends(Ending::Words("is locked by process ")),
    Attack::new("root holds `.kz/lock`", SET, |s, held| lock(&s.at(".kz/lock"), held))
        .by_root()
        .beside()
        .ends(Ending::Words("is locked by process ")),
    // Root in another container: forged state, given to kz's uid.
    Attack::new("`.kz`: huge files", SET, |s, _| forge(s, Others, |s, p| huge(s, p))).by_root().beside(),
    Attack::new("`.kz`: garbage", SET, |s, _| forge(s, Others, garbage)).by_root().beside(),
    Attack::new("`.kz`: FIFOs", SET, |s, _| forge(s, Others, |_, p| fifo(p))).by_root().beside(),
    Attack::new("`.kz`: links outside", SET, |s, _| forge(s, Others, link_outside)).by_root().beside(),
    Attack::new("`.kz`: hard links outside", SET, |s, _| forge(s, Others, link_hard)).by_root().beside(),
    Attack::new("`.kz`: endless devices", SET, |s, _| forge(s, Others, device)).by_root().beside(),
    Attack::new("`.kz`: directories", SET, |s, _| forge(s, Others, owned_directory)).by_root().beside(),
    Attack::new("`.kz`: another's files", SET, |s, _| forge(s, Others, of_a_stranger)).by_root().beside(),
    Attack::new("`.kz/lock`: huge", SET, |s, _| forge(s, Lock, |s, p| huge(s, p))).by_root().beside(),
    Attack::new("`.kz/lock`: a FIFO", SET, |s, _| forge(s, Lock, |_, p| fifo(p))).by_root().beside(),
    Attack::new("`.kz/lock`: a link outside", SET, |s, _| forge(s, Lock, link_outside)).by_root().beside(),
    Attack::new("`.kz/lock`: a dangling link", SET, |s, _| {
        forge(s, Lock, |s, p| symlink(s.outside().join("made"), p))
    })
    .by_root()
    .beside(),
    Attack::new("`.kz/lock`: a hard link outside", SET, |s, _| forge(s, Lock, link_hard)).by_root().beside(),
    Attack::new("`.kz/lock`: a device", SET, |s, _| forge(s, Lock, device)).by_root().beside(),
    Attack::new("`.kz/lock`: a directory", SET, |s, _| forge(s, Lock, owned_directory)).by_root().beside(),
    // Root in another container: output and debris.
    Attack::new("the file is an endless device", FILE, |s, _| {
        take(s, ".env")?;
        device(s, &s.at(".env"))
    })
    .by_root(),
    Attack::new("a name is an endless device", SET, |s, _| {
        take(s, "S0")?;
        device(s, &s.at("S0"))
    })
    .by_root(),
    Attack::new("the file is a hard link outside", FILE, |s, _| {
        take(s, ".env")?;
        link_hard(s, &s.at(".env"))
    })
    .by_root(),
    Attack::new("debris: hard links outside", BOTH, |s, _| {
        std::fs::hard_link(hard(s, 0), s.at(TEMPORARY))?;
        std::fs::create_dir(s.at(GENERATION))?;
        std::fs::hard_link(hard(s, 1), s.at(GENERATION).join("S0"))?;
        mark(s)
    })
    .by_root()
    .beside()
    .ends(Ending::Success),
    Attack::new("debris: deeper than any set", SET, |s, _| deep(s)).by_root().beside().ends(Ending::Success),
    Attack::new("in the old generation: a link outside", SET, |s, _| {
        in_current(s, |s, p| symlink(s.outside().join("S0"), p))
    })
    .by_root(),
    Attack::new("in the old generation: a FIFO", SET, |s, _| in_current(s, |_, p| fifo(p))).by_root(),
    Attack::new("in the old generation: a device", SET, |s, _| in_current(s, device)).by_root(),
    Attack::new("in the old generation: a hard link outside", SET, |s, _| in_current(s, link_hard)).by_root(),
];

/// Exchanges a directory on the way with something in the stash, in one step.
fn swap(scene: &Scene, path: &str, with: &str) -> io::Result<()> {
    let (one, other) = (scene.base.join(path), scene.stash(with));
    Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
}

/// Puts `name` aside, where there is one.
fn take(scene: &Scene, name: &str) -> io::Result<()> {
    match std::fs::rename(scene.at(name), scene.at(&format!("{TAKEN}{name}"))) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// What was put aside comes back in one step, and what is in its place lies aside then.
fn put_back(scene: &Scene, name: &str) -> io::Result<()> {
    let (one, other) = (scene.at(&format!("{TAKEN}{name}")), scene.at(name));
    match renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        Err(_) => std::fs::rename(one, other),
    }
}

fn replace_by_link(scene: &Scene, name: &str, to: &Path) -> io::Result<()> {
    take(scene, name)?;
    symlink(to, scene.at(name))
}

fn replace_by_fifo(scene: &Scene, name: &str) -> io::Result<()> {
    take(scene, name)?;
    fifo(&scene.at(name))
}

fn replace_by_directory(scene: &Scene, name: &str) -> io::Result<()> {
    take(scene, name)?;
    std::fs::create_dir(scene.at(name))
}

fn fifo(path: &Path) -> io::Result<()> {
    Ok(mkfifo(path, Mode::from_bits_truncate(0o666))?)
}

fn names(scene: &Scene) -> io::Result<Vec<String>> {
    let names = std::fs::read_dir(scene.target())?.flatten().map(|entry| entry.file_name());
    Ok(names.map(OsString::into_string).filter_map(Result::ok).collect())
}

/// What kz is making at this moment.
fn newest(scene: &Scene, prefix: &str) -> io::Result<String> {
    let found = names(scene)?.into_iter().find(|name| name.starts_with(prefix));
    found.ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn draft(scene: &Scene) -> io::Result<String> {
    let current = std::fs::read_link(scene.at("..data")).unwrap_or_default();
    let is_draft =
        |name: &String| name.starts_with("..2") && current != Path::new(name) && name != GENERATION;
    names(scene)?.into_iter().find(is_draft).ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn lock(path: &Path, held: &mut Vec<File>) -> io::Result<()> {
    let file = File::open(path)?;
    file.try_lock().map_err(io::Error::from)?;
    held.push(file);
    Ok(())
}

/// Which names in `.kz/` are forged.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    Lock,
    Others,
}
use Names::{Lock, Others};

/// Puts something in the place of every such name in `.kz/`: those that are there, and those that kz
/// uses at other times or has used.
fn forge(scene: &Scene, which: Names, make: fn(&Scene, &Path) -> io::Result<()>) -> io::Result<()> {
    let state = scene.at(".kz");
    if !state.exists() {
        std::fs::create_dir(&state)?;
        std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700))?;
        own(scene, &state)?;
    }
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&state)?.flatten().map(|entry| entry.path()).collect();
    paths.extend(["lock", "manifest", "key", "backoff"].map(|name| state.join(name)));
    paths.sort();
    paths.dedup();
    paths.retain(|path| path.ends_with("lock") == (which == Lock));
    for path in paths {
        if path.symlink_metadata().is_ok() {
            let mut aside = state.join(TAKEN).into_os_string();
            aside.push(path.file_name().unwrap_or_default());
            std::fs::rename(&path, aside)?;
        }
        make(scene, &path)?;
    }
    Ok(())
}

fn own(scene: &Scene, path: &Path) -> io::Result<()> {
    chown(path, Some(scene.uid), Some(scene.uid))
}

/// Of kz's, 1 TiB without a block.
fn huge(scene: &Scene, path: &Path) -> io::Result<()> {
    File::create(path)?.set_len(1 << 40)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    own(scene, path)
}

fn garbage(scene: &Scene, path: &Path) -> io::Result<()> {
    let noise: Vec<u8> =
        (0..4096_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    std::fs::write(path, noise)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    own(scene, path)
}

fn of_a_stranger(_: &Scene, path: &Path) -> io::Result<()> {
    std::fs::write(path, "theirs")?;
    chown(path, Some(5555), Some(5555))
}

fn link_outside(scene: &Scene, path: &Path) -> io::Result<()> {
    symlink(scene.outside().join("private"), path)
}

fn link_hard(scene: &Scene, path: &Path) -> io::Result<()> {
    let number = path.file_name().map_or(0, |name| name.len());
    std::fs::hard_link(hard(scene, number), path)
}

/// As /dev/zero, of kz's.
fn device(scene: &Scene, path: &Path) -> io::Result<()> {
    mknod(path, SFlag::S_IFCHR, Mode::from_bits_truncate(0o600), makedev(1, 5))?;
    own(scene, path)
}

fn owned_directory(scene: &Scene, path: &Path) -> io::Result<()> {
    std::fs::create_dir(path)?;
    std::fs::write(path.join("inside"), "theirs")?;
    own(scene, path)
}

/// In the place of a secret of the set that is there, without a trace in its directory's owner or mode.
fn in_current(scene: &Scene, make: fn(&Scene, &Path) -> io::Result<()>) -> io::Result<()> {
    let generation = scene.at("..data").canonicalize()?;
    let path = generation.join("S0");
    // Once the new one is there, this would be root's own word against kz's.
    if !std::fs::read_to_string(&path)?.starts_with("canary-old") {
        return Err(io::ErrorKind::NotFound.into());
    }
    std::fs::rename(&path, scene.at(&format!("{TAKEN}S0")))?;
    make(scene, &path)
}

/// A generation of kz's uid with more levels than it would go down.
fn deep(scene: &Scene) -> io::Result<()> {
    let mut path = scene.at(GENERATION);
    for _ in 0..90 {
        std::fs::create_dir(&path)?;
        own(scene, &path)?;
        path.push("d");
    }
    mark(scene)
}

/// As if kz had made it.
fn mark(scene: &Scene) -> io::Result<()> {
    let path = scene.at(GENERATION);
    own(scene, &path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o1755))
}
