//! Every bound of the gateway, in one place.

use std::time::Duration;

/// Commands planned before they are carried out.
pub(crate) const MAX_BATCH: usize = 512;
/// Bytes of commands sent to one upstream before its replies are awaited.
pub(crate) const MAX_BURST_BYTES: usize = 1024 * 1024;
/// Commands shorter than this are copied together, so that one write carries many.
pub(crate) const COALESCE_BELOW: usize = 16 * 1024;
/// Room for one read.
pub(crate) const READ_SIZE: usize = 16 * 1024;
/// A client that has so many bytes of replies waiting gets no new commands carried out until it reads.
pub(crate) const OUTPUT_SOFT_LIMIT: usize = 1024 * 1024;
/// A client that does not read for so long although its output is full is dropped.
pub(crate) const SLOW_CLIENT_TIMEOUT: Duration = Duration::from_secs(30);
/// A client that has not authenticated by then is dropped.
pub(crate) const AUTH_TIMEOUT: Duration = Duration::from_secs(30);

/// Opening a connection to the local cache: TCP, TLS, AUTH, HELLO.
pub(crate) const LOCAL_CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Opening a connection to one peer: TCP and TLS across regions.
pub(crate) const PEER_CONNECT_TIMEOUT: Duration = Duration::from_millis(1500);
/// A connection to a peer on which nothing has come for so long is probed (TCP keep-alive, whole seconds),
pub(crate) const PEER_PROBE_AFTER: Duration = Duration::from_secs(2);
/// again after this,
pub(crate) const PEER_PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// and given up when so many were not answered.
pub(crate) const PEER_PROBES: u32 = 3;
/// After the local cache could not be reached, reads go the writer's way for so long before it is tried again.
pub(crate) const LOCAL_RETRY_AFTER: Duration = Duration::from_millis(500);
/// The way to the own cache, opened before it is needed, holds a client up for so long at most.
pub(crate) const READY_LIMIT: Duration = Duration::from_millis(200);
/// No answer to a command that cannot block for so long: the upstream is given up.
pub(crate) const REPLY_TIMEOUT: Duration = Duration::from_secs(10);
/// After the epoch has changed, answers of the old writer may still arrive for so long.
pub(crate) const EPOCH_GRACE: Duration = Duration::from_secs(1);
/// How long a forwarded write of an epoch that has ended is waited for: its refusal needs one way through the WAN.
pub(crate) const REFUSAL_GRACE: Duration = Duration::from_millis(250);
/// Between two attempts to place a command that was certainly not carried out.
pub(crate) const RETRY_PAUSE: Duration = Duration::from_millis(20);
/// After the writer's gateway has refused one, the next one of this gateway is tried, as long as the epoch is the same.
pub(crate) const REFUSED_PAUSE: Duration = Duration::from_millis(100);

/// A TLS handshake with a peer, and its first line from the first byte on.
pub(crate) const PEER_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// A peer's connection that was opened in advance may wait so long for its first line.
pub(crate) const PEER_UNUSED_LIMIT: Duration = Duration::from_secs(300);
/// So many of peers' connections may wait that long; others must begin as soon as they are open. They leave most of
/// [`MAX_PEER_CONNECTIONS`] to those in use, and each has a connection to the cache beside it.
pub(crate) const MAX_UNUSED_PEERS: usize = 2_048;
/// A peer that has heard of a new epoch before this gateway has is kept waiting so long for it.
pub(crate) const PEER_ROUTE_WAIT: Duration = Duration::from_millis(300);
/// Connections opened in advance to each other region: one for each client, but no more.
pub(crate) const WARM_MAX: usize = 128;
/// So many of them are opened at once to one region.
pub(crate) const WARM_AT_ONCE: usize = 8;
/// They are looked at so often.
pub(crate) const WARM_INTERVAL: Duration = Duration::from_millis(500);
/// After one was taken no other is opened for so long: the writer has just moved, and there is more urgent work.
pub(crate) const WARM_PAUSE: Duration = Duration::from_millis(400);
/// After one could not be opened.
pub(crate) const WARM_RETRY: Duration = Duration::from_secs(2);
/// They are replaced when they are so old, long before the other side gives them up.
pub(crate) const WARM_AGE: Duration = Duration::from_secs(200);
/// The longest first line.
pub(crate) const PREFACE_MAX: usize = 256;
/// Connections of peers at once.
pub(crate) const MAX_PEER_CONNECTIONS: usize = 20_000;
/// After a refusal the connection is read empty for so long, so that the refusal is not lost to a reset.
pub(crate) const LINGER: Duration = Duration::from_secs(1);

/// Between two stamps, and between two looks at the local cache.
pub(crate) const STAMP_INTERVAL: Duration = Duration::from_millis(200);
/// Stamps of gateways that are gone vanish after this.
pub(crate) const STAMP_LIFETIME: Duration = Duration::from_secs(3600);

/// How long the agent may hold a poll: its own maximum.
pub(crate) const POLL_HOLD: Duration = Duration::from_millis(250);
/// The agent is asked again when so large a part of what remains of the lease has passed.
pub(crate) const POLLS_PER_LEASE: u32 = 4;
/// While writes are under way and the route says so, polls come at least so often: the agent waits for the last one.
pub(crate) const POLL_HOLD_DRAINING: Duration = Duration::from_millis(3);
/// A poll that takes longer than its hold and this is given up.
pub(crate) const POLL_TIMEOUT_MARGIN: Duration = Duration::from_millis(1500);
/// Between two polls after one has failed.
pub(crate) const POLL_RETRY: Duration = Duration::from_millis(100);

/// The vault is asked again at most so often because of a refused key.
pub(crate) const KEY_REFRESH_INTERVAL: Duration = Duration::from_secs(1);
/// A client whose key is not known waits so long for the vault to be asked again: an answer that is on its way already, the
/// interval, and one more answer.
pub(crate) const KEY_PATIENCE: Duration = Duration::from_secs(3);
/// After accepting has failed (too many open files), the next attempt waits.
pub(crate) const ACCEPT_RETRY: Duration = Duration::from_millis(50);
/// How long open commands may go on after shutdown was asked for.
pub(crate) const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
