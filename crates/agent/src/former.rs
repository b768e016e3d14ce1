//! Remembers which engine wrote here last, so that what is lost with it is said and not passed over in silence.
//!
//! A writer's engine that was killed comes back empty: nothing tells from the engine itself that it ever held writes which
//! nobody else has. The agent's own memory does.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidelock_failover::core::Sighting;
use tidelock_failover::group::Record;
use tidelock_model::Epoch;

use crate::register::{StoreError, read_json, write_json};
use crate::salvage::{Gone, note_gone};
use crate::shared::Shared;

/// The memory's file in the agent's directory.
const FILE: &str = "former-writer.json";
/// How often it is looked whether the memory is still true.
const INTERVAL: Duration = Duration::from_millis(500);

/// The engine under which this region wrote last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FormerWriter {
    /// In which epoch.
    pub(crate) epoch: Epoch,
    run_id: String,
    history: String,
}

/// The epoch in which this region wrote last, if it is remembered.
pub(crate) fn last_epoch(state_dir: &Path) -> Option<Epoch> {
    let remembered: Option<FormerWriter> = read_json(&state_dir.join(FILE)).ok()?;
    remembered.map(|former| former.epoch)
}

/// Keeps the memory, and says what is gone when another engine stands in the place of the one that wrote.
pub(crate) async fn remember(shared: Arc<Shared>) {
    let path = shared.state_dir.join(FILE);
    let mut known: Option<FormerWriter> = read_json(&path).unwrap_or_else(|err| {
        tracing::error!(%err, "what this region wrote last cannot be read; it is not remembered");
        None
    });
    loop {
        if let Err(err) = look(&shared, &path, &mut known) {
            tracing::error!(%err, "what this region wrote last cannot be remembered");
        }
        tokio::select! {
            () = shared.shutdown.cancelled() => return,
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
}

fn look(shared: &Shared, path: &Path, known: &mut Option<FormerWriter>) -> Result<(), StoreError> {
    let (record, seen, leased) = {
        let core = shared.core();
        let now = shared.now();
        let seen = core.engine(now).ok().map(|(seen, _)| seen.clone());
        (core.record().cloned(), seen, core.lease(now))
    };
    let (Some(record), Some(seen)) = (record, seen) else { return Ok(()) };
    if record.writer == shared.location {
        let current = leased.filter(|held| held.epoch == record.epoch).map(|held| FormerWriter {
            epoch: held.epoch,
            run_id: seen.run_id.clone(),
            history: seen.history.id.clone(),
        });
        if current.is_some() && current != *known {
            write_json(path, &current)?;
            *known = current;
        }
        return Ok(());
    }
    let Some(former) = known.clone() else { return Ok(()) };
    match fate(&former, &seen, &record) {
        Fate::StillThere => return Ok(()),
        Fate::Settled => {}
        Fate::Gone(reason) => say_gone(shared, &former, reason),
    }
    write_json(path, &None::<FormerWriter>)?;
    *known = None;
    Ok(())
}

/// What has become of the engine that wrote.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// It still is the one behind the cache; whatever only it holds is the keeper's business.
    StillThere,
    /// Nothing of it was lost.
    Settled,
    /// Another one stands in its place.
    Gone(String),
}

fn fate(former: &FormerWriter, seen: &Sighting, record: &Record) -> Fate {
    let handed = record.granted.as_ref().and_then(|granted| granted.handed.as_ref());
    if handed.is_some_and(|end| end.history == former.history) {
        return Fate::Settled;
    }
    let continues = seen.history.id == former.history
        || seen.history.forked_from.as_ref().is_some_and(|(from, _)| *from == former.history);
    if seen.run_id == former.run_id {
        // Once it follows, the keeper has dealt with its tail.
        let follows = matches!(seen.role, tidelock_failover::EngineRole::Follower { synced: true, .. });
        return if follows { Fate::Settled } else { Fate::StillThere };
    }
    if continues && seen.role == tidelock_failover::EngineRole::Leader {
        return Fate::StillThere;
    }
    Fate::Gone(format!(
        "the engine that wrote in epoch {} was stopped or killed; what {} had not received of it by then is nowhere",
        former.epoch, record.writer
    ))
}

fn say_gone(shared: &Shared, former: &FormerWriter, reason: String) {
    tracing::warn!(run_id = %former.run_id, epoch = %former.epoch, "{reason}");
    let gone = Gone {
        group: shared.group.clone(),
        region: shared.location.clone(),
        epoch: former.epoch,
        run_id: former.run_id.clone(),
        from_offset: None,
        to_offset: None,
        reason,
    };
    if let Err(err) = note_gone(&shared.salvage_dir, &gone) {
        tracing::error!(%err, "that it is gone could not be noted");
    }
}

#[cfg(test)]
mod tests {
    use tidelock_failover::group::{Granted, Position};
    use tidelock_failover::{EngineRole, History, Standing};
    use tidelock_model::Location;

    use super::*;

    fn former() -> FormerWriter {
        FormerWriter { epoch: Epoch(1), run_id: "run".into(), history: "old".into() }
    }

    fn seen(run_id: &str, history: &str, role: EngineRole) -> Sighting {
        Sighting {
            run_id: run_id.into(),
            role,
            standing: Standing::Isolated,
            history: History { id: history.into(), offset: 9, forked_from: None },
            keys: 0,
        }
    }

    fn record(handed: Option<&str>) -> Record {
        let mut record = Record::seed("g".into(), Location::new("uksouth").unwrap());
        let handed = handed.map(|history| Position { history: history.into(), offset: 5 });
        record.granted = Some(Granted { saga: "s".into(), handed });
        record
    }

    fn following() -> EngineRole {
        EngineRole::Follower { address: "127.0.0.1:1".parse().unwrap(), link_up: true, synced: true }
    }

    #[test]
    fn a_killed_writers_engine_is_gone_and_a_handed_over_one_is_not() {
        assert!(matches!(fate(&former(), &seen("other", "fresh", EngineRole::Leader), &record(None)), Fate::Gone(_)));
        assert_eq!(fate(&former(), &seen("other", "fresh", EngineRole::Leader), &record(Some("old"))), Fate::Settled);
    }

    #[test]
    fn one_that_returns_alive_is_waited_for_until_it_follows() {
        assert_eq!(fate(&former(), &seen("run", "old", EngineRole::Leader), &record(None)), Fate::StillThere);
        assert_eq!(fate(&former(), &seen("run", "new", following()), &record(None)), Fate::Settled);
    }
}
