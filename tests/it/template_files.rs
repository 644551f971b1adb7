//! `--format template` as a whole: the binary, its files, what is left after a failure.

use crate::support::Sandbox;

const CONFIG: &str = "[secrets]\n\
    PASSWORD = { provider = \"file\", ref = \"password\" }\n\
    DSN = { template = \"postgres://app:{{ PASSWORD | urlencode }}@db\" }\n\
    ELSEWHERE = { provider = \"file\", ref = \"not-there\" }\n";

const SET: &[&str] = &[
    "export",
    "--format",
    "template",
    "--template",
    "a.tmpl:a",
    "--template",
    "b.tmpl:deep/b",
    "--output",
    "out",
];

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_config(CONFIG);
    sandbox.file("password", "first");
    sandbox.file("a.tmpl", "a {{ DSN }}\n");
    sandbox.file("b.tmpl", "b {{ PASSWORD | pgpass }}\n");
    std::fs::create_dir(sandbox.path("out")).expect("a directory");
    sandbox
}

fn read(sandbox: &Sandbox, name: &str) -> String {
    std::fs::read_to_string(sandbox.path("out").join(name)).expect(name)
}

#[test]
fn several_templates_are_one_set_and_one_that_fails_changes_nothing() {
    let sandbox = sandbox();
    sandbox.kz(SET).expect_code(0).expect_stderr(&["wrote 2 files with 2 secrets to out"]);
    assert_eq!((read(&sandbox, "a"), read(&sandbox, "deep/b")), {
        ("a postgres://app:first@db\n".to_owned(), "b first\n".to_owned())
    });
    let generation = std::fs::read_link(sandbox.path("out/..data")).expect("a generation");
    // The first template takes this value, the second does not.
    sandbox.file("password", "a\nb");
    sandbox.kz(SET).expect_code(1).expect_stderr(&["b.tmpl`:1: ", "a line break", "[KZ106]"]);
    assert_eq!(std::fs::read_link(sandbox.path("out/..data")).expect("a generation"), generation);
    assert_eq!(read(&sandbox, "a"), "a postgres://app:first@db\n");
    sandbox.file("password", "second");
    sandbox.kz(SET).expect_code(0);
    assert_eq!(read(&sandbox, "deep/b"), "b second\n");
    sandbox.kz(SET).expect_code(0).expect_stderr(&["2 secrets in out unchanged"]);
}

#[test]
fn a_long_file_is_kept_to_the_byte() {
    let sandbox = sandbox();
    let line = "# what redis.conf says at length, with { braces } and \\ and \"quotes\"\r\n";
    let around = line.repeat(100_000 / line.len());
    sandbox.file("long.tmpl", format!("{around}requirepass {{{{ PASSWORD | redis }}}}\n\n{around}"));
    let run = sandbox.kz(&["export", "--format", "template", "--template", "long.tmpl"]).expect_code(0);
    assert_eq!(run.stdout(), format!("{around}requirepass \"first\"\n\n{around}"));
    assert_eq!(run.stderr(), "");
}

#[test]
fn a_template_in_a_directory_that_anybody_may_write_is_refused() {
    let sandbox = sandbox();
    sandbox.file("open/c.tmpl", "{{ PASSWORD }}");
    sandbox.mode("open", 0o777);
    let words = ["export", "--format", "template", "--template", "open/c.tmpl"];
    sandbox.kz(&words).expect_code(2).expect_stderr(&["open` may be written by any user", "[KZ245]"]);
    sandbox.mode("open", 0o755);
    assert_eq!(sandbox.kz(&words).expect_code(0).stdout(), "first");
}

#[test]
fn who_cannot_read_what_is_made_is_said_before_a_backend_is_asked() {
    let sandbox = sandbox();
    std::fs::remove_file(sandbox.path("password")).expect("no password");
    let set = [SET, &["--for", "999"]].concat();
    sandbox.kz(&set).expect_code(4).expect_stderr(&["[KZ421]"]);
    let one = ["export", "--format", "template", "--template", "a.tmpl", "--output", "file", "--for", "999"];
    sandbox.kz(&one).expect_code(4).expect_stderr(&["[KZ421]"]);
}
