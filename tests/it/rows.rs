//! Who may import whom: the table of ARCHITECTURE.md, held to the source.
//!
//! Of the top modules each imports lower rows, and of its own row only what `NEIGHBOURS` names. Of files none import each
//! other in a circle, by whatever way their names are re-exported; but a file may use the words of the modules that it
//! lies in, which is containment. Tests and what is built for them alone count for nothing.

mod imports;

use std::collections::{BTreeMap, BTreeSet};

use imports::Tree;

/// The top modules, lowest row first.
const ROWS: &[&[&str]] = &[
    &[
        "calendar", "delivery", "hint", "json", "literal", "log", "patience", "percent", "random", "reading",
        "scope", "secret", "signals", "size", "tls", "waiting",
    ],
    &["doctor", "exec", "http", "output", "provider", "publish"],
    &["plan", "resolve"],
    &["config"],
    &["export", "session"],
    &["cli"],
];

/// Who imports whom within a row.
const NEIGHBOURS: &[(&str, &[&str])] = &[
    ("log", &["calendar", "json", "literal", "waiting"]),
    ("patience", &["log"]),
    ("provider", &["http"]),
    ("reading", &["literal", "secret", "size"]),
    ("resolve", &["plan"]),
    ("tls", &["reading", "secret"]),
];

fn row(module: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&module))
}

/// Every import against the rows, in words.
fn against_the_rows(tree: &Tree) -> Vec<String> {
    let mut wrong = Vec::new();
    for (module, others) in tree.modules() {
        let Some(own) = row(&module) else {
            wrong.push(format!("`{module}` stands in no row"));
            continue;
        };
        let neighbours = NEIGHBOURS.iter().find(|(name, _)| *name == module).map_or(&[][..], |(_, of)| of);
        for (other, file) in others {
            let is_below = row(&other).is_some_and(|other| other < own);
            if !is_below && !neighbours.contains(&other.as_str()) {
                wrong.push(format!("`{module}` imports `{other}`, in {file}"));
            }
        }
    }
    wrong
}

#[test]
fn every_module_imports_lower_rows_only() {
    assert_eq!(against_the_rows(&Tree::of_kz()), [""; 0]);
}

#[test]
fn every_row_and_neighbour_is_there() {
    let modules = Tree::of_kz().modules();
    let named: Vec<&str> = ROWS.concat();
    assert_eq!(named.iter().collect::<BTreeSet<_>>().len(), named.len(), "a module stands in two rows");
    for name in named {
        assert!(modules.contains_key(name), "there is no module `{name}`");
    }
    for (module, others) in NEIGHBOURS {
        for other in *others {
            assert!(modules[*module].contains_key(*other), "`{module}` no longer imports `{other}`");
        }
    }
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    assert_eq!(Tree::of_kz().circles(), Vec::<Vec<String>>::new());
}

/// Two small files, as a tree.
fn tree(files: &[(&str, &str)]) -> Tree {
    Tree::of(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect())
}

#[test]
fn an_import_against_the_rows_is_seen_in_every_form() {
    let forms = [
        "use crate::cli::run;",
        "use crate::{json, cli::{self, run}};",
        "fn f() { crate::cli::run() }",
        "fn f() -> Option<crate::cli::Run> { None }",
        "fn f() { println!(\"{}\", crate::cli::run()) }",
        "#[derive(Debug)] struct S(super::cli::Run);",
        "mod inner { use crate::cli::run; }",
    ];
    for form in forms {
        let tree = tree(&[("secret.rs", form), ("cli/mod.rs", ""), ("json.rs", "")]);
        let wrong = against_the_rows(&tree);
        assert!(wrong.contains(&"`secret` imports `cli`, in secret.rs".to_owned()), "{form}: {wrong:?}");
    }
}

#[test]
fn what_is_for_tests_alone_counts_for_nothing() {
    let forms = [
        "#[cfg(test)] mod tests { use crate::cli::run; }",
        "#[cfg(test)] use crate::cli::run;",
        "// crate::cli::run\nconst C: &str = \"crate::cli::run\";",
    ];
    for form in forms {
        assert_eq!(against_the_rows(&tree(&[("secret.rs", form), ("cli/mod.rs", "")])), [""; 0], "{form}");
    }
    assert_eq!(
        against_the_rows(&tree(&[
            ("secret.rs", "#[cfg(test)] mod testing;"),
            ("secret/testing.rs", "use crate::cli::run;"),
            ("cli/mod.rs", "")
        ])),
        [""; 0]
    );
}

#[test]
fn a_circle_is_seen_through_re_exports_and_containment_is_none() {
    let through = tree(&[
        ("log/mod.rs", "pub use one::First; mod one; mod two;"),
        ("log/one.rs", "use super::two::Second; pub struct First;"),
        ("log/two.rs", "use crate::log::First; pub struct Second;"),
    ]);
    assert_eq!(through.circles(), [["log/one.rs", "log/two.rs"]]);
    let contained = tree(&[
        ("log/mod.rs", "mod one; pub struct Word; fn f() { one::g() }"),
        ("log/one.rs", "use super::Word; pub fn g() {}"),
    ]);
    assert_eq!(contained.circles(), Vec::<Vec<String>>::new());
}

/// By module, the modules that it imports, each with a file that does.
type Modules = BTreeMap<String, BTreeMap<String, String>>;
