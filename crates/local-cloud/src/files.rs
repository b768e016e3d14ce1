//! Small files that must never be half written or readable by others.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Linux allows 107 bytes in a Unix socket's path, others fewer; engines and clients must agree on one limit.
pub(crate) const SOCKET_PATH_LIMIT: usize = 100;

/// A file of the cloud's directory that could not be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system refused.
    #[error("cannot {action} {path}: {source}")]
    System {
        /// create, read, write, lock
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Its contents are not what this program writes.
    #[error("cannot understand {path}: {reason}; it was not written by this version of tidelock, or was damaged")]
    Contents {
        /// Which file.
        path: PathBuf,
        /// The parser's reason.
        reason: String,
    },
    /// A socket could not be made under this path on any Unix.
    #[error(
        "the path of the socket {path} is {length} bytes long and may be {SOCKET_PATH_LIMIT} at most; \
         use a state directory with a shorter path"
    )]
    SocketPath {
        /// The path.
        path: PathBuf,
        /// Its length in bytes.
        length: usize,
    },
}

/// For `map_err`: what was being done, and to which file.
pub(crate) fn system<'a>(action: &'static str, path: &'a Path) -> impl Fn(io::Error) -> FileError + 'a {
    move |source| FileError::System { action, path: path.to_owned(), source }
}

/// A directory for the owner only, with its parents.
pub(crate) fn private_dir(path: &Path) -> Result<(), FileError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(system("create", path))
}

/// Replaces a file as a whole: a reader, or we after a crash, sees the old contents or the new.
pub(crate) fn write_private(path: &Path, contents: &[u8]) -> Result<(), FileError> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)
        .map_err(system("create", &temporary))?;
    file.write_all(contents).and_then(|()| file.sync_all()).map_err(system("write", &temporary))?;
    fs::rename(&temporary, path).map_err(system("write", path))
}

/// As [`write_private`], in JSON.
pub(crate) fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), FileError> {
    let text = serde_json::to_vec_pretty(value)
        .map_err(|err| FileError::Contents { path: path.to_owned(), reason: err.to_string() })?;
    write_private(path, &text)
}

/// A JSON file, or none if there is no such file.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, FileError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(system("read", path)(err)),
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|err| FileError::Contents { path: path.to_owned(), reason: err.to_string() })
}

/// Removes a file that may not be there.
pub(crate) fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => Err(system("remove", path)(err)),
        _ => Ok(()),
    }
}

/// Checks a socket's path before anybody fails on it less clearly.
pub(crate) fn socket_path(path: PathBuf) -> Result<PathBuf, FileError> {
    let length = path.as_os_str().len();
    if length > SOCKET_PATH_LIMIT { Err(FileError::SocketPath { path, length }) } else { Ok(path) }
}

/// An exclusive lock that lasts as long as the value: the system releases it however the process ends.
#[derive(Debug)]
pub(crate) struct DirLock {
    _file: fs::File,
}

impl DirLock {
    /// Takes the lock, or says that somebody holds it (`Ok(None)`).
    pub(crate) fn take(path: &Path) -> Result<Option<Self>, FileError> {
        let file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(system("create", path))?;
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(err) => Err(system("lock", path)(err.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lock_is_refused_while_the_first_lives() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = DirLock::take(&path).unwrap();
        assert!(first.is_some());
        assert!(DirLock::take(&path).unwrap().is_none());
        drop(first);
        assert!(DirLock::take(&path).unwrap().is_some());
    }

    #[test]
    fn long_socket_paths_are_named_with_their_length() {
        let path = PathBuf::from(format!("/{}", "x".repeat(SOCKET_PATH_LIMIT)));
        let message = socket_path(path).unwrap_err().to_string();
        assert!(message.contains("101 bytes"), "{message}");
        assert!(message.contains("shorter path"), "{message}");
    }
}
