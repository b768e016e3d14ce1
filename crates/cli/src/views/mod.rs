//! What people and scripts see.

pub(crate) mod briefing;
pub(crate) mod diff;
pub(crate) mod drift;
pub(crate) mod findings;
pub(crate) mod findings_json;
#[cfg(test)]
mod fixtures;
pub(crate) mod history;
pub(crate) mod import_blocks;
pub(crate) mod moment;
pub(crate) mod saga;
pub(crate) mod sarif;
pub(crate) mod spans;
pub(crate) mod status;
pub(crate) mod table;
