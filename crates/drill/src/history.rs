//! What the clients did, as they saw it. Verdicts are computed from this and from nothing else.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use tidelock_model::{BootTime, Location};

use crate::workload::Workload;

/// A client's number within its run.
pub type ClientId = u32;

/// One write of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriteId {
    /// Who wrote.
    pub client: ClientId,
    /// The how-manieth write of that client, from 0.
    pub number: u64,
}

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientRole {
    /// Writes keys of its own.
    Writer,
    /// Reads keys written before the load began.
    Reader,
}

/// One client: an application's connection in one region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrillClient {
    /// Its number.
    pub id: ClientId,
    /// What it does.
    pub role: ClientRole,
    /// The region it is in; it connects to that region's gateways only.
    pub location: Location,
}

/// How an operation ended, as far as the client can know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A write: acknowledged. A read: the right value came.
    Acked,
    /// Answered with an error that says it was not carried out.
    Refused,
    /// Sent, and nobody can say whether it was carried out.
    Unknown,
    /// No connection: it was not carried out.
    NotSent,
    /// A read that was answered with nothing or with another value.
    Wrong,
}

/// One operation of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// Whose.
    pub client: ClientId,
    /// A writer: [`WriteId::number`]. A reader: which of the prefilled keys.
    pub number: u64,
    /// When the client wanted it: before connecting, if it had to connect.
    pub sent: BootTime,
    /// When the client knew how it ended.
    pub ended: BootTime,
    /// How it ended.
    pub outcome: Outcome,
    /// What the error said, cut to a bounded length.
    pub text: Option<Box<str>>,
}

/// A named moment, such as "region killed".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// What happened.
    pub name: String,
    /// Where, if in one region.
    pub location: Option<Location>,
    /// When.
    pub at: BootTime,
}

/// Which writes were found when they were read back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survivors {
    /// Found with the value that was written.
    pub present: HashSet<WriteId>,
    /// Found with another value.
    pub altered: HashSet<WriteId>,
}

/// One reading back of every write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Which one, such as "after the failover".
    pub name: String,
    /// When it began.
    pub at: BootTime,
    /// What it found.
    pub survivors: Survivors,
}

/// Everything that happened in one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// What was written.
    pub workload: Workload,
    /// Who took part, in order of their ids, which start at 0 without gaps.
    pub clients: Vec<DrillClient>,
    /// What they did, in order of `sent`.
    pub ops: Vec<Op>,
    /// What happened meanwhile, in order of time.
    pub marks: Vec<Mark>,
    /// What was found when the writes were read back.
    pub audits: Vec<Audit>,
}

impl Op {
    /// A write's identity. Meaningful for writers only.
    #[must_use]
    pub const fn write(&self) -> WriteId {
        WriteId { client: self.client, number: self.number }
    }
}

impl History {
    /// The client with this number.
    #[must_use]
    pub fn client(&self, id: ClientId) -> Option<&DrillClient> {
        self.clients.get(usize::try_from(id).ok()?)
    }

    /// The regions that had clients, in alphabetical order.
    #[must_use]
    pub fn locations(&self) -> Vec<&Location> {
        let mut all: Vec<_> = self.clients.iter().map(|client| &client.location).collect();
        all.sort();
        all.dedup();
        all
    }

    /// The writes of the clients in one region, or in all of them, in order of `sent`.
    pub fn writes<'a>(&'a self, region: Option<&'a Location>) -> impl Iterator<Item = &'a Op> {
        self.ops_of(ClientRole::Writer, region)
    }

    /// The reads of the clients in one region, or in all of them, in order of `sent`.
    pub fn reads<'a>(&'a self, region: Option<&'a Location>) -> impl Iterator<Item = &'a Op> {
        self.ops_of(ClientRole::Reader, region)
    }

    fn ops_of<'a>(&'a self, role: ClientRole, region: Option<&'a Location>) -> impl Iterator<Item = &'a Op> {
        self.ops.iter().filter(move |op| {
            self.client(op.client)
                .is_some_and(|client| client.role == role && region.is_none_or(|location| client.location == *location))
        })
    }

    /// The first mark of this name.
    #[must_use]
    pub fn mark(&self, name: &str) -> Option<&Mark> {
        self.marks.iter().find(|mark| mark.name == name)
    }

    /// The last audit of this name.
    #[must_use]
    pub fn audit(&self, name: &str) -> Option<&Audit> {
        self.audits.iter().rev().find(|audit| audit.name == name)
    }
}
