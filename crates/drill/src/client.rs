//! One client of a load: an application's connection to its own region's gateways, one operation at a time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tidelock_model::{BootTime, Clock, SecretString};
use tidelock_redis_client::{Client, ClientError, Value};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use crate::history::{ClientRole, DrillClient, Op, Outcome, WriteId};
use crate::progress::Progress;
use crate::target::{connect_options, nowhere};
use crate::workload::Workload;

/// The pause after a first failed attempt to connect; it doubles with each further one.
pub const MIN_RECONNECT_PAUSE: Duration = Duration::from_millis(10);

/// The longest pause between attempts to connect. It is short, since it adds to the measured recovery time.
pub const MAX_RECONNECT_PAUSE: Duration = Duration::from_millis(100);

/// The longest error text that is kept, in characters.
const MAX_TEXT: usize = 160;

/// The gateway's word for "sent, and nobody knows".
const UNKNOWN_CODE: &str = "UNKNOWN";

/// What every client of a run shares.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) workload: Workload,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) progress: Progress,
    pub(crate) stop: CancellationToken,
    pub(crate) read_keys: u64,
    pub(crate) op_timeout: Duration,
}

pub(crate) struct Worker {
    identity: DrillClient,
    connection: Connection,
    pace: Interval,
    shared: Arc<Shared>,
    ops: Vec<Op>,
}

impl Worker {
    /// Starts its first operation after `first`, and then one each `pause`.
    pub(crate) fn new(
        identity: DrillClient,
        connection: Connection,
        first: Duration,
        pause: Duration,
        shared: Arc<Shared>,
    ) -> Self {
        let mut pace = interval_at(Instant::now() + first, pause);
        // A client that was held up does not catch up in a burst, and keeps its beat: clients that were held up together
        // would otherwise go on together.
        pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Self { identity, connection, pace, shared, ops: Vec::new() }
    }

    /// Works until told to stop; an operation under way is finished first.
    pub(crate) async fn run(mut self) -> Vec<Op> {
        let mut number = 0;
        loop {
            tokio::select! {
                biased;
                () = self.shared.stop.cancelled() => break,
                _ = self.pace.tick() => {}
            }
            if !self.shared.progress.reserve() {
                self.shared.stop.cancel();
                break;
            }
            let op = self.operate(number).await;
            self.shared.progress.count(&self.identity.location, self.identity.role, &op);
            let not_sent = op.outcome == Outcome::NotSent;
            self.ops.push(op);
            number += 1;
            if not_sent {
                self.connection.pause(&self.shared.stop).await;
            }
        }
        self.ops
    }

    async fn operate(&mut self, turn: u64) -> Op {
        let shared = Arc::clone(&self.shared);
        let id = self.identity.id;
        let sent = shared.clock.now();
        let (number, outcome) = match self.identity.role {
            ClientRole::Writer => {
                let write = WriteId { client: id, number: turn };
                let args = [b"SET".to_vec(), shared.workload.key(write).into_bytes(), shared.workload.value(write)];
                (turn, self.connection.command(&args).await.map(|_| Outcome::Acked))
            }
            ClientRole::Reader => {
                let number = turn.wrapping_add(u64::from(id)) % shared.read_keys.max(1);
                let args = [b"GET".to_vec(), shared.workload.read_key(number).into_bytes()];
                let reply = self.connection.command(&args).await;
                (number, reply.map(|value| judge_read(&value, &shared.workload.read_value(number))))
            }
        };
        let ended = shared.clock.now();
        finished(id, number, sent, ended, outcome)
    }
}

fn judge_read(value: &Value, expected: &[u8]) -> Outcome {
    if value.as_bytes() == Some(expected) { Outcome::Acked } else { Outcome::Wrong }
}

fn finished(id: u32, number: u64, sent: BootTime, ended: BootTime, result: Result<Outcome, OpError>) -> Op {
    let (outcome, text) = match result {
        Ok(outcome) => (outcome, None),
        Err(OpError::NotSent(error)) => (Outcome::NotSent, Some(error.to_string())),
        Err(OpError::Failed(error)) => (outcome_of(&error), Some(error.to_string())),
    };
    let text = text.map(|text| text.chars().take(MAX_TEXT).collect::<String>().into_boxed_str());
    Op { client: id, number, sent, ended, outcome, text }
}

fn outcome_of(error: &ClientError) -> Outcome {
    match error.server_error() {
        Some(text) if text.split(' ').next() == Some(UNKNOWN_CODE) => Outcome::Unknown,
        Some(_) => Outcome::Refused,
        None if error.may_have_run() => Outcome::Unknown,
        None => Outcome::NotSent,
    }
}

enum OpError {
    /// There was no connection to send it on.
    NotSent(ClientError),
    Failed(ClientError),
}

/// A connection that is made again when it is lost, to the region's next gateway.
pub(crate) struct Connection {
    addresses: Arc<[SocketAddr]>,
    password: SecretString,
    op_timeout: Duration,
    /// Which address is tried next.
    turn: usize,
    client: Option<Client>,
    pause: Duration,
}

impl Connection {
    pub(crate) const fn new(
        addresses: Arc<[SocketAddr]>,
        password: SecretString,
        op_timeout: Duration,
        turn: usize,
    ) -> Self {
        Self { addresses, password, op_timeout, turn, client: None, pause: MIN_RECONNECT_PAUSE }
    }

    async fn command(&mut self, args: &[Vec<u8>]) -> Result<Value, OpError> {
        let mut client = match self.client.take() {
            Some(client) => client,
            None => self.connect().await.map_err(OpError::NotSent)?,
        };
        let result = client.command(args).await;
        // A gateway that has forgotten who we are will not remember: connect and authenticate again.
        let disowned =
            matches!(&result, Err(error) if error.server_error().is_some_and(|text| text.starts_with("NOAUTH")));
        if client.is_closed() {
            self.turn = self.turn.wrapping_add(1);
        } else if !disowned {
            self.client = Some(client);
        }
        result.map_err(OpError::Failed)
    }

    async fn connect(&mut self) -> Result<Client, ClientError> {
        let address = self.addresses.get(self.turn % self.addresses.len().max(1)).copied();
        let address = address.ok_or_else(nowhere)?;
        let options = connect_options(address, &self.password, self.op_timeout);
        match Client::connect(&options).await {
            Ok(client) => {
                self.pause = MIN_RECONNECT_PAUSE;
                Ok(client)
            }
            Err(error) => {
                self.turn = self.turn.wrapping_add(1);
                Err(error)
            }
        }
    }

    /// Waits before the next attempt to connect, ever longer up to the limit.
    async fn pause(&mut self, stop: &CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(self.pause) => {}
        }
        self.pause = (self.pause * 2).min(MAX_RECONNECT_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_reply_is_a_refusal_unless_it_says_that_nobody_knows() {
        let server = |text: &str| ClientError::Server(text.to_owned());
        assert_eq!(outcome_of(&server("TRYAGAIN the writer role is moving")), Outcome::Refused);
        assert_eq!(outcome_of(&server("READONLY You can't write against a read only replica.")), Outcome::Refused);
        assert_eq!(outcome_of(&server("UNKNOWN the write may or may not have been carried out")), Outcome::Unknown);
        assert_eq!(outcome_of(&server("ERR unknown command")), Outcome::Refused);
        let lost = |sent| ClientError::Closed { endpoint: String::new(), reason: String::new(), sent };
        assert_eq!(outcome_of(&lost(true)), Outcome::Unknown);
        assert_eq!(outcome_of(&lost(false)), Outcome::NotSent);
        let late = ClientError::Timeout { endpoint: String::new(), after: Duration::from_secs(5) };
        assert_eq!(outcome_of(&late), Outcome::Unknown);
    }

    #[test]
    fn a_read_of_nothing_or_of_something_else_is_wrong() {
        assert_eq!(judge_read(&Value::Bulk("a".into()), b"a"), Outcome::Acked);
        assert_eq!(judge_read(&Value::Null, b"a"), Outcome::Wrong);
        assert_eq!(judge_read(&Value::Bulk("b".into()), b"a"), Outcome::Wrong);
    }
}
