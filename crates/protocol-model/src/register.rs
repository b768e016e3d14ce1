//! The register: compare-and-set entries on a log. It knows no time.

use crate::bounds::{Bounds, Bug};
use crate::state::{Region, Request, State};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Switchover,
    Failover,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Saga {
    pub(crate) id: u8,
    pub(crate) kind: Kind,
    pub(crate) to: Region,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Register {
    pub(crate) epoch: u8,
    pub(crate) writer: Region,
    /// Counts committed renewals and grants.
    pub(crate) lease: u8,
    pub(crate) saga: Option<Saga>,
    /// How the epoch came to be.
    pub(crate) granted: Option<Kind>,
}

impl State {
    /// Carries out `request` of `holder`; gives the epoch of the lease it brings, or none if it is refused.
    pub(crate) fn commit(&mut self, holder: Region, request: Request, bounds: &Bounds, bug: Option<Bug>) -> Option<u8> {
        let register = &mut self.register;
        match request {
            Request::Renew { epoch } => {
                let fencing = register.saga.is_some_and(|saga| saga.kind == Kind::Failover);
                if epoch != register.epoch || holder != register.writer || fencing {
                    return None;
                }
                register.lease += 1;
                Some(epoch)
            }
            Request::Grant { saga, lease } => {
                let current = register.saga.filter(|current| current.id == saga && current.to == holder)?;
                let unchecked = match current.kind {
                    Kind::Failover => bug == Some(Bug::GrantNamesNoLease),
                    Kind::Switchover => bug == Some(Bug::HandoverNamesNoLease),
                };
                (lease == register.lease || unchecked).then(|| self.grant(holder, current.kind, bounds, bug))?
            }
            Request::BeginWithProof { epoch, lease } => {
                let unchecked = bug == Some(Bug::GrantNamesNoLease);
                let current = epoch == register.epoch && holder != register.writer && register.saga.is_none();
                (current && (lease == register.lease || unchecked))
                    .then(|| self.grant(holder, Kind::Failover, bounds, bug))?
            }
        }
    }

    fn grant(&mut self, to: Region, kind: Kind, bounds: &Bounds, bug: Option<Bug>) -> Option<u8> {
        if self.register.epoch >= bounds.epochs {
            return None;
        }
        let before = self.register.epoch;
        if bug != Some(Bug::EpochReused) {
            self.register.epoch += 1;
        }
        self.register.writer = to;
        self.register.lease += 1;
        self.register.saga = None;
        self.register.granted = Some(kind);
        self.noted.backwards |= self.register.epoch <= before;
        if kind == Kind::Switchover {
            let held = self.engines[to].history.iter().fold(0, |bits, id| bits | 1 << id);
            self.noted.lost |= self.noted.acknowledged & !held != 0;
        }
        Some(self.register.epoch)
    }
}
