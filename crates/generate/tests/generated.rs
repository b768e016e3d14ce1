//! What is in the tree is what would be generated.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test fails by panicking

use std::path::Path;

#[test]
fn generated_files_are_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let stale: Vec<_> = tidelock_generate::files()
        .into_iter()
        // A checkout may have been given the line ends of its machine.
        .filter(|file| {
            let found = std::fs::read_to_string(root.join(&*file.path)).unwrap_or_default();
            found.replace("\r\n", "\n") != file.text
        })
        .map(|file| file.path)
        .collect();
    assert!(stale.is_empty(), "run `make generate`; not current: {}", stale.join(", "));
}

#[test]
fn the_folder_of_the_rules_holds_their_pages_alone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let files = tidelock_generate::files();
    let folder = tidelock_generate::RULES_FOLDER;
    let found = std::fs::read_dir(root.join(folder)).unwrap();
    let found = found.map(|entry| format!("{folder}/{}", entry.unwrap().file_name().to_string_lossy()));
    let orphans: Vec<_> = found.filter(|path| files.iter().all(|file| file.path != *path)).collect();
    assert!(orphans.is_empty(), "run `make generate`; of no rule: {}", orphans.join(", "));
}

#[test]
fn generated_hcl_is_hcl_and_has_no_line_of_spaces() {
    for file in tidelock_generate::files() {
        assert!(file.text.ends_with('\n') && !file.text.ends_with("\n\n"), "{} ends with one line end", file.path);
        assert!(file.text.lines().all(|line| line.trim_end() == line), "{} has spaces at line ends", file.path);
        if Path::new(&*file.path).extension().is_some_and(|extension| extension == "tf") {
            file.text.parse::<hcl_edit::structure::Body>().unwrap_or_else(|error| panic!("{}: {error}", file.path));
        }
    }
}
