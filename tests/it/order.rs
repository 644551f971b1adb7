//! The order of an export's system calls: a file has its mode, then its owner, then its content,
//! and is on the disk, before it has a name that readers know.

use crate::delivery::{Delivery, Form};
use crate::strace::{name, trace};

/// The calls that change something in the output, from the first new file or directory to the
/// message, each with what tells two of a kind apart.
fn changes(form: Form, number: usize, old: &[&'static str]) -> Vec<String> {
    let mut delivery = Delivery::new(form, number);
    delivery.options = [&["--owner", "999:998"], old].concat();
    delivery.export("old").expect_code(0);
    delivery.options = vec!["--owner", "999:998"];
    let trace = trace(&delivery, "new");
    let short = |line: &String| {
        let creates = line.contains("O_CREAT") && !line.contains("\"lock\"");
        match name(line) {
            "openat2" | "openat" if creates => {
                assert!(line.contains("O_EXCL") && line.contains("O_NOFOLLOW"), "{line}");
                assert!(line.contains("mode=0600"), "{line}");
                Some("create 0600".to_owned())
            }
            "mkdirat" => Some(format!("mkdir {}", line.split(", ").nth(2)?.split(')').next()?)),
            "fchmod" => Some(format!("fchmod {}", line.split(", ").nth(1)?.split(')').next()?)),
            "fchown" => Some(format!("fchown {}", line.split_once(", ")?.1.split(')').next()?)),
            "write" if !line.starts_with("write(2,") => Some("write".to_owned()),
            "renameat" | "renameat2" => Some("rename".to_owned()),
            "symlinkat" => Some("symlink".to_owned()),
            "fsync" => Some("fsync".to_owned()),
            // musl reads files by it; only what it makes would be made by its name.
            "open" if !line.contains("O_CREAT") => None,
            "chmod" | "fchmodat" | "chown" | "lchown" | "fchownat" | "rename" | "open" | "creat" => {
                panic!("by its name, not by a descriptor: {line}")
            }
            _ => None,
        }
    };
    trace.iter().filter_map(short).collect()
}

const FILE: [&str; 5] = ["create 0600", "fchmod 0400", "fchown 999, 998", "write", "fsync"];

const KEY: [&str; 4] = ["create 0600", "fchmod 0400", "write", "fsync"];
const MANIFEST: [&str; 4] = ["create 0600", "fchmod 0600", "write", "fsync"];
/// What is written down counts when what it is about does.
const RECORDED: [&str; 3] = ["rename", "rename", "fsync"];

#[test]
fn of_one_file() {
    assert_eq!(changes(Form::File, 3, &[]), [&FILE[..], &["rename", "fsync"]].concat());
}

#[test]
fn of_a_set() {
    let expected = [
        &["mkdir 01700"][..],
        &FILE,
        &FILE,
        // The directory opens when it is complete, and the link to it reaches the disk before it
        // is swapped in.
        &["fchmod 01755", "fsync"],
        &KEY,
        &MANIFEST,
        &["symlink", "fsync", "rename", "fsync"],
        &RECORDED,
    ];
    assert_eq!(changes(Form::Set, 2, &[]), expected.concat());
}

#[test]
fn names_that_are_new_come_before_the_swap() {
    let swap = [&["symlink", "symlink", "fsync", "rename", "fsync"][..], &RECORDED].concat();
    let swap: Vec<String> = swap.into_iter().map(String::from).collect();
    let changes = changes(Form::Set, 2, &["--only", "S0"]);
    assert!(changes.ends_with(&swap), "{changes:?}");
}
