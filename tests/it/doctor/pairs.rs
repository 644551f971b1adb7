//! Two mistakes in one file: the services that read in one broken file are put beside the exporter of another one, for all
//! pairs of findings. Each advice, followed as a person follows them one after the other, removes its finding, brings back
//! none that was there before, and leads to an end; another finding may only appear where the first one kept doctor from
//! looking (`MASKING`).

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{files, marks};
use crate::advised::stack::{Finding, Stack, finding};
use crate::advised::tree::{self, Entry, Node, Value};
use crate::support::{Sandbox, kz_binary};

/// Findings that hide others until they are gone, which ones, and why. Each pair is needed.
const MASKING: &[(&str, &[&str], &str)] = &[
    ("D109", &["D113", "D221"], "names are compared once there is a file for each secret"),
    ("D114", &["D109"], "nothing is read by a variable that the image does not know"),
    ("D120", &["D104", "D107", "D109", "D221"], "nothing is written that could be compared"),
    ("D202", &["D105", "D109", "D112", "D113", "D207", "D208", "D220", "D301", "D303", "D306", "D504"], OWN),
    ("D203", &["D105", "D109", "D112", "D113", "D207", "D208", "D220", "D301", "D303", "D306", "D504"], OWN),
    ("D204", &["D105", "D109", "D112", "D113", "D207", "D208", "D220", "D301", "D303", "D306", "D504"], OWN),
    ("D205", &["D109"], "whoever mounts the volume was no reader before"),
    ("D207", &["D107", "D109", "D218"], "whoever may write to the volume may have written what is read"),
    ("D209", &["D208"], OWNER),
    ("D210", &["D208"], OWNER),
    ("D211", &["D208"], OWNER),
    ("D212", &["D108", "D110", "D115"], PLACE),
    ("D217", &["D108", "D110", "D111", "D115", "D221"], PLACE),
    ("D218", &["D108", "D110", "D113", "D115", "D504"], PLACE),
    ("D301", &["D212"], FIRST),
    ("D302", &["D212"], FIRST),
    ("D303", &["D212"], FIRST),
    ("D305", &["D212"], FIRST),
    ("D311", &["D207", "D301"], "an export that serves becomes a reader"),
    ("D405", &["D109", "D113"], UNREAD),
    ("D406", &["D109", "D113"], UNREAD),
    ("D407", &["D109", "D113"], UNREAD),
    ("D408", &["D109", "D113"], UNREAD),
    (
        "D409",
        &[
            "D105", "D108", "D109", "D110", "D112", "D113", "D115", "D207", "D208", "D220", "D301", "D303",
            "D305", "D306", "D504",
        ],
        NO_EXPORT,
    ),
    (
        "D410",
        &[
            "D105", "D108", "D109", "D110", "D112", "D113", "D115", "D207", "D208", "D220", "D301", "D303",
            "D305", "D306", "D504",
        ],
        NO_EXPORT,
    ),
    (
        "D411",
        &[
            "D105", "D108", "D109", "D110", "D112", "D113", "D115", "D207", "D208", "D220", "D301", "D303",
            "D305", "D306", "D504",
        ],
        NO_EXPORT,
    ),
    ("D417", &["D109", "D113"], UNREAD),
];

const OWN: &str = "who reads from an export is told by the volume, and it had none to share";
const OWNER: &str = "who owns what is written changes, and with it who cannot read";
const PLACE: &str = "what is written moves to where somebody reads, who has nothing mounted there";
const FIRST: &str = "whose directory the volume takes over is certain once the export comes first";
const UNREAD: &str = "the configuration could not be read";
const NO_EXPORT: &str = "there was no export that could be understood";

/// More than anybody asks who has two mistakes.
const BOUND: usize = 16;

/// So many at once: each has a directory of its own.
const AT_ONCE: usize = 400;

/// One Compose file for each combination of findings and services.
fn representatives() -> Vec<PathBuf> {
    let mut of: BTreeMap<(Vec<String>, Vec<String>), PathBuf> = BTreeMap::new();
    for file in files("tests/doctor", 0) {
        let text = std::fs::read_to_string(&file).expect("a file");
        if text.contains("\nservices:") || text.starts_with("services:") {
            let codes = marks(&text).into_iter().map(|(_, code)| code).collect();
            let writers = names(&mut root(&file), "services").into_iter();
            let writers =
                writers.filter(|name| name.ends_with("-init") || name.ends_with("-install")).collect();
            of.entry((codes, writers)).or_insert(file);
        }
    }
    of.into_values().collect()
}

fn root(file: &Path) -> Node {
    tree::one(&std::fs::read_to_string(file).expect("a file"))
}

/// The exporters, and what is beside the services.
fn writers(mut root: Node) -> String {
    let services = root.get("services").and_then(Node::entries).expect("services");
    services.retain(|entry| entry.key.ends_with("-init"));
    root.to_string()
}

/// Everybody but the exporters.
fn readers(mut root: Node) -> String {
    let services = root.get("services").and_then(Node::entries).expect("services");
    services.retain(|entry| !entry.key.ends_with("-init"));
    root.get("services").expect("services").to_string()
}

fn names(root: &mut Node, key: &str) -> Vec<String> {
    let entries = root.get(key).and_then(Node::entries);
    entries.map(|entries| entries.iter().map(|entry| entry.key.clone()).collect()).unwrap_or_default()
}

/// The services of `other` beside those of `first`. Where both have one of a name, the exporter is `first`'s, and of the
/// others the second one gets another name.
fn beside(mut first: Node, mut other: Node) -> Node {
    let (here, there) = (names(&mut first, "services"), names(&mut other, "services"));
    let is_exporter = |name: &str| name.ends_with("-init");
    let doubled: Vec<&String> = there.iter().filter(|name| here.contains(name)).collect();
    let renamed = |name: &str| -> String {
        let is_renamed = doubled.iter().any(|doubled| *doubled == name) && !is_exporter(name);
        if is_renamed { format!("other-{name}") } else { name.to_owned() }
    };
    for entry in other.get("services").and_then(Node::entries).expect("services").drain(..) {
        if here.contains(&entry.key) && is_exporter(&entry.key) {
            continue;
        }
        let mut service = entry.value;
        match service.get("depends_on").map(|node| &mut node.value) {
            Some(Value::Map(entries)) => entries.iter_mut().for_each(|entry| entry.key = renamed(&entry.key)),
            Some(Value::List(items)) => {
                for item in items {
                    *item = Node::scalar(&renamed(item.text().expect("a name")));
                }
            }
            _ => {}
        }
        let key = renamed(&entry.key);
        first.get("services").and_then(Node::entries).expect("services").push(Entry {
            key,
            mark: entry.mark,
            value: service,
        });
    }
    for key in ["volumes", "secrets"] {
        let defined = names(&mut first, key);
        let Some(entries) = other.get(key).and_then(Node::entries) else { continue };
        let new: Vec<Entry> = entries.drain(..).filter(|entry| !defined.contains(&entry.key)).collect();
        if let Some(entries) = first.get(key).and_then(Node::entries) {
            entries.extend(new);
        } else {
            let value = Node { mark: (0, 0), value: Value::Map(new) };
            first.remove(key);
            first.entries().expect("a map").push(Entry { key: key.to_owned(), mark: (0, 0), value });
        }
    }
    first
}

/// A pair on its way to no findings.
struct Way {
    name: String,
    stack: Stack,
    /// What was found last.
    found: Vec<Finding>,
    /// What was followed last, as it was found.
    last: Option<Finding>,
    /// Every state that was there.
    seen: HashSet<String>,
    /// What was followed.
    path: Vec<String>,
    /// What appeared behind what, as is allowed.
    appeared: BTreeSet<(String, String)>,
}

/// How often each is found.
fn counted(found: &[Finding]) -> BTreeMap<(String, String), usize> {
    let mut counts = BTreeMap::new();
    for one in found {
        // The short form in a list is the long form of it in a map, to which another dependency turns it.
        let code = if one.code == "D302" { "D303" } else { &one.code };
        *counts.entry((code.to_owned(), one.subject.clone())).or_default() += 1;
    }
    counts
}

impl Way {
    /// Looks at what doctor says now; what is wrong with it.
    fn judge(&mut self, now: Vec<Finding>) -> Option<String> {
        let state = format!("{}{}", tree::write(&self.stack.documents), self.configurations());
        let is_new = self.seen.insert(state);
        let (before, after) = (counted(&self.found), counted(&now));
        self.found = now;
        let last = self.last.take()?;
        let key =
            (if last.code == "D302" { "D303".to_owned() } else { last.code.clone() }, last.subject.clone());
        let of = |counts: &BTreeMap<(String, String), usize>, key: &(String, String)| {
            counts.get(key).copied().unwrap_or(0)
        };
        if !is_new {
            return Some(format!("{} leads in a circle: {:?}", last.code, self.path));
        }
        if of(&after, &key) >= of(&before, &key) {
            return Some(format!("{}, followed, stays: {:?}", last.code, self.path));
        }
        let behind =
            MASKING.iter().find(|(code, ..)| *code == last.code).map_or(&[][..], |(_, codes, _)| codes);
        let new = after.keys().filter(|key| of(&after, key) > of(&before, key));
        let (hidden, brought): (BTreeSet<&str>, BTreeSet<&str>) =
            new.map(|(code, _)| code.as_str()).partition(|code| behind.contains(code));
        self.appeared.extend(hidden.iter().map(|code| (last.code.clone(), (*code).to_owned())));
        if !brought.is_empty() {
            return Some(format!("{}, followed, brings {brought:?}: {:?}", last.code, self.path));
        }
        (self.stack.asked > BOUND).then(|| format!("no end: {:?}", self.path))
    }

    fn configurations(&self) -> String {
        let mut all = Vec::new();
        for entry in std::fs::read_dir(self.stack.sandbox.path(".")).expect("the directory").flatten() {
            let name = entry.file_name();
            let kind = entry.file_type().expect("its kind");
            let is_told =
                entry.path().extension().is_some_and(|extension| extension == "toml" || extension == "env");
            let text = if is_told {
                std::fs::read_to_string(entry.path()).unwrap_or_default()
            } else {
                String::new()
            };
            all.push(format!("{} {kind:?}\n{text}", name.display()));
        }
        all.sort();
        all.concat()
    }

    /// Follows what can be followed and was found first; whether there is something.
    fn step(&mut self) -> bool {
        let next = self.found.iter().find(|finding| self.stack.can_follow(finding)).cloned();
        let Some(next) = next else { return false };
        self.path.push(format!("{} {}", next.code, next.subject));
        self.stack.follow(&next);
        self.last = Some(next);
        true
    }
}

/// What doctor says of all of them.
fn ask(ways: &mut [Way]) -> Vec<Vec<Finding>> {
    let mut command = Command::new(kz_binary());
    command.args(["doctor", "--format", "json"]);
    let paths: Vec<String> = ways
        .iter_mut()
        .map(|way| {
            way.stack.write();
            way.stack.sandbox.path("stack.yaml").display().to_string()
        })
        .collect();
    let run = Sandbox::new().run(command.args(&paths));
    let all: Vec<serde_json::Value> =
        serde_json::from_slice(&run.output.stdout).unwrap_or_else(|_| panic!("{}", run.describe()));
    let of = |path: &String| all.iter().filter(|one| one["file"] == path.as_str()).map(finding).collect();
    paths.iter().map(of).collect()
}

/// Follows all to their ends, and says what was wrong on the way.
fn followed(pairs: &[(&PathBuf, &PathBuf)], appeared: &mut BTreeSet<(String, String)>) -> Vec<String> {
    let mut ways: Vec<Way> = pairs
        .iter()
        .map(|(first, other)| {
            let documents = vec![beside(root(first), root(other))];
            let stem = |file: &Path| file.file_stem().expect("a name").to_string_lossy().into_owned();
            let name = format!("{} with the readers of {}", stem(first), stem(other));
            let stack = Stack::with(&[first, other], documents);
            Way {
                name,
                stack,
                found: Vec::new(),
                last: None,
                seen: HashSet::new(),
                path: Vec::new(),
                appeared: BTreeSet::new(),
            }
        })
        .collect();
    let mut wrong = Vec::new();
    while !ways.is_empty() {
        let found = ask(&mut ways);
        let mut left = Vec::new();
        for (mut way, now) in ways.into_iter().zip(found) {
            let words = way.judge(now);
            appeared.append(&mut way.appeared);
            if let Some(words) = words {
                wrong.push(format!("{}: {words}", way.name));
                continue;
            }
            match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| way.step())) {
                Ok(true) => left.push(way),
                Ok(false) => {}
                Err(_) => wrong.push(format!("{}: {:?} cannot be followed", way.name, way.path)),
            }
        }
        ways = left;
    }
    wrong
}

#[test]
fn no_two_mistakes_lead_in_a_circle_or_bring_another() {
    let files = representatives();
    assert!(files.len() >= 60, "{}", files.len());
    // Of those whose readers are the same, one, and of those that write the same.
    let of = |side: fn(Node) -> String| -> Vec<&PathBuf> {
        let distinct: BTreeMap<String, &PathBuf> =
            files.iter().rev().map(|file| (side(root(file)), file)).collect();
        distinct.into_values().collect()
    };
    let (writing, reading) = (of(writers), of(readers));
    assert!(writing.len() >= 30 && reading.len() >= 30, "{} {}", writing.len(), reading.len());
    let pairs: Vec<(&PathBuf, &PathBuf)> =
        writing.iter().flat_map(|first| reading.iter().map(move |other| (*first, *other))).collect();
    let mut appeared = BTreeSet::new();
    let wrong: Vec<String> = pairs.chunks(AT_ONCE).flat_map(|chunk| followed(chunk, &mut appeared)).collect();
    let allowed =
        MASKING.iter().flat_map(|(code, hidden, _)| hidden.iter().map(move |other| (*code, *other)));
    let needless: Vec<_> = allowed
        .filter(|(code, other)| !appeared.contains(&((*code).to_owned(), (*other).to_owned())))
        .collect();
    assert!(
        wrong.is_empty() && needless.is_empty(),
        "{} of {} pairs; needless in MASKING: {needless:?}\n{}",
        wrong.len(),
        pairs.len(),
        wrong.join("\n")
    );
}
