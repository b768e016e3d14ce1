//! Key vaults and encryption keys.

use super::Rule;
use crate::diagnostic::Sink;
use crate::scene::Scene;

/// The family's rules.
pub(crate) static RULES: &[&Rule] = &[];

/// Looks for what breaks them.
pub(super) fn check(_scene: &Scene<'_>, _sink: &mut Sink) {}
