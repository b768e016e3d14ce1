//! What a connection does while nothing is asked of it: it watches its upstreams, and opens the one to the own cache.

use std::sync::Arc;

use tidelock_model::Epoch;

use crate::executor::{Executor, Mode};
use crate::limits::LOCAL_RETRY_AFTER;
use crate::upstream::{Protocol, Slot, Upstream};

impl Executor {
    /// Watches idle upstreams, so that a closed one is noticed before the next command is sent on it. Never returns while
    /// they are as they should be. May be dropped half-way without loss.
    pub(crate) async fn watch_idle(&mut self) {
        let due = self.local_due();
        let (shared, protocol) = (Arc::clone(&self.shared), self.protocol);
        let opening = async {
            match due {
                Some(epoch) => shared.local.open(epoch, protocol).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(opening);
        let mut opened = false;
        let slot = loop {
            tokio::select! {
                local = &mut opening, if !opened => {
                    opened = true;
                    if local.is_err() {
                        self.local_down_until = self.prepare_after;
                    }
                    self.local = local.ok();
                }
                () = unexpected(&mut self.local) => break Slot::Local,
                () = unexpected(&mut self.peer) => break Slot::Peer,
            }
        };
        tracing::debug!(?slot, "an idle upstream was closed");
        self.close(slot);
    }

    /// Who writes elsewhere, or waits to write for another region's client, has the way to the own cache opened all the
    /// same: should this region become the writer, the first write does not wait for a handshake, together with everybody
    /// else's. Only while nothing else is to be done: a cache that does not answer must not hold up what goes elsewhere.
    fn local_due(&mut self) -> Option<Epoch> {
        let now = self.shared.fence.now();
        let expected = self.peer.is_some() || matches!(self.mode, Mode::Peer(_));
        let epoch = self.lacks_local().filter(|_| expected && self.prepare_after.is_none_or(|after| now >= after))?;
        self.prepare_after = Some(now + LOCAL_RETRY_AFTER);
        Some(epoch)
    }

    /// From here on it carries out another gateway's commands. What was opened in advance is used if it can be.
    pub(crate) async fn take_on(&mut self, epoch: Epoch, protocol: Protocol) {
        self.mode = Mode::Peer(epoch);
        let before = std::mem::replace(&mut self.protocol, protocol);
        if before == protocol {
            return;
        }
        let Some(mut local) = self.local.take() else { return };
        match self.shared.local.speak(&mut local, protocol).await {
            Ok(()) => self.local = Some(local),
            Err(err) => tracing::debug!(%err, "a connection that was opened in advance is not used"),
        }
    }

    /// The way to the own cache is not open but might be: the epoch to open it in.
    pub(crate) fn lacks_local(&self) -> Option<Epoch> {
        let view = self.shared.fence.view();
        let down = self.local_down_until.is_some_and(|until| view.now < until);
        (self.local.is_none() && !down && view.route.local_reads).then_some(view.route.epoch)
    }
}

/// Anything that comes unasked means that the upstream is not usable: its end, or bytes that belong to nothing.
async fn unexpected(upstream: &mut Option<Upstream>) {
    match upstream {
        // A peer's greeting may still be under way.
        Some(upstream) if !upstream.greeting_due => {
            if upstream.receive.fill().await.is_ok() {
                tracing::debug!("an idle upstream sent something unasked");
            }
        }
        _ => std::future::pending().await,
    }
}
