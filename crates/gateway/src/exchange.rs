//! Sending a run of commands to one upstream and taking its replies, under the fence.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tidelock_control::agent_api::WriteRoute;
use tidelock_model::{BootTime, Epoch, Location};
use tidelock_resp::{ReplyKind, ScannedReply, parse};

use crate::counters::count;
use crate::downstream::{Downstream, Gone};
use crate::durable::{Held, RemoteDurability};
use crate::executor::{Executor, Mode};
use crate::fence::Permit;
use crate::limits::{COALESCE_BELOW, EPOCH_GRACE, REFUSAL_GRACE, REPLY_TIMEOUT};
use crate::plan::{Order, Pending, Step};
use crate::upstream::{Slot, Upstream};

/// Commands that go to one upstream together.
#[derive(Debug)]
pub(crate) struct Burst {
    pub(crate) slot: Slot,
    pub(crate) epoch: Epoch,
    /// Entries of the batch, known answers between the commands included.
    pub(crate) items: usize,
    /// How many of them change data.
    pub(crate) writes: u64,
    /// Where peers are, if writes go there.
    pub(crate) forward: Option<(Location, Vec<SocketAddr>)>,
    /// Until when replies to local reads may be relayed.
    pub(crate) fresh_until: Option<BootTime>,
    /// Some of them are reads that only need a fresh enough cache.
    pub(crate) plain_reads: bool,
    /// This region is the writer.
    pub(crate) writer_here: bool,
}

/// How an exchange ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// Every command was answered.
    Done,
    /// The upstream is gone. What was sent and could have changed something is marked so; the rest may be tried again.
    Lost,
    /// The upstream is gone, and certainly nothing of what is left in the batch was carried out.
    NotSent(String),
}

/// Why an exchange stops early.
enum Stop {
    Lost(String),
    NotSent(String),
}

/// One exchange under way.
struct Run<'a> {
    burst: &'a Burst,
    upstream: Upstream,
    permit: Option<Permit>,
    left: usize,
    last_progress: BootTime,
    epoch_ended: Option<BootTime>,
    /// Replies that another region's confirmation is awaited for.
    held: Option<Held>,
}

impl Executor {
    /// Sends the first `burst.items` of `batch` and takes them off as they are answered.
    pub(crate) async fn exchange(
        &mut self,
        burst: &Burst,
        batch: &mut VecDeque<Pending>,
        client: &mut Downstream,
    ) -> Result<Ending, Gone> {
        let Some(mut upstream) = self.slot(burst.slot).take() else {
            return Ok(Ending::NotSent("there is no connection".to_owned()));
        };
        let fence = self.shared.fence.clone();
        let mut permit = None;
        if burst.slot == Slot::Local && burst.writes > 0 {
            permit = fence.begin(burst.epoch, burst.writes);
            if permit.is_none() {
                *self.slot(burst.slot) = Some(upstream);
                return Ok(Ending::NotSent("this region is not the writer at this moment".to_owned()));
            }
        }
        let durability = self.shared.durability.filter(|_| permit.is_some());
        queue(&mut upstream, batch, burst, durability);
        let mut bound = self.bound;
        upstream.wrote |= orders(batch, burst.items).any(|order| !order.read);
        for order in orders(batch, burst.items) {
            bound = bound.after(order.step, burst.slot);
        }
        let last_progress = fence.now();
        let held = durability.map(|durability| Held::new(durability, burst.writes));
        let mut run = Run { burst, upstream, permit, left: burst.items, last_progress, epoch_ended: None, held };
        let stopped = self.serve(&mut run, batch, client).await;
        let left = run.left;
        if let Some(held) = run.held.take() {
            held.give_up("whether another region has it is not known", &mut client.output);
        }
        match stopped {
            Ok(None) => {
                *self.slot(burst.slot) = Some(run.upstream);
                self.bound = bound;
                Ok(Ending::Done)
            }
            Ok(Some(stop)) => {
                // Closed first, then counted as no longer under way.
                let Run { upstream, permit, .. } = run;
                drop(upstream);
                drop(permit);
                Ok(self.settle_stop(stop, burst, batch, left))
            }
            Err(gone) => {
                drop(run);
                self.close(burst.slot);
                Err(gone)
            }
        }
    }

    /// The upstream is gone with `left` entries unanswered.
    fn settle_stop(&mut self, stop: Stop, burst: &Burst, batch: &mut VecDeque<Pending>, left: usize) -> Ending {
        // What state the upstream held when the first unanswered command's turn had come.
        if let Some(order) = orders(batch, left).next() {
            self.broken.transaction |= order.is_inside();
            self.broken.watch |= order.watched;
        }
        self.bound = crate::place::Bound::default();
        match stop {
            Stop::NotSent(reason) => Ending::NotSent(reason),
            Stop::Lost(reason) => {
                tracing::debug!(slot = ?burst.slot, %reason, left, "an upstream was lost with commands under way");
                for order in orders_mut(batch, left) {
                    order.lost = (!order.may_repeat()).then(|| reason.clone());
                }
                Ending::Lost
            }
        }
    }

    async fn serve(
        &mut self,
        run: &mut Run<'_>,
        batch: &mut VecDeque<Pending>,
        client: &mut Downstream,
    ) -> Result<Option<Stop>, Gone> {
        loop {
            if let Some(stop) = self.take_replies(run, batch, client) {
                return Ok(Some(stop));
            }
            if run.left == 0 && run.held.is_none() {
                let stray = !run.upstream.receive.buffer.is_empty();
                return Ok(stray.then(|| Stop::Lost("the upstream sent more than was asked for".to_owned())));
            }
            let blocked = run.left > 0 && matches!(batch.front(), Some(Pending::Do(order)) if order.blocks);
            if client.finished && blocked {
                return Err(Gone::ClosedWhileBlocked);
            }
            let pause = match self.verdict(run, blocked) {
                Ok(pause) => pause,
                Err(stop) => return Ok(Some(stop)),
            };
            let Upstream { receive, send, .. } = &mut run.upstream;
            tokio::select! {
                biased;
                filled = receive.fill(), if client.has_room() => {
                    if let Err(err) = filled {
                        return Ok(Some(Stop::Lost(format!("the connection upstream was lost: {err}"))));
                    }
                    run.last_progress = self.shared.fence.now();
                }
                sent = send.progress(), if !send.is_idle() => match sent {
                    Ok(()) => run.last_progress = self.shared.fence.now(),
                    // Answers that are already under way can still be read.
                    Err(_) => send.abandon(),
                },
                progressed = client.progress() => progressed?,
                _ = self.changes.changed() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Whether the exchange may go on, and when to ask again at the latest.
    fn verdict(&self, run: &mut Run<'_>, blocked: bool) -> Result<Duration, Stop> {
        let fence = &self.shared.fence;
        let view = fence.view();
        let mut until = run.last_progress + REPLY_TIMEOUT;
        if blocked {
            until = view.now + REPLY_TIMEOUT;
        }
        if view.route.epoch != run.burst.epoch {
            let ended = *run.epoch_ended.get_or_insert(view.now);
            let forwarded_write = run.burst.slot == Slot::Peer && run.burst.writes > 0;
            // The old writer's acknowledgement would not be relayed any more; its refusal, which lets the write go to the
            // new one, is under way if this is a planned change.
            until = until.min(ended + if forwarded_write { REFUSAL_GRACE } else { EPOCH_GRACE });
        }
        if run.permit.is_some() {
            let Some(lease) = fence.lease_until(run.burst.epoch).filter(|lease| view.now < *lease) else {
                return Err(Stop::Lost("the lease ended while the command was under way".to_owned()));
            };
            until = until.min(lease);
            if blocked && !matches!(view.route.writes, WriteRoute::Local { .. }) {
                return Err(Stop::Lost("the writer role is moving while the command was blocked".to_owned()));
            }
        }
        if run.burst.plain_reads {
            // A writer's lease may have been renewed since; what a reader knew when it sent the read is what counts.
            let now = if run.burst.writer_here { self.shared.freshness.fresh_until(&view) } else { None };
            until = until.min(now.or(run.burst.fresh_until).unwrap_or(view.now));
        }
        if view.now >= until {
            return Err(Stop::Lost("there was no answer in time".to_owned()));
        }
        Ok(until.saturating_since(view.now))
    }

    /// Settles every reply that has arrived.
    fn take_replies(
        &mut self,
        run: &mut Run<'_>,
        batch: &mut VecDeque<Pending>,
        client: &mut Downstream,
    ) -> Option<Stop> {
        while run.left > 0 || run.held.is_some() {
            if run.held.as_ref().is_some_and(|held| held.due) {
                match self.take_confirmation(run, client) {
                    Ok(true) => continue,
                    Ok(false) => return None,
                    Err(stop) => return Some(stop),
                }
            }
            if run.left == 0 {
                return Some(Stop::Lost("a burst was answered without its writes".to_owned()));
            }
            if let Some(Pending::Answer(answer)) = batch.front() {
                match &mut run.held {
                    Some(held) => held.hold(false, answer.clone()),
                    None => client.output.extend_from_slice(answer),
                }
                count(&self.counters.refused);
            } else {
                let (reply, bytes) = match run.upstream.receive.next() {
                    Ok(Some(reply)) => reply,
                    Ok(None) => return None,
                    Err(err) => return Some(Stop::Lost(err.to_string())),
                };
                if run.upstream.greeting_due {
                    if reply.kind == ReplyKind::Error {
                        return Some(Stop::NotSent(format!("the writer's gateway refuses: {}", text_of(&bytes))));
                    }
                    run.upstream.greeting_due = false;
                    continue;
                }
                if reply.kind == ReplyKind::Push {
                    match run.burst.slot {
                        // Nobody else sends pushes on a peer's connection: an engine's own do not get through.
                        Slot::Peer => return Some(Stop::NotSent(crate::peer::refusal_reason(&bytes))),
                        Slot::Local => continue,
                    }
                }
                let Some(Pending::Do(order)) = batch.front_mut() else { return None };
                if let Some(stop) = self.settle(run, order, reply, &bytes, &mut client.output) {
                    return Some(stop);
                }
            }
            batch.pop_front();
            run.left -= 1;
        }
        None
    }

    /// Takes the answer of `WAIT`, and relays what was held for it. False if it has not come yet.
    fn take_confirmation(&self, run: &mut Run<'_>, client: &mut Downstream) -> Result<bool, Stop> {
        let reply = run.upstream.receive.next().map_err(|err| Stop::Lost(err.to_string()))?;
        let Some((reply, bytes)) = reply else { return Ok(false) };
        if reply.kind == ReplyKind::Push {
            return Ok(true);
        }
        if !self.shared.fence.may_acknowledge(run.burst.epoch) {
            return Err(Stop::Lost("the lease ended before another region's confirmation came".to_owned()));
        }
        if let Some(held) = run.held.take() {
            if let Some(permit) = &mut run.permit {
                (0..held.writes()).for_each(|_| permit.answered());
            }
            held.settle(&bytes, &mut client.output);
        }
        Ok(true)
    }

    /// Relays one reply, if the fence allows it.
    fn settle(
        &mut self,
        run: &mut Run<'_>,
        order: &mut Order,
        reply: ScannedReply,
        bytes: &Bytes,
        out: &mut BytesMut,
    ) -> Option<Stop> {
        let counters = &self.counters;
        let plain_read = order.is_plain_read();
        match run.burst.slot {
            // The old writer's word does not count any more: the new one may not have this write.
            Slot::Peer if order.is_write() && self.shared.fence.route().epoch != run.burst.epoch => {
                return Some(Stop::Lost("the epoch ended before the answer came".to_owned()));
            }
            Slot::Peer => count(if order.read { &counters.forwarded_reads } else { &counters.forwarded_writes }),
            Slot::Local if plain_read => {
                if reply.kind == ReplyKind::Error && !run.burst.writer_here && cannot_serve(bytes) {
                    order.avoid_local = true;
                    return Some(Stop::Lost("the local cache cannot serve reads".to_owned()));
                }
                count(&counters.local_reads);
            }
            Slot::Local => {
                if !self.shared.fence.may_acknowledge(run.burst.epoch) {
                    return Some(Stop::Lost("the lease ended before the answer came".to_owned()));
                }
                match self.mode {
                    _ if order.read => count(&counters.local_reads),
                    Mode::Client => count(&counters.local_writes),
                    Mode::Peer(_) => count(&counters.peer_writes),
                }
            }
        }
        if order.is_write()
            && run.held.is_none()
            && let Some(permit) = &mut run.permit
        {
            permit.answered();
        }
        match order.step {
            Step::Begin if reply.kind == ReplyKind::Error => self.broken.begin_refused = true,
            Step::Execute | Step::Discard => self.broken = crate::executor::Broken::default(),
            _ => {}
        }
        let answer = order.answer_instead.as_ref().unwrap_or(bytes);
        match &mut run.held {
            Some(held) => held.hold(order.is_write(), answer.clone()),
            None => out.extend_from_slice(answer),
        }
        None
    }
}

/// Errors by which a cache says that it serves nobody now: it is being isolated, loading, or has no leader.
fn cannot_serve(reply: &[u8]) -> bool {
    [&b"-NOPERM"[..], b"-NOAUTH", b"-LOADING", b"-MASTERDOWN"].iter().any(|code| reply.starts_with(code))
}

fn text_of(reply: &Bytes) -> String {
    parse(reply).ok().and_then(|value| value.as_error()).unwrap_or_default()
}

/// Hands the commands to the upstream; short ones together. What waits for other regions goes right behind the last write:
/// further on a transaction may have been opened.
fn queue(upstream: &mut Upstream, batch: &VecDeque<Pending>, burst: &Burst, durability: Option<RemoteDurability>) {
    let mut together = BytesMut::new();
    let mut writes_left = burst.writes;
    for order in orders(batch, burst.items) {
        if order.raw.len() < COALESCE_BELOW {
            together.extend_from_slice(&order.raw);
        } else {
            if !together.is_empty() {
                upstream.send.push(together.split().freeze());
            }
            upstream.send.push(order.raw.clone());
        }
        if order.is_write() {
            writes_left = writes_left.saturating_sub(1);
            if let Some(durability) = durability.filter(|_| writes_left == 0) {
                together.extend_from_slice(&durability.command());
            }
        }
    }
    if !together.is_empty() {
        upstream.send.push(together.freeze());
    }
}

fn orders(batch: &VecDeque<Pending>, items: usize) -> impl Iterator<Item = &Order> {
    batch.iter().take(items).filter_map(|pending| match pending {
        Pending::Do(order) => Some(&**order),
        Pending::Answer(_) => None,
    })
}

fn orders_mut(batch: &mut VecDeque<Pending>, items: usize) -> impl Iterator<Item = &mut Order> {
    batch.iter_mut().take(items).filter_map(|pending| match pending {
        Pending::Do(order) => Some(&mut **order),
        Pending::Answer(_) => None,
    })
}
