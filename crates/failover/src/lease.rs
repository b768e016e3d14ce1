//! Lease arithmetic: the holder counts from before it asked; whoever waits for its end counts from when the renewal
//! came to its own log, which was later than that, and adds a margin for what clocks may differ in rate. So the holder's
//! count ends first, whatever the network did between.

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

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_secs(3);

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
    fn an_overtaken_answer_does_not_shorten_the_lease() {
        let early = HeldLease::granted(at(1000), LENGTH);
        let late = HeldLease::granted(at(2000), LENGTH);
        assert_eq!(late.extended_by(early), late);
        assert_eq!(early.extended_by(late), late);
    }
}
