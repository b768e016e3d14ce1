//! Known bugs for the simulation to find, one at a time, in the thread that plants them. Not part of any program.

use std::cell::Cell;

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// The lease is taken to be over after half its time.
    ShortWait,
    /// The next epoch is claimed without waiting for the lease.
    NoFence,
    /// A grant does not bring a new epoch.
    EpochReused,
    /// A renewal counts before it is committed.
    CountBeforeCommit,
    /// The holder counts from the reply, not from before it asked.
    CountFromReply,
    /// A write whose outcome is unknown is sent again.
    RetryUnknown,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::ShortWait,
        Self::NoFence,
        Self::EpochReused,
        Self::CountBeforeCommit,
        Self::CountFromReply,
        Self::RetryUnknown,
    ];
}

thread_local! {
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Plants a bug in this thread, or none.
pub fn plant(bug: Option<Bug>) {
    PLANTED.with(|planted| planted.set(bug));
}

/// Whether this one is planted.
#[must_use]
pub fn is(bug: Bug) -> bool {
    PLANTED.with(Cell::get) == Some(bug)
}
