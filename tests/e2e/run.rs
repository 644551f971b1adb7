//! `kz run` in one's own image: the binary copied in, the server as PID 1, secrets from a volume.

use crate::engine::{Container, IMAGE, Image, POSTGRES, SERVER, Volume, ask, docker, expect_nowhere, unique};
use crate::support::Sandbox;

/// The README's way of putting kz in front of one's own program.
pub fn with_kz(entrypoint: &str, command: &str) -> Image {
    let dockerfile = format!(
        "FROM {SERVER}\nCOPY --from={IMAGE} /usr/local/bin/kz /usr/local/bin/kz\nUSER 65532\nENTRYPOINT {entrypoint}\nCMD {command}\n"
    );
    Image::build(&Sandbox::new(), &dockerfile)
}

/// A config whose one secret is a mounted file.
fn example(value: &str) -> Sandbox {
    let config = "[secrets]\nPASSWORD = { provider = \"file\", ref = \"password\" }\n";
    let sandbox = Sandbox::with_config(config);
    sandbox.file("password", value);
    sandbox
}

fn mounts(example: &Sandbox) -> [String; 2] {
    let mount = |name: &str| format!("--volume={}:/app/{name}:ro", example.path(name).display());
    [mount(".keyzero.toml"), mount("password")]
}

#[test]
fn a_server_behind_kz_is_pid_1_and_stops_as_it_stops_alone() {
    let alone = Container::start(&[SERVER]);
    let image = with_kz(r#"["kz", "run", "--"]"#, r#"["redis-server", "--save", ""]"#);
    let example = example("correct horse");
    let [config, password] = mounts(&example);
    let behind = Container::start(&[&config, &password, &image.0]);
    for container in [&alone, &behind] {
        container.says("Ready to accept connections");
    }
    let processes = ask(&["top", &behind.0, "-o", "pid,comm"]);
    let programs: Vec<_> =
        processes.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(programs, ["redis-server"], "kz is still there");
    let (alone, behind) = (alone.stop(), behind.stop());
    assert_eq!(behind, alone);
    assert_ne!(behind, "137", "the engine had to kill it");
}

/// The engine's client is the judge: it kills what does not end in time, which the code tells. One that ends at once does so, and one that
/// asks for more time than there is is killed, with kz before it and without.
#[test]
fn a_server_behind_a_kz_that_supervises_is_stopped_as_it_is_alone() {
    let context = Sandbox::new();
    let from = format!(
        "FROM {POSTGRES}\nCOPY --from={IMAGE} /usr/local/bin/kz /usr/local/bin/kz\nSTOPSIGNAL SIGTERM\n"
    );
    let image = Image::build(&context, &format!("{from}ENTRYPOINT []\n"));
    let example = example("correct horse");
    let [config, password] = mounts(&example);
    let options = [&config, &password, "--workdir=/app", image.0.as_str()];
    for (script, code) in [
        ("trap 'exit 7' TERM; echo ready; while :; do sleep 0.1; done", "7"),
        ("trap 'echo asked' TERM; echo ready; while :; do sleep 0.1; done", "137"),
    ] {
        for kz in [&[][..], &["kz", "run", "--"], &["kz", "run", "--supervise", "--"]] {
            let container = Container::start(&[&options[..], kz, &["sh", "-c", script]].concat());
            container.says("ready");
            assert_eq!(container.stop(), code, "{kz:?} {script}");
            if code == "137" {
                container.says("asked");
            }
        }
    }
}

#[test]
fn an_image_without_a_shell_gets_the_secret_and_no_description_shows_it() {
    let value = unique("value");
    let image = with_kz(r#"["kz", "run", "--"]"#, r#"["redis-server", "--save", ""]"#);
    let example = example(&value);
    let [config, password] = mounts(&example);
    let printed = ask(&["run", "--rm", "--network=none", &config, &password, &image.0, "env"]);
    assert!(printed.lines().any(|line| line == format!("PASSWORD={value}")), "{printed}");
    let running = Container::start(&["--network=none", &config, &password, &image.0]);
    running.says("Ready to accept connections");
    let places: &[&[&str]] = &[
        &["inspect", &running.0],
        &["top", &running.0],
        &["logs", &running.0],
        &["image", "inspect", &image.0],
        &["history", "--no-trunc", &image.0],
        &["export", &running.0],
    ];
    expect_nowhere(&value, places);
}

#[test]
fn a_consumer_waits_for_the_env_file_of_an_init_container_and_needs_no_credential() {
    let volume = Volume::new();
    let image =
        with_kz(r#"["kz", "run", "--env-file", "/secrets/.env", "--wait", "60s", "--"]"#, r#"["env"]"#);
    let consumer = Container::start(&["--network=none", "--read-only", &volume.mount(":ro"), &image.0]);
    let example = example("correct horse");
    let [config, password] = mounts(&example);
    let arguments = ["kz", "export", "--format", "env", "--output", "/secrets/.env"];
    docker(&[&["run", "--rm", &config, &password, &volume.mount(""), IMAGE], &arguments[..]].concat())
        .expect_code(0);
    assert_eq!(consumer.exit_code(), "0");
    consumer.says("PASSWORD=correct horse");
}

#[test]
fn arguments_of_docker_run_replace_the_command_and_keep_kz_in_front() {
    let image = with_kz(r#"["kz", "run", "--"]"#, r#"["env"]"#);
    let example = example("correct horse");
    let [config, password] = mounts(&example);
    let version = ask(&["run", "--rm", &config, &password, &image.0, "redis-server", "--version"]);
    assert!(version.starts_with("Redis server v="), "{version}");
    docker(&["run", "--rm", &config, &password, &image.0, "no-such-program"])
        .expect_code(127)
        .expect_stderr(&["no-such-program"]);
}

#[test]
fn a_kz_that_waits_as_pid_1_ends_as_soon_as_it_is_stopped() {
    let volume = Volume::new();
    let mount = volume.mount(":ro");
    let options = [mount.as_str(), IMAGE, "kz", "run", "--env-file", "/secrets/.env", "--wait", "600s"];
    let waiting = Container::start(&[&options[..], &["--", "never"]].concat());
    waiting.says("waiting for");
    assert_eq!(waiting.stop(), "143", "the engine had to kill it, or it did not wait");
}
