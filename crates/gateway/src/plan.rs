//! What is to be done with each command, before it is known where.

use bytes::{Bytes, BytesMut};
use tidelock_resp::{Class, Command, Use, classify};

use crate::reply;
use crate::upstream::Protocol;

/// Part of a command in a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// None.
    Outside,
    /// MULTI.
    Begin,
    /// Between MULTI and EXEC.
    Queued,
    /// EXEC.
    Execute,
    /// DISCARD.
    Discard,
    /// WATCH.
    Watch,
    /// UNWATCH.
    Unwatch,
}

/// A command that waits for its turn, or a reply that is already known and waits for its place.
#[derive(Debug)]
pub(crate) enum Pending {
    Do(Box<Order>),
    Answer(Bytes),
}

/// One command to be carried out upstream.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) raw: Bytes,
    /// It changes nothing: it may be sent again, and elsewhere.
    pub(crate) read: bool,
    /// It must go the writer's way whatever the local cache could answer.
    pub(crate) writer_only: bool,
    /// It may wait for something to happen.
    pub(crate) blocks: bool,
    pub(crate) step: Step,
    /// A WATCH was in effect before it.
    pub(crate) watched: bool,
    /// To be answered with this instead of the upstream's own reply.
    pub(crate) answer_instead: Option<Bytes>,
    /// The local cache has refused it (it is being isolated, or loading).
    pub(crate) avoid_local: bool,
    /// It was sent and its reply will not come: why.
    pub(crate) lost: Option<String>,
}

impl Order {
    /// It needs the connection on which its transaction began.
    pub(crate) const fn is_inside(&self) -> bool {
        matches!(self.step, Step::Queued | Step::Execute | Step::Discard)
    }

    /// Any cache that is fresh enough may answer it.
    pub(crate) const fn is_plain_read(&self) -> bool {
        self.read && !self.writer_only && !self.avoid_local
    }

    /// If it was sent and not answered, it may be sent again without the client noticing. A blocking read may not: what
    /// came between the two would be missed.
    pub(crate) const fn may_repeat(&self) -> bool {
        self.read && !self.blocks && !self.is_inside()
    }

    /// It changes data as soon as it is carried out, so it needs authority.
    pub(crate) const fn is_write(&self) -> bool {
        !self.read && matches!(self.step, Step::Outside | Step::Execute)
    }
}

/// What to do with a command.
#[derive(Debug)]
pub(crate) enum Planned {
    /// In its turn.
    Pending(Pending),
    /// It is about the connection: everything before it is carried out first, then it alone.
    Connection(Command),
}

/// Knows what the connection's earlier commands mean for the next.
#[derive(Debug, Default)]
pub(crate) struct Planner {
    pub(crate) multi: bool,
    pub(crate) watching: bool,
    /// A command was refused inside the transaction: it cannot be executed.
    spoiled: bool,
    /// READWRITE: reads go the writer's way.
    pub(crate) writer_reads: bool,
    pub(crate) protocol: Protocol,
}

impl Planner {
    /// For another region's gateway: everything is for the writer.
    pub(crate) fn for_peer(protocol: Protocol) -> Self {
        Self { writer_reads: true, protocol, ..Self::default() }
    }

    pub(crate) fn plan(&mut self, command: Command) -> Planned {
        let class = classify(&command);
        match class.does {
            Use::Refused(because) => {
                let name = String::from_utf8_lossy(command.name()).to_ascii_uppercase();
                self.refuse(&format!("NOPERM tidelock: {name} is not available here: {}", because.reason()))
            }
            Use::Connection | Use::Subscription if !self.multi => Planned::Connection(command),
            Use::Connection if command.is("QUIT") || command.is("RESET") => Planned::Connection(command),
            Use::Connection if command.is("PING") || command.is("ECHO") => self.order(&command, class),
            Use::Connection | Use::Subscription => {
                let name = String::from_utf8_lossy(command.name()).to_ascii_uppercase();
                self.refuse(&format!("ERR tidelock: {name} is not allowed in a transaction"))
            }
            Use::Transaction => self.transaction(&command),
            Use::Read | Use::Write => self.order(&command, class),
        }
    }

    /// After MULTI was refused: the client knows it, so what follows is outside.
    pub(crate) fn forget_transaction(&mut self) {
        self.multi = false;
        self.spoiled = false;
    }

    fn refuse(&mut self, text: &str) -> Planned {
        self.spoiled |= self.multi;
        let mut answer = BytesMut::new();
        reply::error(&mut answer, text);
        Planned::Pending(Pending::Answer(answer.freeze()))
    }

    fn order(&self, command: &Command, class: Class) -> Planned {
        let step = if self.multi { Step::Queued } else { Step::Outside };
        let read = class.does == Use::Read;
        let writer_only = !read || self.writer_reads || class.blocks || self.multi || self.watching;
        self.pending(command, read, writer_only, class.blocks && !self.multi, step)
    }

    fn pending(&self, command: &Command, read: bool, writer_only: bool, blocks: bool, step: Step) -> Planned {
        Planned::Pending(Pending::Do(Box::new(Order {
            raw: command.raw().clone(),
            read,
            writer_only,
            blocks,
            step,
            watched: self.watching,
            answer_instead: None,
            avoid_local: false,
            lost: None,
        })))
    }

    fn transaction(&mut self, command: &Command) -> Planned {
        let step = match (command.name().to_ascii_uppercase().as_slice(), self.multi) {
            (b"MULTI", false) => Step::Begin,
            (b"EXEC", true) => Step::Execute,
            (b"DISCARD", true) => Step::Discard,
            (b"WATCH", false) => Step::Watch,
            (b"UNWATCH", false) => Step::Unwatch,
            (_, true) => Step::Queued,
            // EXEC without MULTI and so on: the engine knows the right words.
            (_, false) => Step::Outside,
        };
        // What has no effect beyond its connection may be sent again.
        let repeatable = matches!(step, Step::Outside | Step::Watch | Step::Unwatch);
        let mut planned = self.pending(command, repeatable, true, false, step);
        match step {
            Step::Begin => self.multi = true,
            Step::Watch => self.watching = true,
            Step::Unwatch => self.watching = false,
            Step::Execute | Step::Discard => {
                if let Planned::Pending(Pending::Do(order)) = &mut planned
                    && step == Step::Execute
                    && self.spoiled
                {
                    let mut answer = BytesMut::new();
                    reply::discarded(&mut answer, "a command in it was refused");
                    order.turn_into_discard(answer.freeze());
                }
                self.multi = false;
                self.watching = false;
                self.spoiled = false;
            }
            Step::Outside | Step::Queued => {}
        }
        planned
    }
}

impl Order {
    /// EXEC that must not execute.
    pub(crate) fn turn_into_discard(&mut self, answer: Bytes) {
        self.raw = Command::from_args(&["DISCARD"]).raw().clone();
        self.step = Step::Discard;
        self.answer_instead = Some(answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(planner: &mut Planner, args: &[&str]) -> Order {
        match planner.plan(Command::from_args(args)) {
            Planned::Pending(Pending::Do(order)) => *order,
            other => panic!("{args:?}: {other:?}"),
        }
    }

    #[test]
    fn a_transaction_goes_the_writers_way_as_a_whole() {
        let mut planner = Planner::default();
        assert!(!order(&mut planner, &["GET", "k"]).writer_only);
        assert_eq!(order(&mut planner, &["WATCH", "k"]).step, Step::Watch);
        let get = order(&mut planner, &["GET", "k"]);
        assert!(get.writer_only && get.watched && !get.is_inside());
        assert_eq!(order(&mut planner, &["MULTI"]).step, Step::Begin);
        let queued = order(&mut planner, &["SET", "k", "v"]);
        assert!(queued.is_inside() && !queued.is_write());
        let exec = order(&mut planner, &["exec"]);
        assert!(exec.is_write() && exec.step == Step::Execute);
        assert!(!order(&mut planner, &["GET", "k"]).writer_only);
    }

    #[test]
    fn a_refused_command_spoils_its_transaction() {
        let mut planner = Planner::default();
        order(&mut planner, &["MULTI"]);
        let refused = planner.plan(Command::from_args(&["CONFIG", "GET", "*"]));
        assert!(matches!(refused, Planned::Pending(Pending::Answer(text)) if text.starts_with(b"-NOPERM")));
        let exec = order(&mut planner, &["EXEC"]);
        assert_eq!(exec.step, Step::Discard);
        assert!(exec.answer_instead.unwrap().starts_with(b"-EXECABORT"));
        order(&mut planner, &["MULTI"]);
        assert!(order(&mut planner, &["EXEC"]).answer_instead.is_none());
    }

    #[test]
    fn blocking_reads_go_the_writers_way() {
        let mut planner = Planner::default();
        let read = order(&mut planner, &["XREAD", "BLOCK", "0", "STREAMS", "s", "$"]);
        assert!(read.read && read.writer_only && read.blocks);
    }
}
