//! Any values as `KEY=value` lines: each is refused, or read back byte for byte by kz and by a shell, which
//! does nothing else. The input is the values, divided by 0xFE, which no UTF-8 has.
#![no_main]

use kz::output::env::{Dialect, encode};
use kz::output::{Item, dotenv, json};
use kz::secret::Secret;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let item = |(number, value): (usize, &[u8])| Item {
        name: format!("K{number}"),
        value: Secret::new(value.to_vec()),
    };
    let items: Vec<Item> = bytes.split(|&byte| byte == 0xfe).enumerate().map(item).collect();
    let alone = |item: &&Item| encode(std::slice::from_ref(*item), Dialect::Common).is_ok();
    match encode(&items, Dialect::Common) {
        Ok(text) => {
            let decoded = dotenv::decode(&text).expect("what was encoded");
            let sourced =
                kz_fuzz::shell::read(text.expose_text().expect("text")).expect("nothing but assignments");
            assert_eq!((decoded.len(), sourced.len()), (items.len(), items.len()));
            for ((item, (name, value)), (key, word)) in items.iter().zip(decoded).zip(sourced) {
                assert_eq!((&item.name, &item.value), (&name, &value));
                assert_eq!((item.name.as_str(), item.value.expose()), (key.as_str(), word.as_bytes()));
            }
        }
        Err(refusals) => assert_eq!(refusals.len(), items.len() - items.iter().filter(alone).count()),
    }
    let object = json::encode(&items, json::Bytes::Base64).expect("JSON of any bytes");
    let object: serde_json::Value = serde_json::from_slice(object.expose()).expect("JSON");
    for item in items {
        let text = object[&item.name].as_str().or(object[&item.name]["base64"].as_str());
        assert!(item.value.expose_text().is_none_or(|value| text == Some(value)) && text.is_some());
    }
});
