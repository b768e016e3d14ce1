//! Where a command goes, decided from one moment's view: pure.

use std::collections::VecDeque;
use std::net::SocketAddr;

use tidelock_control::agent_api::WriteRoute;
use tidelock_model::{BootTime, Location};

use crate::exchange::Burst;
use crate::executor::Mode;
use crate::fence::View;
use crate::limits::MAX_BURST_BYTES;
use crate::plan::{Order, Pending, Step};
use crate::upstream::Slot;

/// State that an upstream holds for the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) slot: Option<Slot>,
    pub(crate) multi: bool,
    pub(crate) watch: bool,
}

impl Bound {
    /// After a command of this step was sent to `slot`.
    pub(crate) fn after(self, step: Step, slot: Slot) -> Self {
        match step {
            Step::Outside | Step::Queued => self,
            Step::Begin => Self { slot: Some(slot), multi: true, ..self },
            Step::Watch => Self { slot: Some(slot), watch: true, ..self },
            Step::Execute | Step::Discard => Self::default(),
            Step::Unwatch if self.multi => Self { watch: false, ..self },
            Step::Unwatch => Self::default(),
        }
    }
}

/// Where a command goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    At(Slot),
    /// Nowhere yet; it may wait.
    Wait(String),
    /// Nowhere: to be refused at once.
    Refuse(String),
    /// Nowhere from here: this gateway is not the writer's (only for peers).
    NotWriter,
}

/// Decides where `order` goes. `fresh_until`: the local cache is fresh enough for a read that is sent now.
pub(crate) fn place(
    order: &Order,
    view: &View,
    fresh_until: Option<BootTime>,
    bound: Option<Slot>,
    mode: Mode,
) -> Place {
    if let Mode::Peer(epoch) = mode {
        let authorised = view.may_write() && view.route.epoch == epoch;
        return if authorised { Place::At(Slot::Local) } else { Place::NotWriter };
    }
    if order.is_plain_read() && fresh_until.is_some() {
        return Place::At(Slot::Local);
    }
    match &view.route.writes {
        WriteRoute::Hold { reason } => Place::Wait(reason.clone()),
        WriteRoute::Refuse { reason } => Place::Refuse(reason.clone()),
        WriteRoute::Local { .. } if !view.may_write() => {
            Place::Wait("this region's lease has run out and its agent has not renewed it".to_owned())
        }
        WriteRoute::Local { .. } => Place::At(Slot::Local),
        WriteRoute::Forward { .. } => match bound {
            Some(slot) if order.is_inside() || order.watched => Place::At(slot),
            _ => Place::At(Slot::Peer),
        },
    }
}

/// How many commands at the front of `batch` go to `slot` together.
pub(crate) fn burst_from(
    batch: &VecDeque<Pending>,
    view: &View,
    fresh_until: Option<BootTime>,
    slot: Slot,
    bound: Option<Slot>,
    mode: Mode,
) -> Burst {
    let mut burst = Burst {
        slot,
        epoch: view.route.epoch,
        items: 0,
        writes: 0,
        forward: forward(view),
        fresh_until,
        plain_reads: false,
        writer_here: matches!(view.route.writes, WriteRoute::Local { .. }),
    };
    let mut bytes = 0;
    let mut bound = Bound { slot: bound, ..Bound::default() };
    for pending in batch {
        let Pending::Do(order) = pending else {
            burst.items += 1;
            continue;
        };
        let here = burst.items == 0 || place(order, view, fresh_until, bound.slot, mode) == Place::At(slot);
        if !here || order.lost.is_some() || bytes > MAX_BURST_BYTES {
            break;
        }
        burst.items += 1;
        burst.writes += u64::from(order.is_write());
        burst.plain_reads |= slot == Slot::Local && order.is_plain_read();
        bytes += order.raw.len();
        bound = bound.after(order.step, slot);
        if order.blocks {
            break;
        }
    }
    burst
}

fn forward(view: &View) -> Option<(Location, Vec<SocketAddr>)> {
    match &view.route.writes {
        WriteRoute::Forward { to, peers } => Some((to.clone(), peers.clone())),
        _ => None,
    }
}
