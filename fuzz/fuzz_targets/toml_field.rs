//! A field path on the first line, TOML behind it: picking the field never panics, and gives what the `toml`
//! crate's own tree has there, as JSON.
#![no_main]

use kz::plan::field::FieldPath;
use kz::provider::{Document, Shape};
use kz::resolve::field::Fields;
use kz::secret::Secret;
use libfuzzer_sys::fuzz_target;
use serde_json::Value as Json;
use toml::Value as Toml;

/// `None` for what JSON cannot hold.
fn as_json(value: &Toml) -> Option<Json> {
    match value {
        Toml::Float(number) => serde_json::Number::from_f64(*number).map(Json::Number),
        Toml::Datetime(date) => Some(date.to_string().into()),
        Toml::Array(items) => items.iter().map(as_json).collect(),
        Toml::Table(table) => table.iter().map(|(key, value)| Some((key.clone(), as_json(value)?))).collect(),
        other => serde_json::to_value(other).ok(),
    }
}

fuzz_target!(|text: &str| {
    let Some((path, text)) = text.split_once('\n') else { return };
    let Ok(path) = FieldPath::parse(path) else { return };
    let content = Secret::new(text.as_bytes().to_vec());
    let document = Document { content, shape: Shape::Toml, version: None, lease: None };
    let got = Fields::of(&document).and_then(|fields| fields.get(&path));
    let Ok(tree) = toml::from_str::<toml::Table>(text).map(Toml::Table) else { return };
    let digits = |part: &str| part.parse().ok().filter(|index: &usize| index.to_string() == part);
    let found = path.segments().iter().try_fold(&tree, |tree, part| match tree {
        Toml::Array(items) => items.get(digits(part)?),
        tree => tree.get(part.as_str()),
    });
    match (found, found.and_then(as_json), got) {
        (None, _, Err(_)) | (Some(_), None, Err(_)) => {}
        (Some(Toml::String(expected)), _, Ok(got)) => assert_eq!(Some(expected.as_str()), got.expose_text()),
        (_, Some(expected), Ok(got)) => {
            let got: Json = serde_json::from_slice(got.expose()).expect("JSON");
            assert_eq!(expected, got);
        }
        (_, expected, got) => panic!("{expected:?} expected: {:?}", got.map(|got| got.expose().to_vec())),
    }
});
