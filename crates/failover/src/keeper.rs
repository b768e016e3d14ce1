//! What an agent must do to its own engine so that it does what the register says. One table, evaluated again after
//! every change: any crash in between is mended by the next evaluation.

use std::net::SocketAddr;

use tidelock_model::{Epoch, Location};

use crate::tail::{History, Tail, tail_beyond};

/// What an engine lets others do, as its ACL says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody but its agent can use it.
    Isolated,
    /// Clients may read.
    Reader,
    /// Clients may read, and replicas may still take the rest of the stream: a writer that is handing over.
    Frozen,
    /// Clients may write, replicas may follow.
    Writer,
}

/// Whether the engine leads or follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineRole {
    /// It has a history of its own.
    Leader,
    /// It follows the engine at `address`.
    Follower {
        /// As given to `REPLICAOF`.
        address: SocketAddr,
        /// The link is up now.
        link_up: bool,
        /// It holds a complete copy.
        synced: bool,
    },
}

/// Everything the decision rests on.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The agent's own region.
    pub me: Location,
    /// What the register said last; none if it was never heard.
    pub register: Option<Standpoint>,
    /// The engine's run id.
    pub run_id: String,
    /// Leader or follower.
    pub role: EngineRole,
    /// Its ACL.
    pub standing: Standing,
    /// Its history.
    pub history: History,
    /// Number of keys.
    pub keys: u64,
    /// The writer's history, where its agent could be asked; only needed when following would mean giving up our own.
    pub writer_history: Option<History>,
    /// The operator has allowed to throw away what only this engine holds.
    pub discard: bool,
}

/// The register's content, as far as the keeper needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standpoint {
    /// The current epoch.
    pub epoch: Epoch,
    /// Its writer.
    pub writer: Location,
    /// The engine that holds its data.
    pub engine: Option<String>,
    /// Where the writer's engine can be followed from here; none if the writer is this region.
    pub link: Option<SocketAddr>,
    /// The writer role is on its way to somebody else: the lease has been given up, or is not renewed any more.
    pub yielding: bool,
}

/// One thing to do to the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Tell the register which engine holds the data of this epoch.
    Confirm,
    /// `REPLICAOF NO ONE`.
    Lead,
    /// `REPLICAOF` this address. Destroys what only this engine holds: decided only when that is nothing, or allowed.
    Follow(SocketAddr),
    /// Change the ACL.
    Stand(Standing),
}

/// What follows from an observation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What to do, in this order.
    pub actions: Vec<Action>,
    /// The engine may take writes once a lease is held.
    pub may_write: bool,
    /// The engine may be read.
    pub may_read: bool,
    /// Why the engine is held back; none if it is not.
    pub held: Option<Held>,
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
    fn for_now(reason: String) -> Self {
        Self { reason, needs_operator: false }
    }

    fn for_good(reason: String) -> Self {
        Self { reason, needs_operator: true }
    }
}

impl Verdict {
    fn held(current: Standing, held: Held) -> Self {
        Self { actions: stand(current, Standing::Isolated), may_write: false, may_read: false, held: Some(held) }
    }

    fn reads(actions: Vec<Action>) -> Self {
        Self { actions, may_write: false, may_read: true, held: None }
    }
}

fn stand(current: Standing, wanted: Standing) -> Vec<Action> {
    if current == wanted { Vec::new() } else { vec![Action::Stand(wanted)] }
}

/// Decides.
#[must_use]
pub fn decide(seen: &Observed) -> Verdict {
    let Some(register) = &seen.register else {
        return without_register(seen);
    };
    if register.writer == seen.me { as_writer(seen, register) } else { as_reader(seen, register) }
}

/// The register has not been heard since this agent started: change nothing. An engine that follows a writer may be read
/// as far as its staleness can be measured; a leader may not, it could be an old writer.
fn without_register(seen: &Observed) -> Verdict {
    let may_read =
        seen.standing != Standing::Isolated && matches!(seen.role, EngineRole::Follower { synced: true, .. });
    let held =
        (!may_read).then(|| Held::for_now("the register has not answered yet; the engine stays as it is".to_owned()));
    Verdict { actions: Vec::new(), may_write: false, may_read, held }
}

fn as_writer(seen: &Observed, register: &Standpoint) -> Verdict {
    match &register.engine {
        Some(engine) if *engine != seen.run_id => {
            let reason = format!(
                "the engine was restarted and is empty; the data of epoch {} was in another process. It is kept away from \
                 clients and replicas so that it wipes nobody: fail over to a region that still holds the data",
                register.epoch
            );
            return Verdict::held(seen.standing, Held::for_good(reason));
        }
        // Opened at creation by whoever made it; isolated means restarted before the register knew it.
        None if seen.standing == Standing::Isolated && seen.keys > 0 => {
            let reason = "the engine is isolated and holds keys nobody has vouched for".to_owned();
            return Verdict::held(seen.standing, Held::for_good(reason));
        }
        _ => {}
    }
    if register.yielding {
        // Whoever is granted the next epoch has measured where our history ends: it must not grow.
        let actions =
            if seen.standing == Standing::Writer { vec![Action::Stand(Standing::Frozen)] } else { Vec::new() };
        return Verdict { actions, may_write: false, may_read: true, held: None };
    }
    let mut actions = Vec::new();
    if register.engine.is_none() {
        actions.push(Action::Confirm);
    }
    if seen.role != EngineRole::Leader {
        actions.push(Action::Lead);
    }
    actions.extend(stand(seen.standing, Standing::Writer));
    let settled = actions.is_empty();
    Verdict { actions, may_write: settled, may_read: true, held: None }
}

fn as_reader(seen: &Observed, register: &Standpoint) -> Verdict {
    let Some(link) = register.link else {
        let reason = format!("there is no link to {}, the writer; apply the environment again", register.writer);
        return Verdict::held(seen.standing, Held::for_good(reason));
    };
    match seen.role {
        EngineRole::Follower { address, synced, .. } if address == link => {
            if synced {
                return Verdict::reads(stand(seen.standing, Standing::Reader));
            }
            let mut verdict =
                Verdict::held(seen.standing, Held::for_now("the first synchronisation is not finished".to_owned()));
            // While it loads it may stay as it is: clients get LOADING from the engine itself.
            verdict.actions.clear();
            verdict
        }
        _ => follow(seen, register, link),
    }
}

/// The engine leads, or follows somebody else: following the writer gives up whatever only this engine holds.
fn follow(seen: &Observed, register: &Standpoint, link: SocketAddr) -> Verdict {
    match loss(seen, register) {
        Loss::Nothing { keep_reading } => {
            let wanted = if keep_reading { Standing::Reader } else { Standing::Isolated };
            let mut actions = stand(seen.standing, wanted);
            actions.push(Action::Follow(link));
            let held = (!keep_reading).then(|| Held::for_now(format!("about to follow {}", register.writer)));
            Verdict { actions, may_write: false, may_read: keep_reading, held }
        }
        Loss::NotKnown => {
            // Fenced against writes at once; whether it may be read again is known as soon as the writer has answered.
            let actions =
                if seen.standing == Standing::Writer { vec![Action::Stand(Standing::Reader)] } else { Vec::new() };
            let reason = format!(
                "it may hold writes that {} does not have; its agent has not answered yet, so nothing is overwritten",
                register.writer
            );
            Verdict { actions, may_write: false, may_read: false, held: Some(Held::for_now(reason)) }
        }
        Loss::Tail(tail) => {
            let what = match tail {
                Tail::Bytes(bytes) => format!("{bytes} bytes of writes"),
                Tail::None | Tail::Unrelated => "a history of its own".to_owned(),
            };
            let reason = format!(
                "it holds {what} that {}, the writer of epoch {}, does not have. Following would destroy them, so it is \
                 kept aside: `tidelock failback FILE --region {} --discard` throws them away",
                register.writer, register.epoch, seen.me
            );
            Verdict::held(seen.standing, Held::for_good(reason))
        }
    }
}

enum Loss {
    Nothing {
        /// What it holds is a prefix of the writer's data, so it may be read while the link comes up.
        keep_reading: bool,
    },
    NotKnown,
    Tail(Tail),
}

fn loss(seen: &Observed, register: &Standpoint) -> Loss {
    let never_used = seen.standing == Standing::Isolated && seen.keys == 0 && seen.history.offset == 0;
    let before_first_write = register.epoch == Epoch::FIRST && seen.keys == 0;
    if never_used || before_first_write || seen.discard {
        return Loss::Nothing { keep_reading: false };
    }
    match seen.writer_history.as_ref().map(|writer| tail_beyond(&seen.history, writer)) {
        None => Loss::NotKnown,
        Some(Tail::None) => Loss::Nothing { keep_reading: true },
        Some(tail) => Loss::Tail(tail),
    }
}

#[cfg(test)]
#[path = "keeper_tests.rs"]
mod tests;
