use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use tidelock_config::limits::MAX_FILE_BYTES;

use super::*;
use crate::exit::Exit;

struct Place {
    dir: tempfile::TempDir,
    file: PathBuf,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("dev.tfvars");
        fs::write(&file, "old\n").unwrap();
        Self { dir, file }
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    fn content(&self) -> String {
        fs::read_to_string(&self.file).unwrap()
    }
}

#[track_caller]
fn refused(result: Outcome<()>, exit: Exit, words: &str) {
    let failure = result.unwrap_err();
    assert_eq!(failure.exit, exit, "{failure}");
    assert!(failure.message.contains(words), "{failure}");
    assert!(failure.hint.is_some(), "{failure} says nothing of what to do");
}

#[test]
fn a_file_is_replaced_and_keeps_its_mode() {
    let place = Place::new();
    for mode in [0o640, 0o600, 0o644] {
        fs::set_permissions(&place.file, fs::Permissions::from_mode(mode)).unwrap();
        let (snapshot, _) = Snapshot::read(&place.file).unwrap();
        replace(&snapshot, format!("{mode:o}\n").as_bytes()).unwrap();
        assert_eq!(place.content(), format!("{mode:o}\n"));
        assert_eq!(fs::metadata(&place.file).unwrap().mode() & 0o7777, mode);
    }
    assert_eq!(place.names(), ["dev.tfvars"]);
}

#[test]
fn a_file_keeps_its_owner() {
    let place = Place::new();
    if std::os::unix::fs::chown(&place.file, Some(65534), Some(65533)).is_err() {
        eprintln!("skipped: only root can give a file to someone else");
        return;
    }
    fs::set_permissions(&place.file, fs::Permissions::from_mode(0o4750)).unwrap();
    let (snapshot, _) = Snapshot::read(&place.file).unwrap();
    replace(&snapshot, b"new").unwrap();
    let now = fs::metadata(&place.file).unwrap();
    assert_eq!((now.uid(), now.gid(), now.mode() & 0o7777), (65534, 65533, 0o4750));
}

#[test]
fn a_symbolic_link_stays_and_what_it_leads_to_is_replaced() {
    let place = Place::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let (inner, outer) = (elsewhere.path().join("inner"), elsewhere.path().join("outer"));
    symlink(&place.file, &inner).unwrap();
    symlink("inner", &outer).unwrap();
    let (snapshot, text) = Snapshot::read(&outer).unwrap();
    assert_eq!(text, "old\n");
    replace(&snapshot, b"new\n").unwrap();
    assert_eq!(fs::read_link(&outer).unwrap(), Path::new("inner"));
    assert_eq!(fs::read_link(&inner).unwrap(), place.file);
    assert_eq!((place.content().as_str(), place.names()), ("new\n", vec!["dev.tfvars".to_owned()]));
}

#[test]
fn what_was_changed_meanwhile_is_not_overwritten() {
    let place = Place::new();
    let other = place.dir.path().join("other");
    fs::write(&other, "old\n").unwrap();
    let link = place.dir.path().join("link");
    let changes: [fn(&Place, &Path, &Path); 6] = [
        |place, _, _| fs::write(&place.file, "newer\n").unwrap(),
        |place, _, _| fs::write(&place.file, "").unwrap(),
        |place, _, _| fs::remove_file(&place.file).unwrap(),
        |place, _, _| {
            fs::remove_file(&place.file).unwrap();
            fs::create_dir(&place.file).unwrap();
        },
        |_, _, link| fs::remove_file(link).unwrap(),
        |_, other, link| {
            fs::remove_file(link).unwrap();
            symlink(other, link).unwrap();
        },
    ];
    for change in changes {
        let _ = fs::remove_dir(&place.file);
        let _ = fs::remove_file(&link);
        fs::write(&place.file, "old\n").unwrap();
        symlink(&place.file, &link).unwrap();
        let (snapshot, _) = Snapshot::read(&link).unwrap();
        change(&place, &other, &link);
        let before = (fs::read(&place.file).ok(), fs::read(&other).unwrap(), place.names());
        refused(replace(&snapshot, b"lost"), Exit::Refused, "was changed by someone else");
        assert_eq!((fs::read(&place.file).ok(), fs::read(&other).unwrap(), place.names()), before);
    }
}

#[test]
fn the_same_content_written_again_is_no_change() {
    let place = Place::new();
    let (snapshot, _) = Snapshot::read(&place.file).unwrap();
    fs::remove_file(&place.file).unwrap();
    fs::write(&place.file, "old\n").unwrap();
    replace(&snapshot, b"new\n").unwrap();
    assert_eq!(place.content(), "new\n");
    // But the snapshot is used up.
    refused(replace(&snapshot, b"newer\n"), Exit::Refused, "was changed by someone else");
}

#[test]
fn commands_that_write_the_same_file_exclude_each_other() {
    let place = Place::new();
    let (snapshot, _) = Snapshot::read(&place.file).unwrap();
    let other = File::open(&place.file).unwrap();
    rustix::fs::flock(&other, FlockOperation::NonBlockingLockExclusive).unwrap();
    refused(replace(&snapshot, b"new"), Exit::Refused, "another command is writing");
    drop(other);
    replace(&snapshot, b"new").unwrap();
}

#[test]
fn what_a_killed_command_left_is_no_hindrance() {
    let place = Place::new();
    fs::write(place.dir.path().join(".dev.tfvars.tidelock-new"), "half a fi").unwrap();
    let (snapshot, _) = Snapshot::read(&place.file).unwrap();
    replace(&snapshot, b"new\n").unwrap();
    assert_eq!((place.content().as_str(), place.names()), ("new\n", vec!["dev.tfvars".to_owned()]));
}

#[test]
fn what_is_in_the_way_is_an_error_that_changes_nothing() {
    let place = Place::new();
    let (snapshot, _) = Snapshot::read(&place.file).unwrap();
    // A directory cannot be removed as a file.
    let in_the_way = place.dir.path().join(".dev.tfvars.tidelock-new");
    fs::create_dir(&in_the_way).unwrap();
    let failure = replace(&snapshot, b"new").unwrap_err();
    assert_eq!(failure.exit, Exit::Error);
    assert!(failure.message.contains(".dev.tfvars.tidelock-new"), "{failure}");
    assert_eq!(place.content(), "old\n");
}

#[test]
fn a_file_with_two_names_is_refused() {
    let place = Place::new();
    fs::hard_link(&place.file, place.dir.path().join("second")).unwrap();
    let (snapshot, _) = Snapshot::read(&place.file).unwrap();
    refused(replace(&snapshot, b"new"), Exit::Refused, "2 names");
    assert_eq!(place.content(), "old\n");
}

#[test]
fn only_regular_files_of_text_within_the_limit_are_read() {
    let place = Place::new();
    let read = |path: &Path| Snapshot::read(path).unwrap_err();
    let missing = read(&place.dir.path().join("nowhere"));
    assert!(missing.message.contains("No such file") && missing.hint.is_some(), "{missing}");
    let directory = read(place.dir.path());
    assert!(directory.message.contains("not a regular file"), "{directory}");
    fs::write(&place.file, [0xff]).unwrap();
    assert!(read(&place.file).message.contains("UTF-8"));
    fs::write(&place.file, vec![b'#'; MAX_FILE_BYTES + 1]).unwrap();
    assert!(read(&place.file).message.contains("larger than"));
    fs::write(&place.file, vec![b'#'; MAX_FILE_BYTES]).unwrap();
    assert_eq!(Snapshot::read(&place.file).unwrap().1.len(), MAX_FILE_BYTES);
}
