//! An environment's directory on this machine, and the right to change it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};
use tidelock_model::{ExposeSecret, SecretString};

use crate::exit::{Context, Failure, Outcome};

/// Environment variable that names the directory of all environments.
const STATE_VARIABLE: &str = "TIDELOCK_STATE_DIR";

/// Where all environments of this user are kept.
pub(crate) fn root(given: Option<&Path>) -> Outcome<PathBuf> {
    let from_variable = std::env::var_os(STATE_VARIABLE).filter(|dir| !dir.is_empty()).map(PathBuf::from);
    if let Some(dir) = given.map(Path::to_owned).or(from_variable) {
        return std::path::absolute(&dir).context(format!("the state directory {}", dir.display()));
    }
    let base = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|dir| dir.is_absolute());
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    base.or_else(home).map(|dir| dir.join("tidelock")).ok_or_else(|| {
        Failure::error("neither XDG_STATE_HOME nor HOME is set, so there is no place for the state")
            .hint(format!("set {STATE_VARIABLE} or pass --state-dir"))
    })
}

/// What `up` notes about an environment before anything else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    /// The file it was brought up from.
    pub(crate) file: PathBuf,
    /// Which version did.
    pub(crate) version: String,
}

/// An environment's directory. The paths below are the only place that knows the layout.
#[derive(Clone, Debug)]
pub(crate) struct StateDir {
    path: PathBuf,
    id: String,
}

impl StateDir {
    pub(crate) fn new(root: &Path, id: &str) -> Self {
        Self { path: root.join(id), id: id.to_owned() }
    }

    /// Every environment that has a directory below `root`.
    pub(crate) fn all(root: &Path) -> Vec<Self> {
        let entries = fs::read_dir(root).into_iter().flatten().flatten();
        let ids =
            entries.filter(|entry| entry.path().is_dir()).filter_map(|entry| entry.file_name().into_string().ok());
        let mut all: Vec<_> = ids.map(|id| Self::new(root, &id)).filter(Self::exists).collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn exists(&self) -> bool {
        self.note_file().exists()
    }

    fn note_file(&self) -> PathBuf {
        self.path.join("environment.json")
    }

    pub(crate) fn ca_dir(&self) -> PathBuf {
        self.path.join("ca")
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.ca_dir().join("ca.pem")
    }

    pub(crate) fn operator_file(&self) -> PathBuf {
        self.path.join("operator.pem")
    }

    pub(crate) fn cloud_dir(&self) -> PathBuf {
        self.path.join("cloud")
    }

    pub(crate) fn cloud_log(&self) -> PathBuf {
        self.path.join("cloud.log")
    }

    pub(crate) fn topology_file(&self) -> PathBuf {
        self.path.join("topology.json")
    }

    /// Who wrote when the agents began anew; the topology says it otherwise.
    pub(crate) fn founder_file(&self) -> PathBuf {
        self.path.join("founder.json")
    }

    /// The journals of applies.
    pub(crate) fn journal_dir(&self) -> PathBuf {
        self.path.join("applies")
    }

    pub(crate) fn workload_dir(&self, name: &str) -> PathBuf {
        self.path.join("workloads").join(name)
    }

    /// The names of agents and gateways that have been started here.
    pub(crate) fn workloads(&self) -> Outcome<Vec<String>> {
        let dir = self.path.join("workloads");
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(err) => return Err(err).context(format!("cannot read {}", dir.display())),
        };
        let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
        names.collect::<Result<_, _>>().context(format!("cannot read {}", dir.display()))
    }

    /// Creates the directory and notes which file it belongs to.
    pub(crate) fn create(&self, note: &Note) -> Outcome<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.path).map_err(|err| {
            Failure::error(format!("cannot create the state directory {}: {err}", self.path.display()))
                .hint(format!("choose a writable one with --state-dir or {STATE_VARIABLE}"))
        })?;
        if !self.exists() {
            write_private(&self.note_file(), &to_json(note)?)?;
        }
        Ok(())
    }

    pub(crate) fn note(&self) -> Outcome<Note> {
        read_json(&self.note_file())
    }

    /// Removes everything, and the root if it is empty then.
    pub(crate) fn remove(&self) -> Outcome<()> {
        match fs::remove_dir_all(&self.path) {
            Ok(()) => {}
            Err(err) if err.kind() == io::ErrorKind::NotFound => {}
            Err(err) => return Err(Failure::error(format!("cannot remove {}: {err}", self.path.display()))),
        }
        if let Some(root) = self.path.parent() {
            // Other environments may live there.
            let _ = fs::remove_dir(root);
        }
        Ok(())
    }

    /// Takes the right to change this environment, or says who has it.
    pub(crate) fn lock(&self, doing: &str) -> Outcome<Lock> {
        self.take(doing, FlockOperation::NonBlockingLockExclusive)
    }

    /// Takes the right to work in this environment while nobody brings it up or down: several may have it at once.
    pub(crate) fn share(&self, doing: &str) -> Outcome<Lock> {
        self.take(doing, FlockOperation::NonBlockingLockShared)
    }

    fn take(&self, doing: &str, how: FlockOperation) -> Outcome<Lock> {
        let open = || File::open(&self.path).context(format!("cannot open {}", self.path.display()));
        let directory = open()?;
        if rustix::fs::flock(&directory, how).is_err() {
            let holder = fs::read_to_string(self.path.join(HOLDER_FILE)).unwrap_or_default();
            let holder = if holder.is_empty() { "another command".to_owned() } else { format!("`tidelock {holder}") };
            return Err(Failure::refused(format!("{holder} is working on {}; nothing was changed", self.id))
                .hint("wait until it has ended, or interrupt it with Ctrl-C, then try again"));
        }
        // While we waited for nothing, a `down` may have removed the directory that we have just locked.
        let same =
            fs::metadata(&self.path).map(|now| now.ino()).ok() == directory.metadata().map(|then| then.ino()).ok();
        if !same {
            return Err(
                Failure::refused(format!("{} has just been taken down by another command", self.id)).hint("try again")
            );
        }
        // Only a hint for whoever is refused; several holders of a shared lock may get in each other's way here.
        let holder = format!("{doing}` (process {})", std::process::id());
        if let Err(failure) = write_private(&self.path.join(HOLDER_FILE), &holder) {
            tracing::debug!(%failure, "cannot say who holds the lock");
        }
        Ok(Lock { _directory: directory })
    }
}

/// Who holds the lock; only ever read by somebody who did not get it.
const HOLDER_FILE: &str = "lock-holder";

/// The right to change an environment; ends with the process at the latest.
#[derive(Debug)]
pub(crate) struct Lock {
    _directory: File,
}

pub(crate) fn to_json<T: Serialize>(value: &T) -> Outcome<String> {
    serde_json::to_string_pretty(value).context("cannot write JSON")
}

pub(crate) fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Outcome<T> {
    let bytes = fs::read(path).context(format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&bytes)
        .context(format!("{} is damaged; take the environment down and up again", path.display()))
}

/// Writes a file that only its owner may read, in one step: a crash leaves the old content or the new.
pub(crate) fn write_private(path: &Path, content: &str) -> Outcome<()> {
    let write = || -> io::Result<()> {
        if let Some(dir) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        let temporary = path.with_extension("new");
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(content.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().context(format!("cannot write {}", path.display()))
}

/// The same for a secret.
pub(crate) fn write_secret(path: &Path, secret: &SecretString) -> Outcome<()> {
    write_private(path, secret.expose_secret())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(root: &Path) -> StateDir {
        let state = StateDir::new(root, "app-dev");
        state.create(&Note { file: "/x/dev.tfvars".into(), version: "0".into() }).unwrap();
        state
    }

    #[test]
    fn only_one_command_changes_an_environment() {
        let root = tempfile::tempdir().unwrap();
        let state = create(root.path());
        let held = state.lock("up").unwrap();
        let refused = state.lock("down").unwrap_err();
        assert_eq!(refused.exit, crate::exit::Exit::Refused);
        assert!(refused.message.contains("`tidelock up`"), "{}", refused.message);
        drop(held);
        state.lock("down").unwrap();
    }

    #[test]
    fn several_may_work_in_an_environment_but_not_while_it_is_taken_down() {
        let root = tempfile::tempdir().unwrap();
        let state = create(root.path());
        let first = state.share("switchover").unwrap();
        let second = state.share("failover").unwrap();
        assert!(state.lock("down").unwrap_err().message.contains("is working on"));
        drop((first, second));
        let _down = state.lock("down").unwrap();
        state.share("switchover").unwrap_err();
    }

    #[test]
    fn removing_leaves_nothing_and_may_be_repeated() {
        let parent = tempfile::tempdir().unwrap();
        let root = parent.path().join("state");
        let state = create(&root);
        assert_eq!(StateDir::all(&root).len(), 1);
        state.remove().unwrap();
        state.remove().unwrap();
        assert!(!root.exists());
    }

    #[test]
    fn a_state_directory_that_cannot_be_made_is_an_error_with_advice() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, "x").unwrap();
        let state = StateDir::new(&file, "app-dev");
        let failure = state.create(&Note { file: "/x".into(), version: "0".into() }).unwrap_err();
        assert!(failure.hint.unwrap().contains("--state-dir"));
    }
}
