//! Time for leases and staleness: a point on this machine's boot clock, which goes on while the machine is suspended.

use std::ops::{Add, Sub};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A point on one machine's boot clock, in nanoseconds since boot. Comparable only with points of the same machine:
/// never send it to another; send a [`Duration`] and let the receiver count from a moment of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootTime(u64);

impl BootTime {
    /// The moment `nanos` nanoseconds after boot.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since boot.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero if it is not after it.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for BootTime {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for BootTime {
    type Output = Self;
    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// Where the time comes from; injected so that tests and simulation can move it by hand.
pub trait Clock: Send + Sync + std::fmt::Debug + 'static {
    /// Now, on this machine's boot clock.
    fn now(&self) -> BootTime;
}

/// The real boot clock: `CLOCK_BOOTTIME` on Linux. Elsewhere `CLOCK_MONOTONIC`, which may stand still during suspend.
#[derive(Clone, Copy, Debug, Default)]
pub struct BootClock;

impl Clock for BootClock {
    fn now(&self) -> BootTime {
        #[cfg(target_os = "linux")]
        let id = rustix::time::ClockId::Boottime;
        #[cfg(not(target_os = "linux"))]
        let id = rustix::time::ClockId::Monotonic;
        let spec = rustix::time::clock_gettime(id);
        let seconds = u64::try_from(spec.tv_sec).unwrap_or(0);
        let nanos = u64::try_from(spec.tv_nsec).unwrap_or(0);
        BootTime(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
    }
}

/// A clock that moves only when told to.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock standing at `start`.
    #[must_use]
    pub fn starting_at(start: BootTime) -> Self {
        Self(AtomicU64::new(start.0))
    }

    /// Moves the clock forward.
    pub fn advance(&self, span: Duration) {
        self.0.fetch_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> BootTime {
        BootTime(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boot_clock_moves_forward() {
        let first = BootClock.now();
        let second = BootClock.now();
        assert!(second >= first);
        assert!(first.as_nanos() > 0);
    }

    #[test]
    fn arithmetic_saturates_instead_of_wrapping() {
        let start = BootTime::from_nanos(10);
        assert_eq!((start - Duration::from_secs(1)).as_nanos(), 0);
        assert_eq!((start + Duration::MAX).as_nanos(), u64::MAX);
        assert_eq!(start.saturating_since(start + Duration::from_secs(1)), Duration::ZERO);
    }
}
