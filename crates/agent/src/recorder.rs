//! Writes epoch and time into the replication stream while this agent holds the lease: a tail that is saved later says
//! when and under which epoch its writes were made.

use std::sync::Arc;
use std::time::Duration;

use tidelock_model::Epoch;
use tidelock_redis_client::{Client, ClientError, ConnectOptions};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::salvage::record_command;
use crate::shared::Shared;
use crate::wall::unix_millis;

/// How exactly a saved write is dated. Ten records of some 80 bytes a second are nothing beside the gateways' stamps.
const INTERVAL: Duration = Duration::from_millis(100);

/// Writes records until the agent stops.
pub(crate) async fn record(shared: Arc<Shared>) {
    let Some(cache) = &shared.cache else { return };
    // A connection of its own: a record that waits for a busy engine holds up nobody.
    let options = cache.engine.lock().await.options();
    let lease = || shared.valid_lease().map(|held| held.epoch);
    tokio::select! {
        () = shared.shutdown.cancelled() => {}
        () = record_while(&options, lease) => {}
    }
}

/// Writes a record at every tick at which there is an epoch to write under. Ticks that are missed are not made up for.
///
/// An engine that is not open for writing refuses records: a record that was under way when the engine was frozen cannot
/// lengthen the history after its end was measured.
async fn record_while(options: &watch::Receiver<ConnectOptions>, epoch: impl Fn() -> Option<Epoch>) {
    let mut connection = None;
    let mut failing = false;
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(epoch) = epoch() else {
            connection = None;
            continue;
        };
        let written = write(&mut connection, options, epoch).await;
        match written {
            Ok(()) => failing = false,
            // Once: between the grant and the engine's opening it is expected, and a dead engine is the keeper's matter.
            Err(err) if !std::mem::replace(&mut failing, true) => {
                tracing::debug!(%err, "no record of time is written; a tail saved later would be dated less exactly");
            }
            Err(_) => {}
        }
    }
}

async fn write(
    connection: &mut Option<Client>,
    options: &watch::Receiver<ConnectOptions>,
    epoch: Epoch,
) -> Result<(), ClientError> {
    // Taken out: after anything but an answer, the next record begins with a new connection.
    let mut client = match connection.take() {
        Some(client) => client,
        None => {
            let options = options.borrow().clone();
            Client::connect(&options).await?
        }
    };
    let answer = client.command(&record_command(epoch, unix_millis())).await;
    if matches!(answer, Ok(_) | Err(ClientError::Server(_))) {
        *connection = Some(client);
    }
    answer.map(drop)
}

#[cfg(test)]
#[path = "../tests/salvage/engine.rs"]
mod engine;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use tidelock_redis_client::acl::EngineProfile;
    use tidelock_redis_client::psync::Replication;
    use tidelock_resp::{RequestDecoder, RequestLimits};

    use super::*;
    use crate::recorder::engine::{Engine, is_refusal, pair};
    use crate::salvage::{Record, parse_record};

    /// The next record in the stream.
    async fn next(stream: &mut Replication) -> Record {
        let (mut decoder, mut buffer) = (RequestDecoder::default(), bytes::BytesMut::new());
        loop {
            while let Some(command) = decoder.decode(&mut buffer, &RequestLimits::default()).unwrap() {
                if let Some(record) = parse_record(&command) {
                    return record;
                }
            }
            buffer.extend_from_slice(&stream.read(usize::MAX).await.unwrap());
        }
    }

    async fn stream(engine: &Engine) -> Replication {
        let info = engine.info().await;
        let client = Client::connect(&engine.keeper()).await.unwrap();
        Replication::begin(client, &info.replication_id, info.offset + 1, Duration::from_secs(10)).await.unwrap()
    }

    #[tokio::test]
    async fn records_are_written_under_the_lease_and_never_into_a_frozen_history() {
        let (engine, _replica) = pair("").await;
        let epoch = Arc::new(AtomicU64::new(7));
        let options = watch::channel(engine.keeper()).1;
        let recorder = tokio::spawn({
            let epoch = Arc::clone(&epoch);
            async move {
                record_while(&options, || Some(Epoch(epoch.load(Ordering::SeqCst))).filter(|epoch| epoch.0 > 0)).await;
            }
        });
        let mut records = stream(&engine).await;
        let (first, second) = (next(&mut records).await, next(&mut records).await);
        assert_eq!((first.epoch, second.epoch), (Epoch(7), Epoch(7)));
        assert!(second.unix_ms - first.unix_ms >= 50, "{first:?} {second:?}");
        assert!(unix_millis() - second.unix_ms < 10_000);

        // Frozen, with the recorder still going: the end is the end.
        engine.stand(EngineProfile::Frozen).await;
        let end = engine.info().await.offset;
        let mut connection = None;
        let refused = Client::connect(&engine.keeper()).await.unwrap().command(&record_command(Epoch(7), 1)).await;
        assert!(is_refusal(&refused), "{refused:?}");
        assert!(write(&mut connection, &watch::channel(engine.keeper()).1, Epoch(7)).await.is_err());
        assert_eq!(engine.info().await.offset, end);

        // Open again under another epoch: it goes on by itself.
        epoch.store(9, Ordering::SeqCst);
        engine.stand(EngineProfile::Writer).await;
        let mut records = stream(&engine).await;
        assert_eq!(next(&mut records).await.epoch, Epoch(9));
        recorder.abort();
    }
}
