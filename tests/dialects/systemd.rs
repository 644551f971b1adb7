//! systemd's `EnvironmentFile=`: systemd itself, in a container of its own, with a service for each file.
//!
//! The container has the machine's `/usr`, no network, and the two capabilities that systemd needs to be PID 1 there.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::engines::{IMAGE, client};
use crate::reader::{Reader, Reading, command, environment, output};

const SERVICE: &str = "\
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
EnvironmentFile=/in/%i
ExecStart=/usr/bin/cp /proc/self/environ /out/%i
";

/// Ends systemd when all the others have ended.
const END: &str = "\
[Service]
Type=oneshot
ExecStart=/usr/bin/true
[Unit]
DefaultDependencies=no
SuccessAction=exit-force
";

const WORDS: &[&str] = &[
    "run",
    "--rm",
    "--network=none",
    "--volume=/usr:/usr:ro",
    "--cap-add=SYS_ADMIN",
    "--cap-add=SYS_NICE",
    "--security-opt=seccomp=unconfined",
    "--cgroupns=private",
    "--tmpfs=/run",
    "--tmpfs=/tmp",
];

/// The reader.
pub fn reader() -> Reader {
    Reader::of_lists("systemd EnvironmentFile=", |files, here| {
        let directory = tempfile::tempdir().unwrap();
        prepare(directory.path(), files);
        let mut docker = command(client(), here);
        docker.args(WORDS);
        for (name, inside) in [("in", "/in:ro"), ("out", "/out"), ("units", "/etc/systemd/system:ro")] {
            docker.arg(format!("--volume={}:{inside}", directory.path().join(name).display()));
        }
        let ran = output(docker.args([IMAGE, "/lib/systemd/systemd", "--unit=kz.target"]));
        let reading = |index: usize| -> Reading {
            let seen = std::fs::read(directory.path().join("out").join(index.to_string()));
            seen.map(|bytes| environment(&bytes)).map_err(|error| format!("{error}; {ran:?}"))
        };
        (0..files.len()).map(reading).collect()
    })
}

fn prepare(directory: &Path, files: &[PathBuf]) {
    for name in ["in", "out", "units"] {
        std::fs::create_dir(directory.join(name)).unwrap();
    }
    let mut names = String::new();
    for (index, file) in files.iter().enumerate() {
        std::fs::copy(file, directory.join("in").join(index.to_string())).unwrap();
        let _ = write!(names, " kz@{index}.service");
    }
    let units = [
        ("kz@.service", SERVICE.to_owned()),
        ("kz-end.service", format!("{END}After={names}\n")),
        ("kz.target", format!("[Unit]\nDefaultDependencies=no\nWants=kz-end.service{names}\n")),
    ];
    for (name, text) in units {
        std::fs::write(directory.join("units").join(name), text).unwrap();
    }
}
