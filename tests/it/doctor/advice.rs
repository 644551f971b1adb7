//! Every advice of `kz doctor` is followed: each finding of each broken file, applied as its steps say, is gone when
//! doctor is asked again, and nothing new is found. What only a person can do stands in `BY_HAND`.

use std::collections::BTreeSet;
use std::path::Path;

use super::{files, marks};
use crate::advised::stack::{BY_HAND, Finding, Stack};
use crate::advised::tree;

/// Advice that gives doctor a configuration to look into, which it could not before: what it then finds is in there.
const REVEALING: &[&str] = &["D405", "D406", "D407", "D408", "D206"];

/// What can be found in a configuration only.
const REVEALED: &[&str] = &["D113", "D415", "D416"];

/// Codes and subjects, without those of one finding.
fn others(all: &[Finding], but: &Finding) -> Vec<(String, String)> {
    let mut all: Vec<_> = all.iter().map(|one| (one.code.clone(), one.subject.clone())).collect();
    let at = all.iter().position(|one| *one == (but.code.clone(), but.subject.clone()));
    at.map(|at| all.remove(at));
    all
}

/// Follows one finding, and says what doctor finds then: no longer that, and nothing that was not found before.
fn follow(stack: &mut Stack, file: &Path, found: &[Finding], finding: &Finding) -> Vec<Finding> {
    let before = tree::write(&stack.documents);
    stack.follow(finding);
    let left = stack.findings();
    let mut allowed = others(found, finding);
    for one in &left {
        let pair = (one.code.clone(), one.subject.clone());
        let known = allowed.iter().position(|other| *other == pair);
        let is_revealed = REVEALING.contains(&finding.code.as_str()) && REVEALED.contains(&one.code.as_str());
        assert!(
            known.is_some() || is_revealed,
            "{}: {finding:?}, followed, leaves or brings {one:?}\nbefore:\n{before}\nafter:\n{}",
            file.display(),
            tree::write(&stack.documents)
        );
        known.map(|at| allowed.remove(at));
    }
    left
}

/// Follows each finding of a file alone, and then one after the other until there is none; the codes that were followed.
fn cured(file: &Path) -> BTreeSet<String> {
    let mut followed = BTreeSet::new();
    let first = Stack::of(file).findings();
    assert!(!first.is_empty(), "{}", file.display());
    for index in 0..first.len() {
        let mut stack = Stack::of(file);
        let found = stack.findings();
        follow(&mut stack, file, &found, &found[index]);
        followed.insert(found[index].code.clone());
    }
    let mut stack = Stack::of(file);
    let mut found = stack.findings();
    while let Some(first) = found.first().cloned() {
        found = follow(&mut stack, file, &found, &first);
        assert!(stack.asked < 24, "{}: advice leads in a circle", file.display());
        followed.insert(first.code);
    }
    followed
}

#[test]
fn every_advice_when_it_is_followed_removes_its_finding_and_brings_no_other() {
    let mut followed = BTreeSet::new();
    let mut wrong = Vec::new();
    for file in files("tests/doctor", 0) {
        match std::panic::catch_unwind(|| cured(&file)) {
            Ok(codes) => followed.extend(codes),
            Err(_) => wrong.push(file),
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}: what is wrong with each stands above");
    let texts =
        files("tests/doctor", 0).into_iter().map(|file| std::fs::read_to_string(file).expect("a file"));
    let shown: BTreeSet<String> = texts.flat_map(|text| marks(&text)).map(|(_, code)| code).collect();
    assert_eq!(shown.difference(&followed).collect::<Vec<_>>(), Vec::<&String>::new(), "not followed");
}

#[test]
fn nobody_does_by_hand_what_a_step_does() {
    let said: Vec<(String, String)> = files("tests/doctor", 0)
        .iter()
        .flat_map(|file| {
            let mut stack = Stack::of(file);
            let name = stack.names[0].clone();
            stack
                .findings()
                .into_iter()
                .filter(|finding| finding.steps.iter().any(|step| step.0 == "said"))
                .map(move |finding| (name.clone(), finding.code))
        })
        .collect();
    for (file, code, _) in BY_HAND {
        assert!(said.iter().any(|(name, said)| name == file && said == code), "{file} {code}: not needed");
    }
}
