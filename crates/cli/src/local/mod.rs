//! An environment on this machine: the local cloud, what is applied to it, and the agents and gateways in its regions.

pub(crate) mod anew;
pub(crate) mod cloud;
pub(crate) mod foundations;
mod launch;
mod names;
pub(crate) mod resources;
mod rolling;
pub(crate) mod teardown;
pub(crate) mod vault;
mod voters;
pub(crate) mod workloads;
