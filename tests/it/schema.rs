//! `kz schema` and `kz validate` are asked about the same files. The one that reads the schema is PyPI's
//! check-jsonschema, which knows nothing of kz.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::support::{Sandbox, expect_committed, in_repository, tools};

const SCHEMA: &str = "schema/keyzero.schema.json";

/// Configurations by name.
type Files = BTreeMap<String, String>;

fn checker() -> Command {
    let path = tools().join("check-jsonschema/bin/check-jsonschema");
    assert!(path.exists(), "{} is missing: run `make setup`", path.display());
    Command::new(path)
}

fn schema() -> Value {
    serde_json::from_str(&Sandbox::new().kz(&["schema"]).expect_code(0).stdout()).expect("JSON")
}

#[test]
fn the_committed_page_of_the_configuration_is_what_the_parser_knows() {
    expect_committed("docs/configuration.md", &kz::config::reference::page());
}

/// The files of a directory of TOML files.
fn files(directory: &str) -> Files {
    let entries = std::fs::read_dir(in_repository(directory)).expect("the files");
    let read = |path: std::path::PathBuf| {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        (format!("{directory}/{name}").replace('/', "-"), std::fs::read_to_string(path).expect("a file"))
    };
    entries.map(|entry| read(entry.expect("an entry").path())).collect()
}

/// Which of these `kz validate` accepts, and which the schema does.
fn verdicts(files: &Files) -> (BTreeSet<&str>, BTreeSet<&str>) {
    let sandbox = Sandbox::new();
    let schema = in_repository(SCHEMA);
    let mut check = checker();
    check.args(["--output-format", "json", "--schemafile"]).arg(schema);
    let mut accepted = BTreeSet::new();
    for (name, text) in files {
        let file = format!("{name}.toml");
        sandbox.file(&file, text);
        check.arg(&file);
        if sandbox.kz(&["--config", &file, "validate"]).output.status.success() {
            accepted.insert(name.as_str());
        }
    }
    let run = sandbox.run(&mut check);
    let answer: Value = serde_json::from_str(&run.stdout()).unwrap_or_else(|_| panic!("{}", run.describe()));
    assert_eq!(answer["parse_errors"], serde_json::json!([]), "{answer:#}");
    let errors = answer["errors"].as_array().expect("a list");
    let refused: BTreeSet<&str> = errors.iter().filter_map(|error| error["filename"].as_str()).collect();
    let passes = files.keys().filter(|name| !refused.contains(format!("{name}.toml").as_str()));
    (accepted, passes.map(String::as_str).collect())
}

#[test]
fn the_committed_schema_is_what_kz_prints() {
    let sandbox = Sandbox::new();
    expect_committed(SCHEMA, &sandbox.kz(&["schema"]).expect_code(0).stdout());
    sandbox.run(checker().arg("--check-metaschema").arg(in_repository(SCHEMA))).expect_code(0);
}

#[test]
fn schema_and_validate_agree_on_every_file() {
    let (valid, invalid) = (files("tests/schema/valid"), files("tests/schema/invalid"));
    assert!(valid.len() >= 20 && invalid.len() >= 40, "{} and {}", valid.len(), invalid.len());
    let all: Files = valid.clone().into_iter().chain(invalid).collect();
    let (by_validate, by_schema) = verdicts(&all);
    let expected: BTreeSet<&str> = valid.keys().map(String::as_str).collect();
    assert_eq!(by_validate, expected, "kz validate is on the left");
    assert_eq!(by_schema, expected, "the schema is on the left");
}

#[test]
fn schema_and_validate_agree_on_each_keys_example_and_on_another_type() {
    let schema = schema();
    let definitions = schema["$defs"].as_object().expect("definitions");
    let mut files = Files::new();
    let mut expected = BTreeSet::new();
    for (key, about) in definitions["secret-keys"]["properties"].as_object().expect("keys") {
        assert!(about["description"].is_string() && !about["examples"][0].is_null(), "{key}");
        if !["provider", "resolver", "ref", "request", "template"].contains(&key.as_str()) {
            let secret = |value: &str| {
                format!("[secrets]\nA = {{ provider = \"env\", ref = \"A\", {key} = {value} }}\n")
            };
            files.insert(format!("{key}-example"), secret(&about["examples"][0].to_string()));
            files.insert(format!("{key}-type"), secret("1.5"));
            expected.insert(format!("{key}-example"));
        }
    }
    for (provider, about) in
        definitions.iter().filter_map(|(name, about)| Some((name.strip_prefix("provider-")?, about)))
    {
        for (key, about) in about["properties"].as_object().expect("settings") {
            assert!(about["description"].is_string(), "{provider} {key}");
            files.insert(format!("{provider}-{key}"), format!("[providers.{provider}]\n{key} = 1.5\n"));
        }
    }
    assert!(files.len() > 60, "{} files", files.len());
    let (by_validate, by_schema) = verdicts(&files);
    assert_eq!(by_validate, expected.iter().map(String::as_str).collect(), "kz validate is on the left");
    assert_eq!(by_schema, by_validate, "the schema is on the left");
}

/// Whatever else this repository shows: the schema refuses nothing that `kz validate` accepts.
#[test]
fn the_schema_accepts_every_example() {
    let mut files = Files::new();
    for entry in std::fs::read_dir(in_repository("tests/cases")).expect("the cases").flatten() {
        let text = std::fs::read_to_string(entry.path()).expect("a case");
        let config = text.split("-- .keyzero.toml --\n").nth(1).and_then(|rest| rest.split("\n-- ").next());
        // Where the text is no TOML there is nothing to agree about.
        if let Some(config) = config.filter(|config| toml::de::DeTable::parse(config).is_ok()) {
            files.insert(
                entry.path().file_stem().expect("a name").to_string_lossy().into_owned(),
                config.to_owned(),
            );
        }
    }
    let readme = std::fs::read_to_string(in_repository("README.md")).expect("the README");
    for (index, block) in readme.split("```toml\n").skip(1).enumerate() {
        files.insert(format!("readme-{index}"), block.split("```").next().unwrap_or_default().to_owned());
    }
    for entry in std::fs::read_dir(in_repository("compose-examples")).expect("the examples").flatten() {
        let config = std::fs::read_to_string(entry.path().join("keyzero.toml")).expect("its configuration");
        files.insert(entry.file_name().to_string_lossy().into_owned(), config);
    }
    let (by_validate, by_schema) = verdicts(&files);
    assert!(by_validate.len() > 20, "{} are valid", by_validate.len());
    let refused: Vec<_> = by_validate.difference(&by_schema).collect();
    assert!(refused.is_empty(), "the schema refuses {refused:?}");
}
