//! No file of Rust is compiled by nobody: each is a module of some other, or the root of a target. A file of tests that no module
//! names asserts nothing, and nobody notices.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

/// Where cargo begins: what a manifest names, and what it finds by itself.
const ROOTS: &[&str] = &[
    "build.rs",
    "src/lib.rs",
    "src/main.rs",
    "tests/it/main.rs",
    "tests/hostile/main.rs",
    "tests/dialects/main.rs",
    "tests/e2e/main.rs",
    "tests/bench/main.rs",
    "tests/fakes/src/lib.rs",
    "fuzz/src/lib.rs",
];

/// Directories whose files are to be compiled.
const TOPS: &[&str] = &["src", "tests", "fuzz/src", "fuzz/fuzz_targets"];

/// The paths of files, from the root of the tree.
type Files = BTreeSet<PathBuf>;

/// All files of Rust below this directory.
fn files(root: &Path, directory: &Path, found: &mut Files) {
    let Ok(entries) = std::fs::read_dir(root.join(directory)) else { return };
    for entry in entries.flatten() {
        let path = directory.join(entry.file_name());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            files(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.insert(path);
        }
    }
}

/// Without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(plain.pop()),
            other => plain.push(other),
        }
    }
    plain
}

/// The names of modules that lie in files of their own, each with its path where that is said.
fn modules(text: &str) -> Vec<(&str, Option<&str>)> {
    let (mut modules, mut path) = (Vec::new(), None);
    for line in text.lines().map(str::trim) {
        if let Some(said) = line.strip_prefix("#[path = \"").and_then(|rest| rest.strip_suffix("\"]")) {
            path = Some(said);
        }
        let words = line.strip_suffix(';').map(|words| words.split(' ').collect::<Vec<_>>());
        let is_shown = !line.starts_with("//");
        if let Some(["mod", name] | [_, "mod", name] | ["pub(in", _, "mod", name]) =
            words.as_deref().filter(|_| is_shown)
        {
            modules.push((*name, path.take()));
        }
    }
    modules
}

/// Notes this file and all whose modules it has.
fn visit(root: &Path, file: &Path, is_root: bool, seen: &mut Files) {
    let Ok(text) = std::fs::read_to_string(root.join(file)) else { return };
    if !seen.insert(file.to_owned()) {
        return;
    }
    let (directory, stem) = (file.parent().unwrap(), file.file_stem().unwrap());
    let own = if is_root || stem == "mod" { directory.to_owned() } else { directory.join(stem) };
    for (name, path) in modules(&text) {
        let places = match path {
            Some(path) => vec![plain(&directory.join(path))],
            None => vec![own.join(format!("{name}.rs")), own.join(name).join("mod.rs")],
        };
        for place in places {
            visit(root, &place, false, seen);
        }
    }
}

/// The files that no module names.
fn orphans(root: &Path) -> Vec<PathBuf> {
    let (mut all, mut seen) = (Files::new(), Files::new());
    for top in TOPS {
        files(root, Path::new(top), &mut all);
    }
    let targets = all.iter().filter(|path| path.starts_with("fuzz/fuzz_targets")).cloned();
    let roots = ROOTS.iter().map(PathBuf::from).chain(targets);
    for file in roots.collect::<Vec<_>>() {
        visit(root, &file, true, &mut seen);
    }
    all.difference(&seen).cloned().collect()
}

#[test]
fn every_file_is_a_module_of_some_target() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert_eq!(orphans(root), [""; 0].map(PathBuf::from));
    // What it looks at is there.
    let mut all = Files::new();
    for top in TOPS {
        files(root, Path::new(top), &mut all);
    }
    assert!(all.len() > 400 && ROOTS.iter().all(|file| root.join(file).exists()), "{}", all.len());
}

#[test]
fn a_file_that_no_module_names_is_found() {
    let tree = tempfile::tempdir().unwrap();
    for (file, text) in [
        ("src/lib.rs", "pub mod a;\nmod b;\n"),
        ("src/a.rs", "#[cfg(test)]\nmod tests;\n"),
        ("src/a/tests.rs", ""),
        ("src/b/mod.rs", "pub(in crate::b) mod c;\n// mod d;\n"),
        ("src/b/c.rs", ""),
        ("src/b/d.rs", ""),
        ("src/b/tests.rs", "#[test]\nfn t() {}\n"),
        ("tests/it/main.rs", "#[path = \"../fake/mod.rs\"]\n#[allow(dead_code)]\nmod fake;\n"),
        ("tests/fake/mod.rs", "mod e;\n"),
        ("tests/fake/e.rs", ""),
        ("tests/fake/f.rs", ""),
        ("fuzz/fuzz_targets/g.rs", ""),
        ("fuzz/src/h.rs", ""),
    ] {
        let path = tree.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let expected = ["fuzz/src/h.rs", "src/b/d.rs", "src/b/tests.rs", "tests/fake/f.rs"];
    assert_eq!(orphans(tree.path()), expected.map(PathBuf::from));
}
