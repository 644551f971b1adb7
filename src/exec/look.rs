//! Whether a file could be executed, as far as its owner, its mode and its first bytes tell: looked at before anything is asked
//! for a command that cannot start.
//!
//! Invariants: nothing is started; no more than the beginning of a regular file is read; what only the kernel knows (another
//! architecture, which `binfmt_misc` may run) is left to it. Rules: execve(2), and for `#!` the kernel's `fs/binfmt_script.c`.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, SFlag, stat};
use nix::unistd::{AccessFlags, access};

/// How much of a file the kernel looks at (`BINPRM_BUF_SIZE`).
const HEAD: usize = 256;
/// How many scripts may be each other's interpreters.
const DEEPEST: usize = 4;
/// The kind of a program header that names the loader of a dynamic program (elf(5)).
const PT_INTERP: u32 = 3;
/// The longest name of a file.
const PATH_MAX: u64 = 4096;

/// What a file needs to run, and is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    /// What its `#!` line names, or what loads it.
    pub name: String,
    /// Whether it is a script that names it.
    pub is_script: bool,
}

/// What this file, which is there, needs and the system lacks.
pub(super) fn needed(file: &CStr) -> Option<Needed> {
    let (opened, head) = beginning(file)?;
    let named = interpreter(&head);
    let is_script = named.is_some();
    let name = named.or_else(|| loader(&opened, &head))?;
    stat(name.as_c_str()).is_err().then(|| Needed { name: name.to_string_lossy().into_owned(), is_script })
}

/// Whether it is a directory, which the kernel refuses as what may not be executed.
pub(super) fn is_directory(file: &CStr) -> bool {
    stat(file).is_ok_and(|stat| SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFDIR)
}

/// Whether a script begins with a byte order mark, as editors of Windows write one: the kernel then sees no `#!`.
pub(super) fn is_marked(file: &CStr) -> bool {
    beginning(file).is_some_and(|(_, head)| head.starts_with(b"\xef\xbb\xbf"))
}

/// For which other kind of machine this program is, if it is one.
pub(super) fn other_machine(file: &CStr) -> Option<String> {
    let (_, head) = beginning(file)?;
    let number = if head.get(5) == Some(&2) {
        u64::from(u16::from_be_bytes([*head.get(18)?, *head.get(19)?]))
    } else {
        number(&head, 18, 2)?
    };
    if !head.starts_with(b"\x7fELF") || Some(number) == machine() {
        return None;
    }
    let known = MACHINES.iter().find(|(known, _)| *known == number);
    Some(known.map_or_else(|| format!("machine {number} of elf(5)"), |(_, name)| (*name).to_owned()))
}

/// Machines as ELF counts them, and as images are called that are for them.
const MACHINES: &[(u64, &str)] = &[
    (3, "386"),
    (21, "ppc64le"),
    (22, "s390x"),
    (40, "arm"),
    (62, "amd64"),
    (183, "arm64"),
    (243, "riscv64"),
];

/// A file, and as much of it as the kernel looks at; nothing where it cannot be read.
fn beginning(file: &CStr) -> Option<(File, Vec<u8>)> {
    let opened = open(file, OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK, Mode::empty()).ok()?;
    let opened = File::from(opened);
    let mut head = Vec::with_capacity(HEAD);
    (&opened).take(HEAD as u64).read_to_end(&mut head).ok()?;
    Some((opened, head))
}

/// Fails as execve would, as far as can be told.
pub(super) fn executable(file: &CStr) -> Result<(), Errno> {
    at_depth(file, 0)
}

fn at_depth(file: &CStr, depth: usize) -> Result<(), Errno> {
    let kind = SFlag::from_bits_truncate(stat(file)?.st_mode) & SFlag::S_IFMT;
    if kind != SFlag::S_IFREG {
        return Err(Errno::EACCES);
    }
    // Tells of a file system without execution too.
    access(file, AccessFlags::X_OK)?;
    // One that may be executed and not read is the kernel's to judge.
    let Some((opened, head)) = beginning(file) else { return Ok(()) };
    match interpreter(&head).or_else(|| loader(&opened, &head)) {
        Some(needed) if depth < DEEPEST => at_depth(&needed, depth + 1),
        _ => Ok(()),
    }
}

/// What a `#!` line names, to the byte: a carriage return at its end is a part of the name.
pub(super) fn interpreter(head: &[u8]) -> Option<CString> {
    let line = head.strip_prefix(b"#!")?;
    let line = line.split(|byte| *byte == b'\n').next()?;
    let mut words = line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    let name = words.next()?;
    // One that goes on behind the head is no name that can be told.
    (line.len() < head.len() - 2 || head.len() < HEAD).then(|| CString::new(name).ok())?
}

/// What loads a dynamic program of this machine's own kind.
fn loader(file: &File, head: &[u8]) -> Option<CString> {
    let is_ours = head.starts_with(b"\x7fELF\x02\x01") && number(head, 18, 2)? == machine()?;
    let (offset, size, count) = (number(head, 32, 8)?, number(head, 54, 2)?, number(head, 56, 2)?);
    if !is_ours || size < 56 {
        return None;
    }
    let headers = (0..count).map_while(|index| {
        let mut header = [0; 56];
        file.read_exact_at(&mut header, offset.checked_add(index * size)?).ok()?;
        Some(header)
    });
    let named = headers.into_iter().find(|header| number(header, 0, 4) == Some(u64::from(PT_INTERP)))?;
    let (at, length) = (number(&named, 8, 8)?, number(&named, 32, 8)?);
    let mut name = vec![0; usize::try_from(length).ok().filter(|_| (2..=PATH_MAX).contains(&length))?];
    file.read_exact_at(&mut name, at).ok()?;
    CStr::from_bytes_until_nul(&name).ok().map(CStr::to_owned)
}

/// The number of so many bytes at this place, the least first.
fn number(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    let bytes = bytes.get(at..at + length)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// This machine, as ELF counts them.
fn machine() -> Option<u64> {
    match std::env::consts::ARCH {
        "x86_64" => Some(62),
        "aarch64" => Some(183),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use super::*;

    fn judged(path: &Path) -> Result<(), Errno> {
        executable(&CString::new(path.as_os_str().as_bytes()).unwrap())
    }

    fn file(content: &[u8], mode: u32) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        file.as_file().set_permissions(std::fs::Permissions::from_mode(mode)).unwrap();
        file
    }

    #[test]
    fn what_cannot_start_is_known_before() {
        let script = file(b"#!/bin/sh\n", 0o755);
        let nested = format!("#!{}\n", script.path().display());
        for (content, mode, judged_so) in [
            (&b"#!/bin/sh\n"[..], 0o755, Ok(())),
            (b"#! /usr/bin/env -S sh -c\n", 0o755, Ok(())),
            (b"#!/bin/sh", 0o755, Ok(())),
            (b"#!/bin/sh\n", 0o644, Err(Errno::EACCES)),
            (b"#!/bin/sh\r\n", 0o755, Err(Errno::ENOENT)),
            (b"#!/no/such/interpreter\n", 0o755, Err(Errno::ENOENT)),
            (b"#!/tmp\n", 0o755, Err(Errno::EACCES)),
            (b"#!/etc/passwd\n", 0o755, Err(Errno::EACCES)),
            // What the kernel, or binfmt_misc, may know.
            (b"echo\n", 0o755, Ok(())),
            (b"", 0o755, Ok(())),
            (b"#!\n", 0o755, Ok(())),
            (b"\x7fELF\x01\x01", 0o755, Ok(())),
            (nested.as_bytes(), 0o755, Ok(())),
        ] {
            let file = file(content, mode);
            assert_eq!(judged(file.path()), judged_so, "{:?} {mode:o}", content.escape_ascii().to_string());
        }
        let (directory, plain) = (tempfile::tempdir().unwrap(), file(b"", 0o755));
        assert_eq!(judged(directory.path()), Err(Errno::EACCES));
        assert_eq!(judged(Path::new("/dev/null")), Err(Errno::EACCES));
        assert_eq!(judged(&directory.path().join("none")), Err(Errno::ENOENT));
        assert_eq!(judged(&plain.path().join("none")), Err(Errno::ENOTDIR));
    }

    fn path(path: &Path) -> CString {
        CString::new(path.as_os_str().as_bytes()).unwrap()
    }

    #[test]
    fn what_a_script_needs_is_told_to_the_byte() {
        for (content, wanted) in [
            (&b"#!/bin/sh\r\n"[..], Some("/bin/sh\r")),
            (b"#! /no/such/interpreter -x\n", Some("/no/such/interpreter")),
            (b"#!/bin/sh\n", None),
            (b"echo\n", None),
            (b"", None),
        ] {
            let found = needed(&path(file(content, 0o755).path()));
            assert_eq!(found.as_ref().map(|needed| needed.name.as_str()), wanted);
            assert!(found.is_none_or(|needed| needed.is_script));
        }
        assert_eq!(needed(c"/no/such/file"), None);
    }

    #[test]
    fn a_directory_and_a_byte_order_mark_are_told_from_what_may_not_be_executed() {
        let directory = tempfile::tempdir().unwrap();
        assert!(is_directory(&path(directory.path())) && !is_marked(&path(directory.path())));
        let marked = file(b"\xef\xbb\xbf#!/bin/sh\n", 0o755);
        assert!(is_marked(&path(marked.path())) && !is_directory(&path(marked.path())));
        for content in [&b"#!/bin/sh\n"[..], b"\xef\xbb", b""] {
            assert!(!is_marked(&path(file(content, 0o755).path())));
        }
    }

    #[test]
    fn a_program_of_another_machine_is_told_by_its_head() {
        let elf = |order: u8, machine: [u8; 2]| {
            let mut head = b"\x7fELF\x02".to_vec();
            head.push(order);
            head.resize(18, 0);
            head.extend(machine);
            other_machine(&path(file(&head, 0o755).path()))
        };
        assert_eq!(elf(1, [0xf3, 0]).as_deref(), Some("riscv64"));
        assert_eq!(elf(2, [0, 22]).as_deref(), Some("s390x"));
        assert_eq!(elf(1, [7, 1]).as_deref(), Some("machine 263 of elf(5)"));
        let own = u16::try_from(machine().unwrap()).unwrap().to_le_bytes();
        assert_eq!(elf(1, own), None);
        for cut in [&b"\x7fELF"[..], b"echo", b""] {
            assert_eq!(other_machine(&path(file(cut, 0o755).path())), None);
        }
    }

    #[test]
    fn a_dynamic_program_needs_its_loader_and_a_static_one_needs_none() {
        assert_eq!(judged(Path::new("/proc/self/exe")), Ok(()));
        assert_eq!(judged(Path::new("/bin/sh")), Ok(()));
        let sh = std::fs::read("/bin/sh").unwrap();
        let opened = File::open("/bin/sh").unwrap();
        let loader = loader(&opened, &sh[..HEAD]).expect("Debian's shell is dynamic");
        assert!(loader.to_bytes().starts_with(b"/lib"), "{loader:?}");
        let at = sh.windows(loader.to_bytes().len()).position(|bytes| bytes == loader.to_bytes()).unwrap();
        let mut broken = sh;
        broken[at + 1..at + 4].copy_from_slice(b"xyz");
        assert_eq!(judged(file(&broken, 0o755).path()), Err(Errno::ENOENT));
        // Whatever its headers say, it is only looked at.
        for cut in [64, 70, 200] {
            assert_eq!(judged(file(&broken[..cut], 0o755).path()), Ok(()));
        }
    }
}
