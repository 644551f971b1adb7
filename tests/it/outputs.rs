//! `[[outputs]]`: several outputs from one resolution, in one set or not at all; and what `docs/outputs.md` shows.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::delivery::{assert_unchanged, listing, snapshot};
use crate::support::{Run, Sandbox, in_repository};

const SECRETS: &str = "[secrets]\n\
    A = { provider = \"file\", ref = \"a\" }\n\
    B = { provider = \"file\", ref = \"b\", file = \"tls/key\", mode = \"0440\", owner = \"0:50\" }\n\
    C = { provider = \"file\", ref = \"c\", optional = true }\n\
    D = { template = \"{{ B }}-{{ B }}\" }\n\
    UNUSED = { provider = \"file\", ref = \"absent\" }\n";

const OUTPUTS: &str = "[[outputs]]\nformat = \"files\"\npath = \"files\"\nonly = [\"A\", \"B\", \"C\"]\n\
    [[outputs]]\nformat = \"env\"\npath = \"app.env\"\nonly = [\"D\", \"C\"]\nmode = \"0440\"\nowner = \"999:999\"\n\
    [[outputs]]\nformat = \"json\"\npath = \"conf/app.json\"\nonly = \"A\"\n\
    [[outputs]]\nformat = \"template\"\npath = \"conf/app.conf\"\ntemplate = \"app.tmpl\"\n";

const TEMPLATE: &str = "b {{ B }}\n{% if C is defined %}c {{ C }}\n{% endif %}";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_config(&format!("{SECRETS}{OUTPUTS}"));
    for (name, content) in [("a", "one"), ("b", "two"), ("app.tmpl", TEMPLATE)] {
        sandbox.file(name, content);
    }
    std::fs::create_dir(sandbox.path("out")).expect("a directory");
    sandbox
}

fn export(sandbox: &Sandbox, options: &[&str]) -> Run {
    sandbox.kz(&[&["export", "--output", "out"], options].concat())
}

fn read(sandbox: &Sandbox, name: &str) -> String {
    std::fs::read_to_string(sandbox.path("out").join(name)).expect(name)
}

/// Mode, owner and group.
fn owned(path: &Path) -> (u32, u32, u32) {
    let metadata = path.metadata().expect("it is there");
    (metadata.mode() & 0o7777, metadata.uid(), metadata.gid())
}

/// It made an empty set, which took the place of the old one, and ended well.
#[test]
fn a_name_that_no_secret_has_leaves_the_set_as_it_was() {
    let sandbox = sandbox();
    export(&sandbox, &["--format", "files", "--only", "A"]).expect_code(0);
    let before = snapshot(&sandbox.path("out"));
    for only in ["a", "X", "A,X"] {
        let run = export(&sandbox, &["--format", "files", "--only", only]).expect_code(2);
        assert_unchanged(&before, &sandbox.path("out"), &run);
        run.expect_stderr(&["no secret is named", "[KZ203]"]);
    }
}

#[test]
fn every_output_holds_its_secrets_and_nothing_that_no_output_needs_is_read() {
    let sandbox = sandbox();
    let run = export(&sandbox, &[]).expect_code(0);
    assert_eq!(read(&sandbox, "files/A") + &read(&sandbox, "files/tls/key"), "onetwo");
    assert_eq!(read(&sandbox, "app.env"), "D=two-two\n");
    assert_eq!(read(&sandbox, "conf/app.json"), "{\"A\":\"one\"}\n");
    assert_eq!(read(&sandbox, "conf/app.conf"), "b two\n");
    let expected = [
        "..data",
        ".kz",
        ".kz/key",
        ".kz/lock",
        ".kz/manifest",
        "GENERATION",
        "GENERATION/app.env",
        "GENERATION/conf",
        "GENERATION/conf/app.conf",
        "GENERATION/conf/app.json",
        "GENERATION/files",
        "GENERATION/files/A",
        "GENERATION/files/tls",
        "GENERATION/files/tls/key",
        "app.env",
        "conf",
        "files",
    ];
    assert_eq!(listing(&sandbox.path("out")), expected, "{}", run.describe());
    run.expect_stderr(&["kz: wrote 5 files with 3 secrets to out, modes and owners as configured\n"]);
    let run = export(&sandbox, &[]).expect_code(0);
    run.expect_stderr(&["kz: 5 files with 3 secrets in out unchanged, "]);
}

#[test]
fn a_secret_says_its_mode_and_owner_then_its_output_then_the_options() {
    let sandbox = sandbox();
    export(&sandbox, &["--mode", "0444", "--owner", "1000", "--dir-mode", "0711"]).expect_code(0);
    let out = sandbox.path("out");
    assert_eq!(owned(&out.join("files/A")), (0o444, 1000, 0));
    assert_eq!(owned(&out.join("files/tls/key")), (0o440, 0, 50));
    assert_eq!(owned(&out.join("app.env")), (0o440, 999, 999));
    assert_eq!(owned(&out.join("conf/app.conf")), (0o444, 1000, 0));
    for directory in ["..data/files", "..data/files/tls", "..data/conf"] {
        assert_eq!(owned(&out.join(directory)), (0o711, 0, 0), "{directory}");
    }
    assert_eq!(owned(&out.join("..data/")).0, 0o1711);
}

#[test]
fn what_is_optional_and_absent_is_left_out_of_every_output() {
    let sandbox = sandbox();
    sandbox.file("c", "three");
    export(&sandbox, &[]).expect_code(0);
    assert_eq!(read(&sandbox, "files/C"), "three");
    assert_eq!(read(&sandbox, "app.env"), "C=three\nD=two-two\n");
    assert_eq!(read(&sandbox, "conf/app.conf"), "b two\nc three\n");
    std::fs::remove_file(sandbox.path("c")).expect("it is there");
    export(&sandbox, &[]).expect_code(0);
    assert!(!sandbox.path("out/files/C").exists());
    assert_eq!(read(&sandbox, "conf/app.conf"), "b two\n");
}

/// One that cannot be made, whichever it is, leaves the old set of all of them.
#[test]
fn a_failure_of_one_output_changes_none() {
    let sandbox = sandbox();
    export(&sandbox, &[]).expect_code(0);
    let before = snapshot(&sandbox.path("out"));
    let failures: [(&str, &[u8], i32, &str); 5] = [
        ("a", b"\xff", 4, "A in `conf/app.json`: its value is not UTF-8"),
        ("c", b"'\"$", 4, "C in `app.env`: its value has"),
        ("c", b"new\nline", 1, "app.tmpl`:2: a value with a line break"),
        ("app.tmpl", b"{{ B | nothing }}", 2, "a filter that kz does not have"),
        ("b", b"", 1, "B (file `b`)"),
    ];
    for (name, content, code, words) in failures {
        let old = std::fs::read(sandbox.path(name)).ok();
        if content.is_empty() {
            std::fs::remove_file(sandbox.path(name)).expect("it is there");
        } else {
            sandbox.file(name, content);
        }
        let run = export(&sandbox, &[]).expect_code(code).expect_stderr(&[words]);
        assert_unchanged(&before, &sandbox.path("out"), &run);
        match old {
            Some(old) => drop(sandbox.file(name, old)),
            None => std::fs::remove_file(sandbox.path(name)).expect("it is there"),
        }
    }
}

/// Whoever mends a template sees at once what else is wrong with the others.
#[test]
fn every_template_that_does_not_render_is_named() {
    let sandbox = sandbox();
    sandbox.file(
        ".keyzero.toml",
        format!(
            "{SECRETS}{OUTPUTS}[[outputs]]\nformat = \"template\"\npath = \"more\"\ntemplate = \"more.tmpl\"\n"
        ),
    );
    sandbox.file("more.tmpl", "{{ C }}");
    sandbox.file("c", "new\nline");
    let words = ["app.tmpl`:2: a value with a line break", "more.tmpl`:1: a value with a line break"];
    export(&sandbox, &[]).expect_code(1).expect_stderr(&words);
}

#[test]
fn the_first_export_leaves_nothing_when_it_fails() {
    let sandbox = sandbox();
    sandbox.file("a", b"\xff");
    let run = export(&sandbox, &[]).expect_code(4);
    assert!(listing(&sandbox.path("out")).is_empty(), "{}", run.describe());
}

#[test]
fn a_format_that_is_asked_for_ignores_the_outputs() {
    let sandbox = sandbox();
    let run = sandbox.kz(&["export", "--format", "json", "--only", "A"]).expect_code(0);
    assert_eq!(run.stdout(), "{\"A\":\"one\"}\n");
    sandbox.kz(&["export", "--format", "files", "--only", "A", "--output", "out"]).expect_code(0);
    assert_eq!(read(&sandbox, "A"), "one");
    // And the outputs replace that set by theirs.
    export(&sandbox, &[]).expect_code(0);
    assert!(!sandbox.path("out/A").exists() && sandbox.path("out/files/A").exists());
}

#[test]
fn the_reader_has_to_be_able_to_read_every_output() {
    let sandbox = sandbox();
    let run = export(&sandbox, &["--for", "999:50"]).expect_code(4);
    assert!(listing(&sandbox.path("out")).is_empty(), "{}", run.describe());
    run.expect_stderr(&["uid 999 could not read `out/files/A`: it will have mode 0400, owner 0:0"]);
    export(&sandbox, &["--for", "999:50", "--owner", "999"]).expect_code(0);
    let run = export(&sandbox, &["--for", "999:51", "--owner", "999", "--dir-mode", "0750"]).expect_code(4);
    run.expect_stderr(&["uid 999 could not enter the directories of the set in `out`"]);
}

/// Each file of the page is what it shows, and its command does what it says.
#[test]
fn the_pages_example_works() {
    let page = std::fs::read_to_string(in_repository("docs/outputs.md")).expect("the page");
    let block = |kind: &str| {
        let start = format!("```{kind}\n");
        page.split(&start).nth(1).and_then(|rest| rest.split("```").next()).expect(kind).to_owned()
    };
    let sandbox = Sandbox::with_config(&block("toml"));
    sandbox.file("redis.conf.tmpl", block("jinja"));
    sandbox.file("redis-password", "hunter2-hunter2");
    sandbox.file("tls.key", "-----BEGIN-----\nkey\n");
    std::fs::create_dir(sandbox.path("secrets")).expect("a directory");
    let command = block("sh").replace("/secrets", "secrets");
    let words: Vec<&str> = command.split_whitespace().collect();
    let run = sandbox.kz(&words[1..]).expect_code(0);
    let said = block("text").replace("/secrets", "secrets");
    assert_eq!(run.stderr(), said, "{}", run.describe());
    let at = |name: &str| std::fs::read_to_string(sandbox.path("secrets").join(name)).expect(name);
    assert_eq!(at("redis.conf"), "bind 0.0.0.0\nrequirepass hunter2-hunter2\n");
    assert_eq!(at("app.env"), "REDIS_URL=redis://:hunter2-hunter2@redis:6379\n");
    assert_eq!(at("tls/server.key"), "-----BEGIN-----\nkey\n");
    assert_eq!(owned(&sandbox.path("secrets/redis.conf")), (0o400, 999, 999));
    assert_eq!(owned(&sandbox.path("secrets/app.env")), (0o440, 0, 1000));
}
