//! What people and scripts see.

pub(crate) mod diff;
pub(crate) mod saga;
pub(crate) mod status;
pub(crate) mod table;
