//! Texts that are given to a command: files and standard input, read no further than their limit.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use tidelock_config::limits::MAX_FILE_BYTES;

use crate::exit::{Failure, Outcome};
use crate::printer;

/// What standard input is called where a file is asked for.
pub(crate) const STDIN: &str = "-";

/// How standard input is called in what is shown.
pub(crate) const STDIN_NAME: &str = "<stdin>";

/// The text of `file`, which must be a file: it is read more than once, and opening a pipe waits for who writes to it.
pub(crate) fn file(file: &Path) -> Outcome<String> {
    text(&file.display().to_string(), open(file)?)
}

/// The text of `file`, read once, which may also be a pipe. Whoever has to wait for its other end is told so.
pub(crate) fn stream(file: &Path) -> Outcome<String> {
    let name = file.display().to_string();
    if fs::metadata(file).is_ok_and(|kind| kind.file_type().is_fifo()) {
        printer::say(&format!("{name} is a pipe: waiting for what is written to it"));
    }
    let opened = File::open(file).map_err(|err| cannot_open(&name, &err))?;
    text(&name, opened)
}

/// Opens `file`, and nothing that is none: a pipe, a device or a socket might never give anything.
pub(crate) fn open(file: &Path) -> Outcome<File> {
    let name = file.display().to_string();
    let kind = fs::metadata(file).map_err(|err| cannot_open(&name, &err))?.file_type();
    let what = if kind.is_fifo() {
        "a pipe"
    } else if kind.is_char_device() || kind.is_block_device() {
        "a device"
    } else if kind.is_socket() {
        "a socket"
    } else {
        return File::open(file).map_err(|err| cannot_open(&name, &err));
    };
    Err(cannot_read(&name, &format!("it is {what}, not a file"))
        .hint("write its content to a file and give that; `tidelock check -` reads standard input"))
}

/// The text of standard input.
pub(crate) fn stdin() -> Outcome<String> {
    text("standard input", io::stdin().lock())
}

/// The text that `source`, called `name`, gives.
pub(crate) fn text(name: &str, source: impl Read) -> Outcome<String> {
    let bytes = bounded(source).map_err(|err| {
        let failure = cannot_read(name, &err);
        match err.kind() {
            io::ErrorKind::IsADirectory => {
                failure.hint(format!("name a file in it, such as {name}/prod.tfvars; `check` takes several"))
            }
            _ => failure,
        }
    })?;
    if bytes.len() > MAX_FILE_BYTES {
        return Err(cannot_read(name, &format!("it is larger than {MAX_FILE_BYTES} bytes")));
    }
    tidelock_config::decode(&bytes).map(str::to_owned).map_err(|err| cannot_read(name, &err))
}

/// Reads no more than one byte beyond the limit.
pub(crate) fn bounded(source: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX);
    source.take(limit + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// That the file `name` cannot be opened, with what helps.
pub(crate) fn cannot_open(name: &str, err: &io::Error) -> Failure {
    let failure = cannot_read(name, err);
    match err.kind() {
        io::ErrorKind::NotFound => {
            failure.hint("give the path of the environment's tfvars file, such as envs/dev.tfvars")
        }
        _ => failure,
    }
}

/// That `name` cannot be read.
pub(crate) fn cannot_read(name: &str, why: &dyn std::fmt::Display) -> Failure {
    Failure::error(format!("cannot read {name}: {why}"))
}
