//! Any bytes as the identity in a variable: reading it never panics, opens nothing that it is not the identity
//! of, and what is said of it repeats no word of it.
#![no_main]

use kz::provider::settings::Settings;
use kz::provider::{Outcome, Terms, age};
use kz_fuzz::machine::{Machine, fetch};
use libfuzzer_sys::fuzz_target;

thread_local!(static MACHINE: Machine = {
    let machine = Machine::default();
    machine.set("document", Some(include_bytes!("../corpus/age_document/several")));
    machine
});

/// What the hints name, with the quotes around it, as it begins every identity.
const PREFIX: &str = "`AGE-SECRET-KEY-1`";

/// The words of the identity that no sentence of kz has.
fn telling(identity: &[u8]) -> impl Iterator<Item = &str> {
    let words = identity.split(u8::is_ascii_whitespace).filter_map(|word| std::str::from_utf8(word).ok());
    words.filter(|word| {
        word.len() > 12 && !PREFIX.contains(*word) && word.bytes().any(|byte| byte.is_ascii_digit())
    })
}

fuzz_target!(|identity: &[u8]| MACHINE.with(|machine| {
    let process = machine.process(&[("KEYZERO_AGE_IDENTITY", identity)]);
    let surroundings = kz::config::view::View::new(&process, &process.directory, Terms::default());
    match fetch(&*age::build(&Settings::default(), &surroundings), "document") {
        Outcome::Found(found) => assert_eq!(found.content.expose(), b"canary"),
        Outcome::Failed(failure) => {
            let words = format!(
                "{} {}",
                failure.cause,
                failure.hint.map(|hint| hint.to_string()).unwrap_or_default()
            );
            assert!(!telling(identity).any(|word| words.contains(word)), "{words}");
        }
        Outcome::Absent | Outcome::AbsentBecause(_) | Outcome::Blank(_) | Outcome::Readable => {
            panic!("the document is there")
        }
    }
}));
