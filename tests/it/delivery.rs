//! A directory that tests export into: what is exported, what is there afterwards, exactly.
//!
//! All secrets of one export have the same value, so that two values in one set are a mixed set.
#![allow(dead_code, unreachable_pub, reason = "each test module uses its part")]

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Run, Sandbox, kz_binary};

/// What an export writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `--format env --output out/.env`
    File,
    /// `--format files --output out`
    Set,
}

/// A sandbox with `.keyzero.toml` and an empty directory `out`.
pub struct Delivery {
    pub sandbox: Sandbox,
    pub form: Form,
    /// Of the secrets, `S0` and so on, sorted.
    pub names: Vec<String>,
    /// Added to every export.
    pub options: Vec<&'static str>,
}

/// Mode, owner, group, inode, time of the last change in nanoseconds (of a directory: none, since
/// what comes and goes there changes it), and content or what a link reads.
pub type Snapshot = BTreeMap<PathBuf, (u32, u32, u32, u64, i128, Vec<u8>)>;

impl Delivery {
    pub fn new(form: Form, number: usize) -> Self {
        let mut names: Vec<String> = (0..number).map(|number| format!("S{number}")).collect();
        names.sort();
        let line = |name: &String| format!("{name} = {{ provider = \"env\", ref = \"VALUE\" }}\n");
        let config: String = names.iter().map(line).collect();
        let sandbox = Sandbox::with_config(&format!("[secrets]\n{config}"));
        std::fs::create_dir(sandbox.path("out")).unwrap();
        sandbox.mode("out", 0o755);
        Self { sandbox, form, names, options: Vec::new() }
    }

    pub fn out(&self) -> PathBuf {
        self.sandbox.path("out")
    }

    /// What comes after `kz`.
    pub fn arguments(&self) -> Vec<&'static str> {
        let form: &[&str] = match self.form {
            Form::File => &["export", "--format", "env", "--output", "out/.env"],
            Form::Set => &["export", "--format", "files", "--output", "out"],
        };
        [form, &self.options].concat()
    }

    /// An export behind `wrapper`, which is a program and its arguments, or nothing.
    pub fn behind(&self, wrapper: &[&str], value: &str) -> Command {
        let kz = kz_binary();
        let mut words = wrapper.iter().map(AsRef::as_ref).chain([kz.as_os_str()]);
        let mut command = Command::new(words.next().expect("a program"));
        command.args(words).args(self.arguments()).env("VALUE", value);
        command
    }

    pub fn export(&self, value: &str) -> Run {
        self.export_behind(&[], value)
    }

    pub fn export_behind(&self, wrapper: &[&str], value: &str) -> Run {
        self.sandbox.run(&mut self.behind(wrapper, value))
    }

    /// The one file that holds this value.
    pub fn file(&self, value: &str) -> String {
        self.names.iter().flat_map(|name| [name, "=", value, "\n"]).collect()
    }

    /// The value that is there now; `None` when nothing is. Fails on half a set or a mixed one.
    #[track_caller]
    pub fn value(&self, run: &Run) -> Option<String> {
        if self.form == Form::File {
            let content = std::fs::read_to_string(self.out().join(".env")).ok()?;
            let first = content.split(['=', '\n']).nth(1).unwrap_or_default().to_owned();
            assert_eq!(content, self.file(&first), "half a file\n{}", run.describe());
            return Some(first);
        }
        std::fs::read_link(self.out().join("..data")).ok()?;
        let read = |name: &String| std::fs::read_to_string(self.out().join("..data").join(name)).ok();
        let values: Vec<Option<String>> = self.names.iter().map(read).collect();
        let first = values[0].clone();
        assert!(first.is_some(), "no set where `..data` leads\n{}", run.describe());
        assert!(values.iter().all(|value| *value == first), "a mixed set: {values:?}\n{}", run.describe());
        first
    }

    /// Fails unless exactly this is there: the value, and nothing that does not belong to it.
    #[track_caller]
    pub fn assert_holds(&self, value: &str, run: &Run) {
        let found = self.value(run);
        assert_eq!(found.as_deref(), Some(value), "another value is there\n{}", run.describe());
        assert_eq!(listing(&self.out()), self.expected(), "debris, or names are missing\n{}", run.describe());
        for name in &self.names {
            if self.form == Form::Set {
                let read = std::fs::read_to_string(self.out().join(name)).ok();
                assert_eq!(read.as_deref(), Some(value), "{name}\n{}", run.describe());
            }
        }
    }

    /// Likewise, or nothing at all.
    #[track_caller]
    pub fn assert_is_clean(&self, run: &Run) {
        if self.value(run).is_some() {
            assert_eq!(listing(&self.out()), self.expected(), "debris\n{}", run.describe());
        } else {
            assert!(listing(&self.out()).is_empty(), "debris of an export of nothing\n{}", run.describe());
        }
    }

    /// The listing of a whole delivery.
    pub fn expected(&self) -> Vec<String> {
        let mut names: Vec<String> = match self.form {
            Form::File => vec![".env".into()],
            Form::Set => ["..data", ".kz", ".kz/key", ".kz/lock", ".kz/manifest", "GENERATION"]
                .map(String::from)
                .into(),
        };
        if self.form == Form::Set {
            names.extend(self.names.iter().flat_map(|name| [name.clone(), format!("GENERATION/{name}")]));
        }
        names.sort();
        names
    }
}

/// Everything below a directory, sorted; what `..data` names is called `GENERATION`.
pub fn listing(directory: &Path) -> Vec<String> {
    let current = std::fs::read_link(directory.join("..data")).unwrap_or_default();
    let rename = |path: &Path| match path.strip_prefix(&current) {
        Ok(rest) if !current.as_os_str().is_empty() => Path::new("GENERATION").join(rest),
        _ => path.to_owned(),
    };
    let below = |path: &PathBuf| path.strip_prefix(directory).expect("it is below").to_owned();
    let mut names: Vec<String> = walk(directory)
        .iter()
        .map(|path| rename(&below(path)).to_string_lossy().trim_end_matches('/').to_owned())
        .collect();
    names.sort();
    names
}

/// Everything below a directory, and itself, in every respect.
pub fn snapshot(directory: &Path) -> Snapshot {
    let mut paths = walk(directory);
    paths.push(directory.to_owned());
    let look = |path: PathBuf| {
        let metadata = path.symlink_metadata().expect("it was listed");
        let content = if metadata.is_symlink() {
            std::fs::read_link(&path).expect("a link").into_os_string().into_encoded_bytes()
        } else if metadata.is_file() {
            std::fs::read(&path).expect("tests run as root")
        } else {
            Vec::new()
        };
        let changed = i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec());
        let changed = if metadata.is_dir() { 0 } else { changed };
        (path, (metadata.mode(), metadata.uid(), metadata.gid(), metadata.ino(), changed, content))
    };
    paths.into_iter().map(look).collect()
}

/// Fails unless everything is as it was.
#[track_caller]
pub fn assert_unchanged(before: &Snapshot, directory: &Path, run: &Run) {
    let after = snapshot(directory);
    let differ = |path: &&PathBuf| before.get(*path) != after.get(*path);
    let changed: Vec<_> = before.keys().chain(after.keys()).filter(differ).collect();
    assert!(changed.is_empty(), "changed: {changed:?}\n{}", run.describe());
}

fn walk(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry")) {
        if entry.file_type().expect("its type").is_dir() {
            found.extend(walk(&entry.path()));
        }
        found.push(entry.path());
    }
    found
}
