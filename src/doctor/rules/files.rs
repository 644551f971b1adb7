//! D4, fourth part: the files that kz reads for its configuration (documents, identities, tokens, certificates), whether
//! they are mounted where it looks for them, and whether they are there.
//!
//! Of pods `contents` tells it. Silent where the configuration cannot be read or an environment may lay something over it.

use super::super::catalogue::Code;
use super::super::finding::Findings;
use super::super::images;
use super::super::program::file_name;
use super::super::remedy::Remedy;
use super::super::scene::{Kind, Mount, Scene, Source, Unit};
use super::super::text::{Dialect, Text, below, host_words, join, normal};
use super::super::{Content, Found, Known, Needed, Output};
use super::{configuration, mounting};

/// Where Compose mounts secrets.
const SECRETS: &str = "/run/secrets";

/// What is in every container, or in kz's image.
const OF_THE_IMAGE: &[&str] =
    &["/etc/ssl", "/etc/passwd", "/etc/hosts", "/etc/hostname", "/proc", "/dev", "/sys"];

/// A file that kz reads.
pub(super) struct File {
    /// In the container.
    pub(super) path: String,
    /// As the configuration has it, if it is relative.
    relative: Option<String>,
    pub(super) content: Content,
}

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    if scene.dialect != Dialect::Compose {
        return;
    }
    for unit in scene.units.iter().filter(|unit| !unit.is_partial && configuration::needs_one(unit)) {
        let mut missing = Vec::new();
        for file in files(scene, unit, known) {
            match unit.mount_over(&file.path) {
                None if images::is_kz(unit) => missing.push(file),
                None => {}
                Some((mount, rest)) => mounted(scene, unit, &file, (mount, rest), known, found),
            }
        }
        not_mounted(scene, unit, &missing, known, found);
        if let Some(path) = configuration::path(unit)
            && let Some(mount) = unit.mounts.iter().find(|mount| mount.target == path)
            && is_volume(scene, mount)
        {
            let remedy = |name: &str| configuration::mounted_here(&normal(name), &path, known);
            volume_for_file(scene, unit, mount, remedy, found);
        }
    }
    let mut told: Vec<&str> = Vec::new();
    for unit in scene.units.iter().filter(|unit| !unit.is_partial) {
        let is_kzs = configuration::needs_one(unit);
        let read: Vec<File> = if is_kzs { files(scene, unit, known) } else { Vec::new() };
        for mount in unit.mounts.iter().filter(|mount| read.iter().all(|file| file.path != mount.target)) {
            // One file that is missing is one mistake, whoever is given it.
            if let Source::Given(Some(name)) = &mount.source
                && !told.contains(&name.as_str())
                && given(scene, unit, (mount, name), known, found)
            {
                told.push(name);
            }
        }
    }
}

/// A secret of Compose's whose file is not on the host, whoever reads it: whether it is told.
fn given(
    scene: &Scene,
    unit: &Unit,
    (mount, name): (&Mount, &str),
    known: Known<'_>,
    found: &mut Findings,
) -> bool {
    let file =
        scene.secrets.iter().find(|secret| secret.name == name).and_then(|secret| secret.file.as_ref());
    let Some(path) = file.filter(|path| !path.starts_with(['/', '~'])) else { return false };
    let written = mounting::file_written(path, unit);
    let (state, remedy) = match known.host.look(path) {
        Found::File => return false,
        Found::Nothing => ("is not beside this file", written),
        Found::Directory => (
            "is a directory, perhaps one that Docker made because the file was missing",
            removed(path).then(written),
        ),
    };
    let what = format!(
        "`{path}` {state}: it is the file of the secret `{name}`, and `up` ends (`bind source path does not exist`), or Docker makes a directory of that name"
    );
    found.add(Code::NeededNotThere, mount.mark, &unit.title, what, remedy);
    true
}

/// What the configuration and the variables name.
pub(super) fn files(scene: &Scene, unit: &Unit, known: Known<'_>) -> Vec<File> {
    let mut files: Vec<File> = Vec::new();
    let mut add = |file: File| {
        let is_own = OF_THE_IMAGE.iter().any(|own| below(&file.path, own).is_some());
        if !is_own && !files.iter().any(|other| other.path == file.path) {
            files.push(file);
        }
    };
    // What is named is what is asked for, and a file of variables may bring anything.
    let is_narrowed =
        unit.export().is_some_and(|export| !export.only.is_empty() || !export.templates.is_empty());
    let path = configuration::path(unit);
    let directory = path.as_deref().and_then(|path| path.rsplit_once('/')).map(|(directory, _)| directory);
    let by_outputs = unit.export().is_some_and(|export| export.by_outputs);
    if let (Some(directory), Some(configuration)) = (directory, configuration::of(scene, unit, known)) {
        // Outputs that name theirs narrow it too, and a template asks for what is in it.
        let asks_for_all = |output: &Output| output.only.is_empty() && output.template.is_none();
        let is_narrowed = is_narrowed
            || (by_outputs
                && !configuration.outputs.is_empty()
                && !configuration.outputs.iter().any(asks_for_all));
        let templates =
            configuration.outputs.iter().filter(|_| by_outputs).filter_map(|output| output.template.clone());
        let template = |path| Needed { path, what: Content::Template, unless: &[] };
        let templates: Vec<Needed> = templates.map(template).collect();
        for needed in configuration.files.into_iter().filter(|_| !is_narrowed).chain(templates) {
            let is_default = !needed.unless.is_empty();
            let is_other = needed.unless.iter().any(|name| unit.variable(name).is_some())
                || !unit.service.env_files.is_empty()
                || unit.container.takes_more;
            if (is_default && is_other) || needed.path.starts_with('~') || needed.path.contains('$') {
                continue;
            }
            let relative = (!needed.path.starts_with('/')).then(|| normal(&needed.path));
            let path = join(if directory.is_empty() { "/" } else { directory }, &needed.path);
            add(File { path, relative, content: needed.what });
        }
    }
    for template in unit.export().into_iter().flat_map(|export| &export.templates) {
        if let Some(path) = unit.path(&template.source) {
            let relative = (!template.source.starts_with('/')).then(|| normal(&template.source));
            add(File { path, relative, content: Content::Template });
        }
    }
    for variable in &unit.variables {
        let value = variable.value.as_ref().and_then(Text::known).filter(|value| value.starts_with('/'));
        let Some((value, content)) = value.zip(named_by(&variable.name, known)) else { continue };
        // What is below /run/secrets and not given by Compose is told of its variable.
        let is_told = scene.dialect == Dialect::Compose
            && variable.name.ends_with("_FILE")
            && below(value, SECRETS).is_some()
            && unit.mount_over(&normal(value)).is_none();
        if !is_told {
            add(File { path: normal(value), relative: None, content });
        }
    }
    files
}

/// What the file is that a variable of kz's own names.
fn named_by(variable: &str, known: Known<'_>) -> Option<Content> {
    let of_file = variable.strip_suffix("_FILE").filter(|stem| known.credential_variables.contains(stem));
    if of_file.is_some() {
        return Some(if variable.contains("IDENTITY") { Content::Identity } else { Content::Credential });
    }
    let of_vault = variable.strip_prefix("VAULT_").or_else(|| variable.strip_prefix("BAO_"));
    match of_vault.unwrap_or(variable) {
        "CACERT" | "CLIENT_CERT" if of_vault.is_some() => Some(Content::Certificate),
        "CLIENT_KEY" | "JWT_FILE" | "TOKEN_PATH" if of_vault.is_some() => Some(Content::Credential),
        "AWS_CA_BUNDLE" => Some(Content::Certificate),
        "AWS_WEB_IDENTITY_TOKEN_FILE" | "GOOGLE_APPLICATION_CREDENTIALS" => Some(Content::Credential),
        _ => None,
    }
}

pub(super) fn words(content: Content) -> &'static str {
    match content {
        Content::Encrypted => "the encrypted document",
        Content::Identity => "the age identity",
        Content::Credential => "kz's credential",
        Content::Template => "the template",
        Content::Certificate => "the certificate",
        Content::Secret => "the secret's file",
    }
}

/// That these files are not mounted.
pub(super) fn missing_words(missing: &[File]) -> String {
    let listed: Vec<String> =
        missing.iter().map(|file| format!("{} `{}`", words(file.content), file.path)).collect();
    let verb = if missing.len() == 1 { "is" } else { "are" };
    let code = if missing.iter().any(|file| file.content == Content::Template) { 2 } else { 1 };
    format!("{} {verb} not mounted: kz ends with exit code {code}", listed.join(" and "))
}

fn not_mounted(scene: &Scene, unit: &Unit, missing: &[File], known: Known<'_>, found: &mut Findings) {
    if missing.is_empty() {
        return;
    }
    let what = missing_words(missing);
    // The identity first: documents are encrypted to it.
    let mut ordered: Vec<&File> = missing.iter().collect();
    ordered.sort_by_key(|file| file.content != Content::Identity);
    let made = ordered.iter().fold(Remedy::none(), |all, file| all.then(brought(scene, unit, file, known)));
    // Whoever encrypts reads the identity, and so it is given away last.
    let identities = ordered.iter().filter(|file| file.content == Content::Identity);
    let remedy = identities.fold(made, |all, file| {
        let name = name_on_host(file);
        let is_made = !is_file(&name, known);
        all.then(if is_made { mounting::handed_over(&name, unit) } else { Remedy::none() })
    });
    found.add(Code::NeededNotMounted, unit.command_mark(), &unit.title, what, remedy);
}

/// The lines that mount a file, and the command that makes it where it is not on the host.
fn brought(scene: &Scene, unit: &Unit, file: &File, known: Known<'_>) -> Remedy {
    let secret = below(&file.path, SECRETS).filter(|name| !name.is_empty() && !name.contains('/'));
    if let (Content::Credential, Some(name)) = (file.content, secret) {
        let is_there = scene.secrets.iter().any(|given| given.name == name) || is_file(name, known);
        let made = if is_there { Remedy::none() } else { mounting::file_written(name, unit) };
        return made.then(mounting::given_secret(scene, name));
    }
    let name = name_on_host(file);
    let made =
        if is_file(&name, known) { Remedy::none() } else { made(scene, &name, file.content, unit, known) };
    made.then(Remedy::unit(format!("volumes:\n  - {}:{}:ro", host_words(&name), file.path)))
}

/// What a file that is not mounted yet is called on the host.
fn name_on_host(file: &File) -> String {
    match (&file.relative, file.content) {
        (Some(relative), _) => relative.clone(),
        (None, Content::Identity) => "identity.txt".to_owned(),
        (None, _) => file_name(&file.path).to_owned(),
    }
}

fn is_file(path: &str, known: Known<'_>) -> bool {
    known.host.look(path) == Found::File
}

/// The identity on the host that a unit decrypts with, by the name that it has or is to have.
fn identity(scene: &Scene, unit: &Unit, known: Known<'_>) -> String {
    let identities = files(scene, unit, known).into_iter().filter(|file| file.content == Content::Identity);
    let mut named = identities.filter_map(|file| match &unit.mount_over(&file.path)? {
        (Mount { source: Source::Bind(source), .. }, "") => Some(source.clone()),
        (Mount { source: Source::Given(Some(name)), .. }, "") => {
            scene.secrets.iter().find(|secret| secret.name == *name)?.file.clone()
        }
        _ => None,
    });
    named.find(|path| !path.starts_with(['/', '~'])).unwrap_or_else(|| "identity.txt".to_owned())
}

/// The command that removes the directory that stands in the place of a file.
fn removed(path: &str) -> Remedy {
    Remedy::shell(format!("rmdir {}", mounting::shell_word(path)))
}

/// The command that makes such a file, and what gives it to the unit.
fn made_and_given(scene: &Scene, path: &str, content: Content, unit: &Unit, known: Known<'_>) -> Remedy {
    let made = made(scene, path, content, unit, known);
    let identity = identity(scene, unit, known);
    match content {
        Content::Identity => made.then(mounting::handed_over(path, unit)),
        Content::Encrypted if path != identity && !is_file(&identity, known) => {
            made.then(mounting::handed_over(&identity, unit))
        }
        _ => made,
    }
}

/// The command that makes such a file. An identity is still its maker's then.
fn made(scene: &Scene, path: &str, content: Content, unit: &Unit, known: Known<'_>) -> Remedy {
    let word = mounting::shell_word(path);
    match content {
        Content::Identity => Remedy::shell(format!("(umask 077; age-keygen -o {word})")),
        Content::Encrypted => {
            let plain = mounting::shell_word(path.strip_suffix(".age").unwrap_or("secrets.env"));
            let identity = identity(scene, unit, known);
            let first = match known.host.look(&identity) {
                _ if path == identity => Remedy::none(),
                Found::File => Remedy::none(),
                Found::Nothing => made(scene, &identity, Content::Identity, unit, known),
                Found::Directory => {
                    removed(&identity).then(made(scene, &identity, Content::Identity, unit, known))
                }
            };
            let identity = mounting::shell_word(&identity);
            let encrypted = Remedy::shell(format!(
                "[ -e {word} ] || age -r \"$(age-keygen -y {identity})\" -o {word} {plain}"
            ));
            first.then(encrypted.remark("then remove what is not encrypted"))
        }
        Content::Template => {
            mounting::file_written_of(path, unit, "type it, with `{{ NAME }}` for each secret, then Ctrl-D")
        }
        Content::Credential | Content::Certificate | Content::Secret => mounting::file_written(path, unit),
    }
}

fn mounted(
    scene: &Scene,
    unit: &Unit,
    file: &File,
    (mount, rest): (&Mount, &str),
    known: Known<'_>,
    found: &mut Findings,
) {
    if rest.is_empty() && is_volume(scene, mount) {
        let remedy = |name: &str| {
            let made = if is_file(name, known) {
                Remedy::none()
            } else {
                made_and_given(scene, name, file.content, unit, known)
            };
            made.then(Remedy::here(format!("- {}:{}:ro", host_words(name), mount.target)))
        };
        return volume_for_file(scene, unit, mount, remedy, found);
    }
    let source = match &mount.source {
        Source::Bind(source) => Some(source),
        Source::Given(Some(name)) => {
            scene.secrets.iter().find(|secret| secret.name == *name).and_then(|secret| secret.file.as_ref())
        }
        _ => None,
    };
    let Some(source) = source.filter(|source| !source.starts_with(['/', '~'])) else { return };
    let path = if rest.is_empty() { source.clone() } else { join(source, rest) };
    let state = known.host.look(&path);
    let made = made_and_given(scene, &path, file.content, unit, known);
    let (state, remedy) = match state {
        Found::File => return,
        // Certificates may be a directory of them.
        Found::Directory if file.content == Content::Certificate => return,
        Found::Nothing => ("is not beside this file", made),
        Found::Directory => (
            "is a directory, perhaps one that Docker made because the file was missing",
            removed(&path).then(made),
        ),
    };
    let what = format!(
        "`{path}` {state}: it is {}, which kz reads at `{}`, so that kz ends with exit code 1, or nothing starts",
        words(file.content),
        file.path
    );
    found.add(Code::NeededNotThere, mount.mark, &unit.title, what, remedy);
}

/// Whether it is a volume that the engine makes, and so a directory.
fn is_volume(scene: &Scene, mount: &Mount) -> bool {
    let kind = scene.volume_of(mount).map(|volume| volume.kind);
    mount.part.is_none() && matches!(kind, Some(Kind::Plain | Kind::Memory { .. }))
}

fn volume_for_file(
    scene: &Scene,
    unit: &Unit,
    mount: &Mount,
    remedy: impl Fn(&str) -> Remedy,
    found: &mut Findings,
) {
    let Source::Named(name) = &mount.source else { return };
    let what = format!(
        "`{name}` without `./` is a volume, and so `{}` is a directory, where kz reads a file: it ends with exit code 2 or 1",
        mount.target
    );
    let others =
        scene.units.iter().flat_map(|unit| &unit.mounts).filter(|other| other.source == mount.source);
    let remedy = remedy(name);
    let remedy = if others.count() > 1 {
        remedy
    } else {
        remedy.then(Remedy::without_top(&format!("volumes: {name}")))
    };
    found.add(Code::VolumeForFile, mount.mark, &unit.title, what, remedy);
}
