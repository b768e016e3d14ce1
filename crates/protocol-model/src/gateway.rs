//! What gateways do: ask their agent, check, send, check again, relay.

use crate::bounds::{Bounds, Bug};
use crate::state::{Gateway, Poll, Region, Stand, State, Write};

impl Gateway {
    pub(crate) const fn new() -> Self {
        Self { epoch: 0, lease: 0, hold: true, poll: Poll::None, write: Write::None }
    }
}

/// Each gives false where the step makes no sense; the state is then thrown away.
impl State {
    pub(crate) fn adopt(&mut self, region: Region) -> bool {
        let gateway = &mut self.gateways[region];
        let Poll::Answered { hold, left, epoch } = gateway.poll else { return false };
        gateway.poll = Poll::None;
        if epoch < gateway.epoch {
            return true;
        }
        if epoch > gateway.epoch {
            // Connections of the older epoch are closed; what was under way is unknown to its client.
            gateway.lease = 0;
            gateway.write = Write::None;
            gateway.epoch = epoch;
        }
        gateway.hold = hold;
        gateway.lease = gateway.lease.max(left);
        true
    }

    /// The first check.
    pub(crate) fn check(&mut self, region: Region, bounds: &Bounds) -> bool {
        let gateway = &mut self.gateways[region];
        if gateway.write != Write::None || gateway.hold || gateway.lease == 0 || self.used.writes >= bounds.writes {
            return false;
        }
        self.used.writes += 1;
        gateway.write = Write::Checked { epoch: gateway.epoch };
        true
    }

    /// The bytes reach the engine, however long after the check.
    pub(crate) fn execute(&mut self, region: Region) -> bool {
        let Write::Checked { epoch } = self.gateways[region].write else { return false };
        self.gateways[region].write = if self.engines[region].stand == Stand::Writer {
            let id = self.engines.iter().flat_map(|engine| &engine.history).max().map_or(0, |last| last + 1);
            self.engines[region].history.push(id);
            Write::Executed { epoch, id }
        } else {
            Write::None
        };
        true
    }

    /// The second check, and with it the acknowledgement; otherwise the client is told that nobody knows.
    pub(crate) fn relay(&mut self, region: Region, bug: Option<Bug>) -> bool {
        let gateway = &mut self.gateways[region];
        let Write::Executed { epoch, id } = gateway.write else { return false };
        gateway.write = Write::None;
        if (gateway.epoch == epoch && gateway.lease > 0) || bug == Some(Bug::NoSecondCheck) {
            self.noted.acknowledged |= 1 << id;
            if let Some(by) = self.noted.by_epoch.get_mut(usize::from(epoch)) {
                *by |= 1 << region;
            }
            self.noted.late |= epoch < self.register.epoch;
        }
        true
    }

    pub(crate) fn restart_gateway(&mut self, region: Region, bounds: &Bounds) -> bool {
        if self.used.gateway_restarts >= bounds.gateway_restarts {
            return false;
        }
        self.used.gateway_restarts += 1;
        self.gateways[region] = Gateway::new();
        true
    }
}
