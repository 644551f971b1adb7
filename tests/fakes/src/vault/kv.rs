//! The key-value engines: <https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v1> and `kv-v2`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::api::Call;
use super::reply::Reply;

/// KV v1: the last document of each path.
#[derive(Default)]
pub struct Unversioned {
    documents: BTreeMap<String, Value>,
}

impl Unversioned {
    pub fn answer(&mut self, call: &Call, path: &str) -> Reply {
        if call.lists() {
            return names(self.documents.keys(), path);
        }
        match call.method.as_str() {
            "GET" => self.documents.get(path).map_or_else(Reply::not_found, |data| {
                Reply::envelope(200, &[("data", data.clone()), ("lease_duration", json!(advice(data)))])
            }),
            "POST" | "PUT" if path.ends_with('/') => {
                Reply::error(400, &["cannot write to a path ending in '/'"])
            }
            "POST" | "PUT" if call.body.as_object().is_none_or(Map::is_empty) => {
                Reply::error(400, &["missing data fields"])
            }
            "POST" | "PUT" => {
                self.documents.insert(path.to_owned(), call.body.clone());
                Reply::no_content()
            }
            "DELETE" => {
                self.documents.remove(path);
                Reply::no_content()
            }
            _ => Reply::unsupported(),
        }
    }
}

/// How often a document is to be looked at: what its own `ttl` or `lease` says, in seconds, else 32 days.
fn advice(data: &Value) -> u64 {
    let said = [&data["ttl"], &data["lease"]].into_iter().find_map(Value::as_str);
    said.and_then(|said| said.strip_suffix('s')?.parse().ok()).unwrap_or(2_764_800)
}

/// KV v2: every version of each path.
#[derive(Default)]
pub struct Versioned {
    documents: BTreeMap<String, Document>,
}

/// A path that was written to, or has metadata.
#[derive(Default)]
struct Document {
    versions: Vec<Version>,
    /// `null`, or an object.
    custom: Value,
}

struct Version {
    data: Value,
    created: String,
    /// Empty when it is not deleted.
    deleted: String,
    destroyed: bool,
}

impl Version {
    fn metadata(&self, number: usize, custom: &Value) -> Value {
        json!({ "version": number, "created_time": self.created, "deletion_time": self.deleted,
                "destroyed": self.destroyed, "custom_metadata": custom })
    }

    fn is_gone(&self) -> bool {
        self.destroyed || !self.deleted.is_empty()
    }
}

/// A time that is later than every earlier one.
fn time(serial: &mut u64) -> String {
    *serial += 1;
    format!("2026-11-25T12:00:00.{serial:09}Z")
}

/// Answers below a v2 mount.
pub fn versioned(store: &mut Versioned, call: &Call, path: &str, serial: &mut u64) -> Reply {
    let below = path.split_once('/');
    let (kind, path) = below.unwrap_or((path, ""));
    match (kind, call.method.as_str()) {
        ("data", _) if call.lists() => Reply::unsupported(),
        ("data", "GET") if below.is_none() => Reply::envelope(404, &[("warnings", json!([ROOT]))]),
        ("data", "GET") => store.read(call, path),
        ("data", "POST" | "PUT") => store.write(call, path, serial),
        ("data", "DELETE") => store.each(path, None, |version| version.deleted = time(serial)),
        ("delete", "POST" | "PUT") => store.each(path, Some(call), |version| version.deleted = time(serial)),
        ("undelete", "POST" | "PUT") => store.each(path, Some(call), |version| version.deleted.clear()),
        ("destroy", "POST" | "PUT") => store.each(path, Some(call), |version| {
            version.destroyed = true;
            version.data = Value::Null;
        }),
        ("metadata", _) if call.lists() => names(store.documents.keys(), path),
        ("metadata", "GET") => store.metadata(path),
        ("metadata", "POST" | "PUT") => {
            store.documents.entry(path.to_owned()).or_default().custom = call.body["custom_metadata"].clone();
            Reply::no_content()
        }
        ("metadata", "DELETE") => {
            store.documents.remove(path);
            Reply::no_content()
        }
        ("data" | "metadata" | "delete" | "undelete" | "destroy", _) => Reply::unsupported(),
        _ => wrong_path(call),
    }
}

/// A path of the CLI's, which asks for the mount before.
fn wrong_path(call: &Call) -> Reply {
    let verb = match call.method.as_str() {
        _ if call.lists() => "list",
        "GET" => "get",
        "DELETE" => "delete",
        _ => "put",
    };
    let warning = format!(
        "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use. \
         If using the OpenBao CLI, use 'bao kv {verb}' for this operation."
    );
    Reply::envelope(404, &[("warnings", json!([warning]))])
}

const ROOT: &str = "Non-listing operations on the root of a K/V v2 mount are not supported.";

impl Versioned {
    fn read(&self, call: &Call, path: &str) -> Reply {
        if path.strip_suffix('/').is_some_and(|path| self.documents.contains_key(path)) {
            return Reply::error(500, &["1 error occurred:\n\t* could not find version data\n\n"]);
        }
        let Some(Document { versions, custom }) = self.documents.get(path) else { return Reply::not_found() };
        let number = match call.query.get("version").map_or(Ok(0), |number| number.parse::<i64>()) {
            Ok(number) => usize::try_from(number).ok().filter(|number| *number > 0).unwrap_or(versions.len()),
            Err(_) => return Reply::error(400, &[NO_NUMBER]),
        };
        let Some(version) = number.checked_sub(1).and_then(|index| versions.get(index)) else {
            return Reply::not_found();
        };
        let (status, data) = if version.is_gone() { (404, &Value::Null) } else { (200, &version.data) };
        let data = json!({ "data": data, "metadata": version.metadata(number, custom) });
        Reply::envelope(status, &[("data", data)])
    }

    fn write(&mut self, call: &Call, path: &str, serial: &mut u64) -> Reply {
        let Some(data) = call.body.get("data") else { return Reply::error(400, &["no data provided"]) };
        let document = self.documents.entry(path.to_owned()).or_default();
        let versions = &mut document.versions;
        let wanted = call.body["options"]["cas"].as_u64();
        if wanted.is_some_and(|wanted| usize::try_from(wanted) != Ok(versions.len())) {
            return Reply::error(400, &["check-and-set parameter did not match the current version"]);
        }
        versions.push(Version {
            data: data.clone(),
            created: time(serial),
            deleted: String::new(),
            destroyed: false,
        });
        Reply::data(versions[versions.len() - 1].metadata(versions.len(), &document.custom))
    }

    /// Changes the versions that the body names, or the last one.
    fn each(&mut self, path: &str, named: Option<&Call>, mut change: impl FnMut(&mut Version)) -> Reply {
        let Some(Document { versions, .. }) = self.documents.get_mut(path) else {
            return Reply::no_content();
        };
        let numbers: Vec<u64> = match named {
            Some(call) => call.body["versions"].as_array().into_iter().flatten().filter_map(number).collect(),
            None => vec![versions.len() as u64],
        };
        for (index, version) in versions.iter_mut().enumerate() {
            if numbers.contains(&(index as u64 + 1)) {
                change(version);
            }
        }
        Reply::no_content()
    }

    fn metadata(&self, path: &str) -> Reply {
        let Some(Document { versions, custom }) = self.documents.get(path) else { return Reply::not_found() };
        let shown = versions.iter().enumerate().map(|(index, version)| {
            let mut metadata = version.metadata(index + 1, custom);
            if let Some(members) = metadata.as_object_mut() {
                members.retain(|name, _| !["version", "custom_metadata"].contains(&name.as_str()));
            }
            ((index + 1).to_string(), metadata)
        });
        let time =
            |version: Option<&Version>| version.map_or_else(String::new, |version| version.created.clone());
        Reply::data(json!({ "current_version": versions.len(), "oldest_version": 0, "max_versions": 0,
                            "current_metadata_version": 0, "cas_required": false, "metadata_cas_required": false,
                            "delete_version_after": "0s", "custom_metadata": custom,
                            "created_time": time(versions.first()), "updated_time": time(versions.last()),
                            "versions": shown.collect::<Map<_, _>>() }))
    }
}

const NO_NUMBER: &str = "Field validation failed: error converting input for field \"version\": '' cannot parse value as 'int': strconv.ParseInt: invalid syntax";

/// Numbers may come as text.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// The names directly below a path; a folder's ends in `/`.
fn names<'a>(paths: impl Iterator<Item = &'a String>, below: &str) -> Reply {
    let prefix =
        if below.is_empty() || below.ends_with('/') { below.to_owned() } else { format!("{below}/") };
    let name = |path: &'a String| {
        let rest = path.strip_prefix(prefix.as_str())?;
        Some(rest.split_inclusive('/').next()?.to_owned())
    };
    let names: BTreeSet<String> = paths.filter_map(name).collect();
    if names.is_empty() { Reply::not_found() } else { Reply::data(json!({ "keys": names })) }
}
