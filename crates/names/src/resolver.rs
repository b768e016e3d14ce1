//! What is remembered of names, and when the server is asked.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hickory_proto::rr::Name;
use tidelock_model::{BootClock, BootTime, Clock};
use tokio::time::timeout;

use crate::error::{NameError, server_words};
use crate::query::{self, Answer};

/// The server has this long to answer. Less than anybody waits for a connection.
pub const LOOKUP_LIMIT: Duration = Duration::from_millis(400);
/// How long an answer whose time is over may be used while the server is silent: RFC 8767 proposes one to three days.
pub const STALE_LIMIT: Duration = Duration::from_secs(24 * 3600);
/// A server that was silent is asked again after this, as long as there is an old answer to go on with.
pub const RECHECK_AFTER: Duration = Duration::from_secs(2);

/// No answer is kept for longer, whatever it says.
const TTL_MAX: Duration = Duration::from_secs(300);
/// The system's resolver tells no time to live: that of a private endpoint's records on Azure.
const SYSTEM_TTL: Duration = Duration::from_secs(10);
/// An answer is not doubted before it is so old: whoever fails in quick succession must not ask each time.
const DOUBT_AFTER: Duration = Duration::from_millis(500);
/// Names that are remembered. A process has a cache and a vault; more are asked for each time.
const NAMES_MAX: usize = 64;

/// Looks names up. Clones share what is remembered.
#[derive(Clone, Debug)]
pub struct Resolver {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// None: the system's resolver.
    server: Option<SocketAddr>,
    source: Option<IpAddr>,
    clock: Arc<dyn Clock>,
    entries: Mutex<BTreeMap<String, Arc<Entry>>>,
}

/// One name.
#[derive(Debug, Default)]
struct Entry {
    /// Held by whoever asks the server.
    asking: tokio::sync::Mutex<()>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    found: Option<Found>,
    failed: Option<(BootTime, NameError)>,
    /// Questions that have ended, well or badly: who waited knows by it that one was asked for him.
    outcomes: u64,
}

#[derive(Clone, Debug)]
struct Found {
    addresses: Vec<IpAddr>,
    since: BootTime,
    fresh_until: BootTime,
}

impl Found {
    fn is_usable(&self, now: BootTime) -> bool {
        now < self.since + STALE_LIMIT
    }
}

impl Resolver {
    /// Asks `server` and nobody else, from the address `source` if it is given.
    #[must_use]
    pub fn server(server: SocketAddr, source: Option<IpAddr>) -> Self {
        Self::with_clock(Some(server), source, Arc::new(BootClock))
    }

    /// Asks the system's resolver.
    #[must_use]
    pub fn system() -> Self {
        Self::with_clock(None, None, Arc::new(BootClock))
    }

    /// As [`Self::server`] or, without one, [`Self::system`], with a clock of the caller's.
    #[must_use]
    pub fn with_clock(server: Option<SocketAddr>, source: Option<IpAddr>, clock: Arc<dyn Clock>) -> Self {
        Self { inner: Arc::new(Inner { server, source, clock, entries: Mutex::default() }) }
    }

    /// The addresses of `host`: itself if it is one, else what the server says or has said. Callers that ask for the same
    /// name at the same time share one question.
    ///
    /// # Errors
    /// As [`NameError`] says. [`NameError::NoAnswer`] only when nothing is remembered that could be used.
    pub async fn lookup(&self, host: &str) -> Result<Vec<IpAddr>, NameError> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let host = host.trim_end_matches('.').to_lowercase();
        let Some(entry) = self.entry(&host) else {
            return self.ask(&host).await.map(|found| found.addresses);
        };
        if let Some(found) = entry.fresh(self.now()) {
            return Ok(found);
        }
        let seen = entry.known().outcomes;
        let asking = match entry.asking.try_lock() {
            Ok(asking) => asking,
            // Somebody asks already: who has an old answer need not wait for it.
            Err(_) => match entry.stale(self.now()) {
                Some(found) => return Ok(found),
                None => entry.asking.lock().await,
            },
        };
        if let Some(settled) = entry.settled_since(seen, self.now()) {
            return settled;
        }
        let outcome = self.ask(&host).await;
        drop(asking);
        entry.settle(outcome, self.now())
    }

    /// What `host` led to does not answer: the next lookup asks the server.
    pub fn doubt(&self, host: &str) {
        let host = host.trim_end_matches('.').to_lowercase();
        let Some(entry) = lock(&self.inner.entries).get(&host).cloned() else { return };
        if let Some(found) = &mut entry.known().found
            && self.now().saturating_since(found.since) >= DOUBT_AFTER
        {
            found.fresh_until = found.since;
        }
    }

    fn now(&self) -> BootTime {
        self.inner.clock.now()
    }

    fn entry(&self, host: &str) -> Option<Arc<Entry>> {
        let mut entries = lock(&self.inner.entries);
        if let Some(entry) = entries.get(host) {
            return Some(Arc::clone(entry));
        }
        if entries.len() >= NAMES_MAX {
            return None;
        }
        let entry = Arc::<Entry>::default();
        entries.insert(host.to_owned(), Arc::clone(&entry));
        Some(entry)
    }

    async fn ask(&self, host: &str) -> Result<Found, NameError> {
        let server = || server_words(self.inner.server);
        let silent = |reason: String| NameError::NoAnswer { host: host.to_owned(), server: server(), reason };
        let since = self.now();
        let answer = timeout(LOOKUP_LIMIT, async {
            match self.inner.server {
                Some(server) => {
                    let name = name(host)?;
                    query::ask(server, self.inner.source, &name).await.map_err(|err| silent(err.to_string()))
                }
                None => system(host).await.map_err(|err| silent(err.to_string())),
            }
        });
        let answer = answer.await.map_err(|_| silent(format!("no answer within {LOOKUP_LIMIT:?}")))??;
        match answer {
            Answer::Addresses(addresses, ttl) => Ok(Found { addresses, since, fresh_until: since + ttl.min(TTL_MAX) }),
            Answer::Nothing(answer) => Err(NameError::NoSuchName { host: host.to_owned(), server: server(), answer }),
        }
    }
}

impl Entry {
    fn known(&self) -> MutexGuard<'_, Known> {
        lock(&self.known)
    }

    fn fresh(&self, now: BootTime) -> Option<Vec<IpAddr>> {
        let known = self.known();
        known.found.as_ref().filter(|found| now < found.fresh_until).map(|found| found.addresses.clone())
    }

    fn stale(&self, now: BootTime) -> Option<Vec<IpAddr>> {
        let known = self.known();
        known.found.as_ref().filter(|found| found.is_usable(now)).map(|found| found.addresses.clone())
    }

    /// What somebody else has learnt while the caller waited, or a short time ago from a silent server.
    fn settled_since(&self, seen: u64, now: BootTime) -> Option<Result<Vec<IpAddr>, NameError>> {
        if let Some(found) = self.fresh(now) {
            return Some(Ok(found));
        }
        let (outcomes, failed) = {
            let known = self.known();
            (known.outcomes, known.failed.clone())
        };
        let (failed_at, failure) = failed?;
        match self.stale(now) {
            Some(found) if now < failed_at + RECHECK_AFTER => Some(Ok(found)),
            _ if outcomes != seen => Some(Err(failure)),
            _ => None,
        }
    }

    fn settle(&self, outcome: Result<Found, NameError>, now: BootTime) -> Result<Vec<IpAddr>, NameError> {
        let mut known = self.known();
        known.outcomes = known.outcomes.wrapping_add(1);
        match outcome {
            Ok(found) => {
                let addresses = found.addresses.clone();
                (known.found, known.failed) = (Some(found), None);
                Ok(addresses)
            }
            Err(failure) => {
                if failure.is_denial() {
                    known.found = None;
                }
                let stale = known.found.as_ref().filter(|found| found.is_usable(now));
                let stale = stale.map(|found| found.addresses.clone());
                if stale.is_some() && known.failed.is_none() {
                    tracing::warn!(%failure, "the DNS server is silent; its last answer is used");
                }
                known.failed = Some((now, failure.clone()));
                stale.ok_or(failure)
            }
        }
    }
}

fn name(host: &str) -> Result<Name, NameError> {
    Name::from_ascii(format!("{host}."))
        .map_err(|err| NameError::BadName { host: host.to_owned(), reason: err.to_string() })
}

async fn system(host: &str) -> io::Result<Answer> {
    let found = tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect();
    Ok(Answer::Addresses(found, SYSTEM_TTL))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
