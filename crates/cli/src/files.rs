//! Replacing a file that people and version control look after: whole or not at all, never over a change that was made
//! meanwhile, with its mode and owner kept.
//!
//! The new content is written beside the file, brought to disk, and renamed over it; a symbolic link stays, and what it
//! leads to is replaced. Commands that replace the same file exclude each other by a lock on it. Programs that know no
//! lock are seen by the content's hash, up to the moment before the rename.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, FlockOperation};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use crate::exit::{Failure, Outcome};
use crate::input;

/// A file as it was when it was read.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// As it was given.
    given: PathBuf,
    /// Where it really is, behind symbolic links.
    path: PathBuf,
    content: Hash,
}

/// SHA-256 of a file's content.
type Hash = [u8; 32];

impl Snapshot {
    /// Reads `file`, which must be a regular one, as text.
    pub(crate) fn read(file: &Path) -> Outcome<(Self, String)> {
        let name = file.display().to_string();
        let path = fs::canonicalize(file).map_err(|err| input::cannot_open(&name, &err))?;
        let kind = fs::metadata(&path).map_err(|err| input::cannot_open(&name, &err))?;
        if !kind.is_file() {
            return Err(input::cannot_read(&name, &"it is not a regular file").hint("`-` reads standard input"));
        }
        let opened = File::open(&path).map_err(|err| input::cannot_open(&name, &err))?;
        let text = input::text(&name, opened)?;
        Ok((Self { given: file.to_owned(), path, content: Sha256::digest(&text).into() }, text))
    }
}

/// Puts `content` in the place of the file of `snapshot`.
///
/// Refused if the file is no longer what was read. After an error the file is as it was, and nothing is left beside it.
pub(crate) fn replace(snapshot: &Snapshot, content: &[u8]) -> Outcome<()> {
    let target = Target::lock(snapshot)?;
    target.check()?;
    let mut fresh = Fresh::create(&target)?;
    fresh.fill(content).map_err(|err| target.cannot_write(&fresh.path, &err))?;
    target.check()?;
    fs::rename(&fresh.path, &snapshot.path).map_err(|err| target.cannot_write(&snapshot.path, &err))?;
    fresh.in_place = true;
    File::open(target.directory).and_then(|directory| directory.sync_all()).map_err(|err| {
        Failure::error(format!("{} is written, but perhaps not yet on disk: {err}", snapshot.given.display()))
            .hint("look at it again after a power failure")
    })
}

/// The file that is to be replaced, locked.
struct Target<'s> {
    snapshot: &'s Snapshot,
    directory: &'s Path,
    metadata: fs::Metadata,
    /// Open as long as it is locked.
    _lock: File,
}

impl<'s> Target<'s> {
    fn lock(snapshot: &'s Snapshot) -> Outcome<Self> {
        let name = snapshot.given.display();
        let fail = |err: &dyn std::fmt::Display| Failure::error(format!("cannot write {name}: {err}"));
        let file = File::open(&snapshot.path).map_err(|err| match err.kind() {
            io::ErrorKind::NotFound => changed(snapshot),
            _ => fail(&err),
        })?;
        // File systems without locks exist, where this is another error; the hash still finds what others wrote.
        if let Err(Errno::WOULDBLOCK) = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            return Err(Failure::refused(format!("another command is writing {name}; nothing was changed"))
                .hint("try again when it is done"));
        }
        let metadata = file.metadata().map_err(|err| fail(&err))?;
        if !metadata.is_file() {
            return Err(changed(snapshot));
        }
        if metadata.nlink() > 1 {
            return Err(Failure::refused(format!(
                "{name} has {} names (hard links), of which only one would get the new content; nothing was changed",
                metadata.nlink()
            ))
            .hint("make the other names symbolic links, or edit it by hand"));
        }
        // A rename asks only the directory; a file that was made read-only is not meant to be written.
        rustix::fs::access(&snapshot.path, Access::WRITE_OK).map_err(|err| {
            let hint = match err {
                Errno::ROFS => "mount its file system for writing first",
                _ => "make the file writable first",
            };
            fail(&format!("{}; nothing was changed", io::Error::from(err))).hint(hint)
        })?;
        let directory = snapshot.path.parent().unwrap_or(Path::new("/"));
        Ok(Self { snapshot, directory, metadata, _lock: file })
    }

    /// That the name still leads to the locked file, and that holds what was read.
    fn check(&self) -> Outcome<()> {
        let same_path = fs::canonicalize(&self.snapshot.given).is_ok_and(|path| path == self.snapshot.path);
        let same_file = fs::metadata(&self.snapshot.path).is_ok_and(|now| {
            (now.dev(), now.ino(), now.mode(), now.uid(), now.gid())
                == (
                    self.metadata.dev(),
                    self.metadata.ino(),
                    self.metadata.mode(),
                    self.metadata.uid(),
                    self.metadata.gid(),
                )
        });
        let same_content = || {
            let content = File::open(&self.snapshot.path).and_then(input::bounded);
            content.is_ok_and(|bytes| Hash::from(Sha256::digest(&bytes)) == self.snapshot.content)
        };
        if same_path && same_file && same_content() { Ok(()) } else { Err(changed(self.snapshot)) }
    }

    fn cannot_write(&self, path: &Path, err: &io::Error) -> Failure {
        let name = self.snapshot.given.display();
        let failure = Failure::error(format!("cannot write {name}: {}: {err}; nothing was changed", path.display()));
        let directory = self.directory.display();
        match err.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => failure.hint(format!(
                "a new file is made in {directory} and put in the place of the old one, with its owner: both must be allowed"
            )),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                failure.hint(format!("make room in {directory} and try again"))
            }
            _ => failure,
        }
    }
}

fn changed(snapshot: &Snapshot) -> Failure {
    let name = snapshot.given.display();
    Failure::refused(format!("{name} was changed by someone else since it was read; nothing was written"))
        .hint("run the command again on what is there now")
}

/// The new file, removed again unless it was put in place.
struct Fresh {
    path: PathBuf,
    file: File,
    in_place: bool,
}

impl Fresh {
    fn create(target: &Target<'_>) -> Outcome<Self> {
        let name = target.snapshot.path.file_name().unwrap_or_default();
        let path = target.directory.join(format!(".{}.tidelock-new", name.to_string_lossy()));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let created = options.open(&path).or_else(|err| match err.kind() {
            // What a command left that was killed: the lock is ours, so nobody else is writing it.
            io::ErrorKind::AlreadyExists => fs::remove_file(&path).and_then(|()| options.open(&path)),
            _ => Err(err),
        });
        let file = created.map_err(|err| target.cannot_write(&path, &err))?;
        let fresh = Self { path, file, in_place: false };
        fresh.take_after(&target.metadata).map_err(|err| target.cannot_write(&fresh.path, &err))?;
        Ok(fresh)
    }

    /// Owner first: to change it takes bits off the mode.
    fn take_after(&self, old: &fs::Metadata) -> io::Result<()> {
        let own = self.file.metadata()?;
        if (own.uid(), own.gid()) != (old.uid(), old.gid()) {
            std::os::unix::fs::fchown(&self.file, Some(old.uid()), Some(old.gid()))?;
        }
        self.file.set_permissions(fs::Permissions::from_mode(old.mode() & 0o7777))
    }

    fn fill(&mut self, content: &[u8]) -> io::Result<()> {
        self.file.write_all(content)?;
        self.file.sync_all()
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if !self.in_place {
            // The error that led here is the one to tell.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests;
