//! What is there already and not part of the set: taken names, links that are not ours, debris and what looks like it.

use super::*;

type Plant = fn(&Target);

#[test]
fn a_name_that_is_taken_is_refused_before_anything_is_made() {
    let plants: [(&str, Plant); 5] = [
        ("a file", |target| target.plant("B", "theirs")),
        ("a directory", |target| target.plant_directory("B")),
        ("a FIFO", |target| target.plant_fifo("B")),
        ("a symbolic link", |target| target.plant_link("B", "/etc/passwd")),
        ("a symbolic link", |target| target.plant_link("B", "..data/A")),
    ];
    for (kind, plant) in plants {
        let target = Target::new();
        plant(&target);
        let before = target.snapshot();
        let error = publish(&target, &[("A", "1"), ("B", "2")]).unwrap_err();
        assert_eq!(error, Error::NameTaken { path: target.path("B"), kind });
        assert_eq!(target.snapshot(), before);
    }
}

#[test]
fn a_data_link_that_is_not_ours_is_refused() {
    let plants: [Plant; 4] = [
        |target| target.plant_link("..data", "/etc"),
        |target| target.plant_link("..data", "../x"),
        |target| target.plant_directory("..data"),
        |target| target.plant("..data", "x"),
    ];
    for plant in plants {
        let target = Target::new();
        plant(&target);
        let before = target.snapshot();
        let error = publish(&target, &[("A", "1")]).unwrap_err();
        assert!(matches!(error, Error::NameTaken { .. }), "{error:?}");
        assert_eq!(target.snapshot(), before);
    }
}

#[test]
fn a_data_link_to_a_generation_that_is_gone_or_a_link_is_replaced() {
    for is_link in [false, true] {
        let target = Target::new();
        target.plant_link("..data", STALE);
        if is_link {
            target.plant_link(STALE, "/etc");
        }
        assert_written(publish(&target, &[("A", "1")]));
        assert_eq!(target.read("A"), "1");
        assert_eq!(target.exists(STALE), is_link, "a link is not something that kz makes there");
    }
}

#[test]
fn what_a_killed_export_left_is_removed_even_when_nothing_changed() {
    let target = Target::new();
    assert_written(publish(&target, &[("A", "1")]));
    let before = target.names();
    for mode in [0o1700, 0o1755] {
        target.plant_directory(STALE);
        target.plant_directory(&format!("{STALE}/sub"));
        target.plant(&format!("{STALE}/sub/B"), "half");
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(target.path(STALE), mode).unwrap();
        target.plant_link("..data_tmp.0123456789abcdef", STALE);
        target.plant_link("B", "..data/B");
        assert_unchanged(publish(&target, &[("A", "1")]));
        assert_eq!(target.names(), before);
    }
}

#[test]
fn what_only_looks_like_debris_is_left_alone() {
    let target = Target::new();
    target.plant_directory("..2020_01_01_00_00_00.0123456789");
    // Of ours, by the name of a generation, but without the mark: another program's.
    target.plant_directory("..2020_01_01_00_00_03.0123456789abcdef");
    target.plant("..2020_01_01_00_00_03.0123456789abcdef/keep", "theirs");
    target.plant(STALE, "a file, no generation");
    target.plant_link("..2020_01_01_00_00_01.0123456789abcdef", "/etc");
    target.plant("..data_tmp.0123456789abcdef", "a file, no link");
    target.plant_link("..data_tmp", "/etc");
    if nix::unistd::geteuid().is_root() {
        target.plant_directory("..2020_01_01_00_00_02.0123456789abcdef");
        target.give_away("..2020_01_01_00_00_02.0123456789abcdef");
    }
    let before = target.snapshot();
    assert_written(publish(&target, &[("A", "1")]));
    let after = target.snapshot();
    assert!(before.iter().all(|(path, seen)| after.get(path) == Some(seen)), "{after:?}");
}

#[test]
fn hostile_things_in_an_old_generation_neither_hang_nor_vanish() {
    let target = Target::new();
    assert_written(publish(&target, &[("A", "1")]));
    let old = generation(&target);
    target.plant_fifo(&format!("{old}/fifo"));
    target.plant("outside", "theirs");
    target.plant_link(&format!("{old}/link"), "../outside");
    assert_written(publish(&target, &[("A", "2")]));
    assert_eq!(target.read("A") + &target.read("outside"), "2theirs");
    assert!(target.exists(&format!("{old}/fifo")) && target.exists(&format!("{old}/link")));
    assert!(!target.exists(&format!("{old}/A")), "a secret must not stay");
}

#[test]
fn a_fifo_in_the_place_of_a_secret_is_a_difference_and_is_not_opened() {
    let target = Target::new();
    assert_written(publish(&target, &[("A", "1")]));
    let name = format!("{}/A", generation(&target));
    std::fs::remove_file(target.path(&name)).unwrap();
    target.plant_fifo(&name);
    assert_written(publish(&target, &[("A", "1")]));
    assert_eq!(target.read("A"), "1");
}
