//! The Connect server that tests start, driven once by the vendor's own client: npm `@1password/connect`.

use std::process::Command;

use crate::support::{Sandbox, in_repository, tools};
use kz_fakes::connect::{Fake, TOKEN};
use kz_fakes::fake_server::Transport;

#[test]
fn the_vendors_own_client_finds_everything_that_the_fake_claims() {
    let modules = tools().join("onepassword/node_modules");
    assert!(modules.exists(), "{} is missing: run `make setup`", modules.display());
    let fake = Fake::start(Transport::Plain);
    fake.configure(|connect| {
        connect.vault("prod");
        connect.vault("other");
        connect.item("prod", "db");
        connect.field("prod", "db", None, "password", "example-value");
        connect.field("prod", "db", Some("live"), "token", "example-token");
        connect.one_time("prod", "db", "code", "123456");
        connect.file("prod", "db", "key.pem", b"content");
    });
    let mut command = Command::new("node");
    command.arg(in_repository("tests/fakes/src/connect/claims.cjs")).arg(modules).args([&fake.url(), TOKEN]);
    let run = Sandbox::new().run(&mut command).expect_code(0);
    assert_eq!(
        run.stdout(),
        "vaults: all, by name, by id\n\
         items: by title, by id, fields, sections\n\
         one-time passwords\n\
         files: listed, content\n\
         errors: 404, 401\n",
        "{}",
        run.describe()
    );
}
