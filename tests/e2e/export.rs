//! `kz export` as a container: with few rights, on volumes, and where it has to fail.

use crate::engine::{IMAGE, Volume, docker, encrypt, give};
use crate::support::{Run, Sandbox};

const CONFIG: &str = r#"
[secrets]
PASSWORD = { provider = "age", ref = "secrets.env.age#PASSWORD" }
TOKEN = { provider = "age", ref = "secrets.env.age#TOKEN" }

[providers.age]
identity_file = "/run/secrets/age-identity"
"#;

/// A config, an encrypted file and its identity, which `reader` can read.
fn example(reader: u32) -> Sandbox {
    let sandbox = Sandbox::with_config(CONFIG);
    encrypt(&sandbox, "identity", "secrets.env.age", "PASSWORD='correct horse'\nTOKEN=t0ken\n");
    sandbox.mode("identity", 0o400);
    give(&sandbox.path("identity"), reader);
    sandbox
}

/// `docker run OPTIONS kz:dev ARGUMENTS` with the example's three files mounted read-only.
#[track_caller]
fn kz(sandbox: &Sandbox, options: &[&str], arguments: &[&str]) -> Run {
    let mount = |name: &str, target: &str| format!("--volume={}:{target}:ro", sandbox.path(name).display());
    let mounts = [
        mount(".keyzero.toml", "/app/.keyzero.toml"),
        mount("secrets.env.age", "/app/secrets.env.age"),
        mount("identity", "/run/secrets/age-identity"),
    ];
    let mounts: Vec<_> = mounts.iter().map(String::as_str).collect();
    docker(&[&["run", "--rm"], options, &mounts, &[IMAGE, "kz"], arguments].concat())
}

const EXPORT: &[&str] = &["export", "--format", "files", "--output", "/secrets"];
const FEW_RIGHTS: &[&str] = &["--read-only", "--cap-drop=ALL", "--network=none"];

#[test]
fn the_vendors_uid_without_any_rights_writes_files_for_itself() {
    let (example, volume) = (example(999), Volume::new());
    let mount = volume.mount("");
    let options = [FEW_RIGHTS, &["--user=999:999", &mount]].concat();
    let export = kz(&example, &options, EXPORT).expect_code(0);
    let report = "wrote 2 secrets to /secrets, mode 0400, owner 999: only uid 999 and root can read them";
    assert!(export.stderr().contains(report), "{}", export.describe());
    assert_eq!(export.stdout(), "");
    assert_eq!(volume.files(), "400 999:999 ./PASSWORD\n400 999:999 ./TOKEN\n");
    let read = |user: &str| volume.look_as(user, "cat /secrets/PASSWORD");
    assert_eq!(read("999").expect_code(0).stdout(), "correct horse");
    assert_ne!(read("1000").output.status.code(), Some(0), "another uid reads the file");
}

#[test]
fn root_with_two_capabilities_gives_files_to_another_uid() {
    let (example, volume) = (example(1000), Volume::new());
    let mount = volume.mount("");
    let rights = ["--user=0:0", "--cap-add=CHOWN", "--cap-add=DAC_READ_SEARCH", &mount];
    let options = [FEW_RIGHTS, &rights].concat();
    kz(&example, &options, &[EXPORT, &["--owner", "999:999", "--for", "999"]].concat()).expect_code(0);
    assert_eq!(volume.files(), "400 999:999 ./PASSWORD\n400 999:999 ./TOKEN\n");
}

#[test]
fn the_images_own_user_reads_a_config_of_uid_1000() {
    let (example, volume) = (example(65532), Volume::new());
    give(&example.path(".keyzero.toml"), 1000);
    let mount = volume.mount("");
    let options = [FEW_RIGHTS, &[mount.as_str()]].concat();
    kz(&example, &options, &["validate"]).expect_code(0);
    kz(&example, &options, EXPORT).expect_code(0);
    assert_eq!(volume.files(), "400 65532:65532 ./PASSWORD\n400 65532:65532 ./TOKEN\n");
}

/// What a kubelet makes of a volume with `fsGroup: 2000`, and a pod whose containers have that group.
#[test]
fn a_volume_with_a_group_gives_it_to_everything_and_its_members_read() {
    let (example, volume) = (example(65532), Volume::new());
    volume.look_with("0", "", "chgrp 2000 /secrets && chmod 2775 /secrets").expect_code(0);
    // Else the engine makes the empty volume what the image has at that path.
    let mount = volume.mount(":nocopy");
    let options = [FEW_RIGHTS, &["--user=65532:65532", "--group-add=2000", &mount]].concat();
    let group = ["--mode", "0440", "--dir-mode", "0750", "--for", "999:2000"];
    let export = kz(&example, &options, &[EXPORT, &group].concat()).expect_code(0);
    let report = "only uid 65532, members of group 2000 and root can read them";
    assert!(export.stderr().contains(report), "{}", export.describe());
    assert_eq!(volume.files(), "440 65532:2000 ./PASSWORD\n440 65532:2000 ./TOKEN\n");
    let read = |user: &str| volume.look_as(user, "cat /secrets/PASSWORD");
    assert_eq!(read("999:2000").expect_code(0).stdout(), "correct horse");
    assert_ne!(read("999:999").output.status.code(), Some(0), "another group reads the file");
}

#[test]
fn a_second_export_changes_nothing() {
    let (example, volume) = (example(65532), Volume::new());
    let mount = volume.mount("");
    let snapshot = || {
        kz(&example, &[&mount], EXPORT).expect_code(0);
        volume
            .look_as("0", "readlink /secrets/..data; find /secrets/..2* | xargs stat -c '%n %i %Z'")
            .stdout()
    };
    assert_eq!(snapshot(), snapshot());
}

#[test]
fn a_missing_bind_source_is_explained_since_docker_made_a_directory_of_it() {
    let sandbox = Sandbox::new();
    let mount = format!("--volume={}:/app/.keyzero.toml:ro", sandbox.path("keyzero.toml").display());
    docker(&["run", "--rm", &mount, IMAGE, "kz", "export", "--format", "files", "--output", "/secrets"])
        .expect_code(2)
        .expect_stderr(&["kz: error: ", "/app/.keyzero.toml", "is a directory"]);
}

#[test]
fn a_wrong_identity_leaves_the_volume_empty() {
    let (example, other, volume) = (example(65532), example(65532), Volume::new());
    std::fs::copy(other.path("secrets.env.age"), example.path("secrets.env.age")).expect("a copy");
    let mount = volume.mount("");
    kz(&example, &[&mount], EXPORT).expect_code(1).expect_stderr(&["PASSWORD", "TOKEN"]);
    assert_eq!(volume.files(), "");
}

#[test]
fn a_volume_over_a_path_that_the_image_lacks_is_roots_and_the_error_names_it() {
    let (example, volume) = (example(65532), Volume::new());
    let mount = format!("--volume={}:/elsewhere", volume.0);
    let arguments = ["export", "--format", "files", "--output", "/elsewhere"];
    kz(&example, &[&mount], &arguments).expect_code(4).expect_stderr(&["/elsewhere"]);
    assert_eq!(volume.files(), "");
}
