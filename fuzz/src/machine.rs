//! A directory in memory, the process that finds itself in it, and a provider asked once.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::task::{Context, Poll, Waker};

use kz::config::variables::Process;
use kz::provider::{Ask, DocumentRef, Outcome, Provider};

/// A directory of this process's own, which stays behind for the next of its number.
pub struct Machine {
    directory: PathBuf,
}

impl Default for Machine {
    fn default() -> Self {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let directory = parent.join(format!("kz-fuzz.{}", std::process::id()));
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory);
        made.expect("a directory in memory");
        Self { directory }
    }
}

impl Machine {
    /// Where a file of this name is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Writes a file, or removes it.
    pub fn set(&self, name: &str, content: Option<&[u8]>) {
        match content {
            Some(content) => std::fs::write(self.path(name), content).expect("a file in memory"),
            None => drop(std::fs::remove_file(self.path(name))),
        }
    }

    /// An ordinary user's process, working in the directory, with these variables.
    pub fn process(&self, variables: &[(&str, &[u8])]) -> Process {
        use std::os::unix::ffi::OsStringExt;
        let variable =
            |&(name, value): &(&str, &[u8])| (name.into(), std::ffi::OsString::from_vec(value.to_vec()));
        let directory = self.directory.clone();
        Process { variables: variables.iter().map(variable).collect(), directory, uid: 1000, pid: 2 }
    }
}

/// What becomes of one document. A provider of files never waits.
pub fn fetch(provider: &dyn Provider, path: &str) -> Outcome {
    let documents = [DocumentRef { path: path.to_owned(), version: None, request: None }];
    match provider.fetch(&documents, &Ask::default()).as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(mut outcomes) if outcomes.len() == 1 => outcomes.remove(0),
        Poll::Ready(outcomes) => panic!("{} outcomes for one document", outcomes.len()),
        Poll::Pending => panic!("a provider of files waits"),
    }
}
