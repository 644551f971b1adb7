//! Any text as a template, over text, text with a control character, and bytes: rendering it never panics, no
//! error repeats a value, and no control character leaves a value by other ways than a filter.
#![no_main]

use kz::resolve::template::{self, Template};
use kz::secret::Secret;
use libfuzzer_sys::fuzz_target;

const VALUES: [&[u8]; 3] = [b"canary/'\"<&", b"\x07canary", b"\xffcanary"];

fuzz_target!(|text: &str| {
    let names: Vec<String> = match Template::parse(text) {
        Ok(template) => template.inputs().iter().map(|input| input.name.clone()).collect(),
        Err(_) => vec!["A".to_owned(), "B".to_owned()],
    };
    let absent: Vec<&str> = names.iter().map(String::as_str).collect();
    let _ = template::render(text, &[], &absent);
    // What the text has itself, or could spell with an escape, proves nothing; and these filters vouch for a place
    // where a control character is one like any other.
    let says_canary = text.contains("canary");
    let vouches = ["raw", "sh", "pgpass"].iter().any(|filter| text.contains(filter));
    let says_control = text.contains(['\x07', '\\']) || vouches;
    for value in VALUES {
        let value = Secret::new(value.to_vec());
        let values: Vec<(&str, &Secret)> = names.iter().map(|name| (name.as_str(), &value)).collect();
        match template::render(text, &values, &[]) {
            Ok(rendered) => assert!(says_control || !rendered.expose().contains(&7), "{rendered:?}"),
            Err(error) => assert!(says_canary || !format!("{error} {error:?}").contains("canary"), "{error}"),
        }
    }
});
