//! No advice repeats a command line: each file of `tests/doctor/`, broken or right, with something that could be a credential
//! in each of its commands, scripts and healthchecks, in forms that kz knows and in forms that it does not.

use crate::advised::files;
use crate::advised::tree::{self, Node, Value};
use crate::support::Sandbox;

const CANARY: &str = "Canary7wolf";

/// What is written behind each command line, with the canary in it.
const FORMS: &[&str] = &[
    "--db-pass Canary7wolf",
    "--token=Canary7wolf",
    "-D spring.x=Canary7wolf",
    "PGPASSWORD=Canary7wolf psql",
    "login -p Canary7wolf",
    "https://x/?key=Canary7wolf",
    "a$Canary7wolf",
];

/// The keys below which a command line stands.
const KEYS: &[&str] = &["command", "entrypoint", "args", "test"];

/// Adds words to every command line, and to every word of one that holds several.
fn laced(node: &mut Node, words: &str) {
    let at = node.mark;
    match &mut node.value {
        Value::Scalar { text, .. } if !text.is_empty() => {
            let text = format!("{text} {words}");
            *node = Node { mark: at, ..Node::scalar(&text) };
        }
        Value::List(items) => {
            items
                .iter_mut()
                .filter(|item| item.text().is_some_and(|text| text.contains(' ')))
                .for_each(|item| laced(item, words));
            items.extend(words.split(' ').map(Node::scalar));
        }
        _ => {}
    }
}

fn lace(node: &mut Node, words: &str) -> usize {
    let mut number = 0;
    node.find(&mut |node| {
        for key in KEYS {
            if let Some(line) = node.get(key) {
                laced(line, words);
                number += 1;
            }
        }
        false
    });
    number
}

#[test]
fn no_command_line_is_repeated() {
    let sandbox = Sandbox::new();
    for file in std::fs::read_dir(crate::support::in_repository("tests/doctor")).expect("the files").flatten()
    {
        let path = file.path();
        if path.is_file() && path.extension().is_none_or(|extension| extension != "yaml") {
            sandbox.file(&file.file_name().to_string_lossy(), std::fs::read(&path).expect("a file"));
        }
    }
    let mut number = 0;
    for (index, words) in FORMS.iter().enumerate() {
        let mut names = Vec::new();
        for file in files("tests/doctor", 1) {
            let mut documents = tree::read(&std::fs::read_to_string(&file).expect("a file"));
            number += documents.iter_mut().map(|root| lace(root, words)).sum::<usize>();
            let name = format!("laced-{}-{index}.yaml", names.len());
            sandbox.file(&name, tree::write(&documents));
            names.push(name);
        }
        for format in ["text", "json"] {
            let mut all = vec!["doctor", "--format", format];
            all.extend(names.iter().map(String::as_str));
            let run = sandbox.kz(&all).expect_code(1);
            let (shown, told) = (run.stdout(), run.stderr());
            let line = shown.lines().chain(told.lines()).find(|line| line.contains(CANARY));
            assert!(line.is_none(), "{words}: {line:?}");
        }
    }
    assert!(number > 1000, "{number}");
}
