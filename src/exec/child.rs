//! CMD: its program, its arguments and its environment, for whoever starts it.
//!
//! Invariant: everything that can be seen to fail before it is started fails when it is prepared.

use std::convert::Infallible;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit};

use crate::secret::Secret;

use super::call::Call;
use super::environment::{self, Environment, Recipe};
pub use super::environment::{Inherit, Unfit};
pub use super::look::Needed;
use super::{inherited, look};

/// What CMD is to get, and what not. No `Debug`: it holds values.
#[derive(Default)]
pub struct Given {
    /// What becomes a variable.
    pub secrets: Vec<(String, Secret)>,
    /// Names that become no variables, since what they stand for is delivered otherwise.
    pub elsewhere: Vec<String>,
    /// Variables that hold credentials of kz's own, and are taken out.
    pub credentials: Vec<&'static str>,
    /// Variables that are taken over in any case.
    pub keep: Vec<String>,
    /// Open files that values are in.
    pub open: Vec<OwnedFd>,
}

/// A program's name and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words(Vec<CString>);

/// A command that can be started. No `Debug`: it holds values.
pub struct Child {
    words: Words,
    environment: Environment,
    /// Of kz's alone until CMD is started.
    open: Vec<OwnedFd>,
}

/// Why CMD did not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Nowhere to be found: exit code 127.
    NotFound,
    /// Found, and what it needs to run is not there: 127 too, as of every shell.
    Needs(Needed),
    /// A program for another kind of machine: exit code 126.
    OtherMachine(String),
    /// Neither a program nor a script with a `#!` line: exit code 126.
    NoProgram,
    /// A script whose `#!` line stands behind a byte order mark, so that the kernel does not see it: exit code 126.
    Marked,
    /// A directory: exit code 126.
    Directory,
    /// Found, but not to be run: exit code 126.
    NotExecutable(Errno),
    /// The kernel took neither arguments nor environment: exit code 125.
    TooBig,
    /// The kernel starts no further process: exit code 125.
    NotStarted(Errno),
}

/// Where programs are looked for when PATH is unset, as in a container without one.
const DEFAULT_PATH: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl Child {
    /// Prepares a command that inherits so much of these variables, and is given the rest.
    pub fn prepare(
        words: Words,
        inherited: &[(OsString, OsString)],
        inherit: Inherit,
        given: Given,
    ) -> Result<Self, Unfit> {
        let Given { secrets, elsewhere, credentials, keep, open } = given;
        let recipe = Recipe {
            inherited,
            inherit,
            keep: &keep,
            credentials: &credentials,
            secrets: &secrets,
            elsewhere: &elsewhere,
        };
        let environment = environment::build(&recipe)?;
        environment::check_size(&words.0, &environment, &secrets, stack_limit())?;
        Ok(Self { words, environment, open })
    }

    /// Names of variables that were there, and are taken out.
    pub fn removed(&self) -> &[String] {
        &self.environment.removed
    }
}

impl Child {
    /// Replaces this process by the first program of that name on `path`, which is kz's own PATH, also when
    /// CMD gets another. Returns only when that fails.
    pub fn replace(&self, path: Option<&OsStr>) -> Result<Infallible, Refused> {
        let call = self.call(path).ok_or(Refused::NotFound)?;
        inherited::restore();
        let mut failed = Vec::new();
        call.execute(|errno| failed.push(errno));
        Err(Refused::of(&call, &failed))
    }

    /// How it is executed. Nothing where it has no words.
    pub(super) fn call(&self, path: Option<&OsStr>) -> Option<Call<'_>> {
        let Words(arguments) = &self.words;
        let files = candidates(arguments.first()?, path.map_or(DEFAULT_PATH, OsStrExt::as_bytes));
        let open = self.open.iter().map(AsRawFd::as_raw_fd).collect();
        Some(Call::of(files, arguments, &self.environment.strings, open))
    }
}

impl Refused {
    /// What these failures, one of each file of a call, come to.
    pub(super) fn of(call: &Call<'_>, failed: &[Errno]) -> Self {
        let mut refused = Refused::NotFound;
        for (candidate, errno) in call.candidates().iter().zip(failed) {
            match errno {
                Errno::ENOENT | Errno::ENOTDIR => {
                    refused = look::needed(candidate).map_or(refused, Refused::Needs);
                }
                Errno::ENOEXEC => {
                    let other = look::other_machine(candidate);
                    let no_program =
                        if look::is_marked(candidate) { Refused::Marked } else { Refused::NoProgram };
                    return other.map_or(no_program, Refused::OtherMachine);
                }
                // Another directory may have one that can be executed.
                Errno::EACCES => refused = denied(candidate),
                Errno::E2BIG => return Refused::TooBig,
                errno => refused = Refused::NotExecutable(*errno),
            }
        }
        refused
    }
}

impl Words {
    /// Words as the kernel takes them. `None` when one has a NUL, which a caller cannot have passed.
    pub fn of(command: &[OsString]) -> Option<Self> {
        let words = command.iter().map(|word| CString::new(word.clone().into_vec()).ok());
        words.collect::<Option<_>>().map(Self)
    }

    /// Whether there is such a program, as far as can be told without starting it.
    pub fn look_for(&self, path: Option<&OsStr>) -> Result<(), Refused> {
        let Some(program) = self.0.first() else { return Err(Refused::NotFound) };
        let mut refused = Refused::NotFound;
        for candidate in candidates(program, path.map_or(DEFAULT_PATH, OsStrExt::as_bytes)) {
            match look::executable(&candidate) {
                Ok(()) => return Ok(()),
                Err(Errno::EACCES) => refused = denied(&candidate),
                Err(_) => refused = look::needed(&candidate).map_or(refused, Refused::Needs),
            }
        }
        Err(refused)
    }
}

/// What the kernel calls EACCES.
fn denied(candidate: &CStr) -> Refused {
    if look::is_directory(candidate) { Refused::Directory } else { Refused::NotExecutable(Errno::EACCES) }
}

/// The files that a program's name may mean (execvp(3)): itself when it has a slash, else one a directory.
fn candidates(program: &CStr, path: &[u8]) -> Vec<CString> {
    let name = program.to_bytes();
    if name.contains(&b'/') {
        return vec![program.to_owned()];
    }
    if name.is_empty() {
        return Vec::new();
    }
    let in_directory = |directory: &[u8]| match directory {
        b"" => CString::new(name),
        directory => CString::new([directory, b"/", name].concat()),
    };
    path.split(|&byte| byte == b':').filter_map(|directory| in_directory(directory).ok()).collect()
}

/// The stack limit that bounds arguments and environment, in bytes.
fn stack_limit() -> u64 {
    getrlimit(Resource::RLIMIT_STACK).map_or(8 << 20, |(soft, _)| soft)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(program: &CStr, path: &str) -> Vec<String> {
        let files = candidates(program, path.as_bytes());
        files.into_iter().map(|file| file.into_string().unwrap()).collect()
    }

    #[test]
    fn a_name_is_looked_for_in_every_directory_and_a_path_is_not() {
        assert_eq!(files(c"sh", "/a::/b/"), ["/a/sh", "sh", "/b//sh"]);
        assert_eq!(files(c"./sh", "/a"), ["./sh"]);
        assert_eq!(files(c"", "/a"), [""; 0]);
    }
}
