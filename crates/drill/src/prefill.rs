//! The keys that readers read: written before the load begins, and waited for in every region.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tidelock_redis_client::{Client, ClientError, Value};
use tokio::time::{Instant, interval, timeout_at};

use crate::load::LoadError;
use crate::target::{GatewayTarget, connect_options, nowhere};
use crate::workload::Workload;

/// How long it may take until what the readers read is written and has arrived in every region.
pub const PREFILL_TIMEOUT: Duration = Duration::from_secs(30);

/// How often a region is asked again.
const POLL: Duration = Duration::from_millis(50);

/// Commands in one pipeline.
const BATCH: u64 = 100;

struct Prefill<'a> {
    keys: u64,
    op_timeout: Duration,
    workload: &'a Workload,
    deadline: Instant,
}

/// Writes `keys` keys through the first target, and waits until every target has them.
pub(crate) async fn prefill(
    targets: &[GatewayTarget],
    keys: u64,
    op_timeout: Duration,
    workload: &Workload,
) -> Result<(), LoadError> {
    // An I/O limit, not a lease: tokio's clock is the right one.
    let prefill = Prefill { keys, op_timeout, workload, deadline: Instant::now() + PREFILL_TIMEOUT };
    if let Some(first) = targets.first() {
        let written = prefill.write(first).await;
        written.map_err(|source| LoadError::Prefill { location: first.location.clone(), source })?;
    }
    for target in targets {
        prefill.wait_for(target).await?;
    }
    Ok(())
}

impl Prefill<'_> {
    /// Also while the gateway asks to try again; writing the same once more does no harm.
    async fn write(&self, target: &GatewayTarget) -> Result<(), ClientError> {
        let mut poll = interval(POLL);
        loop {
            poll.tick().await;
            match self.try_write(target).await {
                Err(ClientError::Server(text)) if text.starts_with("TRYAGAIN") && Instant::now() < self.deadline => {}
                done => return done,
            }
        }
    }

    async fn try_write(&self, target: &GatewayTarget) -> Result<(), ClientError> {
        let mut client = self.connect(target).await?;
        for numbers in batches(self.keys) {
            let set = |number| {
                let (key, value) = (self.workload.read_key(number), self.workload.read_value(number));
                vec![Bytes::from_static(b"SET"), key.into(), value.into()]
            };
            answers(&mut client, numbers.map(set).collect()).await?;
        }
        Ok(())
    }

    async fn wait_for(&self, target: &GatewayTarget) -> Result<(), LoadError> {
        // Kept outside the future, so that what was last seen is known when time is up.
        let last = Mutex::new("nothing was read yet".to_owned());
        let note = |text: String| *last.lock().unwrap_or_else(PoisonError::into_inner) = text;
        let arrived = async {
            let mut poll = interval(POLL);
            loop {
                poll.tick().await;
                match self.missing(target).await {
                    Ok(0) => return,
                    Ok(missing) => note(format!("{missing} of {} are missing", self.keys)),
                    Err(error) => note(error.to_string()),
                }
            }
        };
        let late = timeout_at(self.deadline, arrived).await.is_err();
        if late {
            let last = last.into_inner().unwrap_or_else(PoisonError::into_inner);
            return Err(LoadError::NotReplicated { location: target.location.clone(), within: PREFILL_TIMEOUT, last });
        }
        Ok(())
    }

    /// How many keys cannot be read with their value in this region.
    async fn missing(&self, target: &GatewayTarget) -> Result<usize, ClientError> {
        let mut client = self.connect(target).await?;
        let mut missing = 0;
        for numbers in batches(self.keys) {
            let get = |number| vec![Bytes::from_static(b"GET"), self.workload.read_key(number).into()];
            let values = answers(&mut client, numbers.clone().map(get).collect()).await?;
            let there = |number, value: &Value| value.as_bytes() == Some(self.workload.read_value(number).as_slice());
            missing += numbers.zip(&values).filter(|(number, value)| !there(*number, value)).count();
        }
        Ok(missing)
    }

    async fn connect(&self, target: &GatewayTarget) -> Result<Client, ClientError> {
        let mut last = nowhere();
        for address in &target.addresses {
            match Client::connect(&connect_options(*address, &target.password, self.op_timeout)).await {
                Ok(client) => return Ok(client),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

fn batches(count: u64) -> impl Iterator<Item = std::ops::Range<u64>> {
    (0..count.div_ceil(BATCH)).map(move |batch| batch * BATCH..count.min((batch + 1) * BATCH))
}

/// The answers to a pipeline; an error among them is an error.
async fn answers(client: &mut Client, commands: Vec<Vec<Bytes>>) -> Result<Vec<Value>, ClientError> {
    let values = client.pipeline(&commands).await?;
    match values.iter().find_map(Value::as_error) {
        Some(text) => Err(ClientError::Server(text)),
        None => Ok(values),
    }
}
