//! Reading every write back.

use std::time::Duration;

use bytes::Bytes;
use tidelock_model::Clock;
use tidelock_redis_client::{Client, ClientError, ConnectOptions, Value};

use crate::history::{Audit, History, Survivors, WriteId};
use crate::workload::Workload;

/// Keys in one pipeline, at most.
pub const AUDIT_BATCH: usize = 500;

/// Values in one pipeline, in bytes, at most (but always one).
const AUDIT_BATCH_BYTES: usize = 8 * 1024 * 1024;

/// How often one batch, or the first connection, is tried before the audit gives up.
pub const AUDIT_MAX_ATTEMPTS: u32 = 5;

/// The pause between attempts.
const AUDIT_PAUSE: Duration = Duration::from_millis(300);

/// Where to read from.
#[derive(Clone, Debug)]
pub struct AuditTarget {
    /// A gateway, usually of the surviving region.
    pub options: ConnectOptions,
    /// Whether to ask with `READWRITE` for the writer's state. Off only for an engine without gateway, which has no
    /// such choice.
    pub from_writer: bool,
}

/// Why the writes could not be read back. Nothing can be said then about what was lost.
#[derive(Debug, thiserror::Error)]
#[error("the audit read {read} of {total} writes back and failed {attempts} times on the next: {source}")]
pub struct AuditError {
    /// How many were read.
    pub read: usize,
    /// How many there are.
    pub total: usize,
    /// How often it was tried.
    pub attempts: u32,
    /// What went wrong last.
    pub source: ClientError,
}

/// Reads every write of a history back, whatever its outcome, and returns what was found. The caller adds it to
/// [`History::audits`].
///
/// # Errors
/// [`AuditError`], if some of them could not be read: an error is never taken for an absent key.
pub async fn audit(
    history: &History,
    name: impl Into<String>,
    target: &AuditTarget,
    clock: &dyn Clock,
) -> Result<Audit, AuditError> {
    let at = clock.now();
    let writes: Vec<WriteId> = history.writes(None).map(crate::history::Op::write).collect();
    let mut survivors = Survivors::default();
    let mut connection = None;
    let size = (AUDIT_BATCH_BYTES / history.workload.value_size.max(1)).clamp(1, AUDIT_BATCH);
    for (batch, ids) in writes.chunks(size).enumerate() {
        let values = read_batch(&mut connection, target, &history.workload, ids).await;
        let values = values.map_err(|source| AuditError {
            read: batch * size,
            total: writes.len(),
            attempts: AUDIT_MAX_ATTEMPTS,
            source,
        })?;
        for (id, value) in ids.iter().zip(values) {
            match value.as_bytes() {
                Some(found) if found == history.workload.value(*id) => survivors.present.insert(*id),
                None if value == Value::Null => false,
                _ => survivors.altered.insert(*id),
            };
        }
    }
    Ok(Audit { name: name.into(), at, survivors })
}

async fn read_batch(
    connection: &mut Option<Client>,
    target: &AuditTarget,
    workload: &Workload,
    ids: &[WriteId],
) -> Result<Vec<Value>, ClientError> {
    let commands: Vec<_> = ids.iter().map(|id| vec![Bytes::from_static(b"GET"), workload.key(*id).into()]).collect();
    let mut attempt = 1;
    loop {
        let error = match try_batch(connection, target, &commands).await {
            Ok(values) => return Ok(values),
            Err(error) => error,
        };
        if attempt == AUDIT_MAX_ATTEMPTS {
            return Err(error);
        }
        tracing::debug!(%error, attempt, "an audit's batch failed; it is tried again");
        *connection = None;
        attempt += 1;
        tokio::time::sleep(AUDIT_PAUSE).await;
    }
}

async fn try_batch(
    connection: &mut Option<Client>,
    target: &AuditTarget,
    commands: &[Vec<Bytes>],
) -> Result<Vec<Value>, ClientError> {
    let mut client = match connection.take() {
        Some(client) => client,
        None => open(target).await?,
    };
    let values = client.pipeline(commands).await?;
    if let Some(text) = values.iter().find_map(Value::as_error) {
        return Err(ClientError::Server(text));
    }
    *connection = Some(client);
    Ok(values)
}

async fn open(target: &AuditTarget) -> Result<Client, ClientError> {
    let mut client = Client::connect(&target.options).await?;
    if target.from_writer {
        client.command(&["READWRITE"]).await?;
    }
    Ok(client)
}
