//! Waiting: for an operation, for a resource, for links. One loop, three questions.

use std::time::Duration;

use reqwest::Method;
use tidelock_arm_types::{Database, LinkState, ResourceId, ResourceKind};
use tokio::time::Instant;

use crate::error::{ArmError, Doing, Verb};
use crate::judge::{self, Verdict};
use crate::transport::{Answer, Call, Repeat, Transport};

/// A time limit with the growing pause between two looks.
pub(crate) struct Patience {
    started: Instant,
    pause: Duration,
}

impl Patience {
    pub(crate) fn new(transport: &Transport) -> Self {
        Self { started: Instant::now(), pause: transport.settings.poll_first }
    }

    /// Waits until the next look is due, or says that it was the last one.
    async fn again(
        &mut self,
        transport: &Transport,
        doing: &Doing,
        wished: Option<Duration>,
        last: String,
    ) -> Result<(), ArmError> {
        let after = self.started.elapsed();
        if after >= transport.settings.operation_deadline {
            return Err(ArmError::Deadline { doing: doing.clone(), after, last });
        }
        transport.pause(wished, self.pause).await;
        self.pause = (self.pause * 3 / 2).min(transport.settings.poll_max);
        Ok(())
    }
}

impl Transport {
    /// Until the operation at `address` has ended.
    pub(crate) async fn wait_operation(
        &self,
        doing: &Doing,
        address: &str,
        first_pause: Option<Duration>,
        patience: &mut Patience,
    ) -> Result<(), ArmError> {
        let target = self.own_target(doing, address)?;
        patience.again(self, doing, first_pause, "accepted".to_owned()).await?;
        loop {
            let answer = self.look(doing, target.clone()).await?;
            let verdict = judge::operation(answer.status, &answer.body);
            match decide(doing, verdict)? {
                None => return Ok(()),
                Some(last) => patience.again(self, doing, answer.retry_after, last).await?,
            }
        }
    }

    /// Until the resource is ready.
    pub(crate) async fn wait_resource(
        &self,
        doing: &Doing,
        target: &str,
        patience: &mut Patience,
    ) -> Result<(), ArmError> {
        loop {
            let answer = self.look(doing, target.to_owned()).await?;
            let verdict = match answer.status {
                // Right after a PUT a read may still miss it.
                404 => Ok(Verdict::Pending("not there yet".to_owned())),
                _ => judge::resource(&answer.body),
            };
            match decide(doing, verdict)? {
                None => return Ok(()),
                Some(last) => patience.again(self, doing, answer.retry_after, last).await?,
            }
        }
    }

    /// Until the resource is gone.
    pub(crate) async fn wait_gone(&self, doing: &Doing, target: &str, patience: &mut Patience) -> Result<(), ArmError> {
        loop {
            let answer = self.look(doing, target.to_owned()).await?;
            if answer.status == 404 {
                return Ok(());
            }
            patience.again(self, doing, answer.retry_after, "still there".to_owned()).await?;
        }
    }

    /// Until `database` sees every one of `members` as linked. The operation's end does not say so.
    pub(crate) async fn wait_linked(&self, database: &ResourceId, members: &[ResourceId]) -> Result<(), ArmError> {
        let doing = Doing::new(Verb::AwaitLinks, database);
        let target = format!("{database}?api-version={}", ResourceKind::Database.api_version());
        let mut patience = Patience::new(self);
        loop {
            let answer = self.look(&doing, target.clone()).await?;
            let missing = if answer.status == 404 {
                "the database is not there".to_owned()
            } else {
                let database: Database = serde_json::from_slice(&answer.body)
                    .map_err(|err| ArmError::Malformed { doing: doing.clone(), reason: err.to_string() })?;
                unlinked(&doing, database, members)?.join(", ")
            };
            if missing.is_empty() {
                return Ok(());
            }
            patience.again(self, &doing, answer.retry_after, missing).await?;
        }
    }

    /// Until `database` does not list any of `gone`. The operation's end does not say so.
    pub(crate) async fn wait_unlinked(&self, database: &ResourceId, gone: &[ResourceId]) -> Result<(), ArmError> {
        let doing = Doing::new(Verb::AwaitLinks, database);
        let target = format!("{database}?api-version={}", ResourceKind::Database.api_version());
        let mut patience = Patience::new(self);
        loop {
            let answer = self.look(&doing, target.clone()).await?;
            let listed = match answer.status {
                404 => Vec::new(),
                _ => serde_json::from_slice::<Database>(&answer.body)
                    .map_err(|err| ArmError::Malformed { doing: doing.clone(), reason: err.to_string() })?
                    .properties
                    .geo_replication
                    .map(|geo| geo.linked_databases)
                    .unwrap_or_default(),
            };
            let Some(left) = listed.into_iter().find(|linked| gone.contains(&linked.id)) else { return Ok(()) };
            if let Some(LinkState::UnlinkFailed) = left.state {
                return Err(ArmError::LinkFailed {
                    database: database.clone(),
                    member: left.id,
                    state: LinkState::UnlinkFailed,
                });
            }
            let last = format!("{} still listed", left.id);
            patience.again(self, &doing, answer.retry_after, last).await?;
        }
    }

    async fn look(&self, doing: &Doing, target: String) -> Result<Answer, ArmError> {
        let call = Call { doing: doing.clone(), method: Method::GET, target, body: None, repeat: Repeat::Safe };
        self.send(&call).await
    }
}

/// The state to report while waiting; none at the good end.
fn decide(doing: &Doing, verdict: Result<Verdict, String>) -> Result<Option<String>, ArmError> {
    match verdict {
        Ok(Verdict::Done) => Ok(None),
        Ok(Verdict::Pending(state)) => Ok(Some(state)),
        Ok(Verdict::Failed { state, code, message }) => {
            Err(ArmError::OperationFailed { doing: doing.clone(), state, code, message })
        }
        Err(reason) => Err(ArmError::Malformed { doing: doing.clone(), reason }),
    }
}

/// The members that are not linked yet, with their states.
fn unlinked(doing: &Doing, database: Database, members: &[ResourceId]) -> Result<Vec<String>, ArmError> {
    let listed = database.properties.geo_replication.map(|geo| geo.linked_databases).unwrap_or_default();
    let mut missing = Vec::new();
    for member in members {
        match listed.iter().find(|linked| &linked.id == member).and_then(|linked| linked.state.clone()) {
            Some(LinkState::Linked) => {}
            Some(state) if state.is_failed() => {
                let database = doing.target.parse().map_err(|err: tidelock_arm_types::BadResourceId| {
                    ArmError::Malformed { doing: doing.clone(), reason: err.to_string() }
                })?;
                return Err(ArmError::LinkFailed { database, member: member.clone(), state });
            }
            Some(state) => missing.push(format!("{member} {state}")),
            None => missing.push(format!("{member} not listed")),
        }
    }
    Ok(missing)
}
