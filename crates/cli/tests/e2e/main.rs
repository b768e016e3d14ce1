//! End to end: the real program, real Redis or Valkey processes, real sockets and real faults, on this machine's loopback.
//!
//! Every test brings an environment up in a directory of its own and takes it down again, also when it fails.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

mod apply;
mod apply_faults;
mod azure;
mod bad_input;
mod crashes;
mod data_path;
mod engine_restart;
mod harness;
mod keys;
mod names;
mod region_loss;
mod resources;
mod roles;
mod switchover;
mod terminal;
mod third_region;
