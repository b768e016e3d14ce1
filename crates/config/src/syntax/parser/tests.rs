use crate::syntax::{Value, ValueKind, parse};

/// A compact rendering of what was read.
fn show(value: &Value) -> String {
    match &value.kind {
        ValueKind::Null => "null".to_owned(),
        ValueKind::Bool(value) => value.to_string(),
        ValueKind::Number(number) => number.as_str().to_owned(),
        ValueKind::String { value, .. } => format!("{value:?}"),
        ValueKind::List(elements) => format!("[{}]", elements.iter().map(show).collect::<Vec<_>>().join(",")),
        ValueKind::Object(entries) => {
            let items = entries.iter().map(|entry| format!("{}={}", entry.key.name, show(&entry.value)));
            format!("{{{}}}", items.collect::<Vec<_>>().join(","))
        }
        ValueKind::Invalid => "?".to_owned(),
    }
}

fn read(text: &str) -> (String, Vec<String>) {
    let (document, findings) = parse(text);
    let variables = document.variables.iter().map(|entry| format!("{}={}", entry.key.name, show(&entry.value)));
    (variables.collect::<Vec<_>>().join(" "), findings.into_iter().map(|finding| finding.message).collect())
}

/// Both what is read and the findings, which must be exactly these.
#[track_caller]
fn check(text: &str, expected: &str, findings: &[&str]) {
    let (shown, found) = read(text);
    assert_eq!((shown.as_str(), found.iter().map(String::as_str).collect::<Vec<_>>()), (expected, findings.to_vec()));
}

#[test]
fn what_terraform_accepts_is_read() {
    check("", "", &[]);
    check("\u{feff}a = 1\r\nb = true # c", "a=1 b=true", &[]);
    check("a = {}\nb = []\nc = null", "a={} b=[] c=null", &[]);
    check("a = { b = 1, \"c d\" : -2.5e1\n 3 = [1,\n2\n,3,] }", "a={b=1,c d=-2.5e1,3=[1,2,3]}", &[]);
    check("a = [<<EOT\nx\nEOT\n, 2]", r#"a=["x\n",2]"#, &[]);
    check("a-b = { true = 1, é = \"\\u00e9\" }", r#"a-b={true=1,é="é"}"#, &[]);
    check("a = 1 /* x\n */\nb = 2", "a=1 b=2", &[]);
}

#[test]
fn what_must_be_evaluated_is_refused_and_reading_goes_on() {
    check("a = var.x\nb = 1", "a=? b=1", &["`var` cannot be referred to in a tfvars file"]);
    check("a = file(\"x\")\nb = 1", "a=? b=1", &["the function `file` cannot be called in a tfvars file"]);
    check("a = \"${b}\"\nb = 1", "a=? b=1", &["`${` cannot be used in a tfvars file"]);
    check("a = 1 + 2\nb = 1", "a=? b=1", &["expected the end of the value, found `+`"]);
    check("a = (1)\nb = 1", "a=? b=1", &["expected the value of `a`, found `(`"]);
    check("a = [for x in [1] : x]\nb = 1", "a=[?] b=1", &["`for` is a name, where a value is needed"]);
    check(
        "variable \"x\" {\n  type = string\n}\nb = 1",
        "b=1",
        &["blocks such as `variable` cannot stand in a tfvars file"],
    );
}

#[test]
fn missing_separators_cost_nothing_else() {
    check("a = 1 b = 2", "a=1 b=2", &["expected a new line between the variables"]);
    check("a = { b = 1 c = 2 }", "a={b=1,c=2}", &["expected a new line or `,` between the items"]);
    check("a = [1 \"b\" [2]]", r#"a=[1,"b",[2]]"#, &["expected `,` between the elements"; 2]);
    check("a = 1,\nb = 2", "a=? b=2", &["expected the end of the value, found `,`"]);
    check("a = { , b = 1 }", "a={b=1}", &["expected a key, found `,`"]);
    check("a = [,1]", "a=[?,1]", &["an element is missing"]);
    check("a = [b = 1]\nc = 1", "a=[?] c=1", &["`b` is a name, where a value is needed"]);
}

#[test]
fn incomplete_entries_cost_nothing_else() {
    check("a =\nb = 1", "a=? b=1", &["the value of `a` is missing"]);
    check("a\nb = 1", "a=? b=1", &["expected `=` after `a`, found a new line"]);
    check("a = { b\n c = 1 }", "a={b=?,c=1}", &["expected `=` after `b`, found a new line"]);
    check(
        "a : 1\n\"b\" = 2",
        "a=1 b=2",
        &["`a` is followed by `:` where `=` is needed", "a variable's name is written without quotes"],
    );
    check(
        "a = 'x'\nb = “y”\nc = 1;\nd = 2",
        "a=? b=? c=1 d=2",
        &["single quotes do not make a string", "curly quotes do not make a string", "`;` separates nothing here"],
    );
    check("] = 1\na = 2", "a=2", &["this `]` closes nothing"]);
}

#[test]
fn what_is_never_closed_costs_little() {
    check("a = {\n  b = 1\n\nc = 2\n", "a={b=1} c=2", &["this `{` is never closed"]);
    check("a = {\n  b = {\n    c = \"x\n  }\n}\nd = 1\n", "a={b={c=?}} d=1", &["this string is never closed"]);
    check("a = { b = \"x }\nc = 1\n", "a={b=?} c=1", &["this string is never closed"]);
    check("a = {\n  b = [1, 2\n}\nc = 1\n", "a={b=[1,2]} c=1", &["this `[` is never closed"]);
    check("a = {\n/* b = 1\n}\n", "a={}", &["this comment is never closed"]);
}

#[test]
fn depth_is_limited_by_a_finding() {
    let (shown, findings) = read(&format!("a = {}{}\nb = 1", "[".repeat(65), "]".repeat(65)));
    assert!(shown.ends_with("b=1"));
    assert_eq!(findings, ["this stands in more than 64 lists and objects"]);
    assert_eq!(read(&format!("a = {}{}", "[".repeat(64), "]".repeat(64))).1, [""; 0]);
    assert!(!read(&"{[".repeat(400_000)).1.is_empty());
}

#[test]
fn spans_lead_back_to_the_text() {
    let text = "\u{feff}a = {\r\n  \"k\" = [1, -2] # é\r\n  h = <<E\r\nx\r\nE\r\n}\r\n";
    let (document, findings) = parse(text);
    assert_eq!(findings, []);
    let of = |path: &[&str]| document.find(path).unwrap().value.span.of(text);
    assert_eq!(of(&["a", "k"]), "[1, -2]");
    assert_eq!(of(&["a", "k", "1"]), "-2");
    assert_eq!(of(&["a", "h"]), "<<E\r\nx\r\nE");
    assert_eq!(document.find(&["a", "k"]).unwrap().key.unwrap().span.of(text), "\"k\"");
    assert!(document.find(&["a", "k", "2"]).is_none());
    assert!(of(&["a"]).starts_with('{') && of(&["a"]).ends_with('}'));
}
