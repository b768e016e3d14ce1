//! Who should vote on the register.

use tidelock_model::Location;

use super::Settings;
use crate::group::Record;

/// The voters that `record` asks for: those of the settings without the detached, an odd number, filled up from those who
/// only listen. Where one agent votes alone it is the writer's, so that losing a reader never stops writes.
#[must_use]
pub fn voters(settings: &Settings, learners: &[Location], record: &Record) -> Vec<Location> {
    if settings.voters.len() <= 1 {
        return vec![record.writer.clone()];
    }
    let left = settings.voters.iter().chain(learners).filter(|place| record.is_member(place));
    let mut wanted: Vec<Location> = left.take(settings.voters.len()).cloned().collect();
    if wanted.len().is_multiple_of(2) {
        // Two voters stop when either is lost; one stops only when it is lost itself.
        let spare = wanted.iter().rposition(|place| *place != record.writer);
        if let Some(spare) = spare {
            wanted.remove(spare);
        }
    }
    wanted
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::time::Duration;

    use super::*;

    fn places(names: &str) -> Vec<Location> {
        names.split_whitespace().map(|name| Location::new(name).unwrap()).collect()
    }

    fn wanted(members: &str, configured: &str, learners: &str, writer: &str, detached: &str) -> Vec<Location> {
        let settings = Settings {
            me: places(writer)[0].clone(),
            witness: false,
            members: places(members),
            voters: places(configured),
            links: BTreeMap::new(),
            lease: Duration::from_secs(3),
            margin: Duration::from_millis(500),
            detection: Duration::from_secs(2),
            lag_limit: Duration::from_secs(10),
            hold_off: Duration::from_secs(3600),
            automatic: false,
            prefer: Vec::new(),
            never: BTreeSet::new(),
        };
        let mut record = Record::seed("g".into(), places(writer)[0].clone());
        record.detached = places(detached).into_iter().collect();
        voters(&settings, &places(learners), &record)
    }

    #[test]
    fn the_only_voter_is_the_writer() {
        assert_eq!(wanted("aa bb", "aa", "bb", "bb", ""), places("bb"));
    }

    #[test]
    fn the_settings_voters_vote() {
        assert_eq!(wanted("aa bb", "aa bb ww", "", "bb", ""), places("aa bb ww"));
    }

    #[test]
    fn a_detached_voter_is_replaced_by_one_that_listens_or_makes_the_number_odd() {
        assert_eq!(wanted("aa bb cc", "aa bb cc", "ww", "bb", "aa"), places("bb cc ww"));
        assert_eq!(wanted("aa bb", "aa bb ww", "", "bb", "aa"), places("bb"));
        assert_eq!(wanted("aa bb cc", "aa bb cc", "", "cc", "bb"), places("cc"));
    }
}
