//! Who owns what is exported, who may give it away, and who is said to be able to read it.

use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::Path;
use std::process::Command;

use crate::delivery::{Delivery, Form, assert_unchanged, listing, snapshot};
use crate::support::Run;

const FORMS: [Form; 2] = [Form::File, Form::Set];
/// Root with nothing but what it takes to give files away.
pub(crate) const CHOWN_ONLY: [&str; 3] = ["setpriv", "--bounding-set=-all,+chown", "--inh-caps=-all"];
const NOBODY_SPECIAL: [&str; 4] = ["setpriv", "--reuid=65532", "--regid=65532", "--clear-groups"];

fn delivery(form: Form, options: &[&'static str]) -> Delivery {
    let mut delivery = Delivery::new(form, 2);
    delivery.options = options.to_vec();
    delivery
}

/// As uid 65532, whom `out` belongs to.
fn export_unprivileged(delivery: &Delivery, value: &str) -> Run {
    delivery.sandbox.copy_kz();
    chown(delivery.out(), Some(65532), Some(65532)).expect("tests run as root");
    let mut command = Command::new(NOBODY_SPECIAL[0]);
    command.args(&NOBODY_SPECIAL[1..]).arg("./kz").args(delivery.arguments()).env("VALUE", value);
    delivery.sandbox.run(&mut command)
}

/// Uid, gid and mode of every secret's file.
fn owners(delivery: &Delivery) -> Vec<(u32, u32, u32)> {
    let owner = |path: &Path| {
        let metadata = path.metadata().unwrap();
        (metadata.uid(), metadata.gid(), metadata.mode() & 0o7777)
    };
    match delivery.form {
        Form::File => vec![owner(&delivery.out().join(".env"))],
        Form::Set => delivery.names.iter().map(|name| owner(&delivery.out().join(name))).collect(),
    }
}

#[track_caller]
fn assert_owners(delivery: &Delivery, expected: (u32, u32, u32), run: &Run) {
    let found = owners(delivery);
    assert!(found.iter().all(|owner| *owner == expected), "{found:?}\n{}", run.describe());
    // The rest stays the exporter's, so that it can clean up.
    let directories = ["", ".kz", "..data"].map(|name| delivery.out().join(name));
    for directory in directories.iter().filter(|path| path.exists()) {
        assert_eq!(directory.metadata().unwrap().uid(), 0, "{}\n{}", directory.display(), run.describe());
    }
}

#[test]
fn root_gives_files_away() {
    for form in FORMS {
        let delivery = delivery(form, &["--owner", "999:998"]);
        let run = delivery.export("one").expect_code(0);
        assert_owners(&delivery, (999, 998, 0o400), &run);
        delivery.assert_holds("one", &run);
        run.expect_stderr(&[
            "wrote 2 secrets to out",
            "mode 0400, owner 999: only uid 999 and root can read them",
        ]);
    }
}

#[test]
fn names_stand_for_numbers_where_there_is_a_passwd() {
    for form in FORMS {
        let delivery = delivery(form, &["--owner", "nobody:daemon"]);
        let run = delivery.export("one").expect_code(0);
        assert_owners(&delivery, (65534, 1, 0o400), &run);
    }
}

#[test]
fn root_that_may_only_chown_exports_again_and_again() {
    for form in FORMS {
        let delivery = delivery(form, &["--owner", "999:998"]);
        for value in ["one", "two", "two", "three"] {
            let run = delivery.export_behind(&CHOWN_ONLY, value).expect_code(0);
            assert_owners(&delivery, (999, 998, 0o400), &run);
            delivery.assert_holds(value, &run);
        }
        // It has no more than that: the files of 999 are closed to it.
        let path = if form == Form::File { "out/.env" } else { "out/S0" };
        let mut cat = Command::new(CHOWN_ONLY[0]);
        let run = delivery.sandbox.run(cat.args(&CHOWN_ONLY[1..]).args(["cat", path]));
        assert!(run.stdout().is_empty() && !run.output.status.success(), "{}", run.describe());
    }
}

/// Rootless engines, and `userns-remap`: root there has the capability, and not every id.
#[test]
fn an_owner_that_a_user_namespace_lacks_is_said_not_to_be_there() {
    let namespace = ["unshare", "--user", "--map-root-user"];
    for form in FORMS {
        for (owner, words) in [
            ("999:998", "to uid 999, gid 998, which is not mapped"),
            ("999", "to uid 999, which is not mapped"),
            ("0:998", "to uid 0, gid 998, which is not mapped"),
        ] {
            let delivery = delivery(form, &["--owner", owner]);
            let run = delivery.export_behind(&namespace, "new").expect_code(4);
            assert!(listing(&delivery.out()).is_empty(), "{}", run.describe());
            run.expect_stderr(&[words, "[KZ427]", "cat /proc/self/uid_map"]);
        }
        // The hint, followed: that map has 0 alone.
        let delivery = delivery(form, &["--owner", "0:0"]);
        let run = delivery.export_behind(&namespace, "new").expect_code(0);
        assert_owners(&delivery, (0, 0, 0o400), &run);
    }
}

#[test]
fn without_the_capability_nothing_is_written() {
    for form in FORMS {
        let mut delivery = delivery(form, &["--owner", "999:998"]);
        let run = export_unprivileged(&delivery, "new").expect_code(4);
        assert!(listing(&delivery.out()).is_empty(), "{}", run.describe());
        let words =
            ["uid 65532 cannot give `out/", "to uid 999, gid 998", "cap_add: [CHOWN]", "user: \"UID:GID\""];
        run.expect_stderr(&words);
        delivery.options = Vec::new();
        export_unprivileged(&delivery, "old").expect_code(0);
        let before = snapshot(&delivery.out());
        delivery.options = vec!["--owner", "999"];
        let run = export_unprivileged(&delivery, "new").expect_code(4);
        assert_unchanged(&before, &delivery.out(), &run);
        // What it is anyway takes no capability.
        delivery.options = vec!["--owner", "65532:65532"];
        let run = export_unprivileged(&delivery, "new").expect_code(0);
        run.expect_stderr(&["owner 65532: only uid 65532 and root can read them"]);
    }
}

#[test]
fn who_is_meant_to_read_is_asked_before_anything_is_written() {
    let table: [(&[&str], &str); 7] = [
        (&["--for", "999", "--owner", "999"], ""),
        (&["--for", "999", "--mode", "0444"], ""),
        (&["--for", "0"], ""),
        (&["--for", "999:50", "--mode", "0440", "--owner", "0:50"], ""),
        (&["--for", "999"], "it will have mode 0400, owner 0:0"),
        (&["--for", "999", "--owner", "1000:1000"], "it will have mode 0400, owner 1000:1000"),
        (&["--for", "999:51", "--owner", "0:50", "--mode", "0440"], "it will have mode 0440, owner 0:50"),
    ];
    for form in FORMS {
        for (options, refusal) in table {
            let mut delivery = delivery(form, &[]);
            delivery.options = options.to_vec();
            let run = delivery.export("new");
            if refusal.is_empty() {
                let run = run.expect_code(0);
                delivery.assert_holds("new", &run);
            } else {
                let run = run.expect_code(4);
                assert!(listing(&delivery.out()).is_empty(), "{}", run.describe());
                run.expect_stderr(&["uid 999 could not read `out/", refusal, "`--owner 999`"]);
            }
        }
    }
}

#[test]
fn a_directory_that_lets_the_reader_not_in_counts_too() {
    for form in FORMS {
        let delivery = delivery(form, &["--for", "999", "--owner", "999"]);
        delivery.sandbox.mode("out", 0o700);
        let run = delivery.export("new").expect_code(4);
        assert!(listing(&delivery.out()).is_empty(), "{}", run.describe());
        run.expect_stderr(&["uid 999 could not read `out`: it cannot enter the directory"]);
    }
}

/// The check asks no backend: `true` in its place would be a file that does not exist.
#[test]
fn the_reader_is_checked_before_a_backend_is_asked() {
    for form in FORMS {
        let delivery = delivery(form, &["--for", "999"]);
        let missing = "[secrets]\nS0 = { provider = \"file\", ref = \"absent\" }\n";
        delivery.sandbox.file(".keyzero.toml", missing);
        let run = delivery.export("new").expect_code(4).expect_stderr(&["uid 999 could not read"]);
        assert!(listing(&delivery.out()).is_empty(), "{}", run.describe());
    }
}

#[test]
fn equal_content_is_left_alone_and_said_to_be_unchanged() {
    for form in FORMS {
        for options in [&[][..], &["--owner", "999:998"], &["--mode", "0444"]] {
            let delivery = delivery(form, options);
            delivery.export("same").expect_code(0).expect_stderr(&["wrote 2 secrets to out"]);
            let before = snapshot(&delivery.out());
            let run = delivery.export("same").expect_code(0);
            assert_unchanged(&before, &delivery.out(), &run);
            let run = run.expect_stderr(&["2 secrets in out", " unchanged, mode 04"]);
            assert!(!run.stderr().contains("wrote"), "{}", run.describe());
        }
        // Another owner or mode is a difference.
        let mut delivery = delivery(form, &[]);
        delivery.export("same").expect_code(0);
        for options in [["--owner", "999"], ["--mode", "0440"]] {
            delivery.options = options.to_vec();
            delivery.export("same").expect_code(0).expect_stderr(&["wrote 2 secrets"]);
        }
        let run = delivery.export("same").expect_code(0).expect_stderr(&["unchanged"]);
        assert_owners(&delivery, (0, 0, 0o440), &run);
    }
}

#[test]
fn the_state_of_another_uid_is_an_error_that_names_both() {
    let delivery = delivery(Form::Set, &[]);
    export_unprivileged(&delivery, "theirs").expect_code(0);
    let before = snapshot(&delivery.out());
    let run = delivery.export("ours").expect_code(4);
    assert_unchanged(&before, &delivery.out(), &run);
    run.expect_stderr(&[
        "`out/.kz` belongs to uid 65532, and this export runs as uid 0",
        "`user: \"65532\"`",
    ]);
}

#[test]
fn each_mode_and_owner_of_a_set_is_said_with_its_names() {
    let delivery = delivery(Form::Set, &["--owner", "999:999"]);
    let config = "[secrets]\nA = { provider = \"env\", ref = \"VALUE\" }\n\
                  B = { provider = \"env\", ref = \"VALUE\", mode = \"0440\", owner = \"0:50\" }\n\
                  C = { provider = \"env\", ref = \"VALUE\" }\n\
                  D = { provider = \"env\", ref = \"VALUE\", mode = \"0444\" }\n";
    delivery.sandbox.file(".keyzero.toml", config);
    for first in ["wrote 4 secrets to out,", "4 secrets in out unchanged,"] {
        delivery.export("new").expect_code(0).expect_stderr(&[
            &format!("kz: {first} modes and owners as configured\n"),
            "kz: mode 0400, owner 999: only uid 999 and root can read A, C\n",
            "kz: mode 0440, owner 0: only members of group 50 and root can read B\n",
            "kz: mode 0444, owner 999: every user can read D\n",
        ]);
    }
}

#[test]
fn an_owner_that_cannot_enter_the_directory_is_warned_of() {
    for form in FORMS {
        let delivery = delivery(form, &["--owner", "999:999"]);
        delivery.sandbox.mode("out", 0o700);
        let words =
            "kz: warning: uid 999 could not read `out`: it cannot enter the directory, which has mode 0700";
        delivery.export("new").expect_code(0).expect_stderr(&[words]);
        delivery.sandbox.mode("out", 0o711);
        let run = delivery.export("new").expect_code(0);
        assert!(!run.stderr().contains("warning"), "{}", run.describe());
    }
}

#[test]
fn modes_that_nobody_could_read_are_no_modes() {
    for form in FORMS {
        for mode in ["0000", "0200", "0040", "0377", "01400", "4400", "0o400x", "256"] {
            let mut delivery = delivery(form, &[]);
            delivery.options = vec!["--mode", mode];
            let run = delivery.export("new").expect_code(2).expect_stderr(&["octal permission bits"]);
            assert!(listing(&delivery.out()).is_empty(), "{}", run.describe());
        }
    }
}
