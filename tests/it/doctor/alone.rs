//! Stacks without kz, in a directory that has nothing else: what doctor says leads to a whole one.

use std::os::unix::fs::{PermissionsExt as _, chown};

use crate::advised::stack::Stack;
use crate::support::{Sandbox, in_repository};

/// A stack in a directory without a configuration, followed until nothing is found.
fn followed(name: &str) -> Stack {
    let mut stack = Stack::of(&in_repository(&format!("tests/doctor/{name}.yaml")));
    for beside in ["keyzero.toml", "identity.txt", "secrets.env.age"] {
        std::fs::remove_file(stack.sandbox.path(beside)).expect("a file beside it");
    }
    let mut found = stack.findings();
    while let Some(first) = found.first().cloned() {
        assert!(stack.asked < 12, "{name}: {found:?}");
        stack.follow(&first);
        found = stack.findings();
    }
    stack
}

#[test]
fn a_stack_without_kz_gets_all_that_it_needs_to_start() {
    let alone =
        ["alone", "alone-file", "alone-elsewhere", "alone-variables", "alone-with-entrypoint", "guest"];
    for name in alone.into_iter().chain(["empty-password-of-mariadb", "nobody-asks-without-password"]) {
        let stack = followed(name);
        for file in [".keyzero.toml", "identity.txt", "secrets.env.age"] {
            assert!(stack.sandbox.path(file).is_file(), "{name}: {file}");
        }
        stack.sandbox.kz(&["validate"]).expect_code(0);
        let text = std::fs::read_to_string(stack.sandbox.path("stack.yaml")).expect("the stack");
        for words in
            ["secrets-init", "service_completed_successfully", "./identity.txt:/run/secrets/age-identity:ro"]
        {
            assert!(text.contains(words), "{name}: {words}: {text}");
        }
    }
}

/// What is to be judged by a directory's owner and mode, which no file of the tree can have.
#[test]
fn a_directory_of_the_host_is_judged_by_its_owner_and_mode() {
    let found = |owner: u32, mode: u32, user: &str| {
        let sandbox = Sandbox::new();
        sandbox.file("keyzero.toml", "[secrets]\nA = { provider = \"env\", ref = \"A\" }\n");
        sandbox.file(
            "compose.yaml",
            format!(
                "services:\n  kz:\n    image: kz:dev\n    command: kz export --format files --output /secrets\n    {user}\n    \
                 volumes: [ './keyzero.toml:/app/.keyzero.toml:ro', './out:/secrets' ]\n"
            ),
        );
        std::fs::create_dir(sandbox.path("out")).expect("a directory");
        std::fs::set_permissions(sandbox.path("out"), std::fs::Permissions::from_mode(mode)).expect("a mode");
        chown(sandbox.path("out"), Some(owner), Some(owner))
            .expect("an owner: tests of ownership run as root");
        sandbox.kz(&["doctor", "compose.yaml"]).stdout().contains("D212")
    };
    let dropped = "user: '0:0'\n    cap_drop: [ALL]";
    for (owner, mode, user, is_closed) in [
        (1000, 0o755, "user: '999'", true),
        (999, 0o755, "user: '999'", false),
        (999, 0o555, "user: '999'", true),
        (1000, 0o777, "user: '999'", false),
        (1000, 0o775, "user: '999'", false),
        (1000, 0o700, "user: '0:0'", false),
        (1000, 0o755, dropped, true),
        (0, 0o755, dropped, false),
    ] {
        assert_eq!(found(owner, mode, user), is_closed, "{owner} {mode:o} {user}");
    }
}
