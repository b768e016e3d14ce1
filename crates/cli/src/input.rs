//! Texts that are given to a command: files and standard input, read no further than their limit.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use tidelock_config::limits::MAX_FILE_BYTES;

use crate::exit::{Failure, Outcome};

/// What standard input is called where a file is asked for.
pub(crate) const STDIN: &str = "-";

/// How standard input is called in what is shown.
pub(crate) const STDIN_NAME: &str = "<stdin>";

/// The text of `file`, which may also be a pipe.
pub(crate) fn file(file: &Path) -> Outcome<String> {
    let name = file.display().to_string();
    let opened = File::open(file).map_err(|err| cannot_open(&name, &err))?;
    text(&name, opened)
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
            io::ErrorKind::IsADirectory => failure.hint(format!("name the files in it: {name}/*.tfvars")),
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
