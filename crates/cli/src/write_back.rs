//! The file follows the register: after the writer has moved, `primary_redis_key` and the matching entry of `replica_keys`
//! trade places. It comes after recovery, and nothing that goes wrong here disturbs that.

use std::path::Path;

use serde::Serialize;
use tidelock_config::{edit, syntax};
use tidelock_model::Location;

use crate::exit::{Failure, Outcome};
use crate::files::{self, Snapshot};
use crate::printer;
use crate::views::diff;

/// Which writer a file names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NamedWriter<'a> {
    /// The file.
    pub(crate) file: &'a Path,
    /// The region of `primary_redis_key`.
    pub(crate) writer: &'a Location,
}

impl NamedWriter<'_> {
    /// What a person has to type, if the register's writer is another one.
    pub(crate) fn pending(&self, writer: &Location) -> Option<String> {
        (self.writer != writer).then(|| command(self.file, writer))
    }
}

fn command(file: &Path, writer: &Location) -> String {
    format!("tidelock edit writer {} --to {writer} --write", file.display())
}

/// How the file stands after a role change.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub(crate) enum FileState {
    /// It names the writer.
    Same,
    /// It was changed.
    Written {
        /// What was changed, as a unified diff.
        patch: String,
    },
    /// It still names another writer.
    Pending {
        /// What is to be changed; none if that could not be found out.
        patch: Option<String>,
        /// What to type.
        command: String,
        /// Why it was not written, if it should have been.
        error: Option<String>,
    },
}

impl FileState {
    /// Something is left to do.
    pub(crate) const fn is_pending(&self) -> bool {
        matches!(self, Self::Pending { .. })
    }

    /// The patch as the result, the rest as talk.
    pub(crate) fn tell(&self, file: &Path) {
        let name = file.display();
        match self {
            Self::Same => {}
            Self::Written { patch } => {
                printer::data(patch);
                printer::say(&format!("{name}: written"));
            }
            Self::Pending { patch, command, error } => {
                if let Some(patch) = patch {
                    printer::data(patch);
                }
                printer::say(&match error {
                    Some(error) => format!("pending: {name} still names the old writer: {error}"),
                    None => format!("pending: {name} still names the old writer; nothing was written to it"),
                });
                printer::say(&format!("  help: {command}"));
            }
        }
    }
}

/// Compares `file` with the register's `writer`, and with `write` makes it follow.
pub(crate) fn follow(file: &Path, writer: &Location, write: bool) -> FileState {
    let pending = |patch, failure: Option<Failure>| FileState::Pending {
        patch,
        command: command(file, writer),
        error: failure.map(|failure| match failure.hint {
            Some(hint) => format!("{} ({hint})", failure.message),
            None => failure.message,
        }),
    };
    let change = match Change::find(file, writer) {
        Ok(Some(change)) => change,
        Ok(None) => return FileState::Same,
        Err(failure) => return pending(None, Some(failure)),
    };
    if !write {
        return pending(Some(change.patch), None);
    }
    match files::replace(&change.snapshot, change.edited.as_bytes()) {
        Ok(()) => FileState::Written { patch: change.patch },
        Err(failure) => pending(Some(change.patch), Some(failure)),
    }
}

/// The edit that makes the file name the writer.
struct Change {
    snapshot: Snapshot,
    edited: String,
    patch: String,
}

impl Change {
    fn find(file: &Path, writer: &Location) -> Outcome<Option<Self>> {
        let (snapshot, text) = Snapshot::read(file)?;
        let (document, findings) = syntax::parse(&text);
        if !findings.is_empty() {
            return Err(Failure::error("it cannot be read").hint(format!("tidelock check {}", file.display())));
        }
        let refused = |err: edit::OperationError| Failure::error(err.to_string()).hint(err.help());
        let groups = edit::groups(&document);
        let [group] = groups.as_slice() else {
            return Err(Failure::error(format!("it has {} geo groups, not one", groups.len())));
        };
        let member = edit::member_in(&document, group, writer.as_str()).map_err(refused)?;
        let member =
            member.ok_or_else(|| Failure::error(format!("no member of its geo group `{group}` stands in {writer}")))?;
        let edits = edit::swap_writer(&text, &document, group, member).map_err(refused)?;
        if edits.is_empty() {
            return Ok(None);
        }
        let edited = edit::splice(&text, &edits).map_err(|err| refused(err.into()))?;
        let patch = diff::unified(&file.display().to_string(), &text, &edited);
        Ok(Some(Self { snapshot, edited, patch }))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    const DEV: &str = include_str!("../../../envs/dev.tfvars");

    fn place(name: &str) -> Location {
        Location::new(name).unwrap()
    }

    fn dev() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("dev.tfvars");
        fs::write(&file, DEV).unwrap();
        (dir, file)
    }

    fn changed_lines(new: &str) -> Vec<String> {
        let pairs = DEV.lines().zip(new.lines());
        pairs.filter(|(old, new)| old != new).map(|(_, new)| new.trim().to_owned()).collect()
    }

    #[test]
    fn a_file_that_names_the_writer_stays_as_it_is() {
        let (_dir, file) = dev();
        assert!(matches!(follow(&file, &place("eastus2"), true), FileState::Same));
        assert_eq!(fs::read_to_string(&file).unwrap(), DEV);
    }

    #[test]
    fn only_the_two_role_lines_change_and_back_again() {
        let (_dir, file) = dev();
        assert!(matches!(follow(&file, &place("uksouth"), true), FileState::Written { .. }));
        let new = fs::read_to_string(&file).unwrap();
        assert_eq!(new.lines().count(), DEV.lines().count());
        assert_eq!(changed_lines(&new), ["primary_redis_key = \"replica\"", "replica_keys      = [\"primary\"]"]);
        assert!(matches!(follow(&file, &place("eastus2"), true), FileState::Written { .. }));
        assert_eq!(fs::read_to_string(&file).unwrap(), DEV);
    }

    #[test]
    fn without_write_the_patch_is_pending() {
        let (_dir, file) = dev();
        let state = follow(&file, &place("uksouth"), false);
        let FileState::Pending { patch: Some(patch), command, error: None } = state else { panic!("{state:?}") };
        assert!(patch.contains("+    primary_redis_key = \"replica\""), "{patch}");
        assert!(command.contains("--to uksouth --write"), "{command}");
        assert_eq!(fs::read_to_string(&file).unwrap(), DEV);
    }

    #[test]
    fn a_file_that_cannot_be_written_or_used_is_pending_and_says_why() {
        let (_dir, file) = dev();
        let lock = fs::File::open(&file).unwrap();
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
        let state = follow(&file, &place("uksouth"), true);
        assert!(matches!(&state, FileState::Pending { patch: Some(_), error: Some(_), .. }), "{state:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), DEV);
        drop(lock);
        for (broken, writer) in [("dr_config = {", "uksouth"), (DEV, "westeurope"), ("", "uksouth")] {
            fs::write(&file, broken).unwrap();
            let state = follow(&file, &place(writer), true);
            assert!(matches!(&state, FileState::Pending { patch: None, error: Some(_), .. }), "{state:?}");
            assert_eq!(fs::read_to_string(&file).unwrap(), broken);
        }
        fs::remove_file(&file).unwrap();
        assert!(follow(&file, &place("uksouth"), true).is_pending());
    }
}
