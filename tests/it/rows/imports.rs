//! What each file of a crate names of its other files, read by `syn`. Pure, but for [`Tree::of_kz`].
//!
//! Invariant: a name is followed through `use`, through re-exports and into macros' arguments. What stands behind
//! `cfg(test)` is left out, and so are the files of modules that do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use syn::visit::{self, Visit};

use super::Modules;

/// Segments of a path, from the crate's root.
type Name = Vec<String>;

/// The files of one crate, by their paths below `src`, with what each imports.
pub(super) struct Tree {
    /// By file, the files that it names.
    edges: BTreeMap<String, BTreeSet<String>>,
}

/// What is found in one file.
#[derive(Default)]
struct File {
    at: Name,
    /// What it names, from where it stands.
    used: BTreeSet<Name>,
    /// What it shows under a name of its own: `pub use`.
    shown: BTreeMap<String, Name>,
    /// Modules below it that are for tests alone.
    for_tests: BTreeSet<String>,
}

impl Tree {
    /// kz's own.
    pub(super) fn of_kz() -> Self {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = BTreeMap::new();
        let mut directories = vec![source.clone()];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    directories.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let name = path.strip_prefix(&source).unwrap().to_str().unwrap().to_owned();
                    files.insert(name, std::fs::read_to_string(&path).unwrap());
                }
            }
        }
        assert!(files.len() > 200, "{} files", files.len());
        Self::of(files)
    }

    /// Of these texts, by path.
    pub(super) fn of(texts: BTreeMap<String, String>) -> Self {
        let mut files: BTreeMap<String, File> = BTreeMap::new();
        for (path, text) in texts {
            let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
            let mut file = File { at: module(&path), ..File::default() };
            file.visit_file(&parsed);
            files.insert(path, file);
        }
        let for_tests: Vec<Name> = files
            .values()
            .flat_map(|file| {
                file.for_tests.iter().map(|name| [&file.at[..], std::slice::from_ref(name)].concat())
            })
            .collect();
        files.retain(|_, file| !for_tests.iter().any(|name| file.at.starts_with(name)));
        let by_module: BTreeMap<&Name, &String> = files.iter().map(|(path, file)| (&file.at, path)).collect();
        let edges = files.iter().map(|(path, file)| {
            let named = file.used.iter().chain(file.shown.values());
            let absolute = named.filter_map(|name| absolute(&file.at, name, &by_module));
            let homes = absolute.filter_map(|name| home(&name, &files, &by_module, 0));
            // A file may use the words of the modules that it lies in.
            let others = homes.filter(|other| !file.at.starts_with(&files[other].at));
            (path.clone(), others.collect())
        });
        Self { edges: edges.collect() }
    }

    /// What each top module imports of the others.
    pub(super) fn modules(&self) -> Modules {
        let top = |path: &str| path.split('/').next().unwrap_or_default().trim_end_matches(".rs").to_owned();
        let mut modules = Modules::new();
        for (path, others) in &self.edges {
            if ["lib.rs", "main.rs"].contains(&path.as_str()) {
                continue;
            }
            let of = modules.entry(top(path)).or_default();
            for other in others.iter().filter(|other| top(other) != top(path)) {
                of.entry(top(other)).or_insert_with(|| path.clone());
            }
        }
        modules
    }

    /// Files that can be reached from themselves, each circle once, sorted.
    pub(super) fn circles(&self) -> Vec<Vec<String>> {
        let reach: BTreeMap<&String, BTreeSet<&String>> =
            self.edges.keys().map(|path| (path, self.reached(path))).collect();
        let mut circles = BTreeSet::new();
        for (path, reached) in &reach {
            if reached.contains(path) {
                let of = |other: &&&String| reach[**other].contains(path);
                let circle: Vec<String> = reached.iter().filter(of).map(|other| (*other).clone()).collect();
                circles.insert(circle);
            }
        }
        circles.into_iter().collect()
    }

    fn reached(&self, path: &str) -> BTreeSet<&String> {
        let mut reached = BTreeSet::new();
        let mut todo: Vec<&String> = self.edges[path].iter().collect();
        while let Some(next) = todo.pop() {
            if reached.insert(next) {
                todo.extend(&self.edges[next]);
            }
        }
        reached
    }
}

/// The module that a file is.
fn module(path: &str) -> Name {
    let mut name: Name = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if name.last().is_some_and(|last| last == "mod") || ["lib.rs", "main.rs"].contains(&path) {
        name.pop();
    }
    name
}

/// A name as it is from the crate's root; nothing for another crate's, or for one that is no path of modules.
fn absolute(at: &[String], name: &[String], modules: &BTreeMap<&Name, &String>) -> Option<Name> {
    let first = name.first()?.as_str();
    if first == "crate" {
        return Some(name[1..].to_vec());
    }
    if first == "self" || first == "super" {
        let ups = name.iter().take_while(|word| *word == "super" || *word == "self");
        let (steps, rest) = (ups.clone().filter(|word| *word == "super").count(), &name[ups.count()..]);
        return Some([at.get(..at.len().checked_sub(steps)?)?, rest].concat());
    }
    let below = [at, name].concat();
    modules.contains_key(&below[..=at.len()].to_vec()).then_some(below)
}

/// The file in which a name is, re-exports followed.
fn home(
    name: &[String],
    files: &BTreeMap<String, File>,
    modules: &BTreeMap<&Name, &String>,
    depth: usize,
) -> Option<String> {
    let length = (0..=name.len()).rev().find(|length| modules.contains_key(&name[..*length].to_vec()))?;
    let path = modules[&name[..length].to_vec()];
    let file = &files[path];
    if let Some(shown) = name.get(length).and_then(|word| file.shown.get(word))
        && depth < 8
        && let Some(shown) = absolute(&file.at, shown, modules)
    {
        return home(&[&shown[..], &name[length + 1..]].concat(), files, modules, depth + 1);
    }
    Some(path.clone())
}

/// Whether it is there for tests alone.
fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

/// Every path of one `use`.
fn leaves(tree: &syn::UseTree, before: &[String], to: &mut Vec<(String, Name)>) {
    let with = |word: &syn::Ident| [before, &[word.to_string()]].concat();
    match tree {
        syn::UseTree::Path(path) => leaves(&path.tree, &with(&path.ident), to),
        syn::UseTree::Group(group) => group.items.iter().for_each(|tree| leaves(tree, before, to)),
        syn::UseTree::Name(name) if name.ident == "self" => {
            to.push((before.last().cloned().unwrap_or_default(), before.to_vec()));
        }
        syn::UseTree::Name(name) => to.push((name.ident.to_string(), with(&name.ident))),
        syn::UseTree::Rename(rename) => to.push((rename.rename.to_string(), with(&rename.ident))),
        syn::UseTree::Glob(_) => to.push(("*".to_owned(), before.to_vec())),
    }
}

impl<'ast> Visit<'ast> for File {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes = match item {
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Use(item) => &item.attrs,
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            syn::Item::Const(item) => &item.attrs,
            syn::Item::Struct(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_for_tests(attributes) {
            return visit::visit_item(self, item);
        }
        if let syn::Item::Mod(module) = item {
            self.for_tests.insert(module.ident.to_string());
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let mut found = Vec::new();
        leaves(&item.tree, &[], &mut found);
        if matches!(item.vis, syn::Visibility::Inherited) {
            self.used.extend(found.into_iter().map(|(_, name)| name));
        } else {
            self.shown.extend(found);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.used.insert(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        // Its arguments are no syntax tree, so words joined by `::` are looked for.
        let text = call.tokens.to_string();
        let words: Vec<&str> =
            text.split(|sign: char| sign.is_whitespace() || "(){}[],;&".contains(sign)).collect();
        let joined = words.join(" ").replace(" :: ", "::");
        for word in joined.split(' ').filter(|word| word.contains("::")) {
            self.used.insert(word.split("::").map(str::to_owned).collect());
        }
        visit::visit_macro(self, call);
    }
}
