//! Files made to be expensive, and things that are no files, through the program itself: a clear error within bounded
//! memory, which the system enforces here.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test fails by panicking

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// The address space that the program gets, in KiB: far less than a file of 100 MB or the square of anything would take.
/// Most of it are the stacks and arenas of its threads, which are never touched.
const ADDRESS_SPACE_KIB: usize = 768 * 1024;

/// As long as a file may be.
const LONGEST: usize = tidelock_config::limits::MAX_FILE_BYTES;

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

fn check(file: &Path, stdin: Stdio) -> Ran {
    #[allow(clippy::disallowed_methods)] // the program under test is run as a person runs it
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -v {ADDRESS_SPACE_KIB} && exec \"$0\" check \"$1\"")]);
    let output = command.arg(env!("CARGO_BIN_EXE_tidelock")).arg(file).stdin(stdin).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// Runs the program, and no longer than it may take to say no.
fn run(arguments: &[&str], state: &Path) -> Ran {
    #[allow(clippy::disallowed_methods)] // the program under test is run as a person runs it
    let mut command = Command::new("timeout");
    command.arg("20").arg(env!("CARGO_BIN_EXE_tidelock")).args(arguments).env("TIDELOCK_STATE_DIR", state);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

fn refused(name: &str, contents: &[u8]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("x.tfvars");
    fs::write(&file, contents).unwrap();
    let ran = check(&file, Stdio::null());
    assert_eq!(ran.code, Some(1), "{name}: {}{}", ran.out, ran.err);
    ran.out + &ran.err
}

#[test]
fn long_files_are_refused_in_little_memory() {
    for (name, piece, length, says) in [
        ("brackets", "[", 100_000_000, "larger than"),
        ("keys", "key_1 = 1\n", 10_000_000, "larger than"),
        ("brackets that fit", "[", LONGEST, "more than"),
        ("objects", "{a=", LONGEST, "more than"),
        ("no text", "\0", LONGEST, "has no meaning here"),
        ("curly quotes", "“", LONGEST, "curly quotes"),
        ("open string", "\"", LONGEST, "error"),
    ] {
        let shown = refused(name, piece.repeat(length / piece.len()).as_bytes());
        assert!(shown.contains(says), "{name}: {:?}", shown.get(..400));
    }
    assert!(refused("bytes", b"a = 1\nb = \"\xff\"\n").contains("not UTF-8"));
    let keys: String = (0..300_000).map(|index| format!("k{index}=1\n")).collect();
    assert!(refused("names", keys.as_bytes()).contains("more findings are not shown"));
}

#[test]
fn a_device_without_an_end_is_read_no_further_than_a_file_may_be() {
    let ran = check(Path::new("/dev/zero"), Stdio::null());
    assert_eq!(ran.code, Some(1));
    assert!((ran.out + &ran.err).contains("larger than"));
}

#[test]
fn an_empty_device_and_a_directory_are_refused() {
    let ran = check(Path::new("/dev/null"), Stdio::null());
    assert_eq!(ran.code, Some(1), "{}{}", ran.out, ran.err);
    let directory = tempfile::tempdir().unwrap();
    let ran = check(directory.path(), Stdio::null());
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("cannot read"), "{}", ran.err);
}

/// Nobody writes to the pipe, so that whoever opens it waits for ever.
#[test]
fn what_is_no_file_is_said_instead_of_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    #[allow(clippy::disallowed_methods)] // the standard library makes no pipes with names
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    for (file, what) in [(pipe.as_path(), "it is a pipe, not a file"), (Path::new("/dev/zero"), "it is a device")] {
        for verb in ["up", "plan", "apply", "status", "drift", "destroy", "down"] {
            let ran = run(&[verb, file.to_str().unwrap()], directory.path());
            assert_eq!(ran.code, Some(1), "{verb} {}: {}{}", file.display(), ran.out, ran.err);
            assert!(ran.err.contains(what), "{verb}: {}", ran.err);
        }
    }
}

#[test]
fn a_pipe_with_a_name_is_read_like_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    #[allow(clippy::disallowed_methods)] // the standard library makes no pipes with names
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || OpenOptions::new().write(true).open(pipe).unwrap().write_all(b"a = [\n").unwrap()
    });
    let ran = check(&pipe, Stdio::null());
    writer.join().unwrap();
    assert_eq!(ran.code, Some(1));
    let shown = ran.out + &ran.err;
    assert!(shown.contains("pipe:1:5"), "{shown}");
}
