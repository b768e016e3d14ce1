//! Exploring, and what came of it. One thread, breadth first: the same states in the same order every time, and the
//! shortest way to a broken property.

use stateright::{Checker, HasDiscoveries, Model};

use crate::bounds::{Bounds, Bug};
use crate::model::{Protocol, properties};

/// A broken property and the way there.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The property.
    pub property: &'static str,
    /// The steps, in order.
    pub steps: Vec<String>,
}

/// What an exploration has seen.
#[derive(Clone, Debug)]
pub struct Report {
    /// Different states.
    pub states: usize,
    /// Steps on the longest of the shortest ways to a state.
    pub depth: usize,
    /// Properties that must always hold and do not; those that must hold somewhere and never do, without steps.
    pub broken: Vec<Finding>,
}

fn run(model: Protocol, finish: HasDiscoveries) -> Report {
    let checker = model.checker().threads(1).finish_when(finish).spawn_bfs().join();
    let found = checker.discoveries();
    let mut broken = Vec::new();
    for property in properties() {
        let way = found.get(property.name);
        let failed = property.expectation.discovery_is_failure() == way.is_some();
        if failed {
            let steps =
                way.cloned().map(|path| path.into_actions().iter().map(|action| format!("{:?}", action.0)).collect());
            broken.push(Finding { property: property.name, steps: steps.unwrap_or_default() });
        }
    }
    Report { states: checker.unique_state_count(), depth: checker.max_depth(), broken }
}

/// Explores the protocol as it is, to the end.
#[must_use]
pub fn explore(bounds: Bounds) -> Report {
    run(Protocol { bounds, bug: None }, HasDiscoveries::All)
}

/// Explores the protocol with `bug` until the property it must break is broken. Its `broken` is all that was found until
/// then; it does not name [`Bug::breaks`] if the bug was missed.
#[must_use]
pub fn hunt(bug: Bug) -> Report {
    let finish = HasDiscoveries::AllOf([bug.breaks()].into());
    let mut report = run(Protocol { bounds: bug.bounds(), bug: Some(bug) }, finish);
    report.broken.retain(|finding| !finding.steps.is_empty());
    report
}

impl Report {
    /// The way to the property that `bug` must break, if it was found.
    #[must_use]
    pub fn caught(&self, bug: Bug) -> Option<&Finding> {
        self.broken.iter().find(|finding| finding.property == bug.breaks())
    }
}
