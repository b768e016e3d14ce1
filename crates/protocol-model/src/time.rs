//! Clocks: what counts on which, and how far they may part.

use crate::bounds::Bounds;
use crate::state::{Agent, Gateway, Poll, State};

/// The machine of the first region's agent.
pub(crate) const AGENT_OF_FIRST: usize = 0;
/// The machine of the second region's agent and gateway.
pub(crate) const SECOND: usize = 1;
/// The machine of the first region's gateway: gateways need not run beside their agent.
pub(crate) const GATEWAY_OF_FIRST: usize = 2;
/// How many.
pub(crate) const CLOCKS: usize = 3;

/// A lease is counted on one machine of its region after the other: on the agent's, then on the gateway's. A bound on rates
/// holds for both parts together, so what clocks miss is counted for a region and not for each of its machines; a clock that
/// missed a tick for each machine would be one that stops, which the margin is not for.
const fn region_of(clock: usize) -> usize {
    if clock == SECOND { 1 } else { 0 }
}

const fn down(left: &mut u8) {
    *left = left.saturating_sub(1);
}

fn age_agent(agent: &mut Agent) {
    down(&mut agent.wait);
    down(&mut agent.lease);
    down(&mut agent.authority);
    down(&mut agent.earlier);
    if let Some(pending) = &mut agent.pending {
        down(&mut pending.left);
    }
}

fn age_gateway(gateway: &mut Gateway) {
    down(&mut gateway.lease);
    if let Poll::Answered { left, .. } = &mut gateway.poll {
        down(left);
    }
}

impl State {
    /// Which sets of clocks may miss the next tick, as bits.
    pub(crate) fn skips(&self, bounds: &Bounds) -> impl Iterator<Item = u8> + use<> {
        let may = bounds.drifting.iter().fold(0_u8, |bits, clock| {
            if self.steady[region_of(*clock)] + 1 >= bounds.drift_period { bits | 1 << clock } else { bits }
        });
        (0..1_u8 << CLOCKS).filter(move |skips| skips & !may == 0)
    }

    /// One tick of true time, which the clocks in `skips` miss.
    pub(crate) fn tick(&mut self, skips: u8, bounds: &Bounds) {
        for steady in &mut self.steady {
            *steady = (*steady + 1).min(bounds.drift_period - 1);
        }
        for clock in 0..CLOCKS {
            if skips & 1 << clock != 0 {
                self.steady[region_of(clock)] = 0;
                continue;
            }
            match clock {
                AGENT_OF_FIRST => age_agent(&mut self.agents[0]),
                GATEWAY_OF_FIRST => age_gateway(&mut self.gateways[0]),
                SECOND => {
                    age_agent(&mut self.agents[1]);
                    age_gateway(&mut self.gateways[1]);
                }
                _ => {}
            }
        }
    }
}
