//! What reads env files: a name, and a function from files to variables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Names and values.
pub type Variables = BTreeMap<String, Vec<u8>>;

/// What a reader made of one file; its own words where it refused.
pub type Reading = Result<Variables, String>;

/// What reads several files, in an empty directory in which anything that is run could leave something.
type Read = Box<dyn Fn(&[PathBuf], &Path) -> Vec<Reading> + Send + Sync>;

/// A real reader of env files, or a model of one.
pub struct Reader {
    /// Its row in the table.
    pub name: String,
    /// Whether what it reads could be run.
    pub is_shell: bool,
    read: Read,
    /// What is there by itself, without any file.
    surroundings: Variables,
}

impl Reader {
    /// One that takes a list of files at once.
    pub fn of_lists(
        name: impl Into<String>,
        read: impl Fn(&[PathBuf], &Path) -> Vec<Reading> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), is_shell: false, read: Box::new(read), surroundings: Variables::new() }
    }

    /// One that takes a file.
    pub fn new(
        name: impl Into<String>,
        read: impl Fn(&Path, &Path) -> Reading + Send + Sync + 'static,
    ) -> Self {
        Self::of_lists(name, move |files, here| files.iter().map(|file| read(file, here)).collect())
    }

    /// One that would run commands.
    pub fn shell(
        name: impl Into<String>,
        read: impl Fn(&Path, &Path) -> Reading + Send + Sync + 'static,
    ) -> Self {
        Self { is_shell: true, ..Self::new(name, read) }
    }

    /// Looks at what is there without any file, which is not counted later.
    pub fn settle(&mut self, directory: &Path) {
        let empty = directory.join("empty");
        std::fs::write(&empty, "").unwrap();
        let here = directory.join("here");
        std::fs::create_dir_all(&here).unwrap();
        let readings = (self.read)(&[empty], &here);
        self.surroundings = readings
            .into_iter()
            .next()
            .unwrap()
            .unwrap_or_else(|error| panic!("{} does not even read an empty file: {error}", self.name));
    }

    /// What each file sets.
    pub fn read(&self, files: &[PathBuf], here: &Path) -> Vec<Reading> {
        (self.read)(files, here)
    }

    /// Whether these variables are the expected ones, each with its bytes, and no others.
    pub fn has_read(&self, reading: &Reading, expected: &Variables) -> bool {
        let Ok(seen) = reading else { return false };
        let is_new = |name: &&String| !self.surroundings.contains_key(*name) && !expected.contains_key(*name);
        !seen.keys().any(|name| is_new(&name))
            && expected.iter().all(|(name, value)| seen.get(name) == Some(value))
    }
}

/// A command without the tester's environment.
pub fn command(program: impl AsRef<Path>, here: &Path) -> Command {
    let mut command = Command::new(program.as_ref());
    command.current_dir(here).env_clear().stdin(Stdio::null());
    command.env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", "/nonexistent").env("LC_ALL", "C.UTF-8");
    command
}

/// What it prints; its words where it fails.
pub fn output(command: &mut Command) -> Result<Vec<u8>, String> {
    let output = command.output().map_err(|error| format!("{command:?} does not start: {error}"))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)))
    }
}

/// `NAME=value` strings, each ended by a NUL, as in `/proc/self/environ`.
pub fn environment(bytes: &[u8]) -> Variables {
    let assignments = bytes.split(|&byte| byte == 0).filter(|assignment| !assignment.is_empty());
    let parts = |assignment: &[u8]| {
        let middle = assignment.iter().position(|&byte| byte == b'=').unwrap_or(assignment.len());
        let value = assignment.get(middle + 1..).unwrap_or_default();
        (String::from_utf8_lossy(&assignment[..middle]).into_owned(), value.to_vec())
    };
    assignments.map(parts).collect()
}

/// A JSON object of strings.
pub fn object(value: &serde_json::Value) -> Variables {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().as_bytes().to_vec();
    let members = value.as_object().into_iter().flatten();
    members.map(|(name, value)| (name.clone(), text(value))).collect()
}
