//! What was recorded: see `record.rs` of the local cloud, which writes it.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::WireError;

/// Which of the two servers was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Plane {
    /// Azure Resource Manager.
    Management,
    /// A vault's data plane.
    Vault,
}

/// A request and its answer.
#[derive(Clone, Debug, Deserialize)]
pub struct Exchange {
    /// Who was asked.
    pub plane: Plane,
    /// Host and port, where the request line had them.
    pub authority: Option<String>,
    /// `GET`
    pub method: String,
    /// Without the query.
    pub path: String,
    /// `api-version=2025-07-01`
    pub query: String,
    /// What was asked.
    pub request: Message,
    /// `200`
    pub status: u16,
    /// What was answered.
    pub response: Message,
}

/// One direction.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Message {
    /// Those that matter, by their names in small letters.
    pub headers: Map<String, Value>,
    /// Null if there was none.
    pub body: Value,
}

impl Message {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.as_str()
    }
}

/// All exchanges of one directory.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// In no order.
    pub exchanges: Vec<Exchange>,
    /// How many files they are from.
    pub files: usize,
    /// Files whose last line was cut off: their process was killed.
    pub cut_off: usize,
}

/// Reads every `*.jsonl` of `directory`.
///
/// # Errors
/// If a file cannot be read, is malformed elsewhere than at its end, or says that it is incomplete.
pub fn read_directory(directory: &Path) -> Result<Recording, WireError> {
    let unreadable = |source| WireError::Unreadable { path: directory.to_owned(), source };
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            paths.push(path);
        }
    }
    paths.sort();
    let mut recording = Recording { files: paths.len(), ..Recording::default() };
    for path in paths {
        read_file(&path, &mut recording)?;
    }
    Ok(recording)
}

fn read_file(path: &Path, recording: &mut Recording) -> Result<(), WireError> {
    let bytes = std::fs::read(path).map_err(|source| WireError::Unreadable { path: path.to_owned(), source })?;
    let text = String::from_utf8_lossy(&bytes);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if line.starts_with("{\"truncated\"") {
            return Err(WireError::malformed(path, "the record is full: what came later was not recorded"));
        }
        match serde_json::from_str(line) {
            Ok(exchange) => recording.exchanges.push(exchange),
            Err(_) if !line.ends_with('\n') => recording.cut_off += 1,
            Err(err) => return Err(WireError::malformed(path, format!("line {}: {err}", number + 1))),
        }
    }
    Ok(())
}
