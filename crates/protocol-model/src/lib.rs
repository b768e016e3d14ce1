//! A model of the protocol in `docs/protocol.md`, explored exhaustively within bounds by stateright.
//!
//! Two regions, each with an agent, a gateway and an engine, and a register that is an abstract, linearizable log: what Raft
//! gives. Its votes are not modelled; a request may commit at any later moment, never, or after its sender has forgotten
//! it. The witness appears as what it can do: begin a role change at any moment.
//!
//! No step is ever forced. So a message that is delayed, lost, or overtaken by another kind of message, a process that
//! stands still anywhere, and a partition of any shape and length are all the same thing here: a step that is not taken
//! while others are, and while clocks go on.
//!
//! Time is counted, not measured: every lease, wait and age is the number of ticks that are left of it on the clock of the
//! machine that counts it, so that nothing rests on what a clock shows. Clocks drift: in any [`Bounds::drift_period`] ticks
//! a drifting clock may miss one, which is exactly the bound the margin is for.

mod agent;
mod bounds;
mod check;
mod gateway;
mod model;
mod reduce;
mod register;
mod state;
mod time;

pub use bounds::{Bounds, Bug, Scene};
pub use check::{Finding, Report, explore, hunt};
pub use model::{Protocol, properties, property};
