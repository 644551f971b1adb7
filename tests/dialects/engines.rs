//! The readers without quotes: docker, podman, kubectl. Containers are made and looked at, and never started.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;

use crate::reader::{Reader, Reading, Variables, command, environment, output};

/// An image of nothing but links into `/usr`; its label and the prefix of its containers are what `make clean` removes.
pub const IMAGE: &str = "kz-dialects:dev";
pub const PREFIX: &str = "kz-e2e-dialects";

/// Debian's client, which runs what has to be run.
pub fn client() -> PathBuf {
    std::env::var_os("DOCKER").map_or_else(|| "/usr/bin/docker".into(), PathBuf::from)
}

/// Makes the image.
pub fn make_image(directory: &Path) {
    let root = directory.join("root");
    for name in ["usr", "proc", "sys", "dev", "run", "tmp", "etc", "in", "out"] {
        std::fs::create_dir_all(root.join(name)).unwrap();
    }
    for name in ["bin", "sbin", "lib", "lib64"] {
        std::os::unix::fs::symlink(Path::new("usr").join(name), root.join(name)).unwrap();
    }
    std::fs::write(root.join("etc/machine-id"), "").unwrap();
    let mut tar =
        Command::new("tar").arg("-C").arg(&root).args(["-c", "."]).stdout(Stdio::piped()).spawn().unwrap();
    let mut import = Command::new(client());
    import
        .args(["import", "--change", "LABEL kz.stand-in=dialects", "-", IMAGE])
        .stdin(tar.stdout.take().unwrap());
    output(&mut import).expect("a Docker engine: `make setup` starts one");
    assert!(tar.wait().unwrap().success());
}

/// Removes it again.
pub fn remove_image() {
    let _ = output(Command::new(client()).args(["rmi", IMAGE]));
}

/// Every docker client of this machine: `DOCKER`, and another one on PATH.
pub fn dockers() -> Vec<Reader> {
    let mut clients = vec![client()];
    let second = PathBuf::from("/usr/local/bin/docker");
    if second.exists() && clients[0] != second {
        clients.push(second);
    }
    clients.into_iter().map(docker).collect()
}

fn docker(client: PathBuf) -> Reader {
    let version = output(Command::new(&client).arg("--version")).expect("a docker client");
    let version =
        String::from_utf8_lossy(&version).split(['+', ' ', ',']).nth(2).unwrap_or_default().to_owned();
    Reader::new(format!("docker {version} --env-file"), move |file, here| {
        let docker = |words: &[&str]| output(command(&client, here).args(words));
        let file = file.to_str().unwrap();
        let name = format!("{PREFIX}-{}", mark(here));
        let id =
            docker(&["create", "--name", &name, "--network", "none", "--env-file", file, IMAGE, "true"])?;
        let id = String::from_utf8_lossy(&id).trim().to_owned();
        let seen = docker(&["inspect", "--format", "{{json .Config.Env}}", &id]);
        docker(&["rm", &id])?;
        strings(&seen?)
    })
}

/// podman, which needs no image and no engine.
pub fn podman(directory: &Path) -> Reader {
    let root = directory.join("podman");
    std::fs::create_dir_all(root.join("rootfs")).unwrap();
    Reader::new("podman --env-file", move |file, here| {
        let storage = root.join(mark(here));
        let podman = |words: &[&str]| {
            let mut podman = command("/usr/bin/podman", here);
            podman.arg("--root").arg(storage.join("store")).arg("--runroot").arg(storage.join("run"));
            output(podman.args(["--storage-driver", "vfs"]).args(words))
        };
        let (file, rootfs) = (file.to_str().unwrap(), root.join("rootfs"));
        let rootfs = rootfs.to_str().unwrap();
        let id = podman(&["create", "--network", "none", "--env-file", file, "--rootfs", rootfs, "true"])?;
        let id = String::from_utf8_lossy(&id).trim().to_owned();
        let seen = podman(&["inspect", "--format", "{{json .Config.Env}}", &id]);
        podman(&["rm", &id])?;
        strings(&seen?)
    })
}

/// kubectl, which asks no cluster in a dry run.
pub fn kubectl() -> Reader {
    Reader::new("kubectl --from-env-file", |file, here| {
        let mut kubectl = command("/usr/bin/env", here);
        kubectl.args([
            "kubectl",
            "create",
            "secret",
            "generic",
            "kz",
            "--dry-run=client",
            "--output",
            "json",
        ]);
        let seen = output(kubectl.arg(format!("--from-env-file={}", file.display())))?;
        let seen: serde_json::Value = serde_json::from_slice(&seen).map_err(|error| error.to_string())?;
        let decode = |value: &serde_json::Value| {
            base64::engine::general_purpose::STANDARD
                .decode(value.as_str().unwrap_or_default())
                .unwrap_or_default()
        };
        let members = seen["data"].as_object().into_iter().flatten();
        Ok(members.map(|(name, value)| (name.clone(), decode(value))).collect::<Variables>())
    })
}

/// A word that no other job has: the directory that it works in.
pub fn mark(here: &Path) -> String {
    let job = here.parent().and_then(Path::file_name).unwrap_or_default();
    format!("{}-{}", std::process::id(), job.to_string_lossy())
}

/// A JSON list of `NAME=value`, or `null`.
pub fn strings(json: &[u8]) -> Reading {
    let list: Option<Vec<String>> = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    Ok(list.iter().flatten().flat_map(|assignment| environment(assignment.as_bytes())).collect())
}
