//! A tool for this repository's own tests: it holds recorded exchanges between Azure's clients and the local cloud against
//! Microsoft's descriptions. Nothing of the product depends on it, and it shares no type with it, so that it cannot agree
//! with the local cloud's mistakes.
//!
//! redisEnterprise is checked against its OpenAPI description. For the neighbours an operation table says which calls there
//! are and what they answer, a type table what a resource looks like; an older OpenAPI description stands in where both
//! say nothing.

mod catalogue;
mod check;
mod exceptions;
mod exchange;
mod openapi;
mod operations;
mod report;
mod schema;
mod types;

use std::io;
use std::path::{Path, PathBuf};

pub use catalogue::Descriptions;
pub use check::{Checker, Violation};
pub use exchange::{Exchange, Message, Plane, Recording, read_directory};
pub use report::Report;

/// A description or a recording that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// A file or directory cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{}: {reason}", .path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// What is wrong there.
        reason: String,
    },
}

impl WireError {
    fn malformed(path: &Path, reason: impl Into<String>) -> Self {
        Self::Malformed { path: path.to_owned(), reason: reason.into() }
    }
}

/// A file's JSON.
fn read_json(path: &Path) -> Result<serde_json::Value, WireError> {
    let text = std::fs::read(path).map_err(|source| WireError::Unreadable { path: path.to_owned(), source })?;
    serde_json::from_slice(&text).map_err(|err| WireError::malformed(path, err.to_string()))
}
