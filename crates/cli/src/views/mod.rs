//! What people and scripts see.

pub(crate) mod diff;
pub(crate) mod findings;
pub(crate) mod findings_json;
pub(crate) mod saga;
pub(crate) mod sarif;
pub(crate) mod status;
pub(crate) mod table;
