//! Files that are there completely or not at all, readable by the agent's own user only.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use super::SalvageError;

/// The values in it may be applications' secrets.
const DIR_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// How files end that are being written, or were when somebody was killed.
const PARTIAL: &str = "partial";
/// Collected in memory before the system is asked to write, in bytes.
const WRITE_SIZE: usize = 256 * 1024;
/// Read at once when a file is checked, in bytes.
const READ_SIZE: usize = 256 * 1024;

fn fail(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SalvageError {
    let path = path.to_owned();
    move |source| SalvageError::file(action, &path, source)
}

/// Makes the directory if it is missing, and makes it private if it is not.
pub(super) fn private_dir(dir: &Path) -> Result<(), SalvageError> {
    DirBuilder::new().recursive(true).mode(DIR_MODE).create(dir).map_err(fail("create the directory", dir))?;
    fs::set_permissions(dir, fs::Permissions::from_mode(DIR_MODE)).map_err(fail("make private", dir))
}

/// Removes what interrupted attempts at `path` have left behind.
pub(super) fn remove_leftovers(path: &Path) -> Result<(), SalvageError> {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Ok(());
    };
    for entry in fs::read_dir(dir).map_err(fail("list", dir))? {
        let entry = entry.map_err(fail("list", dir))?;
        let found = entry.file_name();
        let Some(found) = found.to_str() else { continue };
        if found.strip_prefix(name).is_some_and(|rest| rest.starts_with('.') && rest.ends_with(PARTIAL)) {
            fs::remove_file(entry.path()).map_err(fail("remove", &entry.path()))?;
        }
    }
    Ok(())
}

/// A file that is being written beside its final place. Dropped before [`Partial::publish`], it is removed.
#[derive(Debug)]
pub(super) struct Partial {
    /// Of its own: an attempt that was given up while the system still works on it cannot meet the next one.
    path: PathBuf,
    place: PathBuf,
    published: bool,
}

impl Partial {
    fn beside(place: &Path) -> Self {
        let mut name = place.as_os_str().to_owned();
        name.push(format!(".{}.{PARTIAL}", uuid::Uuid::new_v4().simple()));
        Self { path: PathBuf::from(name), place: place.to_owned(), published: false }
    }

    fn create(&self) -> Result<File, SalvageError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(FILE_MODE);
        options.open(&self.path).map_err(fail("create", &self.path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its name, and waits until that is on the disk. Its content must be there already.
    pub(super) fn publish(mut self) -> Result<(), SalvageError> {
        fs::rename(&self.path, &self.place).map_err(fail("put in place", &self.place))?;
        self.published = true;
        let Some(dir) = self.place.parent() else { return Ok(()) };
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(fail("write to the disk", dir))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.published {
            // What cannot be removed now is removed by the next attempt.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Writes a file completely or not at all.
pub(super) fn write_whole<E: From<SalvageError>>(
    place: &Path,
    fill: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    let partial = Partial::beside(place);
    let mut out = std::io::BufWriter::with_capacity(WRITE_SIZE, partial.create()?);
    fill(&mut out)?;
    let synced = out.flush().and_then(|()| out.get_ref().sync_all());
    synced.map_err(|source| SalvageError::file("write", partial.path(), source))?;
    Ok(partial.publish()?)
}

/// Writes a small file completely or not at all.
pub(super) fn write_bytes(place: &Path, bytes: &[u8]) -> Result<(), SalvageError> {
    write_whole(place, |out| out.write_all(bytes).map_err(fail("write", place)))
}

/// A tail that is being received.
pub(super) struct TailFile {
    partial: Partial,
    out: tokio::io::BufWriter<tokio::fs::File>,
    hash: Sha256,
}

impl TailFile {
    pub(super) fn begin(place: &Path) -> Result<Self, SalvageError> {
        let partial = Partial::beside(place);
        let file = tokio::fs::File::from_std(partial.create()?);
        Ok(Self { partial, out: tokio::io::BufWriter::with_capacity(WRITE_SIZE, file), hash: Sha256::new() })
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), SalvageError> {
        self.hash.update(bytes);
        self.out.write_all(bytes).await.map_err(fail("write", self.partial.path()))
    }

    /// Waits until everything is on the disk; returns the SHA-256 too.
    pub(super) async fn end(mut self) -> Result<(Partial, String), SalvageError> {
        self.out.flush().await.map_err(fail("write", self.partial.path()))?;
        self.out.get_ref().sync_all().await.map_err(fail("write to the disk", self.partial.path()))?;
        Ok((self.partial, hex(&self.hash.finalize())))
    }
}

/// Length and SHA-256 of a file; none if it is not there.
pub(super) fn fingerprint(path: &Path) -> io::Result<Option<(u64, String)>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(err),
    };
    let (mut hash, mut length, mut buffer) = (Sha256::new(), 0_u64, vec![0; READ_SIZE]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Some((length, hex(&hash.finalize())))),
            read => {
                length += read as u64;
                hash.update(buffer.get(..read).unwrap_or_default());
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
