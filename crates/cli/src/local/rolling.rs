//! Agents that are restarted in an environment that serves: one after the other, so that the register keeps its majority and the
//! writer its lease.

use std::time::Duration;

use tidelock_control::agent_api::AgentStatus;
use tidelock_model::Location;

use crate::operator::{CALL_TIMEOUT, Operator};
use crate::wait;

/// An agent takes part in the register again within this. One that does not is not waited for any longer: the others may be
/// what it waits for.
const BACK_TIMEOUT: Duration = Duration::from_secs(15);
/// A register that was confirmed within this is one that this agent takes part in now.
const CONFIRMED_LATELY_MS: u64 = 2_000;

/// Waits until the agent at `location` hears a majority again, and until somebody may write.
pub(super) async fn until_back(operator: &Operator, location: &Location) {
    let Ok(agent) = operator.agent(location) else { return };
    let what = format!("that the agent at {location} is back");
    let waited = wait::until(&what, BACK_TIMEOUT, || async {
        let status: AgentStatus = agent.get("/v1/status", CALL_TIMEOUT).await.map_err(|err| err.to_string())?;
        match status.register_age_ms {
            Some(age) if age <= CONFIRMED_LATELY_MS => Ok(()),
            Some(age) => Err(format!("the register was confirmed {age} ms ago")),
            None => Err("it has not heard the register yet".to_owned()),
        }
    });
    if let Err(failure) = waited.await {
        tracing::warn!(%failure, "the next agent is restarted all the same");
    }
}
