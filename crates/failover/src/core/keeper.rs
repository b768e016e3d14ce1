//! What an agent must do to its own engine so that it does what the register says. One table, evaluated again after
//! every change: any crash in between is mended by the next evaluation.

use std::net::SocketAddr;

use tidelock_model::{Epoch, Location};

use crate::engine::{EngineRole, Standing};
use crate::group::{EngineId, Phase, Position, Record};
use crate::tail::{History, Tail, tail_beyond};

use super::input::Sighting;

/// One thing to do to the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `REPLICAOF NO ONE`.
    Lead,
    /// `REPLICAOF` this address. Destroys what only this engine holds: decided only when that is nothing, is saved, or may
    /// be thrown away.
    Follow(SocketAddr),
    /// Change the ACL.
    Stand(Standing),
}

/// What became of the tail that only this engine holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Salvage {
    /// It is being written.
    Running,
    /// It is on disk.
    Saved {
        /// Where.
        path: String,
    },
    /// It cannot be saved.
    Failed {
        /// Why.
        reason: String,
    },
}

/// Everything the decision rests on.
pub(super) struct Observed<'a> {
    pub(super) me: &'a Location,
    pub(super) record: Option<&'a Record>,
    pub(super) seen: &'a Sighting,
    /// Where a region's engine can be followed from here.
    pub(super) link: &'a dyn Fn(&Location) -> Option<SocketAddr>,
    /// The writer's history, where its agent has told it under the current epoch.
    pub(super) writer_history: Option<History>,
    /// A lease is held under the current epoch.
    pub(super) leased: bool,
    /// This agent has only just started: gateways may still write under what an earlier life of it has promised.
    pub(super) fresh_start: bool,
    /// This engine's tail has been dealt with, and nobody has written to it since.
    pub(super) salvage: Option<&'a Salvage>,
    /// The operator allows to throw away what only this engine holds.
    pub(super) discard: bool,
}

/// What follows from an observation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What to do, in this order.
    pub actions: Vec<Action>,
    /// The register must be told that this engine holds the data: what the entry replaces.
    pub confirm: Option<Option<EngineId>>,
    /// What only this engine holds must be saved first.
    pub salvage: Option<SalvageOrder>,
    /// The lease may be asked for: this is the writer's engine, and it holds the data.
    pub may_lease: bool,
    /// The engine is open: with a lease, writes may be sent.
    pub may_write: bool,
    /// The engine may be read.
    pub may_read: bool,
    /// Why the engine is held back; none if it is not.
    pub held: Option<Held>,
}

/// Save this before anything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SalvageOrder {
    /// The engine's history, and the first byte nobody else has.
    pub fork: Position,
    /// Its end.
    pub end: u64,
}

/// Why an engine is held back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// In words, with what to do.
    pub reason: String,
    /// It stays so until a person decides; otherwise it ends by itself.
    pub needs_operator: bool,
}

impl Held {
    const fn for_now(reason: String) -> Self {
        Self { reason, needs_operator: false }
    }

    const fn for_good(reason: String) -> Self {
        Self { reason, needs_operator: true }
    }
}

const NOTHING: Verdict = Verdict {
    actions: Vec::new(),
    confirm: None,
    salvage: None,
    may_lease: false,
    may_write: false,
    may_read: false,
    held: None,
};

fn held(current: Standing, held: Held) -> Verdict {
    Verdict { actions: stand(current, Standing::Isolated), held: Some(held), ..NOTHING }
}

fn stand(current: Standing, wanted: Standing) -> Vec<Action> {
    if current == wanted { Vec::new() } else { vec![Action::Stand(wanted)] }
}

/// Decides.
pub(super) fn decide(seen: &Observed<'_>) -> Verdict {
    let Some(record) = seen.record else { return without_register(seen.seen, seen.fresh_start) };
    if record.writer == *seen.me {
        as_writer(seen, record)
    } else if record.detached.contains(seen.me) && !is_coming_back(seen, record) {
        let reason = format!("this region is detached; bring it back: tidelock failback FILE --region {}", seen.me);
        held(seen.seen.standing, Held::for_good(reason))
    } else {
        as_reader(seen, record)
    }
}

fn is_coming_back(seen: &Observed<'_>, record: &Record) -> bool {
    record.saga.as_ref().is_some_and(|saga| saga.to == *seen.me && matches!(saga.phase, Phase::Rejoining))
}

/// The register has not been heard since this agent started: change nothing. An engine that follows a writer may be read
/// as far as its staleness can be measured; a leader may not, it could be an old writer.
fn without_register(seen: &Sighting, fresh_start: bool) -> Verdict {
    let may_read =
        seen.standing != Standing::Isolated && matches!(seen.role, EngineRole::Follower { synced: true, .. });
    let held =
        (!may_read).then(|| Held::for_now("the register has not answered yet; the engine stays as it is".to_owned()));
    // Once no promise of an earlier life can be valid any more, nobody is to write past the gateways either.
    let close = seen.standing == Standing::Writer && !fresh_start;
    let actions = if close { vec![Action::Stand(Standing::Frozen)] } else { Vec::new() };
    Verdict { actions, may_read, held, ..NOTHING }
}

/// Whether the engine's data is that of `known`: the same process, or one that took over inside the region and continues
/// its history.
fn holds_data_of(seen: &Sighting, known: &EngineId) -> bool {
    let continues = seen.history.id == known.history
        || seen.history.forked_from.as_ref().is_some_and(|(from, _)| *from == known.history);
    seen.run_id == known.run_id || continues
}

fn as_writer(observed: &Observed<'_>, record: &Record) -> Verdict {
    let seen = observed.seen;
    match &record.engine {
        Some(known) if !holds_data_of(seen, known) => {
            let reason = format!(
                "the engine was restarted and is empty; the data of epoch {} was in another process. It is kept away from \
                 clients and replicas so that it wipes nobody: fail over to a region that still holds the data. If none does, \
                 nothing is left: `tidelock destroy` and then `tidelock up` begin anew, empty",
                record.epoch
            );
            return held(seen.standing, Held::for_good(reason));
        }
        // Opened at creation by whoever made it; isolated means restarted before the register knew it.
        None if seen.standing == Standing::Isolated && seen.keys > 0 => {
            let reason = "the engine is isolated and holds keys nobody has vouched for".to_owned();
            return held(seen.standing, Held::for_good(reason));
        }
        _ => {}
    }
    let leads = seen.role == EngineRole::Leader;
    // Leading forks the history. A register that was read from disk after a restart may be old, a lease is not: only with
    // one does an engine that follows become a leader.
    let mut actions = if leads || !observed.leased { Vec::new() } else { vec![Action::Lead] };
    // Without a lease nobody may write, past the gateways neither; replicas may still take the rest of the stream.
    let earlier_lease = observed.fresh_start && leads && seen.standing == Standing::Writer;
    let wanted = if observed.leased || earlier_lease { Standing::Writer } else { Standing::Frozen };
    actions.extend(stand(seen.standing, wanted));
    let id = seen.id();
    let confirm = (leads && record.engine.as_ref() != Some(&id)).then(|| record.engine.clone());
    let bound = record.engine.as_ref().is_some_and(|known| known.run_id == seen.run_id);
    Verdict {
        may_write: leads && seen.standing == Standing::Writer && observed.leased,
        may_lease: bound,
        may_read: true,
        actions,
        confirm,
        ..NOTHING
    }
}

/// Whom this engine follows: the writer, or, before a promotion, the reader that has received more.
fn leader<'a>(observed: &Observed<'_>, record: &'a Record) -> &'a Location {
    match &record.saga {
        Some(saga) if saga.to == *observed.me => match &saga.phase {
            Phase::Levelling { via, .. } => via,
            _ => &record.writer,
        },
        _ => &record.writer,
    }
}

fn as_reader(observed: &Observed<'_>, record: &Record) -> Verdict {
    let seen = observed.seen;
    let leader = leader(observed, record);
    let Some(link) = (observed.link)(leader) else {
        let reason = format!("there is no link to {leader}; apply the environment again");
        return held(seen.standing, Held::for_good(reason));
    };
    if serves_another(observed, record)
        && let Some(verdict) = serve(seen)
    {
        return verdict;
    }
    match seen.role {
        EngineRole::Follower { address, synced, .. } if address == link => {
            if synced {
                return Verdict { actions: stand(seen.standing, Standing::Reader), may_read: true, ..NOTHING };
            }
            // While it loads it may stay as it is: clients get LOADING from the engine itself.
            let reason = Held::for_now("the first synchronisation is not finished".to_owned());
            Verdict { held: Some(reason), ..NOTHING }
        }
        _ => follow(observed, record, link),
    }
}

/// The target of a failover takes the rest of the stream from this engine.
fn serves_another(observed: &Observed<'_>, record: &Record) -> bool {
    record.saga.as_ref().is_some_and(|saga| matches!(&saga.phase, Phase::Levelling { via, .. } if via == observed.me))
}

/// An engine whose own leader is gone gives nothing to replicas (`-NOMASTERLINK`) until it leads itself. Nobody can write to
/// it: it is open to replicas only, and whom it follows afterwards is decided as for any other.
fn serve(seen: &Sighting) -> Option<Verdict> {
    let lead = match seen.role {
        EngineRole::Follower { synced: false, .. } => return None,
        EngineRole::Follower { link_up, .. } => !link_up,
        EngineRole::Leader => false,
    };
    let mut actions = if lead { vec![Action::Lead] } else { Vec::new() };
    actions.extend(stand(seen.standing, Standing::Frozen));
    Some(Verdict { actions, may_read: true, ..NOTHING })
}

/// The engine leads, or follows somebody else: following gives up whatever only this engine holds.
fn follow(observed: &Observed<'_>, record: &Record, link: SocketAddr) -> Verdict {
    let seen = observed.seen;
    match loss(observed, record) {
        Loss::Nothing { keep_reading } => {
            let wanted = if keep_reading { Standing::Reader } else { Standing::Isolated };
            let mut actions = stand(seen.standing, wanted);
            actions.push(Action::Follow(link));
            let held = (!keep_reading).then(|| Held::for_now(format!("about to follow {}", record.writer)));
            Verdict { actions, may_read: keep_reading, held, ..NOTHING }
        }
        Loss::NotKnown { keep_reading: true } => Verdict { may_read: true, ..NOTHING },
        Loss::NotKnown { keep_reading: false } => {
            // Fenced against writes at once; whether it may be read again is known as soon as the writer has answered.
            let open = matches!(seen.standing, Standing::Writer | Standing::Frozen);
            let actions = if open { vec![Action::Stand(Standing::Reader)] } else { Vec::new() };
            let reason = format!(
                "it may hold writes that {} does not have; its agent has not answered yet, so nothing is overwritten",
                record.writer
            );
            Verdict { actions, held: Some(Held::for_now(reason)), ..NOTHING }
        }
        Loss::Tail { fork, bytes } => with_tail(observed, record, &fork, bytes),
        Loss::Unrelated => {
            let reason = format!(
                "it holds a history of its own that {}, the writer of epoch {}, knows nothing of. Following would destroy \
                 it, so it is kept aside: `tidelock failback FILE --region {} --discard` throws it away",
                record.writer, record.epoch, observed.me
            );
            held(seen.standing, Held::for_good(reason))
        }
    }
}

/// Only this engine holds the end of its history: it is shut, the end is saved, and then it follows.
fn with_tail(observed: &Observed<'_>, record: &Record, fork: &Position, bytes: u64) -> Verdict {
    let seen = observed.seen;
    let what =
        format!("{bytes} bytes of writes that {}, the writer of epoch {}, does not have", record.writer, record.epoch);
    match observed.salvage {
        Some(Salvage::Failed { reason }) => {
            let reason = format!(
                "it holds {what}, and they cannot be saved: {reason}. Following would destroy them, so it is kept aside: \
                 `tidelock failback FILE --region {} --discard` throws them away",
                observed.me
            );
            held(seen.standing, Held::for_good(reason))
        }
        Some(Salvage::Running | Salvage::Saved { .. }) => {
            held(seen.standing, Held::for_now(format!("it holds {what}; they are being saved")))
        }
        // Its end is known only once nobody can write any more.
        None if seen.standing != Standing::Isolated => {
            held(seen.standing, Held::for_now(format!("it holds {what}; it is shut so that they can be saved")))
        }
        // A follower gives its stream to nobody while its leader is gone, and takes more from one that is not.
        None if seen.role != EngineRole::Leader => {
            let reason = Held::for_now(format!("it holds {what}; it is cut off so that they can be saved"));
            Verdict { actions: vec![Action::Lead], held: Some(reason), ..NOTHING }
        }
        None => {
            let order = SalvageOrder { fork: fork.clone(), end: seen.history.offset };
            let reason = Held::for_now(format!("it holds {what}; they are being saved"));
            Verdict { salvage: Some(order), held: Some(reason), ..NOTHING }
        }
    }
}

enum Loss {
    Nothing {
        /// What it holds is a prefix of the writer's data, so it may be read while the link comes up.
        keep_reading: bool,
    },
    NotKnown {
        keep_reading: bool,
    },
    Tail {
        fork: Position,
        bytes: u64,
    },
    Unrelated,
}

fn loss(observed: &Observed<'_>, record: &Record) -> Loss {
    let seen = observed.seen;
    let never_used = seen.standing == Standing::Isolated && seen.keys == 0 && seen.history.offset == 0;
    let before_first_write = record.epoch == Epoch::FIRST && seen.keys == 0;
    let saved = matches!(observed.salvage, Some(Salvage::Saved { .. })) && seen.standing == Standing::Isolated;
    if never_used || before_first_write || saved || observed.discard {
        return Loss::Nothing { keep_reading: false };
    }
    if handed_over(seen, record) {
        return Loss::Nothing { keep_reading: true };
    }
    let via = levelling(observed, record);
    let Some(writer) = via.as_ref().or(observed.writer_history.as_ref()) else {
        // A follower got what it has from a writer; still, it may have received more than the one that was promoted.
        let follows = matches!(seen.role, EngineRole::Follower { synced: true, .. });
        return Loss::NotKnown { keep_reading: follows && seen.standing == Standing::Reader };
    };
    // What follows a history has a prefix of what its leader has; what was told of the leader may be older than that.
    if seen.history.id == writer.id && seen.role != EngineRole::Leader {
        return Loss::Nothing { keep_reading: true };
    }
    match tail_beyond(&seen.history, writer) {
        Tail::None => Loss::Nothing { keep_reading: true },
        Tail::From { history, first, bytes } => Loss::Tail { fork: Position { history, offset: first }, bytes },
        Tail::Unrelated => Loss::Unrelated,
    }
}

/// Before its promotion this engine follows the reader that has received more: what that one had is known.
fn levelling(observed: &Observed<'_>, record: &Record) -> Option<History> {
    let saga = record.saga.as_ref().filter(|saga| saga.to == *observed.me)?;
    let Phase::Levelling { end, .. } = &saga.phase else { return None };
    Some(History { id: end.history.clone(), offset: end.offset, forked_from: None })
}

/// The current epoch was granted because this engine's agent handed over: the target had reached the end of our history.
/// Since then nobody could write here: the engine is opened only under a lease, and one more renewal would have made the
/// grant fail. So whatever its history has grown by (the engine's own pings) is no data, and the writer need not be asked.
fn handed_over(seen: &Sighting, record: &Record) -> bool {
    let end = record.granted.as_ref().and_then(|granted| granted.handed.as_ref());
    end.is_some_and(|end| end.history == seen.history.id) && seen.standing != Standing::Writer
}
