//! `tidelock check` and `tidelock explain`, as a person runs them: what is shown, what is written, and how they end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test fails by panicking

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Four mistakes. Behind the syntax error only names and types are looked at, so that this stays what is found.
const BROKEN: &str = r#"# Ours.
environmnt = "dev"
location   = "eastus2"
location   = "uksouth" # copied
managed_redis_config_replica = { "é" = { kv_key = "main" } }
tags = [
"#;

/// A directory with copies of the shipped files.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../envs");
        for name in ["dev.tfvars", "staging.tfvars", "prod.tfvars"] {
            fs::copy(shipped.join(name), dir.path().join(name)).unwrap();
        }
        fs::write(dir.path().join("broken.tfvars"), BROKEN).unwrap();
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        #[allow(clippy::disallowed_methods)] // the program under test is run as a person runs it
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidelock"));
        command.current_dir(self.dir.path()).args(arguments).env("TIDELOCK_STATE_DIR", self.path("state"));
        command.env_remove("RUST_LOG").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran(self.command(arguments).output().unwrap())
    }

    fn run_on(&self, arguments: &[&str], input: &[u8]) -> Ran {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        Ran(child.wait_with_output().unwrap())
    }

    /// Everything that is said, as one text.
    fn shown(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        format!("$ tidelock {}\n{}[stderr]\n{}[exit {}]\n", arguments.join(" "), ran.out(), ran.err(), ran.code())
    }
}

struct Ran(Output);

impl Ran {
    fn out(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    fn err(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.0.stdout).unwrap_or_else(|err| panic!("{err}: {}", self.out()))
    }

    fn code(&self) -> i32 {
        self.0.status.code().unwrap_or_else(|| panic!("ended by a signal: {}", self.err()))
    }

    /// It ended with `code` and said all of `words`.
    #[track_caller]
    fn ended(&self, code: i32, words: &[&str]) {
        let all = format!("{}{}", self.out(), self.err());
        assert_eq!(self.code(), code, "{all}");
        for word in words {
            assert!(all.contains(word), "{word:?} is missing: {all}");
        }
    }
}

/// The key of the replica's vault as it is in the first region's block.
fn with_a_slip(text: &str) -> String {
    let slipped = text.replacen("kv_key_replica ", "kv_key ", 1);
    assert_ne!(slipped, text, "the shipped file has changed");
    slipped
}

#[test]
fn findings_are_shown_for_people() {
    let place = Place::new();
    insta::assert_snapshot!(place.shown(&["check", "broken.tfvars"]));
}

#[test]
fn findings_are_given_as_json() {
    let place = Place::new();
    insta::assert_snapshot!(place.shown(&["check", "broken.tfvars", "-o", "json"]));
}

#[test]
fn findings_are_given_as_sarif() {
    let place = Place::new();
    let ran = place.run(&["check", "broken.tfvars", "-o", "sarif"]);
    assert_eq!(ran.code(), 1);
    // The pages of the rules have their own tests.
    let mut document = ran.json();
    for rule in document["runs"][0]["tool"]["driver"]["rules"].as_array_mut().unwrap() {
        assert!(rule["help"]["markdown"].as_str().unwrap().starts_with("# TL"), "{rule}");
        rule["help"]["markdown"] = "the page".into();
    }
    document["runs"][0]["tool"]["driver"]["semanticVersion"] = "0.0.0".into();
    insta::assert_snapshot!(serde_json::to_string_pretty(&document).unwrap());
}

#[test]
fn a_place_in_json_and_sarif_is_the_place_in_the_file() {
    let place = Place::new();
    place.write("bom.tfvars", format!("\u{feff}{}", BROKEN.replace('\n', "\r\n")));
    for name in ["broken.tfvars", "bom.tfvars"] {
        let text = place.text(name);
        let at = text.find("kv_key").unwrap();
        let json = place.run(&["check", name, "-o", "json"]).json();
        let findings = json["files"][0]["findings"].as_array().unwrap().clone();
        let span = &findings.iter().find(|one| one["message"].as_str().unwrap().contains("kv_key")).unwrap()["span"];
        assert_eq!(span["start"], serde_json::json!({ "byte": at, "line": 5, "column": 42 }), "{name}");
        assert_eq!(span["end"], serde_json::json!({ "byte": at + 6, "line": 5, "column": 48 }), "{name}");
        let sarif = place.run(&["check", name, "-o", "sarif"]).json();
        let regions = sarif["runs"][0]["results"].as_array().unwrap().iter();
        let regions: Vec<_> = regions.map(|one| one["locations"][0]["physicalLocation"]["region"].clone()).collect();
        let expected = serde_json::json!({
            "startLine": 5, "startColumn": 42, "endLine": 5, "endColumn": 48, "byteOffset": at, "byteLength": 6,
        });
        assert!(regions.contains(&expected), "{name}: {regions:?}");
    }
}

#[test]
fn what_is_right_is_said_in_one_line() {
    let place = Place::new();
    let ran = place.run(&["check", "dev.tfvars"]);
    ran.ended(0, &[]);
    assert_eq!((ran.out().as_str(), ran.err().as_str()), ("no findings in dev.tfvars\n", ""));
    let ran = place.run(&["check", "dev.tfvars", "staging.tfvars"]);
    assert_eq!((ran.code(), ran.out().as_str()), (0, "no findings in 2 files\n"));
    let ran = place.run(&["check", "dev.tfvars", "./dev.tfvars"]);
    assert_eq!((ran.code(), ran.out().as_str()), (0, "no findings in dev.tfvars\n"), "a file is looked at once");
    let json = place.run(&["check", "dev.tfvars", "-o", "json"]).json();
    assert_eq!(json["files"][0]["findings"], serde_json::json!([]));
    assert_eq!(place.run(&["check", "dev.tfvars", "-o", "sarif"]).json()["runs"][0]["results"], serde_json::json!([]));
}

#[test]
fn several_files_are_all_checked_also_beside_one_that_cannot_be_read() {
    let place = Place::new();
    let arguments = ["check", "nowhere.tfvars", "dev.tfvars", "broken.tfvars", "."];
    let ran = place.run(&arguments);
    ran.ended(1, &["cannot read nowhere.tfvars", "cannot read .: ", "--> broken.tfvars:", "in 2 files"]);
    assert!(ran.err().contains("cannot read") && !ran.out().contains("cannot read"), "{}", ran.err());
    let json = place.run(&[&arguments[..], &["-o", "json"]].concat()).json();
    assert!(json["files"][0]["error"].as_str().unwrap().contains("nowhere.tfvars"));
    assert_eq!(json["summary"]["files"], 4);
    assert_eq!(json["summary"]["unreadable"], 2);
    let sarif = place.run(&[&arguments[..], &["-o", "sarif"]].concat()).json();
    assert_eq!(sarif["runs"][0]["invocations"][0]["executionSuccessful"], false);
    // Nothing but what is right, and a file that is not there: that is no success.
    place.run(&["check", "dev.tfvars", "nowhere.tfvars"]).ended(1, &["no findings in 1 file", "nowhere.tfvars"]);
}

#[test]
fn warnings_are_no_error_unless_they_are_denied() {
    let place = Place::new();
    place.run(&["edit", "remove-member", "prod.tfvars", "secondary", "--write"]).ended(0, &[]);
    place.run(&["check", "prod.tfvars"]).ended(0, &["warning[TL057]", "1 warning in prod.tfvars", "explain TL057"]);
    place.run(&["check", "prod.tfvars", "--deny", "warnings"]).ended(1, &["warning[TL057]"]);
    place.run(&["check", "dev.tfvars", "--deny", "warnings"]).ended(0, &[]);
}

#[test]
fn standard_input_is_checked_and_not_mended() {
    let place = Place::new();
    let ran = place.run_on(&["check", "-"], BROKEN.as_bytes());
    ran.ended(1, &["--> <stdin>:2:1", "in <stdin>"]);
    assert!(!ran.out().contains("--fix"), "{}", ran.out());
    place.run_on(&["check", "-"], place.text("dev.tfvars").as_bytes()).ended(0, &["no findings in <stdin>"]);
    let json = place.run_on(&["check", "-", "-o", "json"], BROKEN.as_bytes()).json();
    assert_eq!(json["files"][0]["path"], "<stdin>");
    let slipped = with_a_slip(&place.text("dev.tfvars"));
    place.write("dev.tfvars", &slipped);
    place.run(&["check", "--fix", "dev.tfvars", "-"]).ended(1, &["standard input cannot be written to"]);
    assert_eq!(place.text("dev.tfvars"), slipped, "refused before anything was written");
}

#[test]
fn what_cannot_be_read_is_said_in_words() {
    let place = Place::new();
    place.write("latin.tfvars", b"environment = \"d\xe9v\"\n");
    place.write("binary.tfvars", b"\x7fELF\0\0\x01\x02\0\0\n\0");
    place.write("empty.tfvars", "");
    place.write("long.tfvars", vec![b'#'; 5 * 1024 * 1024]);
    let shown = ["nowhere.tfvars", ".", "latin.tfvars", "binary.tfvars", "long.tfvars"];
    insta::assert_snapshot!(shown.map(|name| place.shown(&["check", name])).join("\n"));
    place.run(&["check", "empty.tfvars"]).ended(1, &["error[TL008]", "`environment` is missing", "--> empty.tfvars"]);
    place.run(&["check"]).ended(1, &["<FILE>", "Usage"]);
    place.write("many.tfvars", "a=1\n".repeat(150));
    place
        .run(&["check", "many.tfvars"])
        .ended(1, &["more findings are not shown", "more than 100 errors in many.tfvars"]);

    fs::set_permissions(place.path("dev.tfvars"), fs::Permissions::from_mode(0o000)).unwrap();
    fs::set_permissions(place.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = place.command(&["check", "dev.tfvars"]);
    if rustix::process::geteuid().is_root() {
        command.uid(65534).gid(65534);
    }
    match command.output() {
        Ok(output) => Ran(output).ended(1, &["cannot read dev.tfvars: Permission denied"]),
        Err(_) => eprintln!("skipped: the program cannot be run by another user here"),
    }
}

#[test]
fn what_is_mechanical_is_mended_and_shown() {
    let place = Place::new();
    let whole = place.text("dev.tfvars");
    place.write("dev.tfvars", with_a_slip(&whole));
    let shown = [
        place.shown(&["check", "dev.tfvars"]),
        place.shown(&["check", "--fix", "dev.tfvars"]),
        place.shown(&["check", "--fix", "dev.tfvars"]),
    ];
    insta::assert_snapshot!(shown.join("\n"));
    assert_eq!(place.text("dev.tfvars"), whole);
}

#[test]
fn mending_keeps_line_ends_and_says_what_was_done_to_programs() {
    let place = Place::new();
    let whole = format!("\u{feff}{}", place.text("dev.tfvars").replace('\n', "\r\n"));
    place.write("dev.tfvars", with_a_slip(&whole));
    let ran = place.run(&["check", "--fix", "dev.tfvars", "prod.tfvars", "--no-compare", "-o", "json"]);
    ran.ended(0, &["dev.tfvars: written, 1 finding mended", "+++ dev.tfvars"]);
    let json = ran.json();
    assert_eq!(json["summary"]["fixed"], 1);
    assert_eq!(json["files"][0]["fixed"].as_array().unwrap().len(), 1);
    assert_eq!(json["files"][0]["findings"], serde_json::json!([]));
    assert_eq!(place.text("dev.tfvars"), whole);
}

#[test]
fn a_file_that_must_not_be_written_is_not_mended() {
    let place = Place::new();
    let slipped = with_a_slip(&place.text("dev.tfvars"));
    place.write("dev.tfvars", &slipped);
    fs::hard_link(place.path("dev.tfvars"), place.path("other.tfvars")).unwrap();
    place.run(&["check", "--fix", "dev.tfvars"]).ended(1, &["hard links", "nothing was changed"]);
    assert_eq!(place.text("dev.tfvars"), slipped);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::new();
    for arguments in [&["check", "broken.tfvars", "-o", "sarif"][..], &["explain"]] {
        let mut child = place.command(arguments).spawn().unwrap();
        drop(child.stdout.take());
        let ran = Ran(child.wait_with_output().unwrap());
        assert_eq!((ran.code(), ran.err().as_str()), (i32::from(arguments.len() > 1), ""));
    }
}

#[test]
fn rules_are_explained() {
    let place = Place::new();
    let shown = [
        place.shown(&["explain", "TL004"]),
        place.shown(&["explain", "TL004", "-o", "json"]),
        place.shown(&["explain", "given-twise"]),
        place.shown(&["explain", "nothing-like-it"]),
        place.shown(&["explain", "TL999999"]),
    ];
    insta::assert_snapshot!(shown.join("\n"));
    let page = place.run(&["explain", "TL004"]).out();
    for spelling in ["tl004", "TL4", "given-twice", "Given-Twice"] {
        assert_eq!(place.run(&["explain", spelling]).out(), page, "{spelling}");
    }
    place.run(&["explain", "TL000"]).ended(1, &["there is no rule", "TL001"]);
    let list = place.run(&["explain"]);
    list.ended(0, &["Reading the file", "TL001  syntax", "TL057", "warning"]);
    let json = place.run(&["explain", "-o", "json"]).json();
    let rules = json["rules"].as_array().unwrap();
    assert!(rules.len() > 20 && rules.iter().all(|rule| list.out().contains(rule["rule"].as_str().unwrap())));
}

#[test]
fn a_broken_file_is_refused_before_anything_is_touched() {
    let place = Place::new();
    for verb in ["up", "plan", "apply", "demo"] {
        place.run(&[verb, "broken.tfvars"]).ended(1, &["error[TL001]", "nothing was changed", "tidelock explain TL"]);
    }
    assert!(!place.path("state").exists());
}

/// In an incident a rule must not stand in the way; what brings something about asks for all of them.
#[test]
fn a_broken_rule_stops_what_changes_resources_and_no_other_verb() {
    let place = Place::new();
    let text = place.text("dev.tfvars");
    let without = text.replacen("high_availability_enabled = true", "high_availability_enabled = false", 1);
    assert_ne!(without, text, "the shipped file has changed");
    place.write("dev.tfvars", without);
    place.run(&["check", "dev.tfvars"]).ended(1, &["high availability"]);
    for verb in ["up", "plan", "apply", "demo"] {
        place.run(&[verb, "dev.tfvars"]).ended(1, &["high availability", "nothing was changed"]);
    }
    let calm = [&["status", "dev.tfvars"][..], &["switchover", "dev.tfvars", "--to", "uksouth"]];
    for arguments in calm {
        let ran = place.run(arguments);
        ran.ended(1, &["not up"]);
        assert!(!ran.err().contains("high availability"), "{}", ran.err());
    }
    place.run(&["down", "dev.tfvars"]).ended(0, &["not up"]);
}
