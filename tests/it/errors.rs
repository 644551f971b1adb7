//! Every error has a code, one explanation, a page, and a case that shows it.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::{Sandbox, expect_committed};

/// Codes that no case can show, with what shows them.
const ELSEWHERE: &[(&str, &str)] = &[
    ("KZ001", "a bug; its words have a test in src/cli/mod.rs"),
    ("KZ122", "it takes a lease that ends; tests/it/supervise/rotation.rs"),
    ("KZ517", "it takes a limit of processes; tests/it/supervise/mod.rs"),
    ("KZ419", "the configuration's own check (KZ238) comes first; src/publish/tree.rs tests it"),
];

/// All codes, as `kz explain` lists them.
fn codes() -> BTreeSet<String> {
    let list = Sandbox::new().kz(&["explain"]).expect_code(0).stdout();
    let words = list.lines().filter_map(|line| line.split_whitespace().next());
    // Findings of `kz doctor` are no errors: doctor.rs has them.
    words.filter(|word| word.starts_with("KZ")).map(str::to_owned).collect()
}

/// The codes in brackets in a text.
fn shown(text: &str) -> BTreeSet<String> {
    let after = text.split("[KZ").skip(1);
    after.filter_map(|rest| rest.split(']').next()).map(|digits| format!("KZ{digits}")).collect()
}

#[test]
fn every_code_is_shown_by_a_case_and_every_shown_code_is_explained() {
    let codes = codes();
    assert!(codes.len() > 80, "{codes:?}");
    let mut seen = BTreeSet::new();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    for entry in std::fs::read_dir(directory).expect("the cases") {
        let text = std::fs::read_to_string(entry.expect("a case").path()).expect("its text");
        let said = text.split("-- stderr --").nth(1).unwrap_or_default();
        seen.extend(shown(said));
    }
    let elsewhere: BTreeSet<String> = ELSEWHERE.iter().map(|(code, _)| (*code).to_owned()).collect();
    let unseen: Vec<&String> = codes.difference(&seen).filter(|code| !elsewhere.contains(*code)).collect();
    assert!(unseen.is_empty(), "no case shows {unseen:?}");
    let unknown: Vec<&String> = seen.difference(&codes).collect();
    assert!(unknown.is_empty(), "`kz explain` does not know {unknown:?}");
}

#[test]
fn every_code_can_be_looked_up() {
    let sandbox = Sandbox::new();
    for code in codes() {
        let text = sandbox.kz(&["explain", &code]).expect_code(0).stdout();
        assert!(text.starts_with(&format!("{code}: ")) && text.contains("What to do: "), "{text}");
    }
}

#[test]
fn the_committed_page_is_what_the_program_knows() {
    expect_committed("docs/errors.md", &kz::cli::errors_page());
}

#[test]
fn the_committed_page_of_exit_codes_is_what_the_program_knows() {
    expect_committed("docs/exit-codes.md", &kz::cli::exit_codes_page());
}

/// What `kz explain` says of a code is what the page's rows say, which list each code once.
#[test]
fn every_code_is_in_the_row_of_the_exit_code_that_explain_names() {
    let page = kz::cli::exit_codes_page();
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| code"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let sandbox = Sandbox::new();
    for code in codes() {
        let number = |code: &str| code[2..].parse::<u16>().expect("a number");
        let lists = |row: &&Vec<&str>| {
            row[4].split(", ").any(|stretch| match stretch.split_once('–') {
                Some((first, last)) if !first.is_empty() => {
                    (number(first)..=number(last)).contains(&number(&code))
                }
                _ => stretch == code,
            })
        };
        let [row] = rows.iter().filter(lists).collect::<Vec<_>>()[..] else {
            panic!("{code} has no row, or two")
        };
        let text = sandbox.kz(&["explain", &code]).expect_code(0).stdout();
        let (_, said) = text.rsplit_once("Exit code: ").expect("its exit code");
        let numbers: Vec<&str> =
            said.split(|c: char| !c.is_ascii_digit()).filter(|word| !word.is_empty()).collect();
        let mut expected: Vec<&str> = row[..2].iter().copied().filter(|number| *number != "–").collect();
        expected.dedup();
        if code == "KZ100" {
            expected.insert(0, "75");
        }
        assert_eq!(numbers, expected, "{code}: {said}");
    }
}

/// Whoever reads an error at 3 a.m. has something to type.
#[test]
fn every_error_of_every_case_has_a_code_and_a_hint() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    for entry in std::fs::read_dir(directory).expect("the cases") {
        let path = entry.expect("a case").path();
        let text = std::fs::read_to_string(&path).expect("its text");
        let said = text.split("-- stderr --\n").nth(1).unwrap_or_default();
        let errors: Vec<&str> = said.split("kz: error: ").skip(1).collect();
        for (index, error) in errors.iter().enumerate() {
            let first = error.lines().next().unwrap_or_default();
            assert!(first.ends_with(']') && first.contains(" [KZ"), "{}: {first}", path.display());
            let is_headline = first.contains("[KZ200]") && index + 1 < errors.len();
            assert!(is_headline || error.contains("kz: hint: "), "{}: {first}", path.display());
        }
    }
}
