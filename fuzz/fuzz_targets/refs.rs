//! Any text as a field path, as a ref, as a file's path, a mode or a time: judging it never panics, and what is
//! taken means one thing.
#![no_main]

use std::path::{Component, Path};

use kz::config::{parse_duration, secret::parse_mode};
use kz::delivery::RelativePath;
use kz::plan::field::FieldPath;
use kz::provider::registry::PROVIDERS;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(field) = FieldPath::parse(text) {
        let pointer = kz_fuzz::pointer(field.segments());
        let again = FieldPath::parse(&pointer).expect("a pointer made of segments");
        assert_eq!(again.segments(), field.segments());
        assert_eq!(field.to_string(), text);
        let _ = field.as_key();
    }
    for provider in PROVIDERS {
        let _ = (provider.check_ref)(text);
    }
    if let Ok(path) = RelativePath::new(text) {
        let mut components = Path::new(path.as_str()).components();
        assert!(components.all(|component| matches!(component, Component::Normal(_))), "{text:?}");
        assert!(Path::new("/out").join(path.as_str()).starts_with("/out") && !text.contains('\0'));
        assert!(text != ".kz" && !text.starts_with(".kz/") && !text.starts_with(".."));
    }
    assert!(parse_mode(text).is_none_or(|mode| mode & !0o777 == 0 && mode & 0o400 != 0));
    let _ = parse_duration(text);
});
