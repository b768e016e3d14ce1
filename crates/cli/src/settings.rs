//! What applies to every command, resolved before any of them starts.

use std::path::PathBuf;

/// Global settings.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// `--state-dir` or `TIDELOCK_STATE_DIR`.
    pub(crate) state_dir: Option<PathBuf>,
}
