//! Any text as the configuration, or two of them around a line `--- local`: checking it never panics, every
//! problem lies in its text, and neither words nor excerpts repeat what may be a credential.
#![no_main]

use kz::config::{Error, Request, load};
use kz_fuzz::canary::{self, CREDENTIAL, WORD};
use kz_fuzz::machine::Machine;
use libfuzzer_sys::fuzz_target;

thread_local!(static MACHINE: Machine = Machine::default());

fuzz_target!(|text: &str| MACHINE.with(|machine| {
    let (main, local) =
        text.split_once("--- local\n").map_or((text, None), |(main, local)| (main, Some(local)));
    machine.set(".keyzero.toml", Some(main.as_bytes()));
    machine.set(".keyzero.local.toml", local.map(str::as_bytes));
    let process = machine.process(&[("HOME", b"/home/me"), ("VAULT_ADDR", b"https://vault:8200")]);
    let Err(Error::Problems { sources, problems }) = load(&Request::default(), &process) else { return };
    let texts = || sources.iter().map(|source| source.text.as_str());
    let well_formed = texts().all(canary::is_toml);
    let in_keys = [CREDENTIAL, WORD].map(|canary| texts().any(|text| canary::in_a_key(text, canary)));
    let open = texts().any(|text| canary::in_the_open(text, WORD));
    for problem in problems {
        let (place, source) = (&problem.place, &sources[problem.place.source]);
        assert!(place.start <= place.end && place.end <= source.text.len(), "{place:?}");
        assert!(source.position(place.start).0 <= source.text.matches('\n').count() + 1);
        let excerpt = source.excerpt(place.start..place.end);
        assert!(excerpt.carets > 0 && excerpt.indent <= excerpt.line.chars().count(), "{excerpt:?}");
        let words = format!("{} {}", problem.message, problem.hint.as_deref().unwrap_or_default());
        let says = |canary| words.contains(canary) || excerpt.line.contains(canary);
        assert!(in_keys[0] || !says(CREDENTIAL), "{words} {excerpt:?}");
        assert!(well_formed || !excerpt.line.contains(CREDENTIAL), "{excerpt:?}");
        assert!(in_keys[1] || open || !well_formed || !says(WORD), "{words} {excerpt:?}");
    }
}));
