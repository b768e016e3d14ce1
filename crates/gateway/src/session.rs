//! One client connection.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::{Bytes, BytesMut};
use tidelock_resp::{Command, ProtocolError, RequestDecoder, RequestLimits, Use, classify};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::answers::{self, Profile};
use crate::downstream::{Downstream, Gone};
use crate::executor::{Executor, Mode};
use crate::limits::{AUTH_TIMEOUT, KEY_PATIENCE, MAX_BATCH};
use crate::plan::{Pending, Planned, Planner};
use crate::pubsub::Subscriptions;
use crate::reply;
use crate::shared::Shared;
use crate::upstream::Protocol;

/// One client's connection and everything known about it.
pub(crate) struct Session {
    shared: Arc<Shared>,
    client: Downstream,
    decoder: RequestDecoder,
    planner: Planner,
    executor: Executor,
    subscriptions: Option<Subscriptions>,
    profile: Profile,
    closing: bool,
}

/// What the next step is about.
enum Next {
    Command(Command),
    Broken(ProtocolError),
    /// There may be more in the input.
    More,
    /// There is no whole command in the input.
    Wait,
}

impl Session {
    pub(crate) fn new(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr) -> Self {
        let listener = stream.local_addr().map(|address| address.to_string()).unwrap_or_default();
        let (reader, writer) = stream.into_split();
        let input_limit = shared.limits.input_limit();
        let profile = Profile {
            id: shared.next_connection_id.fetch_add(1, Ordering::Relaxed),
            address: peer.to_string(),
            listener,
            name: Bytes::new(),
            library: Bytes::new(),
            library_version: Bytes::new(),
            authenticated: false,
        };
        Self {
            executor: Executor::new(Arc::clone(&shared), Mode::Client, Protocol::default()),
            shared,
            client: Downstream::new(reader, writer, input_limit),
            decoder: RequestDecoder::default(),
            planner: Planner::default(),
            subscriptions: None,
            profile,
            closing: false,
        }
    }

    /// Serves the client until it leaves or the gateway stops.
    pub(crate) async fn serve(mut self, shutdown: CancellationToken) {
        if let Err(gone) = self.run(&shutdown).await {
            tracing::debug!(client = self.profile.id, %gone, "a client connection ended");
        }
        self.client.close().await;
    }

    async fn run(&mut self, shutdown: &CancellationToken) -> Result<(), Gone> {
        let auth_deadline = Instant::now() + AUTH_TIMEOUT;
        let mut batch = VecDeque::new();
        loop {
            let next = self.plan(&mut batch);
            let unplanned = self.client.input.len();
            self.executor.run(&mut batch, &mut self.client).await?;
            if std::mem::take(&mut self.executor.broken.begin_refused) {
                self.planner.forget_transaction();
            }
            // Input that came while the batch was carried out has not been looked at: waiting for more would be wrong.
            let waiting = matches!(next, Next::Wait) && self.client.input.len() == unplanned;
            match next {
                Next::Command(command) => self.connection_command(&command).await?,
                Next::Broken(err) => {
                    reply::error(&mut self.client.output, &format!("ERR {err}"));
                    self.closing = true;
                }
                Next::More | Next::Wait => {}
            }
            if self.closing || (waiting && shutdown.is_cancelled()) {
                return self.client.flush().await;
            }
            self.client.relieve().await?;
            if waiting {
                if self.client.finished {
                    return self.client.flush().await;
                }
                self.wait(shutdown, auth_deadline).await?;
            }
        }
    }

    /// Waits for input, messages, or the end of an idle upstream.
    async fn wait(&mut self, shutdown: &CancellationToken, auth_deadline: Instant) -> Result<(), Gone> {
        let before = self.client.input.len();
        let mut messages = BytesMut::new();
        while self.client.input.len() == before && !self.client.finished {
            let may_relay = self.client.has_room();
            tokio::select! {
                progressed = self.client.progress() => progressed?,
                () = self.executor.watch_idle() => {}
                relayed = next_messages(&mut self.subscriptions, &mut messages), if may_relay => {
                    if let Err(err) = relayed {
                        tracing::debug!(client = self.profile.id, %err, "a subscriber is disconnected");
                        self.closing = true;
                        return Ok(());
                    }
                    self.client.output.unsplit(messages.split());
                }
                () = shutdown.cancelled() => return Ok(()),
                () = sleep_until(auth_deadline), if !self.profile.authenticated => {
                    self.closing = true;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Takes commands from the input until there are no more, or one must be dealt with alone.
    fn plan(&mut self, batch: &mut VecDeque<Pending>) -> Next {
        let limits = match self.profile.authenticated {
            true => self.shared.limits.requests(),
            false => RequestLimits::UNAUTHENTICATED,
        };
        while batch.len() < MAX_BATCH {
            let command = match self.decoder.decode(&mut self.client.input, &limits) {
                Ok(Some(command)) => command,
                Ok(None) => return Next::Wait,
                Err(err) => return Next::Broken(err),
            };
            if !self.profile.authenticated && !may_precede_auth(&command) {
                batch.push_back(answer("NOAUTH Authentication required."));
                continue;
            }
            if self.is_subscriber_only() && !allowed_while_subscribed(&command) {
                let name = String::from_utf8_lossy(command.name()).to_ascii_lowercase();
                batch.push_back(answer(&format!(
                    "ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are \
                     allowed in this context"
                )));
                continue;
            }
            match self.planner.plan(command) {
                Planned::Pending(pending) => batch.push_back(pending),
                Planned::Connection(command) => return Next::Command(command),
            }
        }
        Next::More
    }

    /// In version 2 a connection with subscriptions can do nothing else.
    fn is_subscriber_only(&self) -> bool {
        self.planner.protocol == Protocol::V2 && self.subscriptions.as_ref().is_some_and(Subscriptions::any)
    }

    async fn connection_command(&mut self, command: &Command) -> Result<(), Gone> {
        if classify(command).does == Use::Subscription || (self.is_subscriber_only() && command.is("PING")) {
            return self.subscription_command(command).await;
        }
        let out = &mut self.client.output;
        match command.name().to_ascii_uppercase().as_slice() {
            b"PING" => answers::ping(command, out),
            b"ECHO" => answers::echo(command, out),
            b"SELECT" => answers::select(command, out),
            b"CLIENT" => answers::client(command, &mut self.profile, self.planner.protocol, out),
            b"CLUSTER" => reply::error(out, "ERR This instance has cluster support disabled"),
            b"READONLY" | b"READWRITE" => {
                self.planner.writer_reads = command.is("READWRITE");
                reply::ok(out);
            }
            b"AUTH" => self.auth(command).await,
            b"HELLO" => self.hello(command).await,
            b"RESET" => {
                self.reset();
                tidelock_resp::encode_simple(&mut self.client.output, "RESET");
            }
            b"QUIT" => {
                reply::ok(out);
                self.closing = true;
            }
            _ => reply::error(out, "ERR tidelock: this command is not available through the gateway"),
        }
        Ok(())
    }

    async fn auth(&mut self, command: &Command) {
        let (user, password) = match (command.arg(1), command.arg(2), command.len()) {
            (Some(password), None, 2) => (&b"default"[..], password),
            (Some(user), Some(password), 3) => (user, password),
            _ => return answers::wrong_number(&mut self.client.output, "auth"),
        };
        if self.admit(user, password).await {
            reply::ok(&mut self.client.output);
        }
    }

    async fn admit(&mut self, user: &[u8], password: &[u8]) -> bool {
        let admitted = self.shared.access.admits_after_all(user, password, KEY_PATIENCE).await;
        if admitted {
            self.profile.authenticated = true;
        } else {
            reply::error(&mut self.client.output, "WRONGPASS invalid username-password pair or user is disabled.");
        }
        admitted
    }

    async fn hello(&mut self, command: &Command) {
        let request = match answers::parse_hello(command) {
            Ok(request) => request,
            Err(text) => return reply::error(&mut self.client.output, text),
        };
        if let Some((user, password)) = &request.credentials {
            if !self.admit(user, password).await {
                return;
            }
        } else if !self.profile.authenticated {
            return reply::error(
                &mut self.client.output,
                "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH \
                 <user> <pass> option can be used to authenticate the client and select the RESP protocol version at \
                 the same time",
            );
        }
        if let Some(name) = request.name {
            self.profile.name = Bytes::from(name);
        }
        if let Some(protocol) = request.protocol.filter(|protocol| *protocol != self.planner.protocol) {
            if self.subscriptions.is_some() {
                return reply::error(
                    &mut self.client.output,
                    "ERR tidelock: unsubscribe before changing the protocol version",
                );
            }
            // Watched keys belong to the old upstream: EXEC will then fail as if they had changed.
            let watching = self.planner.watching;
            self.executor.start_over(protocol);
            self.executor.broken.watch = watching;
            self.planner.protocol = protocol;
        }
        answers::hello(&self.profile, self.planner.protocol, &mut self.client.output);
    }

    fn reset(&mut self) {
        self.planner = Planner::default();
        self.executor.start_over(Protocol::default());
        self.subscriptions = None;
        self.profile.name = Bytes::new();
        self.profile.authenticated = false;
    }

    async fn subscription_command(&mut self, command: &Command) -> Result<(), Gone> {
        if self.subscriptions.is_none() {
            let epoch = self.shared.fence.route().epoch;
            match self.shared.local.open(epoch, self.planner.protocol).await {
                Ok(upstream) => self.subscriptions = Some(Subscriptions::new(upstream)),
                Err(err) => {
                    let text = format!("MASTERDOWN tidelock: {err}; subscriptions are served by the local cache");
                    reply::error(&mut self.client.output, &text);
                    return Ok(());
                }
            }
        }
        if let Some(subscriptions) = &mut self.subscriptions {
            if let Err(err) = subscriptions.command(command.raw().clone(), &mut self.client).await {
                tracing::debug!(client = self.profile.id, %err, "a subscriber is disconnected");
                self.closing = true;
            } else if !subscriptions.any() {
                self.subscriptions = None;
            }
        }
        Ok(())
    }
}

async fn next_messages(
    subscriptions: &mut Option<Subscriptions>,
    output: &mut BytesMut,
) -> Result<(), crate::pubsub::SubscriptionsLost> {
    match subscriptions {
        Some(subscriptions) => subscriptions.messages(output).await,
        None => std::future::pending().await,
    }
}

fn answer(text: &str) -> Pending {
    let mut out = BytesMut::new();
    reply::error(&mut out, text);
    Pending::Answer(out.freeze())
}

fn may_precede_auth(command: &Command) -> bool {
    ["AUTH", "HELLO", "QUIT", "RESET"].iter().any(|name| command.is(name))
}

fn allowed_while_subscribed(command: &Command) -> bool {
    classify(command).does == Use::Subscription || ["PING", "QUIT", "RESET"].iter().any(|name| command.is(name))
}
