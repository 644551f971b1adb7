//! The documents say what is there.

use std::path::Path;
use std::process::Command;

use crate::support::Sandbox;

fn text(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect(name)
}

/// Holds a page to it that every path which it quotes exists; returns how many it quotes.
fn quoted_paths(page: &str) -> usize {
    let text = text(page);
    let quoted: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
    let paths: Vec<&&str> = quoted
        .iter()
        .filter(|word| ["src/", "tests/", "docker/"].iter().any(|root| word.starts_with(root)))
        .collect();
    for path in &paths {
        let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let exists = match path.split_once('*') {
            Some((start, _)) => {
                let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(start);
                let name = directory.file_name().expect("a name").to_string_lossy().into_owned();
                let mut beside =
                    std::fs::read_dir(directory.parent().expect("a parent")).expect("a directory").flatten();
                beside.any(|entry| entry.file_name().to_string_lossy().starts_with(&name))
            }
            None => whole.exists(),
        };
        assert!(exists, "{page} names `{path}`, which is not there");
    }
    paths.len()
}

/// The pages of decisions, by their names.
fn pages_of_decisions() -> Vec<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/decisions");
    let entries = std::fs::read_dir(directory).expect("a directory").flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "md")).collect()
}

#[test]
fn every_path_in_the_architecture_and_security_pages_exists() {
    for page in ["ARCHITECTURE.md", "SECURITY.md"] {
        let paths = quoted_paths(page);
        assert!(paths > 5, "{page} names {paths} paths");
    }
    assert!(text("ARCHITECTURE.md").lines().count() < 100);
}

#[test]
fn every_path_in_the_pages_of_decisions_exists_and_every_page_is_listed() {
    let index = text("docs/decisions/README.md");
    let pages = pages_of_decisions();
    assert!(pages.len() > 10, "{pages:?}");
    let mut paths = 0;
    for page in &pages {
        paths += quoted_paths(&format!("docs/decisions/{page}"));
        assert!(
            page == "README.md" || index.contains(&format!("]({page})")),
            "the index does not list {page}"
        );
    }
    assert!(paths > 50, "they name {paths} paths");
}

/// The tree says its rules itself: these documents are not a part of it.
#[test]
fn nothing_in_the_tree_names_a_document_outside_of_it() {
    let found = Command::new("sh")
        .args(["-c", "grep -rnIE --exclude-dir=target 'design[.]md|threats[.]md|shared[/]' src tests docs *.md scripts Makefile fuzz .ci"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("a shell");
    assert_eq!(String::from_utf8_lossy(&found.stderr), "");
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
}

#[test]
fn the_readmes_configuration_is_valid() {
    let readme = text("README.md");
    let example =
        readme.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let sandbox = Sandbox::with_config(example);
    sandbox.kz(&["validate"]).expect_code(0);
    sandbox.kz(&["--env", "staging", "validate"]).expect_code(0);
}

#[test]
fn every_target_that_the_readme_names_is_in_the_makefile() {
    let makefile = text("Makefile");
    for target in ["demo", "test", "setup", "bench", "size"] {
        assert!(text("README.md").contains(&format!("make {target}")), "{target}");
        assert!(makefile.contains(&format!("\n{target}: ")), "{target}");
    }
}

#[test]
fn the_page_of_formats_has_every_format_dialect_and_shell_that_can_be_typed() {
    let page = text("docs/formats.md");
    let command = kz::cli::command();
    let export = command.find_subcommand("export").expect("a command");
    for option in ["format", "dialect", "shell"] {
        let argument = export.get_arguments().find(|argument| argument.get_id() == option).expect(option);
        let words: Vec<_> =
            argument.get_possible_values().iter().map(|word| word.get_name().to_owned()).collect();
        assert!(words.len() > 1, "{option}: {words:?}");
        for word in words {
            assert!(
                page.contains(&format!("`{word}`")) || page.contains(&format!("--{option} {word}")),
                "{word}"
            );
        }
    }
}

#[test]
fn help_teaches_by_example_and_version_names_commit_and_target() {
    let sandbox = Sandbox::new();
    for words in [&["--help"][..], &["export", "--help"], &["run", "--help"], &["plan", "--help"]] {
        let run = sandbox.kz(words).expect_code(0);
        assert!(run.stdout().contains("Examples:") && run.stderr().is_empty(), "{}", run.describe());
    }
    let version = sandbox.kz(&["--version"]).expect_code(0).stdout();
    let parts: Vec<&str> = version.trim().trim_end_matches(')').split(['(', ',']).collect();
    assert!(parts.len() == 3 && parts[2].contains("linux"), "{version}");
}

#[test]
fn every_source_file_opens_with_what_it_is() {
    let found = Command::new("sh")
        .args(["-c", "find src tests build.rs -name '*.rs' | while read -r f; do head -n 1 \"$f\" | grep -q '^//!' || echo \"$f\"; done"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("a shell");
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
}
