//! What the agent's loops know together. Every part has one writer; everybody else watches.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use tidelock_control::agent_api::{EngineView, GatewayPoll, GatewayRoute, SagaView};
use tidelock_control::register_api::RegisterView;
use tidelock_failover::{HeldLease, History};
use tidelock_model::{BootTime, Clock, Epoch, Location, Timings};
use tokio::sync::{Mutex, Notify, watch};

use crate::peers::Peers;
use crate::register::{RegisterClient, SeenEpochs};

/// The register as it was heard last.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// What it said.
    pub(crate) view: RegisterView,
    /// When it was asked: nothing in `view` is older than this.
    pub(crate) asked_at: BootTime,
    /// When its answer came.
    pub(crate) heard_at: BootTime,
}

/// What the keeper found when it looked last.
#[derive(Clone, Debug)]
pub(crate) struct EngineFinding {
    pub(crate) view: EngineView,
    pub(crate) seen_at: BootTime,
    pub(crate) may_write: bool,
    pub(crate) may_read: bool,
    /// It holds the group's data as of some moment: it is not an engine that has just been started.
    pub(crate) holds_data: bool,
    pub(crate) held: Option<tidelock_failover::Held>,
}

/// The keeper's state: a finding, or why there is none.
#[derive(Clone, Debug)]
pub(crate) enum Engine {
    Unknown(String),
    Found(Box<EngineFinding>),
}

impl Engine {
    pub(crate) fn found(&self) -> Option<&EngineFinding> {
        match self {
            Self::Found(finding) => Some(finding),
            Self::Unknown(_) => None,
        }
    }
}

/// The lease this agent holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) epoch: Epoch,
    pub(crate) lease: HeldLease,
}

/// Writes are stopped for a switchover that has not been granted yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Drain {
    pub(crate) transfer_id: String,
    pub(crate) epoch: Epoch,
    pub(crate) until: BootTime,
}

/// A finished handover: what the engine held is what the target had before it was granted the next epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HandedOver {
    pub(crate) transfer_id: String,
    pub(crate) history: History,
}

/// A gateway, since it polled first.
#[derive(Clone, Debug)]
pub(crate) struct GatewayRecord {
    pub(crate) poll: GatewayPoll,
    pub(crate) seen_at: BootTime,
    /// Until when it may believe that it can send writes, by what this agent has told it.
    pub(crate) authority_until: BootTime,
}

pub(crate) struct Shared {
    pub(crate) environment: String,
    pub(crate) location: Location,
    pub(crate) witness: bool,
    pub(crate) timings: Timings,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) peers: Peers,
    pub(crate) register: Arc<dyn RegisterClient>,
    /// The highest epoch ever acted on.
    pub(crate) seen: std::sync::Mutex<SeenEpochs>,
    pub(crate) heard: watch::Sender<Option<Heard>>,
    pub(crate) engine: watch::Sender<Engine>,
    pub(crate) lease: watch::Sender<Option<Held>>,
    pub(crate) drain: watch::Sender<Option<Drain>>,
    pub(crate) route: watch::Sender<GatewayRoute>,
    pub(crate) saga: watch::Sender<Option<SagaView>>,
    pub(crate) gateways: watch::Sender<BTreeMap<String, GatewayRecord>>,
    /// Where this region's engine stopped in the last handover it has made.
    pub(crate) handed_over: watch::Sender<Option<HandedOver>>,
    /// The engine (its run id) whose own data the operator allows to throw away.
    pub(crate) discard: watch::Sender<Option<String>>,
    /// Until then a gateway may believe in a promise that an earlier life of this agent has made and this one does not know.
    pub(crate) earlier_authority_until: BootTime,
    /// The keeper should look again at once.
    pub(crate) look: Notify,
    /// One saga or handover at a time.
    pub(crate) moving: Arc<Mutex<()>>,
}

impl Shared {
    pub(crate) fn now(&self) -> BootTime {
        self.clock.now()
    }

    /// The newest register state, if any was heard.
    pub(crate) fn heard(&self) -> Option<Heard> {
        self.heard.borrow().clone()
    }

    /// The lease, if it is valid now.
    pub(crate) fn valid_lease(&self) -> Option<Held> {
        let held = *self.lease.borrow();
        held.filter(|held| held.lease.is_valid(self.now()))
    }

    /// The drain, if it is in force now.
    pub(crate) fn draining(&self) -> Option<Drain> {
        let now = self.now();
        self.drain.borrow().clone().filter(|drain| now < drain.until)
    }

    /// Takes note of what the register said, if it is newer than what is known; a newer epoch is durable before anybody
    /// acts on it. False if the register offers an epoch older than one seen before: it must not be followed.
    pub(crate) fn hear(&self, view: RegisterView, asked_at: BootTime) -> bool {
        let accepted = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.accept(view.generation, view.epoch)
        };
        match accepted {
            Ok(true) => {}
            Ok(false) => {
                tracing::error!(
                    epoch = %view.epoch,
                    "the register offers an epoch older than one seen before: it has lost its file. It is not followed; \
                     restore register.redb or start the environment anew"
                );
                return false;
            }
            Err(err) => {
                tracing::error!(%err, "cannot remember the epoch; it is not acted on");
                return false;
            }
        }
        let heard_at = self.now();
        self.heard.send_if_modified(|heard| {
            // An answer to a question that was asked before the known one came may have been overtaken by it.
            let overtaken = heard.as_ref().is_some_and(|known| {
                let older = (view.generation.0, view.epoch, view.version)
                    < (known.view.generation.0, known.view.epoch, known.view.version);
                older && asked_at < known.heard_at
            });
            if !overtaken {
                *heard = Some(Heard { view, asked_at, heard_at });
            }
            !overtaken
        });
        true
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! An agent's shared state without an agent.

    use std::time::Duration;

    use tidelock_control::CallError;
    use tidelock_control::register_api::{RegisterReply, RegisterRequest};
    use tidelock_model::ManualClock;

    use super::*;
    use crate::register::Answer;

    struct NoRegister;

    impl RegisterClient for NoRegister {
        fn view(&self, _: u64, _: Duration) -> Answer<'_, RegisterView> {
            Box::pin(async { Err(unreachable_register()) })
        }

        fn request(&self, _: RegisterRequest) -> Answer<'_, RegisterReply> {
            Box::pin(async { Err(unreachable_register()) })
        }
    }

    fn unreachable_register() -> CallError {
        CallError::Unreachable { endpoint: "the register".into(), reason: "there is none".into() }
    }

    /// A region `eastus2` with nothing known yet.
    pub(crate) fn shared() -> (Arc<Shared>, Arc<ManualClock>) {
        with_earlier_life(BootTime::from_nanos(0))
    }

    /// The same, just started again.
    pub(crate) fn shared_after_restart() -> (Arc<Shared>, Arc<ManualClock>) {
        with_earlier_life(BootTime::from_nanos(1_000_000_000) + Timings::default().lease)
    }

    fn with_earlier_life(earlier_authority_until: BootTime) -> (Arc<Shared>, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::starting_at(BootTime::from_nanos(1_000_000_000)));
        let shared = Shared {
            environment: "app-dev".into(),
            location: Location::new("eastus2").unwrap(),
            witness: false,
            timings: Timings::default(),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            peers: Peers::none(),
            register: Arc::new(NoRegister),
            seen: std::sync::Mutex::new(SeenEpochs::in_memory()),
            heard: watch::channel(None).0,
            engine: watch::channel(Engine::Unknown("not looked at yet".into())).0,
            lease: watch::channel(None).0,
            drain: watch::channel(None).0,
            route: watch::channel(crate::route::initial(BootTime::from_nanos(0))).0,
            saga: watch::channel(None).0,
            gateways: watch::channel(BTreeMap::new()).0,
            handed_over: watch::channel(None).0,
            discard: watch::channel(None).0,
            earlier_authority_until,
            look: Notify::new(),
            moving: Arc::new(Mutex::new(())),
        };
        (Arc::new(shared), clock)
    }
}
