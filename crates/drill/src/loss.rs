//! Judging a history by what was found when its writes were read back.

use std::time::Duration;

use tidelock_model::BootTime;

use crate::history::{History, Outcome, Survivors, WriteId};

/// What became of the writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// Acknowledged writes.
    pub acked: u64,
    /// Acknowledged and not there, or there with another value; in order of `sent`.
    pub lost: Vec<WriteId>,
    /// Of `lost`: there, with another value.
    pub altered: u64,
    /// From when to when the lost ones were written. None: nothing was lost.
    pub span: Option<LossSpan>,
    /// Writes whose fate the client could not know, and that were carried out.
    pub unknown_applied: u64,
    /// Writes whose fate the client could not know, and that were not carried out, or did not survive.
    pub unknown_absent: u64,
    /// Writes that the client was told were not carried out, or could not send, and that are there all the same: a
    /// promise broken. In order of `sent`.
    pub denied_but_applied: Vec<WriteId>,
}

/// From when to when the lost writes were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LossSpan {
    /// When the first of them was sent.
    pub first_sent: BootTime,
    /// When the last of them was acknowledged.
    pub last_acked: BootTime,
}

impl LossSpan {
    /// How much time's writes are affected.
    #[must_use]
    pub const fn duration(&self) -> Duration {
        self.last_acked.saturating_since(self.first_sent)
    }
}

/// Compares what clients were told with what was found.
#[must_use]
pub fn loss(history: &History, survivors: &Survivors) -> Loss {
    let mut loss = Loss::default();
    for op in history.writes(None) {
        let id = op.write();
        let present = survivors.present.contains(&id);
        let altered = survivors.altered.contains(&id);
        match op.outcome {
            Outcome::Acked => {
                loss.acked += 1;
                if !present {
                    loss.lost.push(id);
                    loss.altered += u64::from(altered);
                    loss.span = Some(widened(loss.span, op.sent, op.ended));
                }
            }
            Outcome::Unknown => {
                let applied = present || altered;
                loss.unknown_applied += u64::from(applied);
                loss.unknown_absent += u64::from(!applied);
            }
            Outcome::Refused | Outcome::NotSent | Outcome::Wrong => {
                if present || altered {
                    loss.denied_but_applied.push(id);
                }
            }
        }
    }
    loss
}

fn widened(span: Option<LossSpan>, sent: BootTime, acked: BootTime) -> LossSpan {
    span.map_or(LossSpan { first_sent: sent, last_acked: acked }, |span| LossSpan {
        first_sent: span.first_sent.min(sent),
        last_acked: span.last_acked.max(acked),
    })
}
