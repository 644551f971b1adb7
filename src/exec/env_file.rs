//! `--env-file`: what an exporter left in a volume, read only when nobody else can have written it.
//!
//! A volume is hostile ground (SECURITY.md): a variable such as `LD_PRELOAD` in a file that a sibling
//! wrote is code in CMD. Invariants: the file is regular, belongs to root, to us or to `--from-uid`, and
//! neither group nor others may write it; names that make programs run code are refused unless allowed.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;

use crate::log::{Log, Wait};
use crate::reading::Ownership;
use crate::secret::Secret;
use crate::waiting::pause;

/// Larger than any environment that execve takes.
const LARGEST: u64 = 16 << 20;

/// How often a file that is waited for is looked for.
const INTERVAL: Duration = Duration::from_millis(50);

/// Why the file is not read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not there, and did not appear in time.
    #[error("`{}` does not exist{}", path.display(), after(*waited))]
    Missing {
        /// The file.
        path: PathBuf,
        /// How long was waited.
        waited: Duration,
    },
    /// The system refused.
    #[error("cannot read `{}`{}", path.display(), belongs(owner.as_ref(), *ours))]
    Read {
        /// The file.
        path: PathBuf,
        /// Whose it is, where that is why.
        owner: Option<Ownership>,
        /// Our effective uid.
        ours: u32,
        /// What the system said.
        source: std::io::Error,
    },
    /// A directory, pipe, device or socket.
    #[error("`{}` is not a regular file", .0.display())]
    NotRegular(PathBuf),
    /// It belongs to somebody whose word does not count.
    #[error("`{}` belongs to uid {owner}, not to root or uid {ours}", path.display())]
    Stranger {
        /// The file.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Our effective uid.
        ours: u32,
    },
    /// Others may have written it.
    #[error("`{}` may be written by group or others (mode {mode:04o})", path.display())]
    Writable {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Over 16 MiB.
    #[error("`{}` is larger than 16 MiB", .0.display())]
    TooLarge(PathBuf),
}

fn after(waited: Duration) -> String {
    if waited.is_zero() { String::new() } else { format!(" after {} s of waiting", waited.as_secs()) }
}

fn belongs(owner: Option<&Ownership>, ours: u32) -> String {
    owner.map(|owner| format!(": {}, and kz runs as uid {ours}", owner.words())).unwrap_or_default()
}

/// Whose files count.
#[derive(Clone, Copy, Debug)]
pub struct Trust {
    /// Our effective uid.
    pub ours: u32,
    /// `--from-uid`.
    pub also: Option<u32>,
}

/// The file's content; waits up to `patience` for it to appear, and says so.
pub fn read(path: &Path, trust: Trust, patience: Duration, log: Log) -> Result<Secret, Error> {
    let start = Instant::now();
    let mut wait = Wait::new(log, start + patience);
    loop {
        match open(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if start.elapsed() >= patience {
                    return Err(Error::Missing { path: path.to_owned(), waited: patience });
                }
                wait.tick(|| format!("`{}`", path.display()));
                pause(INTERVAL.min(patience));
            }
            Err(source) => return Err(unreadable(path, trust, source)),
            Ok(file) => return read_trusted(file, path, trust),
        }
    }
}

fn unreadable(path: &Path, trust: Trust, source: std::io::Error) -> Error {
    Error::Read { path: path.to_owned(), owner: Ownership::of(path, &source), ours: trust.ours, source }
}

fn open(path: &Path) -> std::io::Result<File> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    File::options().read(true).custom_flags(flags.bits()).open(path)
}

fn read_trusted(mut file: File, path: &Path, trust: Trust) -> Result<Secret, Error> {
    let failed = |source| unreadable(path, trust, source);
    let metadata = file.metadata().map_err(failed)?;
    let owner = metadata.uid();
    if !metadata.is_file() {
        return Err(Error::NotRegular(path.to_owned()));
    }
    if ![0, trust.ours].contains(&owner) && trust.also != Some(owner) {
        return Err(Error::Stranger { path: path.to_owned(), owner, ours: trust.ours });
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(Error::Writable { path: path.to_owned(), mode: metadata.mode() & 0o7777 });
    }
    if metadata.len() > LARGEST {
        return Err(Error::TooLarge(path.to_owned()));
    }
    let mut content = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0) + 1);
    (&mut file).take(LARGEST).read_to_end(&mut content).map_err(failed)?;
    Ok(Secret::new(content))
}

/// Whether a variable makes programs load or run what it names.
pub fn is_dangerous(name: &str) -> bool {
    const PREFIXES: &[&str] = &["LD_", "DYLD_", "BASH_FUNC_"];
    const NAMES: &[&str] = &[
        "BASH_ENV",
        "ENV",
        "GCONV_PATH",
        "GLIBC_TUNABLES",
        "HOSTALIASES",
        "IFS",
        "JAVA_TOOL_OPTIONS",
        "JDK_JAVA_OPTIONS",
        "LOCALDOMAIN",
        "MALLOC_TRACE",
        "NODE_OPTIONS",
        "NODE_PATH",
        "PATH",
        "PERL5DB",
        "PERL5LIB",
        "PERL5OPT",
        "PROMPT_COMMAND",
        "PYTHONHOME",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "RUBYLIB",
        "RUBYOPT",
        "SHELLOPTS",
        "BASHOPTS",
        "PS4",
        "_JAVA_OPTIONS",
    ];
    PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || NAMES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn file(mode: u32) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".env");
        #[expect(clippy::disallowed_methods, reason = "a test's own file")]
        std::fs::write(&path, "A=1\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (directory, path)
    }

    fn ours() -> Trust {
        Trust { ours: nix::unistd::geteuid().as_raw(), also: None }
    }

    #[test]
    fn a_file_of_ours_is_read() {
        let (_directory, path) = file(0o400);
        assert_eq!(read(&path, ours(), Duration::ZERO, Log::default()).unwrap().expose(), b"A=1\n");
    }

    #[test]
    fn what_others_may_write_is_not() {
        for mode in [0o420, 0o402, 0o666] {
            let (_directory, path) = file(mode);
            assert!(
                matches!(read(&path, ours(), Duration::ZERO, Log::default()), Err(Error::Writable { .. })),
                "{mode:o}"
            );
        }
    }

    #[test]
    fn directories_pipes_and_nothing_are_told_apart() {
        let (directory, _path) = file(0o400);
        let pipe = directory.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(matches!(read(&pipe, ours(), Duration::ZERO, Log::default()), Err(Error::NotRegular(_))));
        assert!(matches!(
            read(directory.path(), ours(), Duration::ZERO, Log::default()),
            Err(Error::NotRegular(_))
        ));
        let missing =
            read(&directory.path().join("x"), ours(), Duration::from_millis(1), Log::default()).unwrap_err();
        assert!(matches!(missing, Error::Missing { .. }));
    }

    #[test]
    fn names_that_load_code_are_known() {
        for name in ["LD_PRELOAD", "BASH_ENV", "NODE_OPTIONS", "GLIBC_TUNABLES", "PATH"] {
            assert!(is_dangerous(name), "{name}");
        }
        assert!(!is_dangerous("LDAP_PASSWORD") && !is_dangerous("DATABASE_URL"));
    }
}
