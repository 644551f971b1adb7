//! Any bytes as an env file: reading it never panics. What is read is read alike by a shell, can be a variable,
//! and is encoded to what reads the same.
#![no_main]

use kz::exec::environment::{Inherit, Recipe, build};
use kz::output::env::{Dialect, encode, is_a_shells_own};
use kz::output::{Item, dotenv};
use kz::secret::Secret;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let file = Secret::new(bytes.to_vec());
    let lines = bytes.split(|&byte| byte == b'\n').count();
    let entries = match dotenv::decode(&file) {
        Ok(entries) => entries,
        Err(errors) => {
            let told: Vec<usize> = errors.0.iter().map(|error| error.line).collect();
            assert!(!told.is_empty() && told.is_sorted(), "{errors}");
            return assert!(told.iter().all(|line| (1..=lines).contains(line)), "{errors}");
        }
    };
    // Line ends of Windows and the mark at the start are read by kz alone.
    let text = file.expose_text().expect("text").trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let sourced = kz_fuzz::shell::read(text.trim_end_matches('\r')).expect("nothing but assignments");
    let same = |(ours, theirs): (&(String, Secret), &(String, String))| {
        ours.0 == theirs.0 && ours.1.expose() == theirs.1.as_bytes()
    };
    assert!(entries.len() == sourced.len() && entries.iter().zip(&sourced).all(same), "{sourced:?}");
    let item = |(name, value): &(String, Secret)| Item { name: name.clone(), value: value.clone() };
    // What has the name of a shell's own variable is read, and not written.
    let writable = || entries.iter().filter(|(name, _)| !is_a_shells_own(name));
    let items: Vec<Item> = writable().map(item).collect();
    let again = encode(&items, Dialect::Common).expect("what was read");
    let again = dotenv::decode(&again).expect("what was written");
    assert!(again.iter().eq(writable()));
    let recipe = Recipe {
        inherited: &[],
        inherit: Inherit::All,
        keep: &[],
        credentials: &[],
        secrets: &entries,
        elsewhere: &[],
    };
    assert!(build(&recipe).is_ok_and(|environment| environment.strings.len() == entries.len()));
});
