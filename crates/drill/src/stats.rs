//! Many runs in one line.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// How a measure was distributed over some runs. Percentiles are nearest-rank: values that were measured, never between
/// two of them. A run that has no value because it never got there counts as worse than any: a percentile that falls
/// on such a run is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Distribution<T> {
    /// How many runs.
    pub n: usize,
    /// How many of them never got there.
    pub never: usize,
    /// The smallest.
    pub min: Option<T>,
    /// The 50th percentile.
    pub p50: Option<T>,
    /// The 90th percentile.
    pub p90: Option<T>,
    /// The 99th percentile: the largest, when there are fewer than 100 runs.
    pub p99: Option<T>,
    /// The largest.
    pub max: Option<T>,
}

impl<T: Ord + Copy> Distribution<T> {
    /// Sums up one value per run. None: there was no run.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = Option<T>>) -> Option<Self> {
        let mut all: Vec<Option<T>> = values.into_iter().collect();
        // None is the worst, so it goes last.
        all.sort_by_key(|value| (value.is_none(), *value));
        let (min, max) = (*all.first()?, *all.last()?);
        let rank = |percent: usize| (all.len() * percent).div_ceil(100).max(1) - 1;
        let at = |percent| all.get(rank(percent)).copied().flatten();
        let never = all.iter().filter(|value| value.is_none()).count();
        Some(Self { n: all.len(), never, min, p50: at(50), p90: at(90), p99: at(99), max })
    }
}

impl fmt::Display for Distribution<Duration> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = |value: Option<Duration>| match value {
            Some(span) => format!("{:.0} ms", span.as_secs_f64() * 1e3),
            None => "never".to_owned(),
        };
        self.line(f, millis)
    }
}

impl fmt::Display for Distribution<u64> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.line(f, |value| value.map_or_else(|| "never".to_owned(), |value| value.to_string()))
    }
}

impl<T: Copy> Distribution<T> {
    fn line(&self, f: &mut fmt::Formatter<'_>, show: impl Fn(Option<T>) -> String) -> fmt::Result {
        let [min, p50, p90, p99, max] = [self.min, self.p50, self.p90, self.p99, self.max].map(show);
        write!(f, "min {min} · p50 {p50} · p90 {p90} · p99 {p99} · max {max} · n={}", self.n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let twenty = Distribution::of((1..=20_u64).rev().map(Some)).unwrap();
        assert_eq!((twenty.n, twenty.min, twenty.max), (20, Some(1), Some(20)));
        assert_eq!((twenty.p50, twenty.p90, twenty.p99), (Some(10), Some(18), Some(20)));
        let hundred = Distribution::of((1..=100_u64).map(Some)).unwrap();
        assert_eq!((hundred.p50, hundred.p90, hundred.p99), (Some(50), Some(90), Some(99)));
    }

    #[test]
    fn one_run_is_its_own_distribution_and_no_run_is_none() {
        let one = Distribution::of([Some(7_u64)]).unwrap();
        assert_eq!((one.min, one.p50, one.p99, one.max), (Some(7), Some(7), Some(7), Some(7)));
        assert_eq!(Distribution::<u64>::of([]), None);
    }

    #[test]
    fn a_run_that_never_got_there_is_worse_than_any() {
        let runs = [Some(Duration::from_millis(12)), None, Some(Duration::from_millis(9))];
        let distribution = Distribution::of(runs).unwrap();
        assert_eq!((distribution.never, distribution.max), (1, None));
        assert_eq!(distribution.to_string(), "min 9 ms · p50 12 ms · p90 never · p99 never · max never · n=3");
    }
}
