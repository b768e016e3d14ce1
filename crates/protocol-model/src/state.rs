//! What there is at one moment.

use crate::register::Register;

/// A region's number. The first is the writer of epoch 1.
pub(crate) type Region = usize;

/// The writer of epoch 1.
pub(crate) const FIRST: Region = 0;

/// The region that is not `region`.
pub(crate) const fn other(region: Region) -> Region {
    1 - region
}

/// A request to the register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Request {
    /// Prolong the lease.
    Renew { epoch: u8 },
    /// The target's word that no lease up to `lease` is held; it counts as the first renewal.
    Grant { saga: u8, lease: u8 },
    /// A failover that begins with that word, and is granted at once.
    BeginWithProof { epoch: u8, lease: u8 },
}

/// A request that its sender waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pending {
    pub(crate) request: Request,
    /// What is left of a lease counted from before it was sent.
    pub(crate) left: u8,
    /// The epoch of the lease it brought, once it is committed; the answer is under way.
    pub(crate) committed: Option<u8>,
}

/// What an agent has made up its mind to do about a switchover. It forgets this with its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stance {
    Serving,
    /// Gateways are being stopped for this saga.
    Draining(u8),
    /// It has said where its history ends, and that it does not renew until this saga has ended.
    Promised(u8),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Agent {
    /// The register as applied here; durable.
    pub(crate) view: Register,
    /// What is left to wait until the lease of `view` is certainly over.
    pub(crate) wait: u8,
    /// What is left of the lease held, and its epoch.
    pub(crate) lease: u8,
    pub(crate) lease_epoch: u8,
    pub(crate) pending: Option<Pending>,
    pub(crate) stance: Stance,
    /// What is left, at most and with the margin, of what the gateway was told.
    pub(crate) authority: u8,
    /// The same for what an earlier life may have told it.
    pub(crate) earlier: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Poll {
    None,
    /// Answered, and the answer is under way. Question and answer are one step: the answer to an older question is a shorter
    /// lease, which ticks make of a younger one too.
    Answered {
        hold: bool,
        left: u8,
        epoch: u8,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Write {
    None,
    /// Passed the first check under this epoch; its bytes have not left.
    Checked {
        epoch: u8,
    },
    /// Carried out by the engine; the reply has not been relayed.
    Executed {
        epoch: u8,
        id: u8,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Gateway {
    pub(crate) epoch: u8,
    /// What is left of its sub-lease.
    pub(crate) lease: u8,
    /// It was told to hold writes.
    pub(crate) hold: bool,
    pub(crate) poll: Poll,
    pub(crate) write: Write,
}

/// What an engine's access rules and role allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stand {
    Reader,
    Writer,
    /// Fed to replicas, closed for clients.
    Frozen,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Engine {
    pub(crate) stand: Stand,
    /// Writes in the order in which they were carried out.
    pub(crate) history: Vec<u8>,
}

/// The old writer's word in a switchover. It stays on its way for ever: late and repeated delivery are included.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Handed {
    pub(crate) saga: u8,
    pub(crate) to: Region,
    pub(crate) end: usize,
    pub(crate) lease: u8,
}

/// What the bounds limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Used {
    pub(crate) renewals: u8,
    pub(crate) writes: u8,
    pub(crate) agent_restarts: u8,
    pub(crate) gateway_restarts: u8,
    pub(crate) sagas: u8,
}

/// What somebody who sees everything has noted. Nothing in the protocol reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Noted {
    /// Bit `id` of each acknowledged write.
    pub(crate) acknowledged: u8,
    /// For each epoch, bit `region` of who acknowledged in it.
    pub(crate) by_epoch: [u8; 4],
    /// An acknowledgement under an epoch after a later one was granted.
    pub(crate) late: bool,
    /// An acknowledged write was not at the new writer when a switchover was granted.
    pub(crate) lost: bool,
    /// The register's epoch did not grow with a grant, or an agent's or a gateway's went back.
    pub(crate) backwards: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) register: Register,
    pub(crate) agents: [Agent; 2],
    pub(crate) gateways: [Gateway; 2],
    pub(crate) engines: [Engine; 2],
    pub(crate) handed: Option<Handed>,
    /// A request whose sender does not wait for it any more and which may still commit.
    pub(crate) stray: Option<(Region, Request)>,
    /// Ticks since a clock of each region missed one, as far as it matters.
    pub(crate) steady: [u8; 2],
    pub(crate) used: Used,
    pub(crate) noted: Noted,
}
