//! `start.ld` puts together what every start runs, by the names of functions. To the linker a pattern that fits none is
//! no error, and the program only grows in memory: after a module was renamed, a dependency replaced, or the compiler
//! has begun to name functions otherwise.

use std::process::Command;

use crate::support::in_repository;

#[test]
fn every_pattern_of_the_linker_script_fits_a_function() {
    let script = std::fs::read_to_string(in_repository("start.ld")).expect("the script");
    let words = script.split(|character: char| character.is_whitespace() || "()".contains(character));
    let patterns: Vec<&str> = words.filter_map(|word| word.strip_prefix(".text.")).collect();
    assert!(patterns.len() > 50, "{} patterns were found", patterns.len());

    let functions = functions();
    let fits_none = |pattern: &&str| !functions.iter().any(|name| fits(name, pattern));
    let unfit: Vec<&str> = patterns.into_iter().filter(fits_none).collect();
    assert!(unfit.is_empty(), "fit no function of the program: {unfit:#?}");
}

#[test]
fn the_program_has_been_linked_by_it() {
    let listing = Command::new("readelf").args(["--sections", "--wide", env!("CARGO_BIN_EXE_kz")]).output();
    let listing =
        String::from_utf8(listing.expect("readelf, of binutils").stdout).expect("sections are text");
    assert!(listing.contains(" .text.start "), "{listing}");
}

/// The symbols of the program that cargo built; the one to ship has none left.
fn functions() -> Vec<String> {
    let listing = Command::new("nm").arg(env!("CARGO_BIN_EXE_kz")).output().expect("nm, of binutils");
    let listing = String::from_utf8(listing.stdout).expect("symbols are text");
    let functions: Vec<String> =
        listing.lines().filter_map(|line| line.split_ascii_whitespace().nth(2)).map(str::to_owned).collect();
    assert!(functions.len() > 1000, "{} symbols were found", functions.len());
    functions
}

/// Whether a name begins with a pattern in which `*` stands for anything.
fn fits(name: &str, pattern: &str) -> bool {
    let mut pieces = pattern.split('*');
    let start = pieces.next().and_then(|start| name.strip_prefix(start));
    let after = |open: &str, piece: &str| open.find(piece).map(|at| open[at + piece.len()..].to_owned());
    start.and_then(|start| pieces.try_fold(start.to_owned(), |open, piece| after(&open, piece))).is_some()
}
