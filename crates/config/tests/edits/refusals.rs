//! Edits that are not made, and what is said instead.

use tidelock_config::edit::{
    OperationError, Scalar, add_member, groups, member_in, members, remove_member, set_scalar, swap_writer,
};
use tidelock_config::syntax::{Document, parse};

const FILE: &str = r#"location = "east"
location_replica = "west"
managed_redis_config = { a = {} }
managed_redis_config_replica = { b = {}, c = {} }
managed_redis_geo_replication_config = {
  main  = { primary_redis_key = "a", replica_keys = ["b", "c"] }
  pair  = { primary_redis_key = "a", replica_keys = ["b"] }
  twice = { primary_redis_key = "a", replica_keys = ["b", "b"] }
  wrong = { primary_redis_key = 1, replica_keys = ["b"] }
  mixed = { primary_redis_key = "a", replica_keys = ["b", 1] }
  plain = { primary_redis_key = "a", replica_keys = "b" }
  half  = { primary_redis_key = "a" }
  same  = { primary_redis_key = "a", primary_redis_key = "b", replica_keys = ["c"] }
  none  = null
}
x = { y = { z = 1 }, y = 2, l = [], s = "s" }
"#;

/// The error as a person reads it, and the text it points at.
#[track_caller]
fn refused<T: std::fmt::Debug>(operation: impl FnOnce(&Document) -> Result<T, OperationError>) -> (String, String) {
    let (document, findings) = parse(FILE);
    assert_eq!(findings, []);
    let err = operation(&document).unwrap_err();
    let place = err.span().map(|span| span.of(FILE).to_owned()).unwrap_or_default();
    (format!("{err}; {}", err.help()), place)
}

#[test]
fn members_that_cannot_move() {
    let mut said = Vec::new();
    for (group, cache) in [
        ("main", "d"),
        ("nowhere", "b"),
        ("twice", "b"),
        ("wrong", "b"),
        ("mixed", "b"),
        ("plain", "b"),
        ("half", "b"),
        ("same", "c"),
        ("none", "b"),
    ] {
        let swap = refused(|document| swap_writer(FILE, document, group, cache));
        assert_eq!(swap, refused(|document| remove_member(FILE, document, group, cache)));
        said.push(format!("{} [{}]", swap.0, swap.1));
    }
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn the_writer_and_the_last_replica_stay() {
    let (said, place) = refused(|document| remove_member(FILE, document, "main", "a"));
    assert!(said.contains("is the writer") && said.contains("tidelock switchover"), "{said}");
    assert_eq!(place, "\"a\"");
    let (said, place) = refused(|document| remove_member(FILE, document, "pair", "b"));
    assert!(said.contains("only replica") && said.contains("remove the group `pair`"), "{said}");
    assert_eq!(place, "[\"b\"]");
    let (said, _) = refused(|document| add_member(FILE, document, "main", "a"));
    assert!(said.contains("is the writer"), "{said}");
}

#[test]
fn places_that_hold_no_scalar() {
    let one = Scalar::Integer(1);
    let set = |path: &[&str]| refused(|document| set_scalar(FILE, document, path, &one));
    let said: Vec<_> = [
        &["x"] as &[&str],
        &["x", "l"],
        &["x", "y"],
        &["x", "y", "z"],
        &["x", "l", "0"],
        &["x", "s", "t"],
        &["x", "t", "u"],
        &["u", "v"],
        &["managed_redis_geo_replication_config", "none", "primary_redis_key"],
        &["a b"],
        &[],
    ]
    .into_iter()
    .map(|path| set(path).0)
    .collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn a_file_with_errors_or_another_files_places_are_not_edited() {
    let broken = "a = 1\nb = {\n";
    let (document, _) = parse(broken);
    let err = set_scalar(broken, &document, &["a"], &Scalar::Integer(2)).unwrap_err();
    assert!(matches!(err, OperationError::Unreadable { span: Some(_) }), "{err:?}");

    let (document, _) = parse("aa = 1\nb = 2\n");
    for other in ["a = 1\nb = 2\n", "", "é = 1\n", "ab=\"é\"\n", "bb = 1\nb = 2\n"] {
        let err = set_scalar(other, &document, &["aa"], &Scalar::Integer(2)).unwrap_err();
        assert!(matches!(err, OperationError::Unproven | OperationError::Splice(_)), "{err:?}");
    }
}

#[test]
fn a_regions_member_is_found_by_its_location() {
    let (document, _) = parse(FILE);
    assert_eq!(groups(&document).first(), Some(&"main"));
    assert_eq!(member_in(&document, "main", "east").unwrap(), Some("a"));
    assert_eq!(member_in(&document, "main", "west").unwrap(), Some("b"));
    assert_eq!(member_in(&document, "main", "north").unwrap(), None);
    assert!(member_in(&document, "nowhere", "west").is_err());
    assert!(groups(&parse("").0).is_empty());
    assert_eq!(members(&document, "main").unwrap(), ["a", "b", "c"]);
}
