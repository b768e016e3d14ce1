//! From the voters that are wanted to the next change of membership: a function of what the leader knows.

use std::collections::{BTreeMap, BTreeSet};

use tidelock_model::Location;

use crate::types::{Member, NodeId};

pub(crate) type Membership = openraft::Membership<NodeId, Member>;

pub(crate) fn location_of(membership: &Membership, node: NodeId) -> Option<Location> {
    membership.get_node(&node).and_then(|member| member.location.clone())
}

pub(crate) fn voters_of(membership: &Membership) -> Vec<Location> {
    let found: BTreeSet<_> = membership.voter_ids().filter_map(|node| location_of(membership, node)).collect();
    found.into_iter().collect()
}

pub(crate) fn learners_of(membership: &Membership) -> Vec<Location> {
    let found: BTreeSet<_> = membership.learner_ids().filter_map(|node| location_of(membership, node)).collect();
    found.into_iter().collect()
}

/// What a leader knows when it decides.
pub(crate) struct View<'a> {
    pub(crate) membership: &'a Membership,
    pub(crate) wanted: &'a [Location],
    /// The identity each location last answered with.
    pub(crate) heard: &'a BTreeMap<Location, NodeId>,
    /// Members whose log is as long as the leader's, or nearly.
    pub(crate) caught_up: &'a BTreeSet<NodeId>,
}

/// The next step.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Let this member follow.
    AddLearner(NodeId, Location),
    /// Make these the voters.
    SetVoters(BTreeSet<NodeId>),
    /// Forget these: their logs are lost.
    Forget(BTreeSet<NodeId>),
    /// Nothing can be done now; it waits for this.
    Wait(String),
    /// All is as wanted.
    Done,
}

impl View<'_> {
    /// The next step towards the wanted voters. Only ever one: each must be committed before the next is looked for.
    pub(crate) fn next_step(&self) -> Step {
        let (current, joint) = self.current();
        for (location, node) in self.heard {
            if self.membership.get_node(node).is_none() {
                return Step::AddLearner(*node, location.clone());
            }
        }
        let (target, missing) = self.target(&current);
        if joint || target != current {
            return Step::SetVoters(target);
        }
        let lost = self.lost(&current);
        if !lost.is_empty() {
            return Step::Forget(lost);
        }
        if missing.is_empty() {
            return Step::Done;
        }
        let names: Vec<&str> = missing.iter().map(|location| location.as_str()).collect();
        Step::Wait(format!("{} to catch up before it has a vote", names.join(", ")))
    }

    /// The voters that count: of two sets the newer, towards which an interrupted change must be completed.
    fn current(&self) -> (BTreeSet<NodeId>, bool) {
        let sets = self.membership.get_joint_config();
        (sets.last().cloned().unwrap_or_default(), sets.len() > 1)
    }

    /// The best set that can be had now, and the wanted locations that are not in it with a living log.
    fn target(&self, current: &BTreeSet<NodeId>) -> (BTreeSet<NodeId>, Vec<Location>) {
        let mut chosen = BTreeSet::new();
        let mut newcomers = Vec::new();
        let mut missing = Vec::new();
        for location in self.wanted {
            let old = current.iter().find(|node| location_of(self.membership, **node).as_ref() == Some(location));
            let here = self.heard.get(location);
            match (old, here) {
                (Some(old), Some(here)) if old != here => {
                    // It lost its log. The new one takes over the vote only when it knows what the old one knew.
                    let ready = self.caught_up.contains(here);
                    chosen.insert(if ready { *here } else { *old });
                    if !ready {
                        missing.push(location.clone());
                    }
                }
                (Some(old), _) => {
                    chosen.insert(*old);
                }
                (None, Some(here)) if self.caught_up.contains(here) => newcomers.push(*here),
                (None, _) => missing.push(location.clone()),
            }
        }
        if missing.is_empty() || newcomers.len() + chosen.len() == self.wanted.len() {
            chosen.extend(newcomers);
            return (chosen, missing);
        }
        // Not everybody is there yet. Those who are make a set only if it is odd and nobody in office has to go for it.
        if !current.iter().all(|node| self.is_kept(*node, &chosen)) {
            return (current.clone(), missing);
        }
        if (chosen.len() + newcomers.len()).is_multiple_of(2) {
            newcomers.pop();
        }
        chosen.extend(newcomers);
        if chosen.len().is_multiple_of(2) { (current.clone(), missing) } else { (chosen, missing) }
    }

    /// Whether a voter stays, itself or as the new identity of its place.
    fn is_kept(&self, node: NodeId, chosen: &BTreeSet<NodeId>) -> bool {
        let place = location_of(self.membership, node);
        chosen.iter().any(|other| *other == node || location_of(self.membership, *other) == place)
    }

    /// Members without a vote whose place has another identity now.
    fn lost(&self, current: &BTreeSet<NodeId>) -> BTreeSet<NodeId> {
        let learners = self.membership.nodes().map(|(node, _)| *node).filter(|node| !current.contains(node));
        learners
            .filter(|node| {
                let here = location_of(self.membership, *node).and_then(|location| self.heard.get(&location));
                here.is_some_and(|here| here != node)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(name: &str) -> Location {
        Location::new(name).unwrap()
    }

    fn membership(sets: &[&[NodeId]], nodes: &[(NodeId, &str)]) -> Membership {
        let nodes: BTreeMap<NodeId, Member> =
            nodes.iter().map(|(node, name)| (*node, Member { location: Some(at(name)) })).collect();
        Membership::new(sets.iter().map(|set| set.iter().copied().collect()).collect(), nodes)
    }

    fn step(membership: &Membership, wanted: &[&str], heard: &[(&str, NodeId)], caught_up: &[NodeId]) -> Step {
        let wanted: Vec<_> = wanted.iter().map(|name| at(name)).collect();
        let heard = heard.iter().map(|(name, node)| (at(name), *node)).collect();
        let caught_up = caught_up.iter().copied().collect();
        View { membership, wanted: &wanted, heard: &heard, caught_up: &caught_up }.next_step()
    }

    fn set(nodes: &[NodeId]) -> BTreeSet<NodeId> {
        nodes.iter().copied().collect()
    }

    #[test]
    fn one_voter_becomes_three_in_one_step_and_never_two() {
        let one = membership(&[&[1]], &[(1, "a")]);
        assert_eq!(step(&one, &["a", "b", "c"], &[("b", 2)], &[]), Step::AddLearner(2, at("b")));
        let nodes = &[(1, "a"), (2, "b"), (3, "c")];
        let one = membership(&[&[1]], nodes);
        assert!(matches!(step(&one, &["a", "b", "c"], &[("b", 2), ("c", 3)], &[2]), Step::Wait(_)));
        let ready = step(&one, &["a", "b", "c"], &[("b", 2), ("c", 3)], &[2, 3]);
        assert_eq!(ready, Step::SetVoters(set(&[1, 2, 3])));
    }

    #[test]
    fn five_are_reached_by_way_of_three() {
        let one = membership(&[&[1]], &[(1, "a"), (2, "b"), (3, "c"), (4, "d"), (5, "e")]);
        let heard = &[("b", 2), ("c", 3), ("d", 4), ("e", 5)];
        let Step::SetVoters(voters) = step(&one, &["a", "b", "c", "d", "e"], heard, &[2, 3, 4]) else { panic!() };
        assert_eq!(voters.len(), 3, "{voters:?}");
        assert!(voters.contains(&1));
    }

    #[test]
    fn a_lost_log_is_replaced_once_the_new_one_has_caught_up_and_then_forgotten() {
        let nodes = &[(1, "a"), (2, "b"), (3, "c"), (4, "c")];
        let three = membership(&[&[1, 2, 3]], nodes);
        let heard = &[("b", 2), ("c", 4)];
        assert!(matches!(step(&three, &["a", "b", "c"], heard, &[2]), Step::Wait(_)));
        assert_eq!(step(&three, &["a", "b", "c"], heard, &[2, 4]), Step::SetVoters(set(&[1, 2, 4])));
        let replaced = membership(&[&[1, 2, 4]], nodes);
        assert_eq!(step(&replaced, &["a", "b", "c"], heard, &[2, 4]), Step::Forget(set(&[3])));
    }

    #[test]
    fn a_lost_region_is_taken_out_at_once_and_an_interrupted_change_is_completed() {
        let nodes = &[(1, "a"), (2, "b"), (3, "c")];
        let three = membership(&[&[1, 2, 3]], nodes);
        assert_eq!(step(&three, &["a"], &[("b", 2)], &[2]), Step::SetVoters(set(&[1])));
        let half = membership(&[&[1], &[2]], nodes);
        assert_eq!(step(&half, &["b"], &[("b", 2)], &[2]), Step::SetVoters(set(&[2])));
        assert_eq!(step(&three, &["a", "b", "c"], &[("b", 2), ("c", 3)], &[2, 3]), Step::Done);
    }

    #[test]
    fn a_sole_voter_moves_only_when_the_other_has_caught_up() {
        let one = membership(&[&[1]], &[(1, "a"), (2, "b")]);
        assert!(matches!(step(&one, &["b"], &[("b", 2)], &[]), Step::Wait(_)));
        assert_eq!(step(&one, &["b"], &[("b", 2)], &[2]), Step::SetVoters(set(&[2])));
    }
}
