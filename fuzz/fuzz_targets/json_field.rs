//! A field path on the first line, JSON behind it: picking the field never panics, and gives what `serde_json`
//! and RFC 6901 give, without white space between tokens; `null` is absent.
#![no_main]

use kz::plan::field::FieldPath;
use kz::provider::{Document, Shape};
use kz::resolve::field::{FieldError, Fields};
use kz::secret::Secret;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|text: &str| {
    let Some((path, text)) = text.split_once('\n') else { return };
    let Ok(path) = FieldPath::parse(path) else { return };
    let content = Secret::new(text.as_bytes().to_vec());
    let document = Document { content, shape: Shape::Json, version: None, lease: None };
    let got = Fields::of(&document).and_then(|fields| fields.get(&path));
    let Ok(tree) = serde_json::from_str::<Value>(text) else { return };
    let pointer = kz_fuzz::pointer(path.segments());
    match (tree.pointer(&pointer), got) {
        (None, Err(_)) => {}
        // What is null is absent, and never the text `null`.
        (Some(Value::Null), got) => assert!(matches!(got, Err(FieldError::Null(_))), "{}", got.is_ok()),
        (Some(Value::String(expected)), Ok(got)) => assert_eq!(Some(expected.as_str()), got.expose_text()),
        (Some(expected), Ok(got)) => {
            assert_eq!(expected, &serde_json::from_slice::<Value>(got.expose()).expect("JSON"));
            assert!(!got.expose().iter().any(|byte| b"\n\r\t".contains(byte)));
        }
        (expected, got) => panic!("{expected:?} expected: {:?}", got.map(|got| got.expose().to_vec())),
    }
});
