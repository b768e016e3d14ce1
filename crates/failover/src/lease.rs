//! Lease arithmetic: the holder counts from before it asked, the grantor from when it committed, and the margin covers
//! what clocks may differ in rate. So the holder's lease ends before the grantor's, whatever the network did between.

use std::time::Duration;

use tidelock_model::BootTime;

/// A lease as its holder counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldLease {
    until: BootTime,
}

impl HeldLease {
    /// A lease of `length`, asked for at `sent`.
    #[must_use]
    pub fn granted(sent: BootTime, length: Duration) -> Self {
        Self { until: sent + length }
    }

    /// What remains at `now`; zero once it is over.
    #[must_use]
    pub fn remaining(self, now: BootTime) -> Duration {
        self.until.saturating_since(now)
    }

    /// Whether writes may be acknowledged at `now`. At the very instant it ends they may not.
    #[must_use]
    pub fn is_valid(self, now: BootTime) -> bool {
        now < self.until
    }

    /// The longer of the two: a renewal's answer that was overtaken by a later one must not shorten the lease.
    #[must_use]
    pub fn extended_by(self, other: Self) -> Self {
        if other.until > self.until { other } else { self }
    }
}

/// A lease as the register counts it: an upper bound of what any holder believes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantorLease {
    /// Certainly over since then.
    Lapsed {
        /// Since when, margin included.
        since: BootTime,
    },
    /// May be held until then, margin included.
    Held {
        /// Until when.
        until: BootTime,
    },
}

impl GrantorLease {
    /// A lease of `length` committed at `now`.
    #[must_use]
    pub fn committed(now: BootTime, length: Duration, margin: Duration) -> Self {
        Self::Held { until: now + length + margin }
    }

    /// Nobody can hold a lease from `now` on: it was given up.
    #[must_use]
    pub const fn given_up(now: BootTime) -> Self {
        Self::Lapsed { since: now }
    }

    /// What must be assumed by a register that has just started and does not know what it granted before: the holder may
    /// have renewed at the very last moment, and the clock of the time before is gone.
    #[must_use]
    pub fn unknown_after_restart(now: BootTime, length: Duration, margin: Duration) -> Self {
        Self::committed(now, length, margin)
    }

    /// The same lease, with its end reached turned into a lapse.
    #[must_use]
    pub fn at(self, now: BootTime) -> Self {
        match self {
            Self::Held { until } if now >= until => Self::Lapsed { since: until },
            other => other,
        }
    }

    /// How long until it is certainly over; zero if it is.
    #[must_use]
    pub fn wait(self, now: BootTime) -> Duration {
        match self.at(now) {
            Self::Lapsed { .. } => Duration::ZERO,
            Self::Held { until } => until.saturating_since(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_secs(3);
    const MARGIN: Duration = Duration::from_millis(500);

    fn at(millis: u64) -> BootTime {
        BootTime::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn a_lease_is_not_valid_at_the_instant_it_ends() {
        let lease = HeldLease::granted(at(1000), LENGTH);
        assert!(lease.is_valid(at(3999)));
        assert!(!lease.is_valid(at(4000)));
        assert_eq!(lease.remaining(at(3000)), Duration::from_secs(1));
        assert_eq!(lease.remaining(at(9000)), Duration::ZERO);
    }

    #[test]
    fn the_grantor_waits_past_every_holder() {
        // Asked at 1000, committed as early as the same instant: the grantor's end is still a margin later.
        let holder = HeldLease::granted(at(1000), LENGTH);
        let grantor = GrantorLease::committed(at(1000), LENGTH, MARGIN);
        let end = at(1000) + LENGTH + MARGIN;
        assert!(!holder.is_valid(end - MARGIN));
        assert_eq!(grantor.at(end - Duration::from_nanos(1)), grantor);
        assert_eq!(grantor.at(end), GrantorLease::Lapsed { since: end });
        assert_eq!(grantor.wait(at(1000)), LENGTH + MARGIN);
    }

    #[test]
    fn an_overtaken_answer_does_not_shorten_the_lease() {
        let early = HeldLease::granted(at(1000), LENGTH);
        let late = HeldLease::granted(at(2000), LENGTH);
        assert_eq!(late.extended_by(early), late);
        assert_eq!(early.extended_by(late), late);
    }

    #[test]
    fn a_restarted_register_waits_a_whole_lease() {
        let lease = GrantorLease::unknown_after_restart(at(0), LENGTH, MARGIN);
        assert_eq!(lease.wait(at(0)), LENGTH + MARGIN);
    }
}
