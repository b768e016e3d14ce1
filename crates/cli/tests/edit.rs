//! `tidelock edit`, as a person runs it: what is shown, what is written, and what is left alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test fails by panicking

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

/// A directory with copies of the shipped files.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../envs");
        for name in ["dev.tfvars", "prod.tfvars"] {
            fs::copy(shipped.join(name), dir.path().join(name)).unwrap();
        }
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        #[allow(clippy::disallowed_methods)] // the program under test is run as a person runs it
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidelock"));
        command.current_dir(self.dir.path()).arg("edit").args(arguments);
        command.env_remove("RUST_LOG").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran(self.command(arguments).output().unwrap())
    }

    /// Everything that is said, as one text.
    fn shown(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        format!("$ tidelock edit {}\n{}[stderr]\n{}[exit {}]\n", arguments.join(" "), ran.out(), ran.err(), ran.code())
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
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

#[test]
fn changes_are_shown_and_nothing_is_written() {
    let place = Place::new();
    let shown = [
        place.shown(&["writer", "dev.tfvars", "--to", "uksouth"]),
        place.shown(&["writer", "prod.tfvars", "--to", "secondary"]),
        place.shown(&["remove-member", "prod.tfvars", "replica"]),
        place.shown(&["set", "dev.tfvars", "dr_config.lease_ms", "4000"]),
        place.shown(&["set", "dev.tfvars", "tags.\"cost.centre\"", "42"]),
        place.shown(&["writer", "dev.tfvars", "--to", "eastus2"]),
        place.shown(&["set", "dev.tfvars", "dr_config.drills_allowed", "true"]),
    ];
    insta::assert_snapshot!(shown.join("\n"));
    let untouched = Place::new();
    for name in ["dev.tfvars", "prod.tfvars"] {
        assert_eq!(place.text(name), untouched.text(name));
    }
}

#[test]
fn what_cannot_be_done_is_said_with_its_place() {
    let place = Place::new();
    place.write("empty.tfvars", "");
    place.write("broken.tfvars", "a = [\n");
    place.write(
        "two.tfvars",
        "managed_redis_geo_replication_config = {\n  a = { primary_redis_key = \"x\", replica_keys = [\"y\"] }\n  b = {}\n}\n",
    );
    let two = place.text("two.tfvars");
    let shown = [
        place.shown(&["writer", "dev.tfvars", "--to", "westeurope"]),
        place.shown(&["writer", "dev.tfvars", "--to", "uksouth", "--group", "other"]),
        place.shown(&["writer", "empty.tfvars", "--to", "uksouth"]),
        place.shown(&["writer", "two.tfvars", "--to", "y"]),
        place.shown(&["writer", "two.tfvars", "--to", "y", "--group", "b"]),
        place.shown(&["remove-member", "dev.tfvars", "primary"]),
        place.shown(&["remove-member", "dev.tfvars", "replica"]),
        place.shown(&["add-member", "dev.tfvars", "third", "--write"]),
        place.shown(&["set", "dev.tfvars", "dr_config.lease_ms", "-4", "--write"]),
        place.shown(&["set", "dev.tfvars", "dr_config.lease_ms", "soon"]),
        place.shown(&["set", "dev.tfvars", "dr_config.leese_ms", "3000", "--write"]),
        place.shown(&["set", "dev.tfvars", "dr_config", "1"]),
        place.shown(&["set", "dev.tfvars", "nowhere.at.all", "1"]),
        place.shown(&["set", "dev.tfvars", "a..b", "1"]),
        place.shown(&["set", "broken.tfvars", "a", "1"]),
        place.shown(&["set", "nowhere.tfvars", "a", "1"]),
        place.shown(&["writer", "-", "--to", "uksouth", "--write"]),
    ];
    insta::assert_snapshot!(shown.join("\n"));
    assert_eq!(place.text("dev.tfvars"), Place::new().text("dev.tfvars"));
    assert_eq!(place.text("two.tfvars"), two);
    assert_eq!(place.names(), ["broken.tfvars", "dev.tfvars", "empty.tfvars", "prod.tfvars", "two.tfvars"]);
}

#[test]
fn what_is_written_is_what_was_shown_and_a_second_time_there_is_nothing_to_do() {
    let place = Place::new();
    let before = place.text("dev.tfvars");
    let shown = place.run(&["writer", "dev.tfvars", "--to", "uksouth"]).out();
    let ran = place.run(&["writer", "dev.tfvars", "--to", "uksouth", "--write"]);
    ran.ended(0, &["dev.tfvars: written"]);
    assert_eq!(ran.out(), shown);
    assert_ne!(place.text("dev.tfvars"), before);
    place.run(&["writer", "dev.tfvars", "--to", "uksouth", "--write"]).ended(0, &["nothing to change"]);
    place.run(&["writer", "dev.tfvars", "--to", "primary", "--write"]).ended(0, &["written"]);
    assert_eq!(place.text("dev.tfvars"), before);

    place.run(&["remove-member", "prod.tfvars", "secondary", "--write"]).ended(0, &["replicates to nobody"]);
    place.run(&["add-member", "prod.tfvars", "secondary", "--write"]).ended(0, &["written"]);
    assert_eq!(place.text("prod.tfvars"), Place::new().text("prod.tfvars"));
    assert_eq!(place.names(), ["dev.tfvars", "prod.tfvars"]);
}

#[test]
fn windows_line_ends_a_byte_order_mark_and_a_link_stay() {
    let place = Place::new();
    let text = format!("\u{feff}{}", place.text("dev.tfvars").replace('\n', "\r\n"));
    place.write("windows.tfvars", &text);
    fs::set_permissions(place.path("windows.tfvars"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("windows.tfvars", place.path("link.tfvars")).unwrap();
    place.run(&["writer", "link.tfvars", "--to", "uksouth", "--write"]).ended(0, &["--- link.tfvars"]);
    place.run(&["set", "link.tfvars", "dr_config.hold_off_x", "1", "--write"]).ended(5, &["hold_off_x"]);
    place.run(&["set", "link.tfvars", "tags.owner", "me", "--write"]).ended(0, &["+  owner       = \"me\"\r\n"]);
    let expected = text
        .replace("primary_redis_key = \"primary\"", "primary_redis_key = \"replica\"")
        .replace("[\"replica\"]", "[\"primary\"]")
        .replace("  managed_by  = \"tidelock\"\r\n", "  managed_by  = \"tidelock\"\r\n  owner       = \"me\"\r\n");
    assert_eq!(place.text("windows.tfvars"), expected);
    assert_eq!(fs::read_link(place.path("link.tfvars")).unwrap(), Path::new("windows.tfvars"));
    assert_eq!(fs::metadata(place.path("windows.tfvars")).unwrap().mode() & 0o7777, 0o640);
}

#[test]
fn standard_input_is_only_shown() {
    let place = Place::new();
    let mut child = place.command(&["writer", "-", "--to", "uksouth"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(place.text("dev.tfvars").as_bytes()).unwrap();
    let ran = Ran(child.wait_with_output().unwrap());
    ran.ended(0, &["--- <stdin>", "+    primary_redis_key = \"replica\""]);
    assert!(!ran.err().contains("--write"), "{}", ran.err());

    let mut child = place.command(&["writer", "-", "--to", "uksouth"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&[0xff]).unwrap();
    Ran(child.wait_with_output().unwrap()).ended(1, &["standard input", "UTF-8"]);
}

#[test]
fn huge_files_are_refused_in_words() {
    let place = Place::new();
    let keys: String = (0..300_000).map(|key| format!("k{key}=1\n")).collect();
    place.write("keys.tfvars", &keys);
    place.run(&["set", "keys.tfvars", "k1", "2", "--write"]).ended(1, &["more than", "words and signs"]);
    assert_eq!(place.text("keys.tfvars"), keys);
    place.write("long.tfvars", &"#\n".repeat(3_000_000));
    place.run(&["set", "long.tfvars", "k1", "2", "--write"]).ended(1, &["larger than"]);
}

#[test]
fn edits_at_the_same_time_lose_nothing() {
    let place = Place::new();
    let children: Vec<_> = (0..12)
        .map(|key| place.command(&["set", "dev.tfvars", &format!("tags.k{key}"), "x", "--write"]).spawn().unwrap())
        .collect();
    let mut written = 0;
    let all: Vec<_> = children.into_iter().map(|child| Ran(child.wait_with_output().unwrap())).collect();
    for (key, ran) in all.iter().enumerate() {
        let is_there = place.text("dev.tfvars").contains(&format!("  k{key} "));
        match ran.code() {
            0 => written += 1,
            code => {
                assert_eq!(code, 5, "{}", ran.err());
                let said = ran.err();
                assert!(
                    said.contains("another command is writing") || said.contains("changed by someone else"),
                    "{said}"
                );
            }
        }
        assert_eq!(is_there, ran.code() == 0, "{}", ran.err());
    }
    assert!(written > 0, "nobody came through");
    assert_eq!(place.text("dev.tfvars").lines().count(), Place::new().text("dev.tfvars").lines().count() + written);
    assert_eq!(place.names(), ["dev.tfvars", "prod.tfvars"]);
}

#[test]
fn a_reader_never_sees_half_a_file_also_when_the_command_is_killed() {
    let place = Place::new();
    let (dev, file) = (place.text("dev.tfvars"), place.path("dev.tfvars"));
    let whole = [dev.clone(), dev.replace("lease_ms  = 3000", "lease_ms  = 4000")];
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0;
            while !done.load(Ordering::Relaxed) {
                let text = fs::read_to_string(&file).unwrap();
                assert!(whole.contains(&text), "half a file: {} bytes", text.len());
                reads += 1;
            }
            reads
        });
        let fresh = place.path(".dev.tfvars.tidelock-new");
        let mut killed = 0;
        for round in 0..40 {
            let value = if round % 2 == 0 { "4000" } else { "3000" };
            let mut child =
                place.command(&["set", "dev.tfvars", "dr_config.lease_ms", value, "--write"]).spawn().unwrap();
            // Killed as soon as the new file is seen, in every other pair of rounds.
            while round % 4 < 2 && child.try_wait().unwrap().is_none() {
                if fresh.exists() {
                    child.kill().unwrap();
                }
            }
            let status = child.wait().unwrap();
            killed += usize::from(status.signal().is_some());
            assert!(status.success() || status.signal() == Some(9), "{status}");
        }
        done.store(true, Ordering::Relaxed);
        eprintln!("{killed} of 20 commands were killed while they wrote, {} whole reads", reader.join().unwrap());
    });
    // What a killed command left is no hindrance, and goes.
    let other = if place.text("dev.tfvars") == dev { "4000" } else { "3000" };
    place.run(&["set", "dev.tfvars", "dr_config.lease_ms", other, "--write"]).ended(0, &["written"]);
    assert_eq!(place.names(), ["dev.tfvars", "prod.tfvars"]);
}

/// A user without rights here; the tests of continuous integration run as root.
const NOBODY: u32 = 65534;

#[test]
fn without_the_right_to_write_nothing_is_changed() {
    let place = Place::new();
    let before = place.text("dev.tfvars");
    let is_root = rustix::process::geteuid().is_root();
    let run = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        if is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        command.output().map(Ran)
    };
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let owner = if is_root { Some(NOBODY) } else { None };

    // A directory in which no file can be made.
    std::os::unix::fs::chown(place.path("dev.tfvars"), owner, owner).unwrap();
    mode(place.dir.path(), 0o555);
    let edit = ["set", "dev.tfvars", "dr_config.lease_ms", "4000", "--write"];
    let Ok(ran) = run(&edit) else {
        eprintln!("skipped: the program cannot be run by another user here");
        return;
    };
    ran.ended(1, &[".dev.tfvars.tidelock-new: Permission denied", "a new file is made in"]);

    // A file that was made read-only, in a directory where it could be replaced.
    mode(place.dir.path(), 0o777);
    mode(&place.path("dev.tfvars"), 0o444);
    run(&edit).unwrap().ended(1, &["cannot write dev.tfvars: Permission denied", "make the file writable"]);
    mode(&place.path("dev.tfvars"), 0o000);
    run(&edit).unwrap().ended(1, &["cannot read dev.tfvars: Permission denied"]);

    // Somebody else's file: it would change its owner.
    if is_root {
        std::os::unix::fs::chown(place.path("dev.tfvars"), Some(0), Some(0)).unwrap();
        mode(&place.path("dev.tfvars"), 0o666);
        run(&edit).unwrap().ended(1, &["Operation not permitted", "with its owner"]);
    } else {
        eprintln!("skipped in part: only root can give a file to someone else");
        mode(&place.path("dev.tfvars"), 0o644);
    }
    assert_eq!(place.text("dev.tfvars"), before);
    assert_eq!(place.names(), ["dev.tfvars", "prod.tfvars"]);
}
