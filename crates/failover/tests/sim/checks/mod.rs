//! The properties, one file each: what is checked while the world runs, and a test with seeds that dwell on it.

pub mod crashes;
pub mod drift;
pub mod failovers;
pub mod growing;
pub mod one_writer;
pub mod planted_bugs;
pub mod policy;
pub mod refusals;
pub mod replay;
pub mod settling;
pub mod switchovers;
pub mod unknown;
pub mod witnessless;

use std::rc::Rc;

use tidelock_failover::group::{Entry, Record, SagaEvent};

use super::ledger::GrantSeen;
use super::log::Proposal;
use super::world::World;

impl World {
    /// An entry was accepted and has changed the record.
    pub fn entry_committed(&mut self, log: usize, before: &Rc<Record>, after: &Rc<Record>, proposal: &Proposal) {
        self.check_order(before, after);
        if after.epoch != before.epoch || after.writer != before.writer {
            let granted = after.granted.as_ref();
            self.ledger.grants.push(GrantSeen {
                at: self.now,
                generation: after.generation.0,
                epoch: after.epoch,
                writer: self.sc.site_of(&after.writer),
                handed: granted.is_some_and(|granted| granted.handed.is_some()),
                window_from: proposal.window_from,
                settled: false,
            });
        }
        match &proposal.entry {
            Entry::Begin { .. } => self.check_begin(before, after),
            Entry::Advance { event: SagaEvent::Promoted { .. }, .. } => self.check_promoted(after),
            _ => {}
        }
        if after.history.len() > before.history.len() || after.saga.is_none() && before.saga.is_some() {
            if let Some(ended) = after.history.last() {
                let name = format!("{} {}", ended.saga.kind, outcome(&ended.outcome));
                *self.ledger.sagas_done.entry(name).or_default() += 1;
                self.check_ended(before, after);
            }
        }
        let _ = log;
    }

    /// The next generation begins without the last one's word.
    pub fn forced(&mut self, to: usize, record: &Record) {
        *self.ledger.sagas_done.entry("generation forced".to_owned()).or_default() += 1;
        self.ledger.grants.push(GrantSeen {
            at: self.now,
            generation: record.generation.0,
            epoch: record.epoch,
            writer: to,
            handed: false,
            window_from: None,
            settled: false,
        });
    }

    /// What can only be said when everything has come to rest.
    pub fn final_checks(&mut self) {
        self.check_nothing_else_is_missing();
        self.check_applied_once_at_rest();
        self.check_refusals();
    }
}

fn outcome(outcome: &tidelock_failover::group::Outcome) -> &'static str {
    use tidelock_failover::group::Outcome;
    match outcome {
        Outcome::Done => "done",
        Outcome::DoneButFor { .. } => "done but for something",
        Outcome::Refused { .. } => "refused",
        Outcome::Replaced { .. } => "replaced",
    }
}
