//! The tfvars file: read with the place of everything in it, checked against one definition of its variables, and
//! turned into a [`tidelock_model::Environment`].
//!
//! Pure: text in, values and findings out. Reading files, choosing colours and exiting are the caller's business.

mod diagnostic;
pub mod limits;
pub mod syntax;
mod text;

pub use diagnostic::{Diagnostic, Label, Severity};
pub use text::{LineIndex, NotUtf8, Position, Span, decode};
