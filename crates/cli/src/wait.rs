//! Waiting for a condition, with a limit, and with the last thing seen in the error.

use std::future::Future;
use std::time::Duration;

use tidelock_control::agent_api::{AgentStatus, EngineState};
use tidelock_model::Location;

use crate::exit::{Failure, Outcome};
use crate::operator::{CALL_TIMEOUT, Operator, SiteStatus};
use crate::topology::Topology;

/// How often a condition is looked at.
const INTERVAL: Duration = Duration::from_millis(50);
/// A local environment is ready within this, or something is wrong.
pub(crate) const READY_TIMEOUT: Duration = Duration::from_secs(60);

/// Looks until `look` is content, or says what it said last.
pub(crate) async fn until<T, F>(what: &str, limit: Duration, mut look: impl FnMut() -> F) -> Outcome<T>
where
    F: Future<Output = Result<T, String>>,
{
    let mut last = String::new();
    let waited = tokio::time::timeout(limit, async {
        loop {
            match look().await {
                Ok(value) => return value,
                Err(why) => last = why,
            }
            tokio::time::sleep(INTERVAL).await;
        }
    })
    .await;
    waited.map_err(|_| Failure::error(format!("{what} did not happen within {limit:?}: {last}")))
}

/// The region's cache follows the writer with a complete copy, and a gateway serves it.
pub(crate) async fn until_follows(operator: &Operator, location: &Location) -> Outcome<()> {
    let agent = operator.agent(location)?;
    until(&format!("that {location} follows the writer"), READY_TIMEOUT, || async {
        let status: AgentStatus = agent.get("/v1/status", CALL_TIMEOUT).await.map_err(|err| err.to_string())?;
        match status.engine.map(|engine| engine.state) {
            Some(EngineState::Reader { link_up: true, synced: true }) => Ok(()),
            Some(other) => Err(format!("{other:?}")),
            None => Err(status.engine_error.unwrap_or_else(|| "its cache is not known yet".to_owned())),
        }
    })
    .await
}

/// One region writes, all others follow it, and every gateway polls. Ends early if only a person can bring that about.
pub(crate) async fn until_ready(operator: &Operator, topology: &Topology) -> Outcome<Location> {
    until("that the environment is ready", READY_TIMEOUT, || async {
        let sites = operator.ask_all(topology).await;
        match readiness(&sites) {
            Ok(writer) => Ok(Ok(writer)),
            Err(NotReady::Yet(why)) => Err(why),
            Err(NotReady::WithoutHelp(why)) => Ok(Err(Failure::refused(why))),
        }
    })
    .await?
}

/// What is in the way of an environment's being ready.
enum NotReady {
    Yet(String),
    WithoutHelp(String),
}

fn readiness(sites: &[SiteStatus]) -> Result<Location, NotReady> {
    let mut writer = None;
    // What only a person can mend is more worth saying than what somebody else is waiting for because of it.
    for site in sites {
        let engine = site.status.as_ref().ok().and_then(|status| status.engine.as_ref());
        if let Some(EngineState::Isolated { reason, needs_operator: true }) = engine.map(|engine| &engine.state) {
            return Err(NotReady::WithoutHelp(format!("{}: {reason}", site.site.location)));
        }
    }
    for site in sites {
        let location = &site.site.location;
        let yet = |why: String| NotReady::Yet(format!("{location}: {why}"));
        let status = site.status.as_ref().map_err(|err| yet(err.to_string()))?;
        let Some(cache) = &site.site.cache else { continue };
        if status.gateways.len() < cache.gateways.len() {
            return Err(yet(format!("{} of {} gateways", status.gateways.len(), cache.gateways.len())));
        }
        match status.engine.as_ref().map(|engine| &engine.state) {
            Some(EngineState::Writer) if status.lease_remaining_ms.is_some() => writer = Some(location.clone()),
            Some(EngineState::Reader { link_up: true, synced: true }) => {}
            Some(other) => return Err(yet(format!("{other:?}"))),
            None => return Err(yet(status.engine_error.clone().unwrap_or_default())),
        }
        if status.gateways.iter().any(|gateway| gateway.staleness_ms.is_none()) {
            return Err(yet("a gateway has not seen its own stamp yet".to_owned()));
        }
    }
    writer.ok_or_else(|| NotReady::Yet("no region holds the lease".to_owned()))
}
