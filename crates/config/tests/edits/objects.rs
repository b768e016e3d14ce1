//! Values set, and attributes added to objects of every layout.

use tidelock_config::edit::{Scalar, set_scalar, swap_writer};

use crate::edited;

#[track_caller]
fn set(text: &str, path: &[&str], scalar: &Scalar) -> String {
    edited(text, |document| set_scalar(text, document, path, scalar))
}

fn text(text: &str) -> Scalar {
    Scalar::String(text.to_owned())
}

#[test]
fn a_value_is_replaced_and_nothing_else() {
    let file = "a = 1 # one\nb = {\n  c : \"x\", /* c */ \"d.e\" = null\n}\nf = [true, \"y\"]\n";
    assert_eq!(set(file, &["a"], &Scalar::Integer(-2)), file.replace("1 #", "-2 #"));
    assert_eq!(set(file, &["b", "c"], &text("a\"b${")), file.replace("\"x\"", "\"a\\\"b$${\""));
    assert_eq!(set(file, &["b", "d.e"], &Scalar::Bool(true)), file.replace("null", "true"));
    assert_eq!(set(file, &["f", "0"], &Scalar::Bool(false)), file.replace("true", "false"));
    assert_eq!(set(file, &["f", "1"], &text("")), file.replace("\"y\"", "\"\""));
}

#[test]
fn a_value_that_is_there_already_changes_nothing() {
    let file = "a = 1.0\nb = \"\\u0061\"\nc = true\nd = <<X\ne\nX\n";
    assert_eq!(set(file, &["a"], &Scalar::Integer(1)), file);
    assert_eq!(set(file, &["b"], &text("a")), file);
    assert_eq!(set(file, &["c"], &Scalar::Bool(true)), file);
    assert_eq!(set(file, &["d"], &text("e\n")), file);
}

#[test]
fn a_heredoc_stays_one_where_it_can() {
    let file = "a = {\n  b = <<-X\n    old\n  X\n  c = 1\n}\n";
    assert_eq!(set(file, &["a", "b"], &text("new\n  lines\n")), file.replace("old\n", "new\n      lines\n"));
    assert_eq!(set(file, &["a", "b"], &text("new")), "a = {\n  b = \"new\"\n  c = 1\n}\n");
}

#[test]
fn an_attribute_joins_its_neighbours() {
    for (object, expected) in [
        ("{}", "{ new = 7 }"),
        ("{ }", "{ new = 7 }"),
        ("{\n}", "{\n  new = 7\n}"),
        ("{\n  # none\n}", "{\n  # none\n  new = 7\n}"),
        ("{ # none\n}", "{ # none\n  new = 7\n}"),
        ("{ /* none */ }", "{ /* none */ new = 7 }"),
        ("{ a = 1 }", "{ a = 1, new = 7 }"),
        ("{ a = 1, }", "{ a = 1, new = 7, }"),
        ("{a=1}", "{a=1, new=7}"),
        ("{ a : 1 }", "{ a : 1, new : 7 }"),
        ("{ a: 1 }", "{ a: 1, new: 7 }"),
        ("{ \"a\" = 1 }", "{ \"a\" = 1, \"new\" = 7 }"),
        ("{ a = 1 /* c */ }", "{ a = 1 /* c */, new = 7 }"),
        ("{ a = 1 # c\n}", "{ a = 1 # c\n  new = 7\n}"),
        ("{\n  a = 1 }", "{\n  a = 1\n  new = 7 }"),
        ("{\n    a = 1\n}", "{\n    a = 1\n    new = 7\n}"),
        ("{\n\ta\t=\t1\n}", "{\n\ta\t=\t1\n\tnew\t=\t7\n}"),
        ("{\n  a = 1,\n}", "{\n  a = 1,\n  new = 7,\n}"),
        ("{\n  a = 1,\n  b = 2 # c\n}", "{\n  a = 1,\n  b = 2, # c\n  new = 7\n}"),
        ("{\n  a = 1,\n  b = 2\n}", "{\n  a = 1,\n  b = 2,\n  new = 7\n}"),
        ("{\n  a = 1, b = 2\n}", "{\n  a = 1, b = 2,\n  new = 7\n}"),
        ("{\n  a = 1 # c\n  # d\n}", "{\n  a = 1 # c\n  new = 7\n  # d\n}"),
        ("{\n  a = <<X\nx\nX\n}", "{\n  a = <<X\nx\nX\n  new = 7\n}"),
        ("{\n  b = 2,\n  a = <<X\nx\nX\n}", "{\n  b = 2,\n  new = 7,\n  a = <<X\nx\nX\n}"),
        // Aligned, or not.
        ("{\n  a      = 1\n  longer = 2\n}", "{\n  a      = 1\n  longer = 2\n  new    = 7\n}"),
        ("{\n  longer = 2\n  a      = 1\n}", "{\n  longer = 2\n  a      = 1\n  new    = 7\n}"),
        ("{\n  longer = 2\n  a = 1\n}", "{\n  longer = 2\n  a = 1\n  new = 7\n}"),
        ("{\n  a = 1\n  longer = 2\n}", "{\n  a = 1\n  longer = 2\n  new = 7\n}"),
        ("{\n  a = 1\n\n  longer = 2\n}", "{\n  a = 1\n\n  longer = 2\n  new    = 7\n}"),
        ("{\n  a /* c */ = 1\n}", "{\n  a /* c */ = 1\n  new = 7\n}"),
        // Before the blocks that follow it.
        ("{\n  ab = 1\n\n  in = {\n    x = 1\n  }\n}", "{\n  ab = 1\n  new = 7\n\n  in = {\n    x = 1\n  }\n}"),
        ("{\n  in = {\n    x = 1\n  }\n}", "{\n  in = {\n    x = 1\n  }\n  new = 7\n}"),
    ] {
        let (before, after) = (format!("o = {object}\n"), format!("o = {expected}\n"));
        assert_eq!(set(&before, &["o", "new"], &Scalar::Integer(7)), after, "into {object}");
        let [before, after] = [before, after].map(|text| text.replace('\n', "\r\n"));
        assert_eq!(set(&before, &["o", "new"], &Scalar::Integer(7)), after, "into {object} with CRLF");
    }
    assert_eq!(set("o = {}", &["o", "1 \"x\""], &text("v")), "o = { \"1 \\\"x\\\"\" = \"v\" }");
}

#[test]
fn a_variable_is_added_at_the_end() {
    for (before, after) in [
        ("", "n = 7\n"),
        ("\u{feff}", "\u{feff}n = 7\n"),
        ("a = 1\n", "a = 1\nn = 7\n"),
        ("a = 1 # c", "a = 1 # c\nn = 7\n"),
        ("a = 1\r\nb = 2", "a = 1\r\nb = 2\r\nn = 7\r\n"),
    ] {
        assert_eq!(set(before, &["n"], &Scalar::Integer(7)), after);
    }
}

#[test]
fn writer_and_replica_trade_places_as_they_are_written() {
    let swap = |text: &str, to: &str| edited(text, |document| swap_writer(text, document, "g", to));
    let file = |writer: &str, replicas: &str| {
        format!(
            "managed_redis_geo_replication_config = {{ g = {{\nprimary_redis_key = {writer}\nreplica_keys : {replicas}\n}} }}\n"
        )
    };
    let before = file("\"a\" # a", "[\"b\", /* c */ \"\\u0063\",]");
    assert_eq!(swap(&before, "b"), file("\"b\" # a", "[\"a\", /* c */ \"\\u0063\",]"));
    assert_eq!(swap(&before, "c"), file("\"\\u0063\" # a", "[\"b\", /* c */ \"a\",]"));
    assert_eq!(swap(&swap(&before, "c"), "a"), before);
    assert_eq!(swap(&before, "a"), before);

    // The marker and the indentation of a heredoc go along, since both places hold one.
    let both = file("<<X\na\nX", "[<<-Y\n  b\n  Y\n]");
    assert_eq!(swap(&both, "b\n"), file("<<-Y\n  b\n  Y", "[<<X\na\nX\n]"));
    assert_eq!(swap(&swap(&both, "b\n"), "a\n"), both);
    // Each place keeps its style, where that can say it.
    let mixed = file("<<X\na\nX", "[\"b\\n\"]");
    assert_eq!(swap(&mixed, "b\n"), file("<<X\nb\nX", "[\"a\\n\"]"));
    assert_eq!(swap(&swap(&mixed, "b\n"), "a\n"), mixed);
    assert_eq!(swap(&file("<<X\na\nX", "[\"b\"]"), "b"), file("\"b\"", "[\"a\\n\"]"));
    assert_eq!(swap(&file("\"b\"", "[<<X\na\nX\n]"), "a\n"), file("\"a\\n\"", "[\"b\"\n]"));
}
