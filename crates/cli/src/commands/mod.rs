//! One file a verb.

pub(crate) mod apply;
pub(crate) mod check;
pub(crate) mod connect;
pub(crate) mod daemons;
pub(crate) mod demo;
pub(crate) mod destroy;
pub(crate) mod detach;
pub(crate) mod down;
pub(crate) mod drift;
pub(crate) mod edit;
pub(crate) mod explain;
pub(crate) mod failback;
pub(crate) mod failover;
pub(crate) mod history;
pub(crate) mod import;
pub(crate) mod plan;
pub(crate) mod policy;
pub(crate) mod role_change;
pub(crate) mod rotate_keys;
pub(crate) mod status;
pub(crate) mod switchover;
pub(crate) mod up;
