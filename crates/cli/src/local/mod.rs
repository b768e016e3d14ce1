//! An environment on this machine: the local cloud, what is applied to it, and the agents and gateways in its regions.

pub(crate) mod cloud;
pub(crate) mod resources;
pub(crate) mod teardown;
pub(crate) mod vault;
pub(crate) mod workloads;
