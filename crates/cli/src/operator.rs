//! The operator's calls to agents.

use std::fs;
use std::time::Duration;

use rustls::ClientConfig;
use tidelock_control::agent_api::AgentStatus;
use tidelock_control::{CallError, ControlClient, Identity, IssuedIdentity, mtls_client_config};
use tidelock_model::{Location, SecretString};

use crate::exit::{Context, Failure, Outcome};
use crate::state::StateDir;
use crate::topology::{Site, Topology};

/// An agent that does not answer within this counts as not reachable.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// An operator's certificate and the agents of one environment.
pub(crate) struct Operator {
    tls: ClientConfig,
    environment: String,
    clients: Vec<(Location, ControlClient)>,
}

/// A site and what its agent says, or why it says nothing.
pub(crate) struct SiteStatus {
    pub(crate) site: Site,
    pub(crate) status: Result<AgentStatus, CallError>,
}

impl Operator {
    pub(crate) fn new(state: &StateDir, topology: &Topology) -> Outcome<Self> {
        let read = |path: &std::path::Path| fs::read(path).context(format!("cannot read {}", path.display()));
        let bundle = String::from_utf8(read(&state.operator_file())?).context("the operator's certificate")?;
        let identity = IssuedIdentity::from_bundle(&SecretString::from(bundle));
        let tls = mtls_client_config(&identity, &read(&state.ca_file())?).context("the operator's certificate")?;
        let mut operator = Self { tls, environment: topology.environment.clone(), clients: Vec::new() };
        for site in &topology.sites {
            let client = operator.client(site)?;
            operator.clients.push((site.location.clone(), client));
        }
        Ok(operator)
    }

    fn client(&self, site: &Site) -> Outcome<ControlClient> {
        let agent = Identity::agent(self.environment.clone(), site.location.clone());
        ControlClient::new(&agent, site.agent, self.tls.clone()).map_err(Failure::from)
    }

    /// The agent at `location`.
    pub(crate) fn agent(&self, location: &Location) -> Outcome<&ControlClient> {
        let found = self.clients.iter().find(|(at, _)| at == location).map(|(_, client)| client);
        found.ok_or_else(|| Failure::error(format!("no agent is known at {location}")))
    }

    /// Asks the agent at `first`, and the others if it does not answer.
    pub(crate) async fn ask_any<T: serde::de::DeserializeOwned>(
        &self,
        first: &Location,
        path: &str,
        timeout: Duration,
    ) -> Result<T, CallError> {
        let mut last = CallError::Unreachable { endpoint: first.to_string(), reason: "no agent is known".to_owned() };
        let (preferred, others): (Vec<_>, Vec<_>) = self.clients.iter().partition(|(at, _)| at == first);
        for (_, client) in preferred.into_iter().chain(others) {
            match client.get::<T>(path, timeout).await {
                Ok(answer) => return Ok(answer),
                Err(err) => last = err,
            }
        }
        Err(last)
    }

    /// Sends to the agent at `first`, and to the others as long as none could be reached: whoever might have carried it out,
    /// or has refused, has the last word.
    pub(crate) async fn post_any<Q: serde::Serialize + Sync, T: serde::de::DeserializeOwned>(
        &self,
        first: &Location,
        path: &str,
        body: &Q,
        timeout: Duration,
    ) -> Result<T, CallError> {
        let mut last = CallError::Unreachable { endpoint: first.to_string(), reason: "no agent is known".to_owned() };
        let (preferred, others): (Vec<_>, Vec<_>) = self.clients.iter().partition(|(at, _)| at == first);
        for (_, client) in preferred.into_iter().chain(others) {
            match client.post::<Q, T>(path, body, timeout).await {
                Err(err @ CallError::Unreachable { .. }) => last = err,
                answered => return answered,
            }
        }
        Err(last)
    }

    /// Asks every agent, all at once.
    pub(crate) async fn ask_all(&self, topology: &Topology) -> Vec<SiteStatus> {
        let mut tasks = tokio::task::JoinSet::new();
        for (index, (_, client)) in self.clients.iter().enumerate() {
            let client = client.clone();
            tasks.spawn(async move { (index, client.get::<AgentStatus>("/v1/status", CALL_TIMEOUT).await) });
        }
        let mut answers: Vec<_> = tasks.join_all().await;
        answers.sort_by_key(|(index, _)| *index);
        let sites = topology.sites.iter().cloned();
        sites.zip(answers).map(|(site, (_, status))| SiteStatus { site, status }).collect()
    }
}
