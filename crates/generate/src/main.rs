//! Writes the generated files into the workspace it is run in: `make generate`.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use tidelock_generate::{Generated, RULES_FOLDER};

fn main() -> ExitCode {
    match write_all(Path::new(".")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // There is nobody left to tell if even this fails.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes what differs, and says so; what is current keeps its time of change.
fn write_all(root: &Path) -> io::Result<()> {
    if !root.join("crates/config/src/schema").is_dir() {
        return Err(io::Error::other("run this at the root of the workspace: make generate"));
    }
    let files = tidelock_generate::files();
    for file in &files {
        let path = root.join(&*file.path);
        if std::fs::read_to_string(&path).is_ok_and(|found| found == file.text) {
            continue;
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, &file.text)?;
        writeln!(io::stdout(), "wrote {}", file.path)?;
    }
    remove_orphans(root, &files)
}

/// Removes the pages of rules that are no more.
fn remove_orphans(root: &Path, files: &[Generated]) -> io::Result<()> {
    for entry in std::fs::read_dir(root.join(RULES_FOLDER))? {
        let path = format!("{RULES_FOLDER}/{}", entry?.file_name().to_string_lossy());
        if files.iter().all(|file| file.path != path) {
            std::fs::remove_file(root.join(&path))?;
            writeln!(io::stdout(), "removed {path}")?;
        }
    }
    Ok(())
}
