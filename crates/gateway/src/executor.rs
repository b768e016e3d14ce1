//! Carries out a connection's commands in order: places each, opens what is needed, waits while there is no writer.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tidelock_model::{BootTime, Epoch, Location};
use tokio::sync::watch;

use crate::connect::ConnectError;
use crate::counters::{Counters, count};
use crate::downstream::{Downstream, Gone};
use crate::exchange::{Burst, Ending};
use crate::limits::{LOCAL_RETRY_AFTER, READY_LIMIT, RETRY_PAUSE};
use crate::peer::AUTHORITY_ENDED;
use crate::place::{Bound, Place, burst_from, place};
use crate::plan::{Order, Pending, Step};
use crate::reply;
use crate::shared::Shared;
use crate::upstream::{Protocol, Slot, Upstream};

/// For whom commands are carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A client of this region.
    Client,
    /// Another region's gateway, under the epoch it named: never waits and never passes on.
    Peer(Epoch),
}

/// How far a transaction has been spoiled by the loss of its connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Broken {
    /// MULTI was refused: what was planned behind it is refused too.
    pub(crate) begin_refused: bool,
    /// The connection was lost between MULTI and EXEC.
    pub(crate) transaction: bool,
    /// The connection was lost while a key was watched: EXEC must fail as if the key had changed.
    pub(crate) watch: bool,
}

/// One connection's way to its upstreams.
#[derive(Debug)]
pub(crate) struct Executor {
    pub(crate) shared: Arc<Shared>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) mode: Mode,
    pub(crate) protocol: Protocol,
    pub(crate) local: Option<Upstream>,
    pub(crate) peer: Option<Upstream>,
    /// The upstream that holds a transaction or a watch.
    pub(crate) bound: Bound,
    pub(crate) broken: Broken,
    pub(crate) changes: watch::Receiver<u64>,
    pub(crate) local_down_until: Option<BootTime>,
    /// It is not opened in advance before this: the last attempt was dropped for a command, or has failed.
    pub(crate) prepare_after: Option<BootTime>,
    waiting_since: Option<BootTime>,
}

impl Executor {
    pub(crate) fn new(shared: Arc<Shared>, mode: Mode, protocol: Protocol) -> Self {
        let changes = shared.fence.changes();
        Self {
            counters: Arc::clone(&shared.counters),
            shared,
            mode,
            protocol,
            local: None,
            peer: None,
            bound: Bound::default(),
            broken: Broken::default(),
            changes,
            local_down_until: None,
            prepare_after: None,
            waiting_since: None,
        }
    }

    /// Carries out everything in `batch`; replies go to `client`'s output in order.
    pub(crate) async fn run(&mut self, batch: &mut VecDeque<Pending>, client: &mut Downstream) -> Result<(), Gone> {
        self.waiting_since = None;
        while let Some(front) = batch.front_mut() {
            client.relieve().await?;
            if let Pending::Answer(answer) = front {
                client.output.extend_from_slice(answer);
                count(&self.counters.refused);
                batch.pop_front();
                continue;
            }
            self.drop_outdated();
            self.fail_watched_transaction(batch);
            let Some(Pending::Do(order)) = batch.front_mut() else { continue };
            if self.answer_without_upstream(order, &mut client.output) {
                batch.pop_front();
                continue;
            }
            let view = self.shared.fence.view();
            let fresh_until = self.fresh_until(&view);
            match place(order, &view, fresh_until, self.bound.slot, self.mode) {
                Place::At(slot) => {
                    let burst = burst_from(batch, &view, fresh_until, slot, self.bound.slot, self.mode);
                    self.attempt(burst, batch, client).await?;
                }
                Place::Wait(reason) => self.wait(&reason, batch, client).await?,
                Place::Refuse(reason) => self.refuse_front(&reason, batch, &mut client.output),
                // "Nothing further was carried out" may only be said if it is true of everything that is left.
                Place::NotWriter if any_lost(batch) => {
                    self.refuse_front("this region is not the writer any more", batch, &mut client.output);
                }
                Place::NotWriter => return Err(Gone::Refused(AUTHORITY_ENDED.to_owned())),
            }
        }
        Ok(())
    }

    fn fresh_until(&self, view: &crate::fence::View) -> Option<BootTime> {
        let down = self.local_down_until.is_some_and(|until| view.now < until);
        if down { None } else { self.shared.freshness.fresh_until(view) }
    }

    /// Upstreams of an older epoch are not used again; only one to the own cache that has never carried anything but reads
    /// goes over, since no write of the old epoch can be under way on it.
    fn drop_outdated(&mut self) {
        let epoch = self.shared.fence.route().epoch;
        let free = self.bound.slot != Some(Slot::Local);
        if let Some(local) = self.local.as_mut().filter(|local| free && !local.wrote) {
            local.epoch = epoch;
        }
        for slot in [Slot::Local, Slot::Peer] {
            if self.slot(slot).as_ref().is_some_and(|upstream| upstream.epoch != epoch) {
                self.close(slot);
            }
        }
    }

    pub(crate) const fn slot(&mut self, slot: Slot) -> &mut Option<Upstream> {
        match slot {
            Slot::Local => &mut self.local,
            Slot::Peer => &mut self.peer,
        }
    }

    /// Closes an upstream, and with it whatever state it held for the client.
    pub(crate) fn close(&mut self, slot: Slot) {
        *self.slot(slot) = None;
        if self.bound.slot == Some(slot) {
            self.broken.transaction |= self.bound.multi;
            self.broken.watch |= self.bound.watch;
            self.bound = Bound::default();
        }
    }

    /// Closes both, without consequences for the client: it starts anew (RESET, another protocol).
    pub(crate) fn start_over(&mut self, protocol: Protocol) {
        self.local = None;
        self.peer = None;
        self.bound = Bound::default();
        self.broken = Broken::default();
        self.protocol = protocol;
    }

    /// The connection that watched keys for the client is gone: the EXEC that rests on it must fail as if a key had changed.
    /// It is looked for in the whole batch, because a transaction that was sent in one piece goes upstream in one piece.
    fn fail_watched_transaction(&self, batch: &mut VecDeque<Pending>) {
        if !self.broken.watch {
            return;
        }
        let orders = batch.iter_mut().filter_map(|pending| match pending {
            Pending::Do(order) => Some(order),
            Pending::Answer(_) => None,
        });
        for order in orders {
            match order.step {
                Step::Execute if order.watched => {
                    let mut answer = BytesMut::new();
                    reply::null_array(&mut answer, self.protocol);
                    order.turn_into_discard(answer.freeze());
                    return;
                }
                // Whatever is watched from here on is watched anew.
                Step::Execute | Step::Unwatch | Step::Discard => return,
                _ => {}
            }
        }
    }

    /// Answers what can only be answered with an error, without asking anybody.
    fn answer_without_upstream(&mut self, order: &mut Order, out: &mut BytesMut) -> bool {
        if let Some(why) = order.lost.take() {
            if order.read && !order.is_inside() {
                count(&self.counters.refused);
                reply::not_served(out, &why);
            } else {
                count(&self.counters.unknown);
                reply::unknown(out, &why);
            }
            self.note_failed(order.step);
            return true;
        }
        if order.is_inside() && (self.broken.transaction || self.broken.begin_refused) {
            self.answer_broken(order, out);
            return true;
        }
        if matches!(order.step, Step::Unwatch | Step::Discard) {
            self.broken.watch = false;
        }
        false
    }

    fn answer_broken(&mut self, order: &Order, out: &mut BytesMut) {
        count(&self.counters.refused);
        let why = "the way to the writer changed during the transaction";
        match order.step {
            Step::Execute => reply::discarded(out, why),
            Step::Discard => reply::ok(out),
            _ => reply::not_applied(out, why),
        }
        if order.step != Step::Queued {
            self.broken = Broken::default();
        }
    }

    /// A command of a transaction was answered with an error of ours.
    pub(crate) fn note_failed(&mut self, step: Step) {
        match step {
            Step::Begin => self.broken.begin_refused = true,
            Step::Execute | Step::Discard => self.broken = Broken::default(),
            _ => {}
        }
    }

    async fn attempt(
        &mut self,
        burst: Burst,
        batch: &mut VecDeque<Pending>,
        client: &mut Downstream,
    ) -> Result<(), Gone> {
        let asks = burst.slot == Slot::Peer && self.peer.is_none();
        if asks && let Some(reason) = self.shared.refusals.known(burst.epoch, self.shared.fence.now()) {
            return self.wait(&reason, batch, client).await;
        }
        if let Err(err) = self.open(burst.slot, burst.epoch, burst.forward.as_ref(), client).await? {
            if burst.slot == Slot::Local && !matches!(err, ConnectError::Superseded) {
                self.local_down_until = Some(self.shared.fence.now() + LOCAL_RETRY_AFTER);
            }
            return self.wait(&err.to_string(), batch, client).await;
        }
        let before = batch.len();
        let ending = self.exchange(&burst, batch, client).await?;
        if batch.len() < before {
            self.waiting_since = None;
        }
        match ending {
            Ending::Done => {
                if asks {
                    self.shared.refusals.forget(burst.epoch);
                }
                Ok(())
            }
            Ending::Lost => self.wait("the connection was lost", batch, client).await,
            // The news of the next epoch came while the refusal was on its way, and has been looked at.
            Ending::NotSent(_) if self.shared.fence.route().epoch != burst.epoch => Ok(()),
            Ending::NotSent(reason) => {
                if burst.slot == Slot::Peer {
                    self.shared.refusals.note(burst.epoch, &reason, self.shared.fence.now());
                }
                self.wait(&reason, batch, client).await
            }
        }
    }

    /// Opens an upstream if it is not open; gives up when the epoch changes meanwhile.
    async fn open(
        &mut self,
        slot: Slot,
        epoch: Epoch,
        forward: Option<&(Location, Vec<SocketAddr>)>,
        client: &mut Downstream,
    ) -> Result<Result<(), ConnectError>, Gone> {
        if self.slot(slot).is_some() {
            return Ok(Ok(()));
        }
        let shared = Arc::clone(&self.shared);
        let protocol = self.protocol;
        let opening = async {
            match (slot, forward) {
                (Slot::Local, _) => shared.local.open(epoch, protocol).await,
                (Slot::Peer, Some((to, peers))) => {
                    shared.peers.open(to, peers, epoch, protocol, shared.fence.now()).await
                }
                (Slot::Peer, None) => Err(ConnectError::NoPeers),
            }
        };
        tokio::pin!(opening);
        let mut changes = self.changes.clone();
        let opened = loop {
            tokio::select! {
                opened = &mut opening => break opened,
                _ = changes.changed() => {
                    if shared.fence.route().epoch != epoch {
                        return Ok(Err(ConnectError::Superseded));
                    }
                }
                progressed = client.progress() => progressed?,
            }
        };
        Ok(opened.map(|upstream| {
            *self.slot(slot) = Some(upstream);
        }))
    }

    /// Nothing of the front command was carried out: wait for another route, at most the hold limit since the first try.
    async fn wait(&mut self, why: &str, batch: &mut VecDeque<Pending>, client: &mut Downstream) -> Result<(), Gone> {
        // What was sent and lost is answered, not waited for.
        if matches!(batch.front(), Some(Pending::Do(order)) if order.lost.is_some()) {
            return Ok(());
        }
        if matches!(self.mode, Mode::Peer(_)) {
            // "Nothing further was carried out" may only be said if it is true of everything that is left.
            if !any_lost(batch) {
                return Err(Gone::Refused(why.to_owned()));
            }
            self.refuse_front(why, batch, &mut client.output);
            return Ok(());
        }
        let now = self.shared.fence.now();
        let since = *self.waiting_since.get_or_insert(now);
        if now.saturating_since(since) >= self.shared.write_hold {
            self.refuse_front(why, batch, &mut client.output);
            return Ok(());
        }
        self.make_ready(client).await?;
        self.pause(RETRY_PAUSE, client).await
    }

    /// While there is no writer, the way to the own cache is opened: should this region become the writer, the first write
    /// does not wait for a handshake, together with everybody else's.
    async fn make_ready(&mut self, client: &mut Downstream) -> Result<(), Gone> {
        let Some(epoch) = self.lacks_local() else { return Ok(()) };
        // A cache that is not needed now must not hold up the client.
        let opening = tokio::time::timeout(READY_LIMIT, self.open(Slot::Local, epoch, None, client));
        let opened = match opening.await {
            Ok(opened) => opened?,
            Err(_) => Err(ConnectError::TimedOut { what: "the local cache" }),
        };
        if opened.is_err_and(|err| !matches!(err, ConnectError::Superseded)) {
            self.local_down_until = Some(self.shared.fence.now() + LOCAL_RETRY_AFTER);
        }
        Ok(())
    }

    async fn pause(&mut self, span: Duration, client: &mut Downstream) -> Result<(), Gone> {
        let over = tokio::time::sleep(span);
        tokio::pin!(over);
        loop {
            tokio::select! {
                () = &mut over => return Ok(()),
                _ = self.changes.changed() => return Ok(()),
                progressed = client.progress() => progressed?,
            }
        }
    }

    fn refuse_front(&mut self, why: &str, batch: &mut VecDeque<Pending>, out: &mut BytesMut) {
        if let Some(Pending::Do(order)) = batch.pop_front() {
            count(&self.counters.refused);
            if order.read && !order.is_inside() {
                reply::not_served(out, why);
            } else {
                reply::not_applied(out, why);
            }
            if order.is_inside()
                && let Some(slot) = self.bound.slot
            {
                // The queue of an unfinished transaction must not meet the next command.
                self.close(slot);
            }
            self.note_failed(order.step);
        }
        self.waiting_since = None;
    }
}

/// Something of the batch was sent, and nobody knows what became of it.
fn any_lost(batch: &VecDeque<Pending>) -> bool {
    batch.iter().any(|pending| matches!(pending, Pending::Do(order) if order.lost.is_some()))
}
