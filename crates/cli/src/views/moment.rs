//! Moments and spans as people read them. Moments are those of some agent's wall clock, shown in UTC.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tidelock_failover::group::UnixMillis;

const SECONDS_A_DAY: u64 = 86_400;

/// This moment, to be shown beside others.
#[allow(clippy::disallowed_methods)] // the one place here that stamps what people read
pub(crate) fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Such as `2026-11-23 04:52:01Z`.
pub(crate) fn utc(at: UnixMillis) -> String {
    let seconds = at.0 / 1000;
    let (year, month, day) = civil(seconds / SECONDS_A_DAY);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}Z")
}

/// The Gregorian date of a day counted from 1970-01-01: Howard Hinnant's `civil_from_days`, for days that are not negative.
/// It counts years from March, so that the leap day is a year's last.
const fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// Such as `340 ms`, `2.1 s`, `12 min`, `3.5 h`.
pub(crate) fn span(millis: u64) -> String {
    let seconds = Duration::from_millis(millis).as_secs_f64();
    match millis {
        0..1000 => format!("{millis} ms"),
        1000..120_000 => format!("{seconds:.1} s"),
        120_000..7_200_000 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_around_leap_days_and_centuries() {
        let at = |seconds: u64| utc(UnixMillis(seconds * 1000));
        assert_eq!(at(0), "1970-01-01 00:00:00Z");
        assert_eq!(at(951_782_400), "2000-02-29 00:00:00Z");
        assert_eq!(at(951_868_799), "2000-02-29 23:59:59Z");
        assert_eq!(at(951_868_800), "2000-03-01 00:00:00Z");
        assert_eq!(at(1_795_409_521), "2026-11-23 04:52:01Z");
        assert_eq!(at(4_107_542_400), "2100-03-01 00:00:00Z");
    }

    #[test]
    fn spans_have_the_unit_that_suits_them() {
        let all = [0, 999, 1000, 119_900, 120_000, 7_199_000, 7_200_000].map(span);
        assert_eq!(all, ["0 ms", "999 ms", "1.0 s", "119.9 s", "2 min", "120 min", "2.0 h"]);
    }
}
