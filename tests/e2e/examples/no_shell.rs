//! `no-shell`: kz is the entrypoint of an image that has none of its own to speak of.

use std::process::Command;

use super::expect_clean;
use crate::engine::{Container, Image, Project, Volume, age_example, ask, docker, docker_with, unique};
use crate::support::Sandbox;

/// What nats-server answers to a client with this password, over its network.
fn answer(project: &Project, password: &str) -> String {
    let nats = project.container("nats");
    let address =
        ask(&["inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", &nats]);
    let network = ask(&[
        "inspect",
        "--format",
        "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}",
        &nats,
    ]);
    let network = format!("--network={network}");
    let script = format!("(cat; sleep 1) | nc {address} 4222");
    let words = ["run", "--rm", "--interactive", &network, "--entrypoint=sh", "postgres:16", "-c", &script];
    let hello = format!("CONNECT {{\"user\":\"app\",\"pass\":\"{password}\",\"verbose\":false}}\r\nPING\r\n");
    docker_with(&hello, &words).stdout()
}

#[test]
fn the_vendors_program_takes_only_the_delivered_password() {
    let password = unique("password");
    let project = age_example("no-shell", &format!("NATS_USER=app\nNATS_PASSWORD={password}\n"));
    project.compose(&["up", "--detach"]).expect_code(0);
    let nats = Container(project.container("nats"));
    nats.says("Server is ready");
    assert!(answer(&project, &password).contains("PONG"), "{}", answer(&project, &password));
    assert!(answer(&project, "wrong").contains("Authorization Violation"), "{}", answer(&project, "wrong"));
    let mounts = ask(&["inspect", "--format", "{{range .Mounts}}{{.Destination}} {{.RW}} {{end}}", &nats.0]);
    let mut mounts: Vec<&str> = mounts.split_whitespace().collect();
    mounts.sort_unstable();
    assert_eq!(
        mounts,
        ["/kz", "/nats.conf", "/secrets", "false", "false", "false"],
        "what the vendor's container sees"
    );
    expect_clean(&project, &password, &["kz-install", "secrets-init", "nats"]);
    // The project ends the container.
    std::mem::forget(nats);
}

/// Whatever the image: here one file, a static program, and nothing else at all.
#[test]
fn an_image_of_one_static_program_becomes_it_with_the_values() {
    let context = Sandbox::new();
    context.run(Command::new("cp").args(["/bin/busybox", "env"])).expect_code(0);
    let image = Image::build(&context, "FROM scratch\nCOPY env /env\n");
    let (kz, secrets) = (Volume::new(), Volume::new());
    let at = |volume: &Volume, place: &str| format!("--volume={}:{place}", volume.0);
    let root = "--user=0:0";
    docker(&["run", "--rm", root, &at(&kz, "/kz"), "kz:dev", "kz", "install", "/kz"]).expect_code(0);
    context.file("keyzero.toml", "[secrets]\nA = { provider = \"env\", ref = \"A\" }\n");
    let config = format!("--volume={}:/app/.keyzero.toml:ro", context.path("keyzero.toml").display());
    let export = ["kz", "export", "--format", "json", "--output", "/secrets/app.json", "--owner", "65534"];
    let value = "two\nlines and \\\\ two backslashes";
    let given = format!("--env=A={value}");
    let run = ["run", "--rm", root, &at(&secrets, "/secrets"), &config, &given, "kz:dev"];
    docker(&[&run[..], &export].concat()).expect_code(0);
    let entrypoint = ["--entrypoint=/kz/kz", "--user=65534:65534", "--read-only", "--cap-drop=ALL"];
    let command = ["run", "--env-file", "/secrets/app.json", "--", "/env"];
    let mounts = [at(&kz, "/kz:ro"), at(&secrets, "/secrets:ro")];
    let mounts = mounts.each_ref().map(String::as_str);
    let words = [&["run", "--rm"][..], &entrypoint, &mounts, &[&image.0], &command].concat();
    let seen = docker(&words).expect_code(0);
    assert!(seen.stdout().contains(&format!("A={value}\n")), "{}", seen.describe());
}
