//! How the cloud starts its own children. The command line interface must understand exactly this.

use std::path::Path;

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
