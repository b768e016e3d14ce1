//! The simulation: real cores and the real register's table under a seeded scheduler with virtual time, among engines,
//! gateways, clients, a network and a log that go wrong in every way the seed says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]
#![allow(
    clippy::collapsible_if,
    clippy::needless_pass_by_value,
    clippy::manual_is_multiple_of,
    clippy::redundant_clone
)]
#![allow(unreachable_pub, missing_docs, clippy::cast_precision_loss, reason = "a test program of its own")]

mod agents;
mod checks;
mod clients;
mod commands;
mod drain;
mod engines;
mod faults;
mod gateways;
mod ledger;
mod log;
mod net;
mod replication;
mod rng;
mod run;
mod settle;
mod setup;
mod world;
