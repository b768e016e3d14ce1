//! How the cloud starts its own children. The command line interface must understand exactly this.

use std::path::Path;

use crate::supervise::MARKER;

/// The hidden subcommand that runs a region's process.
pub const REGION_COMMAND: &str = "cloud-region";
/// The hidden subcommand that runs the relay.
pub const WAN_COMMAND: &str = "cloud-wan";

/// Which of the cloud's own processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Child {
    /// A region's vaults and endpoints: [`crate::run_region`].
    Region,
    /// The relay: [`crate::run_wan`].
    Wan,
}

/// The environment variable, with its value, that makes the cloud's own process known from its very start: a `down` that
/// comes before it has recorded itself must find it. `dir` is the cloud's directory, which must exist.
///
/// # Errors
/// If the directory cannot be found.
pub fn cloud_marker(dir: &Path) -> std::io::Result<(&'static str, String)> {
    Ok((MARKER, format!("{}|{}", dir.canonicalize()?.display(), crate::OWN_PROCESS)))
}

/// `<program> cloud-region --dir <dir>` or `<program> cloud-wan --dir <dir>`.
#[must_use]
pub fn child_argv(program: &Path, child: Child, dir: &Path) -> Vec<String> {
    let command = match child {
        Child::Region => REGION_COMMAND,
        Child::Wan => WAN_COMMAND,
    };
    let text = |path: &Path| path.to_string_lossy().into_owned();
    vec![text(program), command.to_owned(), "--dir".to_owned(), text(dir)]
}
