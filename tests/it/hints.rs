//! Words that only an engine has stand in `src/hint.rs` alone, beside those of a pod.
//!
//! Every text in the source is looked at, read by `syn`: of literals and of what macros are given. Tests count for nothing,
//! and neither does what is said where no pod is: about files of Compose, by `kz init`, by `kz explain`, by `--help`.

use std::path::Path;

use syn::visit::{self, Visit};

use crate::support::in_repository;

const WORDS: &[&str] = &[
    "user: \"",
    "cap_add",
    "`-v ",
    "`:ro`",
    "`:z`",
    "tmpfs",
    "docker compose",
    "docker run",
    "Docker makes",
    "ulimits",
    "pids_limit",
    "working_dir",
    "`entrypoint:`",
    "bind mount",
    "platform: linux",
];

const ELSEWHERE: &[&str] =
    &["doctor/", "cli/doctor/", "cli/starter/", "cli/explain/", "cli/args/", "hint.rs"];

/// The texts of one file that have a word of an engine's.
#[derive(Default)]
struct Texts(Vec<String>);

impl Texts {
    fn look(&mut self, text: &str) {
        // A name or a path is no sentence.
        let is_spoken = text.split(' ').count() > 4;
        if is_spoken
            && WORDS.iter().any(|word| text.contains(word) || text.contains(&word.replace('"', "\\\"")))
        {
            self.0.push(text.to_owned());
        }
    }
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

impl<'ast> Visit<'ast> for Texts {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_for_tests(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_lit_str(&mut self, literal: &'ast syn::LitStr) {
        self.look(&literal.value());
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        // Comments are attributes; what `thiserror` says is a text.
        if attribute.path().is_ident("error") {
            self.look(
                &attribute.meta.require_list().map_or_else(|_| String::new(), |list| list.tokens.to_string()),
            );
        }
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        // Its arguments are no syntax tree.
        self.look(&call.tokens.to_string());
    }
}

fn texts(source: &str) -> Vec<String> {
    let mut texts = Texts::default();
    texts.visit_file(&syn::parse_file(source).expect("a source of Rust"));
    texts.0
}

/// The sources below `directory`, by their paths in `src/`.
fn sources(directory: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(directory).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(in_repository("src")).expect("a source").display().to_string();
            found.push((name, std::fs::read_to_string(&path).expect("a source")));
        }
    }
}

#[test]
fn a_word_of_an_engine_stands_only_beside_that_of_a_pod() {
    let mut files = Vec::new();
    sources(&in_repository("src"), &mut files);
    assert!(files.len() > 100, "only {} files", files.len());
    let is_test = |name: &str| name.contains("/tests/") || name.ends_with("/tests.rs");
    let is_elsewhere = |name: &str| ELSEWHERE.iter().any(|place| name.starts_with(place)) || is_test(name);
    for place in ELSEWHERE {
        assert!(files.iter().any(|(name, _)| name.starts_with(place)), "{place} is not there");
    }
    let wrong: Vec<_> = files
        .iter()
        .filter(|(name, _)| !is_elsewhere(name))
        .flat_map(|(name, text)| texts(text).into_iter().map(move |text| (name, text)))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn such_a_word_is_seen_in_every_form() {
    for form in [
        "const C: &str = \"give it more with `ulimits: nofile`\";",
        "fn f() -> String { format!(\"run kz as `user: \\\"{}\\\"` or so\", 1) }",
        "fn f() { g(h(\"mount it `:ro` everywhere else but here\")) }",
        "#[derive(Error)] enum E { #[error(\"this is a bind mount of another\")] A }",
        "mod m { const C: &str = r#\"run it with `-v a:b` again\"#; }",
    ] {
        assert_eq!(texts(form).len(), 1, "{form}");
    }
    for form in [
        "/// A comment on what a bind mount is, and more.\nfn f() {}",
        "#[cfg(test)] mod tests { const C: &str = \"this is a bind mount of another\"; }",
        "const C: &str = \"tmpfs\";",
    ] {
        assert_eq!(texts(form), [""; 0], "{form}");
    }
}
