//! One agent's decisions: what it knows, and what follows from each event. It does no I/O and reads no clock, so the same
//! code runs in the agent and in the simulation.
//!
//! Everything is level-triggered: after each event the core looks at the register's state and at what it knows of the
//! world, and asks for what is missing. So a crash between any two steps is mended by the next event.

mod input;
mod keeper;
mod lease;
mod operator;
mod policy;
mod route;
mod source;
mod target;
mod upkeep;
mod voters;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use tidelock_model::{BootTime, Epoch, Location};

use crate::group::{EngineId, Entry, Record, SagaEvent};
use crate::lease::HeldLease;
use crate::tail::History;

pub use input::{
    Ask, Command, Event, Handed, NotBegun, Note, Now, PeerEngine, PeerView, Proposed, Settings, Sighting, Token,
};
pub use keeper::{Action, Held, Salvage, SalvageOrder, Verdict};
pub use route::{Lapse, Route, Writes};

pub use voters::voters;

use self::lease::Renewal;
use self::operator::Wish;
use self::policy::Watch;
use self::source::Promise;
use self::target::Target;

/// The engine is looked at this often while nothing happens.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// And this often while something is awaited from it.
const BUSY_LOOK_INTERVAL: Duration = Duration::from_millis(10);
/// What was seen of the engine longer ago is not vouched for.
const ENGINE_FRESH: Duration = Duration::from_millis(1500);
/// The core looks at the clock at least this often: leases and limits end without any other event.
const MAX_SLEEP: Duration = Duration::from_millis(100);

/// Without a step for half the detection time, and no less than this, the agent itself has stood still.
const STALL: Duration = Duration::from_millis(300);
/// A proposal that came to nothing is made again after this long.
const PROPOSE_AGAIN: Duration = Duration::from_millis(50);

/// A lease as its holder knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldEpoch {
    /// Under which epoch.
    pub epoch: Epoch,
    /// Until when.
    pub lease: HeldLease,
}

/// The register as it was applied last.
#[derive(Clone, Debug)]
struct Known {
    record: Record,
    /// When this agent applied the last renewal it knows of.
    lease_since: BootTime,
    /// When the saga got to its present turn, as seen here.
    turn_since: BootTime,
    /// Since when nothing newer is known to be committed.
    confirmed: Option<BootTime>,
}

/// The engine, and when it was seen.
#[derive(Clone, Debug)]
struct Seen {
    sighting: Sighting,
    at: BootTime,
}

/// Another agent, as far as it has answered.
#[derive(Clone, Debug)]
struct Peer {
    view: PeerView,
    /// When it was asked: what it said is not older.
    asked: BootTime,
}

/// What a proposal under way is for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Intent {
    Renew {
        epoch: Epoch,
        sent: BootTime,
    },
    Confirm,
    /// A saga's event; with the epoch that a grant brings.
    Advance {
        granting: Option<Epoch>,
        sent: BootTime,
    },
    /// The policy's begin; with the epoch that it brings, if it is proven.
    Policy {
        granting: Option<Epoch>,
        sent: BootTime,
    },
    /// An operator's wish.
    Wish {
        wish: Wish,
        granting: Option<Epoch>,
        sent: BootTime,
    },
    Expire,
    Obeyed,
}

/// What became of the engine's tail.
#[derive(Clone, Debug)]
struct Salvaging {
    run_id: String,
    state: Salvage,
    /// The epoch has changed since it was ordered: another writer may lack more.
    outdated: bool,
}

/// One agent's state.
#[derive(Debug)]
pub struct Core {
    settings: Settings,
    started: BootTime,
    known: Option<Known>,
    held: Option<HeldEpoch>,
    renewal: Renewal,
    seen: Option<Seen>,
    engine_error: Option<String>,
    /// A look or an action is under way.
    engine_busy: bool,
    /// It is being changed: what was seen of it last is not how it is.
    acting: bool,
    last_look: Option<BootTime>,
    /// Looked at since the last change: what is decided rests on it.
    verdict: Option<Verdict>,
    salvaging: Option<Salvaging>,
    discard: Option<String>,
    staleness: Option<(Duration, BootTime)>,
    peers: BTreeMap<Location, Peer>,
    /// The newest probes that were not answered.
    unanswered: BTreeMap<Location, BootTime>,
    promise: Option<Promise>,
    target: Target,
    wish: Option<Wish>,
    watch: Watch,
    /// Since when the unfenced region has been seen to obey.
    obeying: Option<BootTime>,
    /// With the version of the register that each was made for.
    proposals: BTreeMap<Token, (Intent, u64)>,
    /// No small proposal before this.
    propose_after: Option<BootTime>,
    next_token: u64,
    /// The last step.
    stepped: BootTime,
    out: Vec<Command>,
}

impl Core {
    /// An agent that has just started and knows nothing.
    #[must_use]
    pub fn new(settings: Settings, now: BootTime) -> Self {
        Self {
            watch: Watch::new(now),
            settings,
            started: now,
            known: None,
            held: None,
            renewal: Renewal::default(),
            seen: None,
            engine_error: None,
            engine_busy: false,
            acting: false,
            last_look: None,
            verdict: None,
            salvaging: None,
            discard: None,
            staleness: None,
            peers: BTreeMap::new(),
            unanswered: BTreeMap::new(),
            promise: None,
            target: Target::default(),
            wish: None,
            obeying: None,
            proposals: BTreeMap::new(),
            propose_after: None,
            next_token: 0,
            stepped: now,
            out: Vec::new(),
        }
    }

    /// Takes an event and says what to do about it.
    pub fn step(&mut self, event: Event, now: Now) -> Vec<Command> {
        if self.stood_still(now.boot) {
            self.watch.restart(now.boot);
        }
        self.stepped = now.boot;
        self.note(event, now);
        self.reconsider(now);
        std::mem::take(&mut self.out)
    }

    /// When to step again with [`Event::Tick`] if nothing else happens before.
    #[must_use]
    pub fn wake_at(&self, now: BootTime) -> BootTime {
        let look = self.last_look.map(|at| at + self.look_interval()).filter(|_| !self.engine_busy);
        let mut wake = now + MAX_SLEEP;
        for moment in [look, self.renewal.due(), self.lease_over_at()].into_iter().flatten() {
            if moment > now {
                wake = wake.min(moment);
            }
        }
        wake
    }

    /// The register as it was applied last.
    #[must_use]
    pub fn record(&self) -> Option<&Record> {
        self.known.as_ref().map(|known| &known.record)
    }

    /// The lease, if one is held now.
    #[must_use]
    pub fn lease(&self, now: BootTime) -> Option<HeldEpoch> {
        self.held.filter(|held| held.lease.is_valid(now))
    }

    /// When it was last certain that nothing newer had been committed; none if it never was.
    #[must_use]
    pub fn confirmed(&self) -> Option<BootTime> {
        self.known.as_ref().and_then(|known| known.confirmed)
    }

    /// How long the last renewal known here has certainly been over.
    ///
    /// # Errors
    /// How long it may still be held at most; a lifetime if the register has not been heard.
    pub fn lease_over(&self, now: BootTime) -> Result<Duration, Duration> {
        match self.lease_over_at() {
            Some(end) if now >= end => Ok(now.saturating_since(end)),
            Some(end) => Err(end.saturating_since(now)),
            None => Err(self.settings.lease + self.settings.margin),
        }
    }

    /// The engine as it was seen last, and how long ago.
    pub fn engine(&self, now: BootTime) -> Result<(&Sighting, Duration), &str> {
        match (&self.engine_error, &self.seen) {
            (Some(reason), _) => Err(reason),
            (None, Some(seen)) => Ok((&seen.sighting, now.saturating_since(seen.at))),
            (None, None) => Err("it has not been looked at yet"),
        }
    }

    /// What was decided about the engine last.
    #[must_use]
    pub fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    /// What became of the engine's tail.
    #[must_use]
    pub fn salvage(&self) -> Option<&Salvage> {
        self.salvaging.as_ref().map(|salvaging| &salvaging.state)
    }

    /// What the other agents said last, and how long ago they were asked.
    pub fn peers(&self, now: BootTime) -> impl Iterator<Item = (&Location, &PeerView, Duration)> {
        self.peers.iter().map(move |(location, peer)| (location, &peer.view, now.saturating_since(peer.asked)))
    }

    /// Whoever has just slept has missed nobody: what was sent meanwhile has not been looked at yet.
    fn stood_still(&self, now: BootTime) -> bool {
        now.saturating_since(self.stepped) >= STALL.max(self.settings.detection / 2)
    }

    fn note(&mut self, event: Event, now: Now) {
        match event {
            Event::Tick => {}
            Event::Register { record, confirmed, renewed } => self.hear(*record, confirmed, renewed, now.boot),
            Event::Proposed { token, outcome } => self.proposed(token, outcome, now.boot),
            Event::Engine(Ok(sighting)) => self.sighted(sighting, now.boot),
            Event::Engine(Err(reason)) => {
                (self.engine_busy, self.acting) = (false, false);
                self.last_look = Some(now.boot);
                if self.engine_error.as_ref() != Some(&reason) {
                    self.out.push(Command::Log(Note::Engine(format!("the engine does not answer: {reason}"))));
                }
                self.engine_error = Some(reason);
                self.verdict = None;
            }
            Event::Peer { location, asked, view } => {
                let newer = self.peers.get(&location).is_none_or(|known| known.asked <= asked);
                if newer {
                    self.peers.insert(location, Peer { view, asked });
                }
            }
            Event::Unanswered { location, asked } => {
                self.unanswered.insert(location, asked);
            }
            Event::Staleness { window } => self.staleness = window.map(|window| (window, now.boot)),
            Event::Ask { request, id, ask } => self.ask(request, id, ask, now),
            Event::HandRequest { request, saga, caller } => self.hand_request(request, saga, &caller, now.boot),
            Event::WritesStopped { saga, result } => self.writes_stopped(&saga, result),
            Event::Handed { saga, result } => self.handed(&saga, result, now.boot),
            Event::Sung { saga, result } => self.target.sung(&saga, result),
            Event::Salvaged { run_id, result } => {
                if let Some(salvaging) = self.salvaging.as_mut().filter(|salvaging| salvaging.run_id == run_id) {
                    salvaging.state = match result {
                        Ok(path) => Salvage::Saved { path },
                        Err(reason) => Salvage::Failed { reason },
                    };
                }
                // It was cut where another epoch's writer begins: the cut is made again.
                self.salvaging = self.salvaging.take().filter(|salvaging| !salvaging.outdated);
            }
            Event::Discard { run_id } => self.discard = Some(run_id),
        }
    }

    fn hear(&mut self, record: Record, confirmed: Option<BootTime>, renewed: Option<BootTime>, now: BootTime) {
        let Some(known) = &mut self.known else {
            // What was on this agent's own disk when it started may be long overtaken.
            if confirmed.is_none() {
                return;
            }
            // Whatever was granted before, it was granted before now: counting from now is the safe side.
            self.known = Some(Known { record, lease_since: now, turn_since: now, confirmed });
            return;
        };
        let order = |record: &Record| (record.generation, record.version, record.lease.seq);
        if order(&record) < order(&known.record) {
            return;
        }
        if record.lease.seq != known.record.lease.seq || record.generation != known.record.generation {
            // Its holder asked before it was written down anywhere. It may be applied much later: when the leader that took it
            // is lost, only the next one commits it.
            known.lease_since = renewed.map_or(now, |at| at.min(now));
        }
        let turn = |record: &Record| record.saga.as_ref().map(|saga| (saga.id.clone(), saga.turn));
        if turn(&record) != turn(&known.record) {
            known.turn_since = now;
        }
        let reign = |record: &Record| (record.generation, record.epoch);
        if reign(&record) != reign(&known.record) {
            // Both were meant for what the writer of that epoch lacked.
            self.discard = None;
            self.salvaging = self.salvaging.take().filter(|salvaging| salvaging.state == Salvage::Running);
            if let Some(salvaging) = &mut self.salvaging {
                salvaging.outdated = true;
            }
        }
        known.record = record;
        known.confirmed = known.confirmed.max(confirmed);
    }

    fn sighted(&mut self, sighting: Sighting, now: BootTime) {
        (self.engine_busy, self.acting) = (false, false);
        self.engine_error = None;
        self.last_look = Some(now);
        self.watch.sighted(&sighting, now);
        // What was saved is everything only as long as nobody can write.
        let shut = sighting.standing == crate::engine::Standing::Isolated;
        self.salvaging = self.salvaging.take().filter(|kept| kept.run_id == sighting.run_id && shut);
        self.discard = self.discard.take().filter(|run_id| {
            *run_id == sighting.run_id && !matches!(sighting.role, crate::engine::EngineRole::Follower { .. })
        });
        self.seen = Some(Seen { sighting, at: now });
    }

    fn reconsider(&mut self, now: Now) {
        self.keep_promise(now.boot);
        self.judge(now.boot);
        self.renew(now.boot);
        self.drive(now);
        self.pursue_wish(now);
        self.watch_writer(now);
        self.look_after(now);
        self.act(now.boot);
    }

    fn propose(&mut self, intent: Intent, entry: Entry) {
        let token = Token(self.next_token);
        self.next_token += 1;
        let version = self.record().map_or(0, |record| record.version);
        self.proposals.insert(token, (intent, version));
        self.out.push(Command::Propose { token, entry });
    }

    fn proposing(&self, of: impl Fn(&Intent) -> bool) -> bool {
        self.proposals.values().any(|(intent, _)| of(intent))
    }

    fn advance(&mut self, event: SagaEvent, detail: String, now: Now) {
        let Some(known) = &self.known else { return };
        let Some(saga) = &known.record.saga else { return };
        let granting = matches!(event, SagaEvent::Granted(_)).then(|| known.record.epoch.next());
        let entry = Entry::Advance {
            saga: saga.id.clone(),
            turn: saga.turn,
            by: self.settings.me.clone(),
            event,
            detail,
            at: now.unix,
        };
        self.propose(Intent::Advance { granting, sent: now.boot }, entry);
    }

    fn proposed(&mut self, token: Token, outcome: Proposed, now: BootTime) {
        let Some((intent, version)) = self.proposals.remove(&token) else { return };
        if let Intent::Renew { epoch, sent } = intent {
            return self.renewed(epoch, sent, outcome, now);
        }
        // Accepted, it has to be applied here first; otherwise the answer may come at once, for ever.
        let applied = matches!(outcome, Proposed::Accepted { .. })
            && self.record().is_some_and(|record| record.version > version);
        if !applied {
            self.propose_after = Some(now + PROPOSE_AGAIN);
        }
        let (Intent::Advance { granting, sent }
        | Intent::Policy { granting, sent }
        | Intent::Wish { granting, sent, .. }) = &intent
        else {
            return;
        };
        if let (Some(epoch), Proposed::Accepted { .. }) = (granting, &outcome) {
            // The grant is the first renewal: counted, like any other, from before it was proposed.
            self.hold(*epoch, *sent, now);
        }
        match intent {
            Intent::Wish { wish, .. } => self.wished(wish, outcome),
            Intent::Policy { .. } => self.watch.proposed(&outcome, now),
            _ if applied => {}
            _ => self.target.advanced(&outcome, now),
        }
    }

    /// What is to be done to the engine, and whether it may be used.
    fn judge(&mut self, now: BootTime) {
        if self.settings.witness || self.engine_error.is_some() {
            return;
        }
        let Some(seen) = &self.seen else { return };
        let record = self.record();
        let leased = self.lease(now).is_some_and(|held| record.is_some_and(|record| record.epoch == held.epoch));
        let links = &self.settings.links;
        let observed = keeper::Observed {
            me: &self.settings.me,
            record,
            seen: &seen.sighting,
            link: &|location| links.get(location).copied(),
            writer_history: self.writer_history(),
            leased,
            fresh_start: now.saturating_since(self.started) < self.settings.lease + self.settings.margin,
            salvage: self.salvage(),
            discard: self.discard.as_ref() == Some(&seen.sighting.run_id),
        };
        let verdict = keeper::decide(&observed);
        let reason = |verdict: &Verdict| verdict.held.as_ref().map(|held| held.reason.clone());
        let news = reason(&verdict).filter(|new| self.verdict.as_ref().and_then(reason).as_ref() != Some(new));
        if let Some(reason) = news {
            self.out.push(Command::Log(Note::Engine(reason)));
        }
        self.verdict = Some(verdict);
    }

    /// The writer's history, as its agent told it under the current epoch.
    fn writer_history(&self) -> Option<History> {
        let record = self.record()?;
        let peer = self.peers.get(&record.writer)?;
        let engine = peer.view.engine.as_ref()?;
        let current = (peer.view.generation, peer.view.epoch) == (record.generation, record.epoch);
        (current && engine.leads && engine.open).then(|| History {
            id: engine.id.history.clone(),
            offset: engine.offset,
            forked_from: engine.forked_from.clone(),
        })
    }

    /// Carries the verdict out, or looks again.
    fn act(&mut self, now: BootTime) {
        if self.settings.witness || self.engine_busy {
            return;
        }
        if let Some(actions) = self.promised_actions() {
            if !actions.is_empty() {
                return self.order(actions);
            }
        } else if let Some(verdict) = self.verdict.clone().filter(|_| self.sighting(now).is_some()) {
            if let Some(order) = verdict.salvage {
                self.save_tail(order);
            }
            if !verdict.actions.is_empty() {
                return self.order(verdict.actions);
            }
            self.confirm(verdict.confirm, now);
        }
        let due = self.last_look.is_none_or(|at| now.saturating_since(at) >= self.look_interval());
        if due {
            self.order(Vec::new());
        }
    }

    fn order(&mut self, actions: Vec<Action>) {
        (self.engine_busy, self.acting) = (true, !actions.is_empty());
        self.out.push(Command::Engine(actions));
    }

    fn save_tail(&mut self, order: SalvageOrder) {
        let Some(seen) = &self.seen else { return };
        let run_id = seen.sighting.run_id.clone();
        // What it wrote, it wrote before the current epoch.
        let epoch = self.record().map_or(Epoch(0), |record| Epoch(record.epoch.0.saturating_sub(1)));
        self.salvaging = Some(Salvaging { run_id: run_id.clone(), state: Salvage::Running, outdated: false });
        self.out.push(Command::Salvage { run_id, fork: order.fork, end: order.end, epoch });
    }

    /// The last proposal is too recent for another one.
    fn paces(&self, now: BootTime) -> bool {
        self.propose_after.is_some_and(|after| now < after)
    }

    fn confirm(&mut self, replaces: Option<Option<EngineId>>, now: BootTime) {
        let Some(replaces) = replaces.filter(|_| !self.proposing(|intent| *intent == Intent::Confirm)) else { return };
        if self.paces(now) {
            return;
        }
        let (Some(seen), Some(record)) = (&self.seen, self.record()) else { return };
        let engine = seen.sighting.id();
        let entry = Entry::Confirm { holder: self.settings.me.clone(), epoch: record.epoch, engine, replaces };
        self.propose(Intent::Confirm, entry);
    }

    /// The engine, if it was seen lately.
    fn sighting(&self, now: BootTime) -> Option<&Sighting> {
        let seen = self.seen.as_ref().filter(|_| self.engine_error.is_none())?;
        (now.saturating_since(seen.at) < ENGINE_FRESH).then_some(&seen.sighting)
    }

    fn look_interval(&self) -> Duration {
        let waiting = self.record().is_some_and(|record| record.saga.is_some()) || self.promise.is_some();
        let loading = self.verdict.as_ref().is_some_and(|verdict| verdict.held.is_some());
        let leaseless = self.held.is_none() && self.record().is_some_and(|record| record.writer == self.settings.me);
        if waiting || leaseless {
            BUSY_LOOK_INTERVAL
        } else if loading {
            BUSY_LOOK_INTERVAL * 5
        } else {
            LOOK_INTERVAL.min(self.settings.detection / 4)
        }
    }
}
