//! The register of one group: who writes, under which epoch, and the transfer of that role.
//!
//! [`Register::apply`] is a compare-and-set: a caller with an outdated view is rejected and nothing changes. What must
//! survive a crash is the [`Record`]; the lease is not part of it, because a register that restarts waits out a whole
//! lease before it grants the next epoch.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidelock_model::{BootTime, Epoch, Generation, Location, Timings};

use crate::lease::GrantorLease;

/// A transfer that has not been granted after this long is dropped at the writer's next renewal: the agent that ran it
/// is gone, and refusing to go on would be an outage of our own making.
pub const TRANSFER_DEADLINE: Duration = Duration::from_secs(30);

/// Whether both regions are meant to be healthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferKind {
    /// Planned: the old writer hands over, nothing is lost.
    Switchover,
    /// Forced: the old writer is gone; its lease must run out.
    Failover,
}

impl std::fmt::Display for TransferKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Switchover => "switchover",
            Self::Failover => "failover",
        })
    }
}

/// A transfer of the writer role that has begun and not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Chosen by the agent that runs it; a repeated request with the same id is the same transfer.
    pub id: String,
    /// Planned or forced.
    pub kind: TransferKind,
    /// Who is to be writer.
    pub to: Location,
    /// The engine process (its run id) that was found fit; the grant is for it alone.
    pub engine: String,
}

/// What may be asked of the register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "op")]
pub enum Request {
    /// The current writer's first word under its epoch: binds the engine process that holds the data.
    Confirm {
        /// The caller's region.
        holder: Location,
        /// Its epoch.
        epoch: Epoch,
        /// The engine's run id.
        engine: String,
    },
    /// Prolongs the lease by its full length, counted by the holder from before it sent this.
    Renew {
        /// The caller's region.
        holder: Location,
        /// Its epoch.
        epoch: Epoch,
        /// The engine's run id.
        engine: String,
    },
    /// Starts a transfer. A failover ends renewals at once; a switchover waits for the writer to let go.
    Begin {
        /// The epoch the caller believes current.
        expected: Epoch,
        /// What is to happen.
        transfer: Transfer,
    },
    /// The writer gives up its lease for this switchover.
    Release {
        /// The caller's region.
        holder: Location,
        /// Its epoch.
        epoch: Epoch,
        /// The transfer it lets go for.
        transfer_id: String,
    },
    /// Makes the transfer's target the writer of the next epoch, once no lease can be held any more.
    Grant {
        /// Which transfer.
        transfer_id: String,
    },
    /// Ends a transfer that has not been granted; the writer goes on under the same epoch.
    Abort {
        /// Which transfer.
        transfer_id: String,
    },
}

/// Why a request was not accepted. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The caller acts on another epoch.
    #[error("epoch {current} is current, not {named}; ask for the status and decide again")]
    WrongEpoch {
        /// What is true.
        current: Epoch,
        /// What the caller believed.
        named: Epoch,
    },
    /// The caller is not the writer of this epoch.
    #[error("{caller} is not the writer of epoch {epoch}: {writer} is")]
    NotWriter {
        /// Who asked.
        caller: Location,
        /// Who writes.
        writer: Location,
        /// In which epoch.
        epoch: Epoch,
    },
    /// The target already writes.
    #[error("{0} is already the writer; nothing to do")]
    AlreadyWriter(Location),
    /// The engine behind the writer is not the one that holds this epoch's data.
    #[error(
        "the engine of {writer} was restarted and holds none of the group's data; fail over to a region that still has it"
    )]
    EngineReplaced {
        /// Whose engine.
        writer: Location,
    },
    /// The writer has not yet said which engine holds the data.
    #[error("{0} has not confirmed its engine under this epoch yet")]
    NotConfirmed(Location),
    /// A failover to another region has begun; the lease will not be renewed.
    #[error("a {kind} to {to} is under way; no lease is granted meanwhile")]
    Superseded {
        /// Planned or forced.
        kind: TransferKind,
        /// To whom.
        to: Location,
    },
    /// Another transfer holds the place.
    #[error("another {kind}, to {to}, is under way; wait for it to end")]
    TransferInProgress {
        /// Planned or forced.
        kind: TransferKind,
        /// To whom.
        to: Location,
    },
    /// The named transfer is not under way: it was dropped after its deadline, replaced or never begun.
    #[error("this transfer is not under way any more; begin again")]
    NoSuchTransfer,
    /// The transfer has been granted: too late to abort.
    #[error("this transfer has already been granted as epoch {0}")]
    AlreadyGranted(Epoch),
    /// The previous lease may still be valid.
    #[error("the lease of {writer} may be valid for another {} ms", wait.as_millis())]
    LeaseNotOver {
        /// Whose lease.
        writer: Location,
        /// For how long at most, margin included.
        wait: Duration,
    },
}

/// What must survive a crash of the register's process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Grows with every change of this record.
    pub version: u64,
    /// The group's nickname.
    pub group: String,
    /// The register's own number.
    pub generation: Generation,
    /// The current epoch.
    pub epoch: Epoch,
    /// Its writer.
    pub writer: Location,
    /// The engine that holds its data.
    pub engine: Option<String>,
    /// A transfer under way.
    pub transfer: Option<Transfer>,
    /// The transfer that made the current epoch, so that a repeated grant is recognised.
    pub granted: Option<String>,
}

/// The register of one group, in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    record: Record,
    lease: GrantorLease,
    /// When an unfinished transfer is dropped.
    transfer_until: BootTime,
}

/// An accepted request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The register afterwards.
    pub register: Register,
    /// Whether the record changed: it must be durable before anybody is answered.
    pub changed: bool,
    /// For a renewal: the lease's length, counted by the holder from before it asked.
    pub lease: Option<Duration>,
}

impl Register {
    /// The very first state: epoch 1 of the writer that the file names. It may also be that the record was lost: a lease is
    /// waited out before the next epoch, as after a restart.
    #[must_use]
    pub fn seed(group: String, writer: Location, now: BootTime, timings: &Timings) -> Self {
        let record = Record {
            version: 1,
            group,
            generation: Generation(1),
            epoch: Epoch::FIRST,
            writer,
            engine: None,
            transfer: None,
            granted: None,
        };
        Self::recover(record, now, timings)
    }

    /// The state after a restart: a lease may have been granted just before.
    #[must_use]
    pub fn recover(record: Record, now: BootTime, timings: &Timings) -> Self {
        Self {
            record,
            lease: GrantorLease::unknown_after_restart(now, timings.lease, timings.margin),
            transfer_until: now + TRANSFER_DEADLINE,
        }
    }

    /// What must be made durable.
    #[must_use]
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// The lease at `now`.
    #[must_use]
    pub fn lease(&self, now: BootTime) -> GrantorLease {
        self.lease.at(now)
    }

    /// Carries out `request`, or says why not.
    ///
    /// # Errors
    /// A [`Rejection`]; the register stays as it was.
    pub fn apply(&self, request: &Request, now: BootTime, timings: &Timings) -> Result<Accepted, Rejection> {
        match request {
            Request::Confirm { holder, epoch, engine } => self.confirm(holder, *epoch, engine),
            Request::Renew { holder, epoch, engine } => self.renew(holder, *epoch, engine, now, timings),
            Request::Begin { expected, transfer } => self.begin(*expected, transfer, now),
            Request::Release { holder, epoch, transfer_id } => self.release(holder, *epoch, transfer_id, now),
            Request::Grant { transfer_id } => self.grant(transfer_id, now),
            Request::Abort { transfer_id } => self.abort(transfer_id),
        }
    }

    fn confirm(&self, holder: &Location, epoch: Epoch, engine: &str) -> Result<Accepted, Rejection> {
        self.check_writer(holder, epoch)?;
        match &self.record.engine {
            Some(known) if known == engine => Ok(self.unchanged()),
            Some(_) => Err(Rejection::EngineReplaced { writer: holder.clone() }),
            None => Ok(self.change(|record| record.engine = Some(engine.to_owned()))),
        }
    }

    fn renew(
        &self,
        holder: &Location,
        epoch: Epoch,
        engine: &str,
        now: BootTime,
        timings: &Timings,
    ) -> Result<Accepted, Rejection> {
        self.check_writer(holder, epoch)?;
        match &self.record.engine {
            None => return Err(Rejection::NotConfirmed(holder.clone())),
            Some(known) if known != engine => return Err(Rejection::EngineReplaced { writer: holder.clone() }),
            Some(_) => {}
        }
        let mut accepted = self.unchanged();
        if let Some(transfer) = &self.record.transfer {
            let expired = now >= self.transfer_until;
            if expired {
                accepted = self.change(|record| record.transfer = None);
            } else if transfer.kind == TransferKind::Failover || self.is_released(now) {
                return Err(Rejection::Superseded { kind: transfer.kind, to: transfer.to.clone() });
            }
        }
        accepted.register.lease = GrantorLease::committed(now, timings.lease, timings.margin);
        accepted.lease = Some(timings.lease);
        Ok(accepted)
    }

    /// During a switchover: the writer has let go (or its lease ran out by itself).
    fn is_released(&self, now: BootTime) -> bool {
        matches!(self.lease.at(now), GrantorLease::Lapsed { .. })
    }

    fn begin(&self, expected: Epoch, transfer: &Transfer, now: BootTime) -> Result<Accepted, Rejection> {
        if let Some(current) = &self.record.transfer {
            if current.id == transfer.id {
                return Ok(self.unchanged());
            }
            // A failover may replace a switchover that hangs; nothing else may push in.
            let may_replace = current.kind == TransferKind::Switchover && transfer.kind == TransferKind::Failover;
            if now < self.transfer_until && !may_replace {
                return Err(Rejection::TransferInProgress { kind: current.kind, to: current.to.clone() });
            }
        }
        self.check_epoch(expected)?;
        if transfer.to == self.record.writer {
            return Err(Rejection::AlreadyWriter(transfer.to.clone()));
        }
        let mut accepted = self.change(|record| record.transfer = Some(transfer.clone()));
        accepted.register.transfer_until = now + TRANSFER_DEADLINE;
        Ok(accepted)
    }

    fn release(&self, holder: &Location, epoch: Epoch, id: &str, now: BootTime) -> Result<Accepted, Rejection> {
        self.check_writer(holder, epoch)?;
        match &self.record.transfer {
            Some(transfer) if transfer.id == id && transfer.kind == TransferKind::Switchover => {
                let mut accepted = self.change(|_| {});
                accepted.register.lease = GrantorLease::given_up(now);
                Ok(accepted)
            }
            _ => Err(Rejection::NoSuchTransfer),
        }
    }

    fn grant(&self, id: &str, now: BootTime) -> Result<Accepted, Rejection> {
        if self.record.granted.as_deref() == Some(id) {
            return Ok(self.unchanged());
        }
        let transfer = self.record.transfer.clone().filter(|transfer| transfer.id == id);
        let transfer = transfer.ok_or(Rejection::NoSuchTransfer)?;
        let wait = self.lease.wait(now);
        if !wait.is_zero() {
            return Err(Rejection::LeaseNotOver { writer: self.record.writer.clone(), wait });
        }
        let mut accepted = self.change(|record| {
            record.epoch = record.epoch.next();
            record.writer = transfer.to;
            record.engine = Some(transfer.engine);
            record.transfer = None;
            record.granted = Some(transfer.id);
        });
        accepted.register.lease = self.lease.at(now);
        Ok(accepted)
    }

    fn abort(&self, id: &str) -> Result<Accepted, Rejection> {
        if self.record.granted.as_deref() == Some(id) {
            return Err(Rejection::AlreadyGranted(self.record.epoch));
        }
        match &self.record.transfer {
            Some(transfer) if transfer.id == id => Ok(self.change(|record| record.transfer = None)),
            _ => Ok(self.unchanged()),
        }
    }

    fn check_epoch(&self, named: Epoch) -> Result<(), Rejection> {
        let current = self.record.epoch;
        if named == current { Ok(()) } else { Err(Rejection::WrongEpoch { current, named }) }
    }

    fn check_writer(&self, caller: &Location, epoch: Epoch) -> Result<(), Rejection> {
        self.check_epoch(epoch)?;
        if *caller == self.record.writer {
            Ok(())
        } else {
            Err(Rejection::NotWriter { caller: caller.clone(), writer: self.record.writer.clone(), epoch })
        }
    }

    fn unchanged(&self) -> Accepted {
        Accepted { register: self.clone(), changed: false, lease: None }
    }

    fn change(&self, edit: impl FnOnce(&mut Record)) -> Accepted {
        let mut register = self.clone();
        edit(&mut register.record);
        register.record.version += 1;
        Accepted { register, changed: true, lease: None }
    }
}

#[cfg(test)]
#[path = "register_tests.rs"]
mod tests;
