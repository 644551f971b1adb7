//! What a service mounts: `volumes` in both forms, `tmpfs`, `secrets`, `configs`.

use super::super::scene::{Mount, OwnedSecret, Source};
use super::super::text::{Text, join, normal};
use super::super::yaml::{Mark, Node};
use super::COMPOSE;

/// Where Compose mounts secrets.
const SECRETS: &str = "/run/secrets";

/// All mounts of a service.
pub(super) fn of(service: &Node) -> Vec<Mount> {
    let items = |name| service.get(name).map(Node::items).unwrap_or_default();
    let volumes = items("volumes").into_iter().filter_map(volume);
    let tmpfs = items("tmpfs").into_iter().filter_map(tmpfs);
    let secrets = items("secrets").into_iter().filter_map(|item| given(item, SECRETS, true));
    let configs = items("configs").into_iter().filter_map(|item| given(item, "/", false));
    volumes.chain(tmpfs).chain(secrets).chain(configs).collect()
}

fn volume(item: &Node) -> Option<Mount> {
    match item.text() {
        Some(written) => short(written, item.mark),
        None => long(item),
    }
}

/// `SOURCE:TARGET:MODE`, `SOURCE:TARGET` or `TARGET`.
fn short(written: &str, mark: Mark) -> Option<Mount> {
    let parts: Vec<Text> =
        split_colons(written).into_iter().map(|part| Text::new(part, mark, COMPOSE)).collect();
    let (source, target, mode) = match parts.as_slice() {
        [target] => (None, target, None),
        [source, target] => (Some(source), target, None),
        [source, target, mode] => (Some(source), target, Some(mode)),
        _ => return None,
    };
    let source = match source.map(Text::known) {
        None => Source::Anonymous,
        Some(None) => Source::Unknown,
        Some(Some(path)) if path.starts_with(['.', '/', '~']) => Source::Bind(normal(path)),
        Some(Some(name)) => Source::Named(name.to_owned()),
    };
    // A mode that is not known yet is taken for the right one.
    let is_read_only =
        mode.is_some_and(|mode| mode.is_open || mode.value.split(',').any(|word| word == "ro"));
    let is_bare = mode.is_some_and(|mode| mode.value.split(',').any(|word| word == "nocopy"));
    Some(Mount { target: normal(target.known()?), mark, source, is_read_only, is_bare, part: None })
}

/// Colons, but for those in `${NAME:-…}`.
fn split_colons(written: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let is_separator = |character| match character {
        '{' => {
            depth += 1;
            false
        }
        '}' => {
            depth = depth.saturating_sub(1);
            false
        }
        ':' => depth == 0,
        _ => false,
    };
    written.split(is_separator).collect()
}

fn long(item: &Node) -> Option<Mount> {
    let target = Text::of(item.get("target")?, COMPOSE)?;
    let source = item.get("source").and_then(|node| Text::of(node, COMPOSE));
    let source = match (item.text_at("type"), source.as_ref().map(Text::known)) {
        (Some("tmpfs"), _) => Source::Tmpfs,
        (Some("bind"), Some(Some(path))) => Source::Bind(normal(path)),
        (Some("volume") | None, Some(Some(name))) => Source::Named(name.to_owned()),
        (Some("volume") | None, None) => Source::Anonymous,
        _ => Source::Unknown,
    };
    let part = item.get("volume").and_then(|volume| volume.entry("subpath"));
    let part = part.and_then(|(key, node)| Some((node.text()?.to_owned(), key.mark)));
    let read_only = item.text_at("read_only").is_some_and(|text| text.contains('$'));
    Some(Mount {
        target: normal(target.known()?),
        mark: item.mark,
        source,
        is_read_only: read_only || item.is_true("read_only"),
        is_bare: item.get("volume").is_some_and(|volume| volume.is_true("nocopy")),
        part,
    })
}

/// `TARGET` or `TARGET:OPTIONS`.
fn tmpfs(item: &Node) -> Option<Mount> {
    let target = split_colons(item.text()?).first().map(|target| Text::new(target, item.mark, COMPOSE))?;
    Some(Mount {
        target: normal(target.known()?),
        mark: item.mark,
        source: Source::Tmpfs,
        is_read_only: false,
        is_bare: false,
        part: None,
    })
}

/// A secret or a config, in both forms.
fn given(item: &Node, directory: &str, is_secret: bool) -> Option<Mount> {
    let source = item.text().or_else(|| item.text_at("source")).filter(|_| is_secret).map(str::to_owned);
    let name = item.text().or_else(|| item.text_at("target")).or_else(|| item.text_at("source"))?;
    let name = Text::new(name, item.mark, COMPOSE);
    Some(Mount {
        target: join(directory, name.known()?),
        mark: item.mark,
        source: Source::Given(source),
        is_read_only: true,
        is_bare: false,
        part: None,
    })
}

/// The secrets from files to which a service gives an owner or a mode, and where the first of these stands.
pub(super) fn owned_secrets(service: &Node, secrets: Option<&Node>) -> Vec<OwnedSecret> {
    let items = service.get("secrets").map(Node::items).unwrap_or_default();
    let owned = |item: &Node| {
        let name = item.text_at("source")?;
        secrets?.at(&[name, "file"])?;
        let (key, _) = item.entries().find(|(key, _)| ["uid", "gid", "mode"].contains(&key.text.as_str()))?;
        let target = item.text_at("target").map(str::to_owned);
        Some(OwnedSecret { name: name.to_owned(), target, mark: key.mark })
    };
    items.into_iter().filter_map(owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(written: &str) -> Option<(Source, String, bool)> {
        short(written, Mark { line: 1, column: 1 })
            .map(|mount| (mount.source, mount.target, mount.is_read_only))
    }

    #[test]
    fn the_short_form_is_read_as_compose_reads_it() {
        let named = |name: &str| Source::Named(name.to_owned());
        assert_eq!(mount("v:/s"), Some((named("v"), "/s".to_owned(), false)));
        assert_eq!(mount("v:/s/:z,ro"), Some((named("v"), "/s".to_owned(), true)));
        assert_eq!(mount("./a/../b:/s"), Some((Source::Bind("b".to_owned()), "/s".to_owned(), false)));
        assert_eq!(mount("/s"), Some((Source::Anonymous, "/s".to_owned(), false)));
        assert_eq!(mount("${V:-x}:/s:ro"), Some((Source::Unknown, "/s".to_owned(), true)));
        assert_eq!(mount("v:${T}"), None);
    }
}
