//! What an apply did, step by step, on disk before it is done: for whoever looks afterwards. Nothing is decided by it: what is
//! left to do is planned from what there is.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use tidelock_apply::Event;

use crate::exit::{Context, Outcome};
use crate::state::StateDir;
use crate::views::moment;

/// Journals that are kept; older ones go when a new one begins.
const KEPT: usize = 20;
const EXTENSION: &str = "ndjson";

/// The journal of one apply.
pub(crate) struct Journal {
    id: String,
    file: Mutex<File>,
}

impl Journal {
    /// Begins one. Ids sort by time.
    pub(crate) fn begin(state: &StateDir, doing: &str, file: &Path) -> Outcome<Self> {
        let dir = state.journal_dir();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&dir)
            .context(format!("cannot create {}", dir.display()))?;
        forget_oldest(&dir);
        let now = moment::now().0;
        let id = format!("{now:013}-{}", std::process::id());
        let path = dir.join(&id).with_extension(EXTENSION);
        let opened = OpenOptions::new()
            .create_new(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .context(format!("cannot write {}", path.display()))?;
        let journal = Self { id, file: Mutex::new(opened) };
        journal.write(&json!({ "at": now, "event": "opened", "doing": doing, "file": file }));
        Ok(journal)
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// A step's begin is on disk before its request is sent.
    pub(crate) fn on_event(&self, event: &Event) {
        let mut entry = serde_json::to_value(event).unwrap_or_default();
        entry["at"] = json!(moment::now().0);
        self.write(&entry);
    }

    pub(crate) fn end(&self) {
        self.write(&json!({ "at": moment::now().0, "event": "closed" }));
    }

    fn write(&self, entry: &Value) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // An apply does not stop in the middle for want of a record of it.
        if let Err(error) = file.write_all(format!("{entry}\n").as_bytes()).and_then(|()| file.sync_data()) {
            tracing::warn!(%error, "the journal could not be written");
        }
    }
}

/// An apply that did not come to its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unfinished {
    pub(crate) doing: String,
    /// Milliseconds since 1970.
    pub(crate) begun: u64,
    /// Steps that had begun and whose end is not recorded.
    pub(crate) in_flight: Vec<String>,
}

/// The last apply, if it was cut off.
pub(crate) fn unfinished(state: &StateDir) -> Option<Unfinished> {
    let entries = read(&newest(state)?);
    let first = entries.first()?;
    let word = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    if entries.iter().any(|entry| entry["event"] == "closed") {
        return None;
    }
    let mut in_flight = Vec::new();
    for entry in &entries {
        let address = word(entry, "address");
        match entry["event"].as_str() {
            Some("started") => in_flight.push(address),
            Some("finished" | "failed") => in_flight.retain(|begun| *begun != address),
            _ => {}
        }
    }
    Some(Unfinished { doing: word(first, "doing"), begun: first["at"].as_u64().unwrap_or_default(), in_flight })
}

/// When the last apply from here ended, in milliseconds since 1970.
pub(crate) fn last_ended(state: &StateDir) -> Option<u64> {
    let mut files = files(&state.journal_dir());
    files.reverse();
    files
        .iter()
        .find_map(|file| read(file).iter().find(|entry| entry["event"] == "closed").and_then(|e| e["at"].as_u64()))
}

/// The ids of all applies from this machine that are remembered.
pub(crate) fn ids(state: &StateDir) -> BTreeSet<String> {
    files(&state.journal_dir()).iter().filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect()
}

fn newest(state: &StateDir) -> Option<PathBuf> {
    files(&state.journal_dir()).pop()
}

/// Oldest first.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|ext| ext == EXTENSION)).collect();
    files.sort();
    files
}

fn forget_oldest(dir: &Path) {
    let files = files(dir);
    for old in files.iter().take((files.len() + 1).saturating_sub(KEPT)) {
        // Left over, it is merely one more.
        let _ = fs::remove_file(old);
    }
}

/// A line that was cut off is none.
fn read(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn started(address: &str) -> Event {
        Event::Started { address: address.to_owned(), action: tidelock_plan::Action::Create }
    }

    #[test]
    fn what_was_in_flight_is_known_after_a_kill() {
        let root = tempfile::tempdir().unwrap();
        let state = StateDir::new(root.path(), "app-dev");
        assert_eq!(unfinished(&state), None);
        let journal = Journal::begin(&state, "apply", Path::new("dev.tfvars")).unwrap();
        journal.on_event(&started("a"));
        journal.on_event(&started("b"));
        journal.on_event(&Event::Finished { address: "a".to_owned(), took: Duration::ZERO });
        let path = state.journal_dir().join(journal.id()).with_extension(EXTENSION);
        // A line that was cut off in the middle.
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"event\": \"fini").unwrap();
        let found = unfinished(&state).unwrap();
        assert_eq!((found.doing.as_str(), found.in_flight), ("apply", vec!["b".to_owned()]));
        assert_eq!(last_ended(&state), None);
        assert!(ids(&state).contains(journal.id()));

        let next = root.path().join("app-dev/applies/9999999999999-1.ndjson");
        fs::write(next, "{\"event\":\"opened\",\"at\":1}\n{\"event\":\"closed\",\"at\":7}\n").unwrap();
        assert_eq!((unfinished(&state), last_ended(&state)), (None, Some(7)));
    }

    #[test]
    fn only_so_many_are_kept() {
        let root = tempfile::tempdir().unwrap();
        let state = StateDir::new(root.path(), "app-dev");
        fs::create_dir_all(state.journal_dir()).unwrap();
        for at in 0..KEPT + 5 {
            fs::write(state.journal_dir().join(format!("{at:013}-1.ndjson")), "{}\n").unwrap();
        }
        Journal::begin(&state, "apply", Path::new("x")).unwrap();
        assert_eq!(ids(&state).len(), KEPT);
    }
}
