//! The looks, without the program around them: what each uid sees, and what is looked at again.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::super::testing::{Target, files, now};
use super::super::{File, publish_set};
use super::*;

fn publish(target: &Target, files: &[File]) {
    let _ = publish_set(&target.path(""), files, 0o755, now()).unwrap();
}

fn published() -> Target {
    let target = Target::new();
    publish(&target, &files(&[("A", "one"), ("tls/key", "two"), ("tls/cert", ""), ("d/e/f", "x")]));
    target
}

fn fault(target: &Target) -> String {
    look(&target.path("")).unwrap_err().to_string()
}

#[test]
fn a_set_is_right_to_who_may_read_the_manifest_and_to_who_may_not() {
    let target = published();
    let sound = look(&target.path("")).unwrap();
    assert_eq!(sound.seen, Seen::Manifest { files: 4, closed: 0 });
    assert!(sound.since.age(SystemTime::now()) < Duration::from_mins(1));
    let directory = target.open();
    let name = current(&directory).unwrap().unwrap();
    let generation = directory.subdirectory(&name).unwrap();
    assert_eq!(structure::files(&directory, &generation).unwrap(), 4);
    let made = stamp::moment(&name).unwrap();
    assert!(Since::Written(made).age(SystemTime::now()) < Duration::from_mins(1));
}

#[test]
fn an_empty_set_is_a_set_and_an_empty_directory_is_none() {
    let target = Target::new();
    assert!(fault(&target).contains("holds no set of files"));
    publish(&target, &[]);
    assert_eq!(look(&target.path("")).unwrap().seen, Seen::Manifest { files: 0, closed: 0 });
}

#[test]
fn a_generation_of_another_name_or_kind_is_none_of_ours() {
    let target = published();
    std::fs::remove_file(target.path("..data")).unwrap();
    target.plant_link("..data", "elsewhere");
    assert!(fault(&target).contains("..data"));
    std::fs::remove_file(target.path("..data")).unwrap();
    target.plant_directory("..data");
    assert!(fault(&target).contains("..data"));
}

#[test]
fn only_what_an_exchange_may_look_like_is_looked_at_again() {
    let path = || PathBuf::from("p");
    let since = Since::Written(SystemTime::UNIX_EPOCH);
    let old = Fault::Old { since, age: Duration::from_secs(9), limit: Duration::from_secs(1) };
    assert!(Fault::Gone(path()).may_be_an_exchange() && Fault::State(path()).may_be_an_exchange());
    assert!(!Fault::Missing(path()).may_be_an_exchange() && !old.may_be_an_exchange());
    assert_eq!(old.to_string(), "it was written 9 s ago, and `--max-age` allows 1 s");
}

#[test]
fn a_clock_that_was_set_back_makes_nothing_old() {
    let later = SystemTime::now() + Duration::from_hours(1);
    assert_eq!(Since::Confirmed(later).age(SystemTime::now()), Duration::ZERO);
}

#[test]
fn times_are_said_as_people_say_them() {
    for (seconds, words) in
        [(0, "0 s ago"), (119, "119 s ago"), (120, "2 min ago"), (7_200, "2 h ago"), (864_000, "10 days ago")]
    {
        assert_eq!(ago(Duration::from_secs(seconds)), words);
    }
}
