//! What the scene comes to, by what is known of programs and images: who is kz, who a unit runs as, where an export puts what it
//! writes, and who reads that.

use super::images;
use super::program::{Action, Export, Form, Program, file_name};
use super::scene::{Mount, Scene, Source, Unit, User};
use super::text::{below, join, normal};

impl Unit {
    /// Whether it runs kz, or at least kz's image.
    pub(super) fn is_kz(&self) -> bool {
        matches!(self.program, Program::Kz(..) | Program::Misread(..)) || images::is_kz(self)
    }

    /// The same, or kz in its script or behind a program that starts others.
    pub(super) fn starts_kz(&self) -> bool {
        self.is_kz() || !self.started.is_empty()
    }

    /// The program that it starts, where that is kz at a path.
    pub(super) fn begins_with_kz(&self) -> Option<String> {
        let first = self.argv().first()?.known()?;
        (first.starts_with('/') && file_name(first) == "kz").then(|| normal(first))
    }

    /// Whether it exports and stays.
    pub(super) fn stays(&self) -> bool {
        self.export().is_some_and(|export| export.stays)
    }

    /// The uid that it runs as, where that is certain.
    pub(super) fn uid(&self) -> Option<u32> {
        match self.user {
            User::Id(uid, _) => Some(uid),
            User::Image if !self.is_partial => images::uid(self),
            _ => None,
        }
    }

    /// The working directory.
    pub(super) fn working_directory(&self) -> Option<String> {
        match &self.directory {
            Some(text) => text.known().map(normal),
            None if images::is_kz(self) && !self.is_partial => Some(images::KZ_DIRECTORY.to_owned()),
            None => None,
        }
    }

    /// A path in the container, absolute.
    pub(super) fn path(&self, written: &str) -> Option<String> {
        if written.starts_with('/') {
            return Some(normal(written));
        }
        self.working_directory().map(|directory| join(&directory, written))
    }
}

/// Where an export puts what it writes.
#[derive(Clone, Debug)]
pub(super) struct Delivery<'a> {
    pub(super) unit: &'a Unit,
    pub(super) export: &'a Export,
    /// In the exporter.
    pub(super) path: String,
    pub(super) mount: Option<&'a Mount>,
    /// Below the mount.
    pub(super) inside: String,
}

impl Delivery<'_> {
    /// Where the exporter writes, for words.
    pub(super) fn directory(&self) -> &str {
        match self.export.form {
            Form::Files => &self.path,
            Form::Lines | Form::Single => self
                .path
                .rsplit_once('/')
                .map_or("/", |(parent, _)| if parent.is_empty() { "/" } else { parent }),
        }
    }

    /// Which part of what is written a mount of the same source shows: empty for all of it, nothing where it shows none.
    pub(super) fn part_in(&self, mount: &Mount) -> Option<String> {
        let Some((part, _)) = &mount.part else { return Some(String::new()) };
        let own = self.mount.and_then(|mount| mount.part.as_ref()).map_or("", |(part, _)| part.as_str());
        let is_set = self.export.form == Form::Files;
        let inside = if is_set { self.inside.as_str() } else { "" };
        let (written, shown) = (normal(&format!("/{own}/{inside}")), normal(&format!("/{part}")));
        if below(&written, &shown).is_some() {
            return Some(String::new());
        }
        below(&shown, &written).map(str::to_owned)
    }

    /// The export that writes the same once, before this one stays and watches it.
    pub(super) fn first<'a>(&self, all: &'a [Delivery<'_>]) -> Option<&'a Unit> {
        let once = |export: &Export| Export { stays: false, ..export.clone() };
        let writes_same = |other: &&Delivery<'_>| {
            let is_there = other.shared().is_some() && other.shared() == self.shared();
            is_there
                && other.unit.name != self.unit.name
                && other.inside == self.inside
                && *other.export == once(self.export)
        };
        if !self.export.stays {
            return None;
        }
        all.iter().find(writes_same).map(|other| other.unit)
    }

    /// Whether a unit's first program lies in what it mounts of this.
    pub(super) fn begins(&self, unit: &Unit) -> bool {
        let mount = self.shared().and_then(|source| unit.mount_of(source));
        unit.begins_with_kz()
            .zip(mount)
            .is_some_and(|(program, mount)| below(&program, &mount.target).is_some())
    }

    /// What others could mount too.
    pub(super) fn shared(&self) -> Option<&Source> {
        self.mount
            .map(|mount| &mount.source)
            .filter(|source| matches!(source, Source::Named(_) | Source::Bind(_)))
    }
}

impl Scene {
    /// Every export to a path that can be told.
    pub(super) fn deliveries(&self) -> Vec<Delivery<'_>> {
        let delivery = |unit| Self::delivery(unit);
        self.units.iter().filter_map(delivery).collect()
    }

    /// Every `kz install`, as what it writes: into a directory it is the file `kz`.
    pub(super) fn installs(&self) -> Vec<Delivery<'_>> {
        let install = |unit| {
            let Some(Action::Install(export)) = Unit::line(unit).map(|line| &line.action) else {
                return None;
            };
            let mut delivery = Self::written(unit, export)?;
            if delivery.inside.is_empty() {
                delivery.path = join(&delivery.path, "kz");
                "kz".clone_into(&mut delivery.inside);
            }
            Some(delivery)
        };
        self.units.iter().filter_map(install).collect()
    }

    fn delivery(unit: &Unit) -> Option<Delivery<'_>> {
        Self::written(unit, unit.export().filter(|_| !unit.is_base)?)
    }

    fn written<'a>(unit: &'a Unit, export: &'a Export) -> Option<Delivery<'a>> {
        let path = unit.path(export.output.as_deref()?)?;
        let (mount, inside) = match unit.mount_over(&path) {
            Some((mount, rest)) => (Some(mount), rest.to_owned()),
            None => (None, String::new()),
        };
        Some(Delivery { unit, export, path, mount, inside })
    }

    /// Who mounts what an export writes, without writing such a thing himself. Of another part of the volume nobody reads it.
    pub(super) fn consumers<'a>(&'a self, delivery: &Delivery<'_>) -> Vec<(&'a Unit, &'a Mount)> {
        let Some(source) = delivery.shared() else { return Vec::new() };
        let writes = |unit: &Unit| unit.export().is_some() || matches!(unit.program, Program::Misread(..));
        let is_other = |unit: &Unit| {
            matches!(
                unit.line().map(|line| &line.action),
                Some(Action::Other | Action::Look | Action::Install(_))
            )
        };
        self.units
            .iter()
            .filter(|unit| unit.name != delivery.unit.name && !writes(unit) && !is_other(unit))
            .filter_map(|unit| Some((unit, unit.mount_of(source)?)))
            .filter(|(_, mount)| delivery.part_in(mount).is_some())
            .collect()
    }
}
