//! `tls-nginx`: a key of many lines, exact to the byte, beside its certificate.

use std::process::Command;

use super::{expect_clean, inside};
use crate::engine::{self, Container, Project, ask, encrypt, give};
use crate::quickstart::state;

/// The example with a certificate, and its key.
fn example() -> (Project, String) {
    let sandbox = engine::example("tls-nginx");
    std::fs::create_dir(sandbox.path("tls")).expect("a directory");
    let ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-x509", "-days", "2"];
    let names = ["-subj", "/CN=web", "-addext", "subjectAltName=DNS:web"];
    let files = ["-keyout", "/dev/stdout", "-out", "tls/server.crt"];
    let openssl = [&["req"][..], &ec, &names, &files].concat();
    let key = sandbox.run(Command::new("openssl").args(openssl)).expect_code(0).stdout();
    encrypt(&sandbox, "identity.txt", "server.key.age", &key);
    sandbox.mode("identity.txt", 0o600);
    give(&sandbox.path("identity.txt"), 1000);
    (Project::new(sandbox), key)
}

#[test]
fn the_server_presents_the_certificate_and_proves_that_it_has_the_key() {
    let (project, key) = example();
    project.compose(&["up", "--detach"]).expect_code(0);
    assert_eq!(state(&project.container("secrets-init"), "ExitCode"), "0");
    assert_eq!(inside(&project, "web", "0", "cat /secrets/tls/server.key"), key);
    let modes =
        inside(&project, "web", "0", "stat -L -c '%a %u %n' /secrets/tls/server.key /secrets/tls/server.crt");
    assert_eq!(modes, "400 0 /secrets/tls/server.key\n444 0 /secrets/tls/server.crt\n");
    let web = Container(project.container("web"));
    let address =
        ask(&["inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", &web.0]);
    let connect = format!("web:443:{address}:443");
    let reply = || {
        let mut curl = Command::new("curl");
        curl.args([
            "--silent",
            "--show-error",
            "--cacert",
            "tls/server.crt",
            "--connect-to",
            &connect,
            "https://web/",
        ]);
        project.directory.run(&mut curl)
    };
    web.eventually("answers", || reply().output.status.success());
    assert_eq!(reply().stdout(), "served by nginx\n");
    expect_clean(&project, key.lines().nth(1).expect("a line of the key"), &["secrets-init", "web"]);
    std::mem::forget(web);
}
