//! The image's shape: every path in its layers, what its configuration says, its certificates. And that `docker/oci`,
//! which writes it without an engine and for other machines too, makes the same image, always of the same bytes.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::engine::{Container, IMAGE, POSTGRES, Volume, ask, docker, unique};
use crate::support::{Sandbox, in_repository};

/// Every path of the image, with mode and owner. A shell, a libc or a package manager would show here.
const CONTENT: &str = "\
drwx------ 65532/65532 home/nonroot/
drwxr-xr-x 0/0 app/
drwxr-xr-x 0/0 etc/
drwxr-xr-x 0/0 etc/ssl/
drwxr-xr-x 0/0 etc/ssl/certs/
drwxr-xr-x 0/0 home/
drwxr-xr-x 0/0 usr/
drwxr-xr-x 0/0 usr/local/
drwxr-xr-x 0/0 usr/local/bin/
drwxrwxrwt 0/0 tmp/
drwxrwxrwx 0/0 secrets/
-rw-r--r-- 0/0 etc/group
-rw-r--r-- 0/0 etc/nsswitch.conf
-rw-r--r-- 0/0 etc/os-release
-rw-r--r-- 0/0 etc/passwd
-rw-r--r-- 0/0 etc/ssl/certs/ca-certificates.crt
-rwxr-xr-x 0/0 usr/local/bin/kz
";

/// The image's layers, unpacked one over the other into `rootfs`, and what they list.
fn unpack() -> (Sandbox, BTreeSet<String>) {
    let sandbox = Sandbox::new();
    docker(&["save", "--output", &sandbox.path("image.tar").display().to_string(), IMAGE]).expect_code(0);
    let listed = unpack_archive(&sandbox);
    (sandbox, listed)
}

/// Unpacks `image.tar` into `rootfs`.
fn unpack_archive(sandbox: &Sandbox) -> BTreeSet<String> {
    let path = |name: &str| sandbox.path(name).display().to_string();
    let tar = |arguments: &[&str]| sandbox.run(Command::new("tar").args(arguments)).expect_code(0).stdout();
    for directory in ["image", "rootfs"] {
        std::fs::create_dir(sandbox.path(directory)).expect("a directory");
    }
    tar(&["--extract", "--file", "image.tar", "--directory", "image"]);
    let manifest = std::fs::read(sandbox.path("image/manifest.json")).expect("a manifest");
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    let mut listed = BTreeSet::new();
    for layer in manifest[0]["Layers"].as_array().expect("layers") {
        let layer = path(&format!("image/{}", layer.as_str().expect("a path")));
        for line in tar(&["--list", "--verbose", "--numeric-owner", "--file", &layer]).lines() {
            let words: Vec<_> = line.split_whitespace().collect();
            listed.insert(format!("{} {} {}", words[0], words[1], words[5..].join(" ")));
        }
        tar(&["--extract", "--no-same-owner", "--file", &layer, "--directory", "rootfs"]);
    }
    listed
}

/// What `docker/oci` makes of `binary`, in `NAME/image` and `NAME/image.tar`, called from a shell that first runs
/// `surroundings`.
fn write_without_engine(sandbox: &Sandbox, name: &str, binary: &Path, surroundings: &str) {
    std::fs::create_dir(sandbox.path(name)).expect("a directory");
    let script = format!(r#"{surroundings}; exec "$0" "$1" amd64="$2""#);
    let arguments = [in_repository("docker/oci"), sandbox.path(name).join("image"), binary.to_owned()];
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).args(arguments);
    shell.env("KZ_COMMIT", label(&configuration(), "revision")).env("SOURCE_DATE_EPOCH", "1700000000");
    sandbox.run(&mut shell).expect_code(0);
}

fn label(configuration: &Value, name: &str) -> String {
    let label = &configuration["Labels"][format!("org.opencontainers.image.{name}")];
    label.as_str().unwrap_or_else(|| panic!("no label {name}")).to_owned()
}

fn configuration() -> Value {
    let inspected: Value = serde_json::from_str(&ask(&["image", "inspect", IMAGE])).expect("JSON");
    inspected[0]["Config"].clone()
}

#[test]
fn the_image_holds_the_binary_and_what_it_needs_and_nothing_else() {
    let (_sandbox, listed) = unpack();
    let mut text = String::new();
    for kind in ["d", "-", "l"] {
        for line in listed.iter().filter(|line| line.starts_with(kind)) {
            let _ = writeln!(text, "{line}");
        }
    }
    assert_eq!(text, CONTENT);
    assert_eq!(listed.len(), CONTENT.lines().count(), "neither file, directory nor link: {listed:?}");
}

#[test]
fn the_binary_needs_no_loader() {
    let (sandbox, _) = unpack();
    let headers = sandbox
        .run(Command::new("readelf").args(["--program-headers", "--wide", "rootfs/usr/local/bin/kz"]))
        .expect_code(0);
    assert!(!headers.stdout().contains("INTERP"), "{}", headers.describe());
}

#[test]
fn the_configuration_has_kz_on_the_path_and_no_entrypoint() {
    let configuration = configuration();
    assert_eq!(configuration["Entrypoint"], Value::Null);
    assert_eq!(configuration["Cmd"], serde_json::json!(["kz", "--help"]));
    assert_eq!(configuration["WorkingDir"], "/app");
    assert_eq!(configuration["User"], "65532");
    let environment = serde_json::json!([
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"
    ]);
    assert_eq!(configuration["Env"], environment);
}

#[test]
fn the_labels_say_what_it_is() {
    let configuration = configuration();
    let labels = configuration["Labels"].as_object().expect("labels");
    let names: Vec<_> =
        labels.keys().filter_map(|key| key.strip_prefix("org.opencontainers.image.")).collect();
    assert_eq!(names, ["description", "licenses", "revision", "title", "version"]);
    assert_eq!(labels["org.opencontainers.image.version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(labels["org.opencontainers.image.licenses"], env!("CARGO_PKG_LICENSE"));
}

#[test]
fn the_image_and_its_binary_name_the_same_commit() {
    let revision = label(&configuration(), "revision");
    let version = ask(&["run", "--rm", IMAGE, "kz", "--version"]);
    for part in [env!("CARGO_PKG_VERSION"), &revision, "x86_64-unknown-linux-musl"] {
        assert!(version.contains(part), "`kz --version` lacks {part:?}: {version}");
    }
}

#[test]
fn without_a_command_it_prints_its_help() {
    let help = docker(&["run", "--rm", IMAGE]).expect_code(0);
    assert!(help.stdout().contains("kz export"), "{}", help.describe());
}

#[test]
fn the_certificates_are_those_of_the_package_and_none_of_the_build_hosts_own() {
    let (sandbox, _) = unpack();
    let bundle = "rootfs/etc/ssl/certs/ca-certificates.crt";
    let found = sandbox
        .run(Command::new("openssl").args(["storeutl", "-noout", "-certs", bundle]))
        .expect_code(0)
        .stdout();
    let total = found.lines().find_map(|line| line.strip_prefix("Total found: ")).expect("a total");
    let text = std::fs::read_to_string(sandbox.path(bundle)).expect("a bundle");
    assert_eq!(total, text.matches("-----BEGIN CERTIFICATE-----").count().to_string(), "some do not parse");
    assert!(total.parse::<u32>().expect("a number") > 100, "{total}");
    for entry in std::fs::read_dir("/usr/local/share/ca-certificates").into_iter().flatten().flatten() {
        let local = std::fs::read_to_string(entry.path()).unwrap_or_default();
        let second_line = local.lines().skip_while(|line| !line.starts_with("-----BEGIN")).nth(1);
        let leaked = second_line.is_some_and(|line| text.contains(line));
        assert!(!leaked, "{} is in the image", entry.path().display());
    }
}

#[test]
fn users_of_the_image_have_names() {
    let (sandbox, _) = unpack();
    let read =
        |name: &str| std::fs::read_to_string(sandbox.path("rootfs").join(Path::new(name))).expect("a file");
    assert!(read("etc/passwd").contains("\nnonroot:x:65532:65532:nonroot:/home/nonroot:"));
    assert!(read("etc/passwd").contains("\nnobody:x:65534:65534:"));
    assert!(read("etc/group").contains("\nnonroot:x:65532:"));
}

#[test]
fn a_fresh_volume_inherits_secrets_writable_for_all_and_not_sticky() {
    let volume = Volume::new();
    let container = Container(unique("container"));
    docker(&["create", "--name", &container.0, &volume.mount(""), IMAGE]).expect_code(0);
    let mount = format!("--volume={}:/v:ro", volume.0);
    let stat = ["run", "--rm", &mount, "--entrypoint=stat", POSTGRES, "-c", "%a %u:%g", "/v"];
    assert_eq!(ask(&stat), "777 0:0");
}

/// A tag that is removed with what it names.
struct Tag(String);

impl Drop for Tag {
    fn drop(&mut self) {
        docker(&["image", "rm", "--force", &self.0]);
    }
}

#[test]
fn without_an_engine_it_is_made_of_the_same_files_and_the_same_configuration() {
    let (by_docker, listed) = unpack();
    let sandbox = Sandbox::new();
    let binary = by_docker.path("rootfs/usr/local/bin/kz");
    write_without_engine(&sandbox, "made", &binary, ":");
    std::fs::copy(sandbox.path("made/image.tar"), sandbox.path("image.tar")).expect("a copy");
    assert_eq!(unpack_archive(&sandbox), listed);
    let differing = Command::new("diff")
        .args(["--recursive", "--brief"])
        .args([by_docker.path("rootfs"), sandbox.path("rootfs")])
        .output()
        .expect("diff");
    assert!(differing.status.success(), "{}", String::from_utf8_lossy(&differing.stdout));

    let tag = Tag(format!("kz:{}-amd64", env!("CARGO_PKG_VERSION")));
    docker(&["load", "--input", &sandbox.path("image.tar").display().to_string()]).expect_code(0);
    let loaded: Value = serde_json::from_str(&ask(&["image", "inspect", &tag.0])).expect("JSON");
    let expected = configuration();
    for key in ["Env", "Labels", "User", "WorkingDir", "Cmd", "Entrypoint", "ExposedPorts", "Volumes"] {
        assert_eq!(loaded[0]["Config"][key], expected[key], "{key}");
    }
    assert!(ask(&["run", "--rm", &tag.0, "kz", "--version"]).starts_with("kz "));
}

#[test]
fn equal_binaries_make_equal_images_and_another_binary_is_named() {
    let sandbox = Sandbox::new();
    let binary = sandbox.file("binary", std::fs::read(crate::support::kz_binary()).expect("kz"));
    write_without_engine(&sandbox, "one", &binary, "umask 022");
    let elsewhere =
        "umask 077; export TZ=Asia/Kathmandu LC_ALL=C.UTF-8; cd /; chmod 0700 \"$2\"; touch \"$2\"";
    write_without_engine(&sandbox, "two", &binary, elsewhere);
    let read = |name: &str| std::fs::read(sandbox.path(name)).expect("an archive");
    assert!(read("one/image.tar") == read("two/image.tar"), "the archives differ");

    write_without_engine(&sandbox, "other", &binary, "printf x >> \"$2\"");
    for build in ["one", "two", "other"] {
        sandbox.file(&format!("{build}/kz.spdx.json"), "{}");
    }
    let compare = |second| sandbox.run(Command::new(in_repository("docker/compare")).args(["one", second]));
    assert!(!compare("two").expect_code(0).stdout().contains("DIFFERENT"));
    let other = compare("other").expect_code(1);
    for part in ["amd64 layer 1", "DIFFERENT", "  usr/local/bin/kz: "] {
        assert!(other.stdout().contains(part), "{part}: {}", other.describe());
    }
}
