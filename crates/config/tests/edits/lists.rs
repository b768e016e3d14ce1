//! Members taken out of and added to lists of every layout.

use tidelock_config::edit::{add_member, remove_member};

use crate::edited;

/// A file whose group has these `replica_keys`.
fn file(list: &str) -> String {
    format!("{HEAD}{list}{TAIL}")
}

const HEAD: &str =
    "managed_redis_geo_replication_config = {\n  main = {\n    primary_redis_key = \"w\"\n    replica_keys      = ";
const TAIL: &str = "\n  }\n}\n";

fn list(file: &str) -> &str {
    file.strip_prefix(HEAD).unwrap().strip_suffix(TAIL).unwrap()
}

#[track_caller]
fn removed(from: &str, member: &str) -> String {
    let text = file(from);
    list(&edited(&text, |document| remove_member(&text, document, "main", member))).to_owned()
}

#[track_caller]
fn added(to: &str, member: &str) -> String {
    let text = file(to);
    list(&edited(&text, |document| add_member(&text, document, "main", member))).to_owned()
}

#[test]
fn a_member_leaves_a_list_on_one_line() {
    for (from, member, to) in [
        (r#"["a", "b", "c"]"#, "a", r#"["b", "c"]"#),
        (r#"["a", "b", "c"]"#, "b", r#"["a", "c"]"#),
        (r#"["a", "b", "c"]"#, "c", r#"["a", "b"]"#),
        (r#"[ "a", "b" ]"#, "a", r#"[ "b" ]"#),
        (r#"[ "a", "b" ]"#, "b", r#"[ "a" ]"#),
        (r#"["a","b"]"#, "b", r#"["a"]"#),
        (r#"["a" , "b"]"#, "b", r#"["a"]"#),
        (r#"["a", "b",]"#, "b", r#"["a",]"#),
        (r#"["a", "b", ]"#, "b", r#"["a", ]"#),
        (r#"["a", "b",]"#, "a", r#"["b",]"#),
        ("[\t\"a\",\t\"b\"\t]", "b", "[\t\"a\"\t]"),
        // Whose comment it is, nobody knows: it stays.
        (r#"["a", /* c */ "b"]"#, "a", r#"[/* c */ "b"]"#),
        (r#"["a", /* c */ "b"]"#, "b", r#"["a" /* c */]"#),
        (r#"["a" /* x, y */, "b"]"#, "a", r#"[/* x, y */ "b"]"#),
        (r#"["a" /* c */, "b"]"#, "b", r#"["a" /* c */]"#),
        (r#"["a", "b" /* c */]"#, "b", r#"["a" /* c */]"#),
        (r#"[/* c */"a"/* d */,/* e */"b"]"#, "a", r#"[/* c *//* d *//* e */"b"]"#),
    ] {
        assert_eq!(removed(from, member), to, "{member} out of {from}");
    }
}

#[test]
fn a_member_leaves_a_list_of_many_lines_with_its_line() {
    let all = "[\n      \"a\", # the first\n      \"b\", // the second\n\n      # the third:\n      \"c\", /* is it */\n    ]";
    assert_eq!(removed(all, "a"), all.replace("      \"a\", # the first\n", ""));
    assert_eq!(removed(all, "b"), all.replace("      \"b\", // the second\n", ""));
    assert_eq!(removed(all, "c"), all.replace("      \"c\", /* is it */\n", ""));

    for (from, member, to) in [
        // Without a trailing comma before, without one after.
        ("[\n  \"a\", # 1\n  \"b\" # 2\n]", "b", "[\n  \"a\" # 1\n]"),
        ("[\n  \"a\",\n  \"b\"\n]", "a", "[\n  \"b\"\n]"),
        ("[\r\n\t\"a\",\r\n\t\"b\"\r\n]", "b", "[\r\n\t\"a\"\r\n]"),
        // Commas first.
        ("[\n  \"a\"\n  , \"b\" # 2\n  , \"c\"\n]", "b", "[\n  \"a\"\n  , \"c\"\n]"),
        ("[\n  \"a\"\n  , \"b\"\n  , \"c\"\n]", "c", "[\n  \"a\"\n  , \"b\"\n]"),
        ("[\n  \"a\"\n  , \"b\"\n]", "a", "[\n  \"b\"\n]"),
        ("[\n  \"a\" # 1\n  , \"b\"\n]", "a", "[\n  # 1\n   \"b\"\n]"),
        // Brackets on the elements' lines.
        ("[\"a\",\n  \"b\"]", "a", "[\"b\"]"),
        ("[\"a\",\n  \"b\"]", "b", "[\"a\"]"),
        ("[\"a\", # 1\n  \"b\"]", "a", "[# 1\n  \"b\"]"),
        ("[\"a\", # 1\n  \"b\"]", "b", "[\"a\" # 1\n]"),
        // Several on a line.
        ("[\n  \"a\", \"b\", # both\n  \"c\",\n]", "a", "[\n  \"b\", # both\n  \"c\",\n]"),
        ("[\n  \"a\", \"b\", # both\n  \"c\",\n]", "b", "[\n  \"a\", # both\n  \"c\",\n]"),
        ("[\n  \"a\", \"b\",\n  \"c\"\n]", "b", "[\n  \"a\",\n  \"c\"\n]"),
        // A comment that stands before it, or goes on behind its line, is not its own.
        ("[\n  /* c */ \"a\",\n  \"b\"\n]", "a", "[\n  /* c */ \"b\"\n]"),
        ("[\n  \"a\", /* c\n  d */\n  \"b\"\n]", "a", "[\n  /* c\n  d */\n  \"b\"\n]"),
        ("[\n  \"a\" /* c\n  d */,\n  \"b\"\n]", "a", "[\n  /* c\n  d */\n  \"b\"\n]"),
    ] {
        assert_eq!(removed(from, member), to, "{member} out of {from}");
    }
}

#[test]
fn a_member_that_is_a_heredoc_leaves_too() {
    assert_eq!(removed("[<<X\na\nX\n  , \"b\"]", "a\n"), "[\"b\"]");
    assert_eq!(removed("[<<X\na\nX\n, \"b\"]", "b"), "[<<X\na\nX\n]");
    assert_eq!(removed("[\n  <<X\na\nX\n  ,\n  \"b\",\n]", "b"), "[\n  <<X\na\nX\n  ,\n]");
    assert_eq!(removed("[\n  \"b\",\n  <<-X\n    a\n    X\n  ,\n]", "a\n"), "[\n  \"b\",\n]");
}

#[test]
fn a_member_joins_in_the_lists_own_style() {
    for (to, expected) in [
        (r#"["a"]"#, r#"["a", "n"]"#),
        (r#"[ "a" ]"#, r#"[ "a", "n" ]"#),
        (r#"["a",]"#, r#"["a", "n",]"#),
        (r#"["a", ]"#, r#"["a", "n", ]"#),
        (r#"["a","b"]"#, r#"["a","b","n"]"#),
        ("[\"a\",\t\"b\"]", "[\"a\",\t\"b\",\t\"n\"]"),
        (r#"["a" /* c */]"#, r#"["a" /* c */, "n"]"#),
        (r#"["a", /* c */]"#, r#"["a", /* c */ "n",]"#),
        ("[]", r#"["n"]"#),
        ("[ ]", r#"[ "n" ]"#),
        ("[/* none */]", r#"[/* none */ "n"]"#),
        ("[\n    ]", "[\n      \"n\"\n    ]"),
        ("[\n      # none\n    ]", "[\n      # none\n      \"n\"\n    ]"),
        ("[\n      /* none */ ]", "[\n      /* none */ \"n\" ]"),
        ("[\n  \"a\",\n]", "[\n  \"a\",\n  \"n\",\n]"),
        ("[\n  \"a\"\n]", "[\n  \"a\",\n  \"n\"\n]"),
        ("[\r\n\t\"a\", // 1\r\n]", "[\r\n\t\"a\", // 1\r\n\t\"n\",\r\n]"),
        ("[\n  \"a\" # 1\n  # more to come\n]", "[\n  \"a\", # 1\n  \"n\"\n  # more to come\n]"),
        ("[\n  \"a\"\n  , \"b\" # 2\n]", "[\n  \"a\"\n  , \"b\" # 2\n  , \"n\"\n]"),
        ("[\n  \"a\"\n  , \"b\",\n]", "[\n  \"a\"\n  , \"b\",\n  \"n\",\n]"),
        ("[\n  \"a\"\n  ,\n]", "[\n  \"a\"\n  ,\n  \"n\",\n]"),
        ("[\"a\",\n  \"b\"]", "[\"a\",\n  \"b\",\n  \"n\"]"),
        ("[\"a\",\n  \"b\" /* c */ ]", "[\"a\",\n  \"b\", /* c */\n  \"n\" ]"),
        ("[\"a\" # 1\n    ]", "[\"a\", # 1\n      \"n\"\n    ]"),
        ("[\n  /* c */ \"a\",\n]", "[\n  /* c */ \"a\",\n  \"n\",\n]"),
        ("[<<X\na\nX\n]", "[<<X\na\nX\n, \"n\"\n]"),
        ("[<<X\na\nX\n,]", "[<<X\na\nX\n, \"n\",]"),
    ] {
        assert_eq!(added(to, "n"), expected, "into {to}");
    }
}

#[test]
fn who_joins_and_leaves_again_leaves_no_trace() {
    for text in [
        "[\"a\"]",
        "[ \"a\" ]",
        "[\"a\",]",
        "[\"a\",\"b\"]",
        "[\"a\" /* c */]",
        "[\n  \"a\",\n]",
        "[\n  \"a\"\n]",
        "[\n  \"a\" # 1\n  # more\n]",
        "[\n  \"a\"\n  , \"b\"\n]",
        "[\r\n\t\"a\", // 1\r\n]",
        "[\"a\",\n  \"b\"]",
        "[<<X\na\nX\n]",
    ] {
        assert_eq!(removed(&added(text, "n"), "n"), text);
    }
}

#[test]
fn who_is_there_already_changes_nothing_and_odd_names_are_escaped() {
    assert_eq!(added("[\"a\"]", "a"), "[\"a\"]");
    assert_eq!(added("[\"a\"]", "q\"${x}\\"), r#"["a", "q\"$${x}\\"]"#);
}
