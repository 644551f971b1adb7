//! `kz check`: a set that is whole is 0, each kind of damage is 1 and named, and no value is ever in the line.
//!
//! Who does the damage here is root with everything, which can do more than any other container could.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt, chown, symlink};
use std::path::PathBuf;
use std::process::Command;

use crate::canary::{assert_clean, canary};
use crate::support::{Run, Sandbox, in_repository, kz_binary};

const CONFIG: &str = "[secrets]\n\
    A = { provider = \"env\", ref = \"VALUE\" }\n\
    KEY = { provider = \"env\", ref = \"VALUE\", file = \"tls/server.key\", mode = \"0440\" }\n";

/// A set in `out`, and the value in it.
struct Set {
    sandbox: Sandbox,
    canary: String,
}

impl Set {
    fn new() -> Self {
        Self::with(&[])
    }

    fn with(options: &[&str]) -> Self {
        let set = Self { sandbox: Sandbox::with_config(CONFIG), canary: canary() };
        std::fs::create_dir(set.sandbox.path("out")).expect("a directory");
        set.export(options);
        set
    }

    fn export(&self, options: &[&str]) {
        let mut command = Command::new(kz_binary());
        command.args(["export", "--format", "files", "--output", "out"]).args(options);
        self.sandbox.run(command.env("VALUE", &self.canary)).expect_code(0);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.sandbox.path("out").join(name)
    }

    /// A path in the generation itself.
    fn inside(&self, name: &str) -> PathBuf {
        self.path("..data").canonicalize().expect("a generation").join(name)
    }

    #[track_caller]
    fn check(&self, code: i32, words: &[&str], part: &str) -> Run {
        let run = self.sandbox.kz(&[&["check", "out"], words].concat()).expect_code(code);
        self.assert_one_line(&run, part);
        run
    }

    #[track_caller]
    fn assert_one_line(&self, run: &Run, part: &str) {
        assert_clean(run, &self.canary);
        assert_eq!((run.stdout().lines().count(), run.stderr().as_str()), (1, ""), "{}", run.describe());
        assert!(run.stdout().contains(part), "lacks {part:?}\n{}", run.describe());
    }

    fn shell(&self, script: &str) {
        self.sandbox.run(Command::new("sh").args(["-euc", script])).expect_code(0);
    }

    /// A check as another uid, which can enter nothing of the exporter's.
    #[track_caller]
    fn check_as_stranger(&self, code: i32, words: &[&str], part: &str) {
        self.sandbox.copy_kz();
        let mut command = Command::new("setpriv");
        command.args(["--reuid=4242", "--regid=4242", "--clear-groups", "./kz", "check", "out"]).args(words);
        self.assert_one_line(&self.sandbox.run(&mut command).expect_code(code), part);
    }
}

#[test]
fn a_whole_set_is_right_and_the_line_says_how_much_was_compared() {
    let set = Set::new();
    set.check(0, &[], "out: complete and unmodified, 2 files, contents compared; it was written ");
    set.check(0, &["--max-age", "1h"], "complete and unmodified");
    set.export(&[]);
    set.check(0, &[], "complete and unmodified");
    set.check_as_stranger(
        0,
        &[],
        "complete, 2 files, by their names alone, since `.kz` is closed to this uid",
    );
    set.check_as_stranger(0, &["--max-age", "1h"], "complete, 2 files");
}

#[test]
fn it_needs_no_configuration_and_changes_nothing() {
    let set = Set::new();
    std::fs::remove_file(set.sandbox.path(".keyzero.toml")).expect("a configuration");
    let before = crate::delivery::snapshot(&set.sandbox.path("out"));
    let run = set.check(0, &[], "complete and unmodified");
    crate::delivery::assert_unchanged(&before, &set.sandbox.path("out"), &run);
}

type Damage = fn(&Set);

/// What was done, what is said of it, and whether somebody to whom `.kz/` is closed sees it too.
const DAMAGES: &[(&str, Damage, &str, bool)] = &[
    ("a file removed", |set| std::fs::remove_file(set.inside("A")).unwrap(), "`out/A` is missing", true),
    (
        "a file below removed",
        |set| std::fs::remove_file(set.inside("tls/server.key")).unwrap(),
        "`out/tls/server.key` is missing",
        false,
    ),
    (
        "a directory removed",
        |set| std::fs::remove_dir_all(set.inside("tls")).unwrap(),
        "`out/tls` is missing",
        true,
    ),
    ("a file replaced by another", |set| replace(set, b"another"), "another size than kz wrote", false),
    (
        "a content of the same size, with its time set back",
        |set| {
            let (path, size) = (set.inside("A"), set.canary.len());
            let before = std::fs::metadata(&path).unwrap().modified().unwrap();
            let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
            std::io::Write::write_all(&mut &file, &vec![b'x'; size]).unwrap();
            file.set_modified(before).unwrap();
        },
        "`out/A` has another content than kz wrote",
        false,
    ),
    (
        "another mode",
        |set| std::fs::set_permissions(set.inside("A"), PermissionsExt::from_mode(0o444)).unwrap(),
        "`out/A` has another mode than kz gave it",
        false,
    ),
    (
        "another owner",
        |set| chown(set.inside("A"), Some(4242), None).unwrap(),
        "`out/A` has another owner or group than kz gave it",
        false,
    ),
    (
        "a link instead of a file",
        |set| {
            std::fs::rename(set.inside("A"), set.inside("B")).unwrap();
            symlink("B", set.inside("A")).unwrap();
        },
        "",
        true,
    ),
    (
        "a FIFO instead of a file",
        |set| {
            std::fs::remove_file(set.inside("A")).unwrap();
            set.shell("mkfifo out/..data/A");
        },
        "`out/A` is a FIFO and no regular file",
        true,
    ),
    (
        "a file more",
        |set| std::fs::write(set.inside("tls/more"), "").unwrap(),
        "`out/tls/more` is not of this set",
        false,
    ),
    (
        "a name removed",
        |set| std::fs::remove_file(set.path("A")).unwrap(),
        "the name `out/A` does not lead to its file",
        true,
    ),
    (
        "a name that leads elsewhere",
        |set| {
            std::fs::remove_file(set.path("A")).unwrap();
            symlink("..data/tls", set.path("A")).unwrap();
        },
        "the name `out/A` does not lead to its file",
        true,
    ),
    (
        "`..data` elsewhere",
        |set| {
            let generation = "out/..2026_01_02_03_04_05.0123456789abcdef";
            set.shell(&format!("cp -a \"$(readlink -f out/..data)\" {generation}; ln -sfn \"${{x:-}}$(basename {generation})\" out/..data"));
        },
        "`..data` names `out/..2026_01_02_03_04_05.0123456789abcdef`, of which `out/.kz/manifest` says nothing",
        false,
    ),
    (
        "`..data` removed",
        |set| std::fs::remove_file(set.path("..data")).unwrap(),
        "there is no `..data`",
        true,
    ),
    ("`..data` to nothing", |set| std::fs::remove_dir_all(set.inside("")).unwrap(), "is missing", true),
    (
        "a generation that is half removed",
        |set| {
            std::fs::remove_file(set.inside("A")).unwrap();
            std::fs::remove_dir_all(set.inside("tls")).unwrap();
        },
        "is missing",
        true,
    ),
    (
        "the key gone",
        |set| std::fs::remove_file(set.path(".kz/key")).unwrap(),
        "`out/.kz/key` is missing, damaged, or open to others",
        false,
    ),
    (
        "the manifest gone",
        |set| std::fs::remove_file(set.path(".kz/manifest")).unwrap(),
        "`out/.kz/manifest` is missing, damaged, or open to others",
        false,
    ),
    (
        "the key open to others",
        |set| std::fs::set_permissions(set.path(".kz/key"), PermissionsExt::from_mode(0o444)).unwrap(),
        "`out/.kz/key` is missing, damaged, or open to others",
        false,
    ),
    (
        "another key",
        |set| set.shell("umask 377; head -c 32 /dev/zero > out/.kz/other; mv -f out/.kz/other out/.kz/key"),
        "another content than kz wrote",
        false,
    ),
    ("`.kz` gone", |set| std::fs::remove_dir_all(set.path(".kz")).unwrap(), "`out/.kz` is missing", true),
];

/// Another file in the place of `A`, with its mode.
fn replace(set: &Set, content: &[u8]) {
    let path = set.inside("A");
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o400)).unwrap();
}

#[test]
fn each_damage_is_seen_and_named_and_the_next_export_mends_what_it_can() {
    for (what, damage, words, stranger) in DAMAGES {
        let set = Set::new();
        damage(&set);
        let run = set.check(1, &[], words);
        assert!(run.stdout().contains("; "), "{what}: nothing to type\n{}", run.describe());
        set.check_as_stranger(i32::from(*stranger), &[], "out: ");
    }
}

/// What a healthcheck's line says to type helps.
#[test]
fn an_export_makes_it_right_again() {
    for (what, damage, words, _) in DAMAGES {
        if *what == "a name that leads elsewhere" {
            continue; // It is not kz's, which replaces no other's.
        }
        let set = Set::new();
        damage(&set);
        set.check(1, &[], words);
        set.export(&[]);
        set.check(0, &[], "complete and unmodified");
    }
}

#[test]
fn a_volume_that_was_restored_is_right_although_its_inodes_are_others() {
    let set = Set::new();
    set.shell("cp -a out restored; rm -r out; mv restored out");
    set.check(0, &[], "contents compared");
}

/// Root that may only chown cannot read what it gave away.
#[test]
fn what_is_closed_is_compared_by_what_nobody_can_set_back() {
    let set = Set::with(&["--owner", "999:998"]);
    let check = |code, part: &str| {
        let mut command = Command::new(crate::ownership::CHOWN_ONLY[0]);
        command.args(&crate::ownership::CHOWN_ONLY[1..]).arg(kz_binary()).args(["check", "out"]);
        set.assert_one_line(&set.sandbox.run(&mut command).expect_code(code), part);
    };
    check(0, "2 files, of which 2 cannot be read here and were compared by inode and time of change");
    let before = std::fs::metadata(set.inside("A")).unwrap();
    let content = vec![b'x'; set.canary.len()];
    std::fs::write(set.inside("A"), content).unwrap();
    let after = std::fs::metadata(set.inside("A")).unwrap();
    assert_eq!((before.ino(), before.size()), (after.ino(), after.size()));
    check(1, "`out/A` has another inode or time of change than kz noted");
}

#[test]
fn what_is_too_old_is_said_with_its_age() {
    let set = Set::new();
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    set.check(1, &["--max-age", "1s"], "it was written 1 s ago, and `--max-age` allows 1 s; ");
    set.check_as_stranger(1, &["--max-age", "0s"], "and `--max-age` allows 0 s; ");
    // An export that finds nothing to do writes nothing down.
    set.export(&[]);
    set.check(1, &["--max-age", "1s"], "`--max-age` allows 1 s");
    // Whoever watches does.
    set.shell("umask 77; : > out/.kz/watch");
    set.check(0, &["--max-age", "5s"], "it was confirmed ");
    set.shell("chmod 666 out/.kz/watch");
    set.check(1, &["--max-age", "1s"], "it was written ");
}

#[test]
fn of_a_single_file_less_is_known() {
    let set = Set::new();
    let mut export = Command::new(kz_binary());
    export.args(["export", "--format", "env", "--output", "single/.env", "--only", "A"]);
    std::fs::create_dir(set.sandbox.path("single")).unwrap();
    set.sandbox.run(export.env("VALUE", &set.canary)).expect_code(0);
    let check = |words: &[&str], code, part: &str| {
        let run = set.sandbox.kz(&[&["check"], words].concat()).expect_code(code);
        set.assert_one_line(&run, part);
    };
    check(
        &["single/.env"],
        0,
        "single/.env: a file, mode 0400, owner 0:0, of which no more is known; it was written",
    );
    check(&["single/.env", "--max-age", "1h"], 0, "a file");
    set.shell("touch -d '2 hours ago' single/.env");
    check(&["single/.env", "--max-age", "1h"], 1, "it was written 2 h ago, and `--max-age` allows 60 min; ");
    check(
        &["single"],
        1,
        "`single` holds no set of files: there is no `..data`; of a single file write its name: `kz check single/.env`",
    );
    check(
        &["out/A"],
        1,
        "`out/A` is a symbolic link, as a name in a set is; look at the whole set: `kz check out`",
    );
    check(&["nowhere"], 1, "`nowhere` does not exist; ");
    check(&["nowhere/.env"], 1, "`nowhere` does not exist; ");
    set.shell("rm single/.env; mkfifo single/.env");
    check(&["single/.env"], 1, "`single/.env` is a FIFO and no regular file; ");
    set.shell("rm single/.env; ln -s /etc/passwd single/.env");
    check(&["single/.env"], 1, "");
}

/// Between `..data` and the manifest of an exchange lies a moment, and the files of the old set go.
#[test]
fn a_set_that_is_exchanged_all_the_time_is_never_said_to_be_damaged() {
    let set = Set::new();
    let mut script = String::from("for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do ");
    script.push_str("VALUE=value$i \"$KZ\" --quiet export --format files --output out; done");
    let mut exporter = Command::new("sh");
    exporter.args(["-euc", &script]).env("KZ", kz_binary()).current_dir(set.sandbox.path(""));
    let mut exporter = exporter.spawn().expect("a shell");
    while exporter.try_wait().expect("a shell").is_none() {
        set.check(0, &[], "complete and unmodified");
    }
    assert!(exporter.wait().expect("a shell").success());
}

#[test]
fn nothing_that_is_planted_in_the_state_is_followed_or_waited_for() {
    for plant in [
        "rm out/.kz/manifest; mkfifo out/.kz/manifest",
        "mv out/.kz/manifest m; ln -s ../../m out/.kz/manifest",
        "rm out/.kz/key; ln -s /dev/zero out/.kz/key",
        "truncate -s 1T out/.kz/manifest",
        "rm -r out/.kz; ln -s .. out/.kz",
        "rm -r out/.kz; mkfifo out/.kz",
        "sed -i 's,tls/server.key,tls/../../../etc/passwd,' out/.kz/manifest",
        "sed -i 's,\"written\":\"....,\"written\":\"99x9,' out/.kz/manifest",
    ] {
        let set = Set::new();
        set.shell(plant);
        set.check(1, &[], "out/.kz");
    }
}

/// The example of docs/outputs.md: the healthcheck that it writes down is one that works.
#[test]
fn the_documented_healthcheck_works() {
    let page = std::fs::read_to_string(in_repository("docs/outputs.md")).expect("a page");
    let (_, section) = page.split_once("\n## As a healthcheck\n").expect("a section");
    let example = section.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("YAML");
    let line = example.lines().find(|line| line.trim().starts_with("test: [")).expect("a healthcheck");
    let words: Vec<String> = serde_json::from_str(line.trim().trim_start_matches("test: ")).expect("JSON");
    assert_eq!(words[..2], ["CMD", "/usr/local/bin/kz"], "{line}");
    let set = Set::new();
    let words: Vec<&str> =
        words[2..].iter().map(|word| if word == "/secrets" { "out" } else { word.as_str() }).collect();
    set.assert_one_line(&set.sandbox.kz(&words).expect_code(0), "complete and unmodified");
    std::fs::remove_file(set.inside("A")).unwrap();
    set.assert_one_line(&set.sandbox.kz(&words).expect_code(1), "`out/A` is missing");
}
