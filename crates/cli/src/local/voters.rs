//! Who votes on the register of a group: an odd number, so that a majority is one.

use tidelock_agent::RegisterMembers;
use tidelock_model::Location;

/// The voters, the first writer's region first since it founds the register, and those that only listen.
///
/// An odd number of regions votes by itself, and a witness listens; an even number needs the witness. Two regions without one:
/// the writer's alone votes, so that losing the reader never stops writes. Four without one: three of them.
///
/// Where failovers are automatic the witness always votes: none is begun unless a voter outside of every region agrees.
pub(super) fn register_members(
    writer: &Location,
    regions: &[Location],
    witness: Option<&Location>,
    automatic: bool,
) -> RegisterMembers {
    let others = regions.iter().filter(|region| *region != writer);
    let mut places: Vec<Location> = [writer].into_iter().chain(others).cloned().collect();
    if let (Some(witness), true, true) = (witness, automatic, places.len() > 2 && places.len() % 2 == 1) {
        let last = places.split_off(places.len() - 1);
        places.push(witness.clone());
        return RegisterMembers { voters: places, learners: last };
    }
    if places.len() % 2 == 1 {
        return RegisterMembers { voters: places, learners: witness.into_iter().cloned().collect() };
    }
    if let Some(witness) = witness {
        places.push(witness.clone());
        return RegisterMembers { voters: places, learners: Vec::new() };
    }
    let last = places.split_off(places.len() - 1);
    RegisterMembers { voters: places, learners: last }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(places: &[Location]) -> String {
        places.iter().map(Location::as_str).collect::<Vec<_>>().join(" ")
    }

    fn members(writer: &str, regions: &str, witness: Option<&str>) -> (String, String) {
        chosen(writer, regions, witness, false)
    }

    fn chosen(writer: &str, regions: &str, witness: Option<&str>, automatic: bool) -> (String, String) {
        let place = |name: &str| Location::new(name).unwrap();
        let regions: Vec<_> = regions.split(' ').map(place).collect();
        let members = register_members(&place(writer), &regions, witness.map(place).as_ref(), automatic);
        (names(&members.voters), names(&members.learners))
    }

    #[test]
    fn voters_are_odd_and_the_writer_is_the_first() {
        let case = |voters: &str, learners: &str| (voters.to_owned(), learners.to_owned());
        assert_eq!(members("bb", "aa bb", Some("ww")), case("bb aa ww", ""));
        assert_eq!(members("bb", "aa bb", None), case("bb", "aa"));
        assert_eq!(members("aa", "aa bb cc", Some("ww")), case("aa bb cc", "ww"));
        assert_eq!(members("aa", "aa bb cc", None), case("aa bb cc", ""));
        assert_eq!(members("aa", "aa bb cc dd", Some("ww")), case("aa bb cc dd ww", ""));
        assert_eq!(members("aa", "aa bb cc dd", None), case("aa bb cc", "dd"));
        assert_eq!(members("aa", "aa", None), case("aa", ""));
        assert_eq!(members("aa", "aa bb cc dd ee", Some("ww")), case("aa bb cc dd ee", "ww"));
    }

    #[test]
    fn the_witness_votes_where_failovers_are_automatic() {
        let case = |voters: &str, learners: &str| (voters.to_owned(), learners.to_owned());
        assert_eq!(chosen("bb", "aa bb", Some("ww"), true), case("bb aa ww", ""));
        assert_eq!(chosen("cc", "aa bb cc", Some("ww"), true), case("cc aa ww", "bb"));
        assert_eq!(chosen("aa", "aa bb cc dd", Some("ww"), true), case("aa bb cc dd ww", ""));
        assert_eq!(chosen("aa", "aa bb cc dd ee", Some("ww"), true), case("aa bb cc dd ww", "ee"));
    }
}
