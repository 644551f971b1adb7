//! The volumes of a pod: what the kubelet makes of each, and the files that it puts into it.

use super::super::text::normal;
use super::super::volume::{Contents, Held, Item, Kind, Limit, Volume};
use super::super::yaml::Node;
use super::list_at;

/// The mode of what the kubelet puts into a volume, where nothing is said.
const DEFAULT_MODE: u32 = 0o644;

/// Sources that nobody in the pod may write to.
const BROUGHT: &[(&str, &str)] = &[
    ("configMap", "a ConfigMap"),
    ("secret", "a Secret"),
    ("projected", "a projected volume"),
    ("downwardAPI", "the downward API"),
    ("image", "an image"),
];

/// One of the pod's `volumes`; `objects` are those of the same file, in which the keys of a `ConfigMap` may stand.
pub(super) fn read(node: &Node, objects: &[&Node]) -> Option<Volume> {
    let (_, name) = node.entry("name")?;
    // What is wrong with a volume is wrong with its kind.
    let place = |key: &str| node.entry(key).map_or(name.mark, |(key, _)| key.mark);
    let volume = |key: &str, kind| Some(Volume::new(name.text()?.to_owned(), place(key), kind));
    if let Some((_, scratch)) = node.entry("emptyDir") {
        return Some(scratch_volume(volume("emptyDir", Kind::Other)?, scratch));
    }
    if node.get("hostPath").is_some() {
        return volume("hostPath", Kind::HostPath);
    }
    let brought = BROUGHT.iter().find_map(|(key, words)| Some((*key, *words, node.get(key)?)));
    match brought {
        Some((key, words, source)) => {
            let contents = contents(key, source, objects);
            let image = source.text_at("reference").map(str::to_owned);
            Some(Volume { contents, image, ..volume(key, Kind::Brought(words))? })
        }
        // The API server makes an `emptyDir` of a volume that says nothing.
        None if node.entries().count() == 1 => {
            let volume = volume("name", Kind::Scratch { in_memory: false })?;
            Some(Volume { says_nothing: true, ..volume })
        }
        None => volume("name", Kind::Other),
    }
}

fn scratch_volume(volume: Volume, scratch: &Node) -> Volume {
    let medium = scratch.entry("medium").and_then(|(key, node)| Some((node.text()?, key.mark)));
    let limit = scratch.entry("sizeLimit").and_then(|(key, node)| {
        Some(Limit { bytes: bytes(node.text()?)?, written: node.text()?.to_owned(), mark: key.mark })
    });
    let (kind, unknown) = match medium {
        None | Some(("", _)) => (Kind::Scratch { in_memory: false }, None),
        Some(("Memory", _)) => (Kind::Scratch { in_memory: true }, None),
        Some((pages, _)) if pages.starts_with("HugePages") => (Kind::Other, None),
        Some((other, mark)) => (Kind::Scratch { in_memory: true }, Some((other.to_owned(), mark))),
    };
    Volume { kind, limit, unknown_medium: unknown, ..volume }
}

fn contents(key: &str, source: &Node, objects: &[&Node]) -> Option<Contents> {
    let mode = source.entry("defaultMode").and_then(|(key, node)| Some((mode(node.text()?)?, key.mark)));
    let object = |key, name: &str| source.text_at(name).map(|name| (key, name.to_owned()));
    let (files, object, items) = match key {
        "configMap" => {
            (files("ConfigMap", source, "name", objects), object("configMap", "name"), items(source))
        }
        "secret" => {
            (files("Secret", source, "secretName", objects), object("secret", "secretName"), items(source))
        }
        "downwardAPI" => (Some(paths(source)), None, None),
        "projected" => {
            let sources = list_at(source, &["sources"]);
            let files: Option<Vec<Vec<Held>>> =
                sources.iter().map(|source| projected(source, objects)).collect();
            (files.map(|files| files.concat()), None, None)
        }
        _ => return None,
    };
    Some(Contents {
        object,
        files,
        mode: mode.map_or(DEFAULT_MODE, |(mode, _)| mode),
        mode_mark: mode.map(|(_, mark)| mark),
        items,
    })
}

/// What one of the sources of a projected volume brings; nothing where it is not known.
fn projected(source: &Node, objects: &[&Node]) -> Option<Vec<Held>> {
    if let Some(token) = source.get("serviceAccountToken") {
        let (key, path) = token.entry("path")?;
        return Some(vec![Held { path: normal(path.text()?), mode: None, token: Some(key.mark) }]);
    }
    if let Some(map) = source.get("configMap") {
        return files("ConfigMap", map, "name", objects);
    }
    if let Some(secret) = source.get("secret") {
        return files("Secret", secret, "name", objects);
    }
    source.get("downwardAPI").map(paths)
}

/// The files of an object: those of its `items`, or else of all of its keys, where it stands in this file.
fn files(kind: &str, source: &Node, name: &str, objects: &[&Node]) -> Option<Vec<Held>> {
    if source.get("items").is_some() {
        return Some(paths(source));
    }
    let name = source.text_at(name)?;
    let is_it = |object: &&&Node| {
        object.text_at("kind") == Some(kind)
            && object.at(&["metadata", "name"]).and_then(Node::text) == Some(name)
    };
    let object = objects.iter().find(is_it)?;
    let keys = ["data", "binaryData", "stringData"].into_iter().filter_map(|key| object.get(key));
    let held = |key: &str| Held { path: key.to_owned(), mode: None, token: None };
    Some(keys.flat_map(Node::entries).map(|(key, _)| held(&key.text)).collect())
}

fn paths(source: &Node) -> Vec<Held> {
    let held = |item: &Node| {
        let mode = item.entry("mode").and_then(|(key, node)| Some((mode(node.text()?)?, key.mark)));
        Some(Held { path: normal(item.text_at("path")?), mode, token: None })
    };
    list_at(source, &["items"]).into_iter().filter_map(held).collect()
}

fn items(source: &Node) -> Option<Vec<Item>> {
    source.get("items")?;
    let item = |item: &Node| {
        let (key, path) = (item.text_at("key")?, item.text_at("path")?);
        let mode = item.text_at("mode").map(|mode| format!(", mode: {mode}")).unwrap_or_default();
        let written = format!("{{ key: {key}, path: {path}{mode} }}");
        Some(Item { key: key.to_owned(), path: normal(path), written })
    };
    Some(list_at(source, &["items"]).into_iter().filter_map(item).collect())
}

/// A mode as YAML 1.1 has numbers, which is how kubectl reads them: octal behind a zero, else decimal.
fn mode(written: &str) -> Option<u32> {
    let octal = written.strip_prefix("0o").or_else(|| written.strip_prefix('0'));
    match octal {
        Some("") => Some(0),
        Some(digits) => u32::from_str_radix(digits, 8).ok(),
        None => written.parse().ok(),
    }
}

/// A quantity of bytes: `1Mi`, `64M`, `1024`, and `1m`, which is a thousandth of a byte and counts as one.
fn bytes(written: &str) -> Option<u64> {
    let at = written.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(written.len());
    let (number, unit) = written.split_at(at);
    let (factor, divisor) = match unit {
        "" => (1, 1),
        "m" => (1, 1000),
        "k" => (1000, 1),
        "M" => (1_000_000, 1),
        "G" => (1_000_000_000, 1),
        "T" => (1_000_000_000_000, 1),
        "Ki" => (1 << 10, 1),
        "Mi" => (1 << 20, 1),
        "Gi" => (1 << 30, 1),
        "Ti" => (1 << 40, 1),
        _ => return None,
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let whole: u64 = whole.parse().ok()?;
    // Parts of a unit only ever round up to what they are at least.
    let part = if part.chars().any(|digit| digit != '0') { factor } else { 0 };
    Some(whole.checked_mul(factor)?.checked_add(part)?.div_ceil(divisor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_read_as_kubectl_reads_yaml() {
        let table = [
            ("0400", 0o400),
            ("0o440", 0o440),
            ("400", 0o620),
            ("256", 0o400),
            ("292", 0o444),
            ("0", 0),
            ("0000", 0),
        ];
        for (written, expected) in table {
            assert_eq!(mode(written), Some(expected), "{written}");
        }
        assert_eq!(mode("0888"), None);
        assert_eq!(mode("rw"), None);
    }

    #[test]
    fn quantities_are_bytes_and_a_small_m_is_a_thousandth() {
        let table = [
            ("1Mi", 1 << 20),
            ("1M", 1_000_000),
            ("4096", 4096),
            ("64k", 64_000),
            ("1m", 1),
            ("4096000m", 4096),
            ("0", 0),
            ("1.5Mi", 2 << 20),
        ];
        for (written, expected) in table {
            assert_eq!(bytes(written), Some(expected), "{written}");
        }
        assert_eq!(bytes("1 Mi"), None);
        assert_eq!(bytes("1e3"), None);
    }
}
