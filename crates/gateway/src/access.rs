//! The cache's access keys: what clients must show, and what the gateway shows to the cache.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tidelock_model::{ExposeSecret, SecretString};
use tokio::sync::{Notify, watch};

/// The two keys of the region's cache.
#[derive(Clone, Debug)]
pub struct AccessKeys {
    /// The primary key: the one the gateway itself uses.
    pub primary: SecretString,
    /// The secondary key: in use while the primary is being regenerated.
    pub secondary: SecretString,
}

/// The current keys, shared by all connections, and a way to ask for newer ones.
#[derive(Debug)]
pub(crate) struct Access {
    keys: RwLock<Arc<AccessKeys>>,
    doubt: Notify,
    /// How often they have been looked up again.
    renewals: watch::Sender<u64>,
    /// Whether they were a moment ago: then they are not at once again.
    resting: AtomicBool,
}

impl Access {
    pub(crate) fn new(keys: AccessKeys) -> Self {
        Self {
            keys: RwLock::new(Arc::new(keys)),
            doubt: Notify::new(),
            renewals: watch::Sender::new(0),
            resting: AtomicBool::new(false),
        }
    }

    pub(crate) fn keys(&self) -> Arc<AccessKeys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn replace(&self, keys: AccessKeys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        self.renewals.send_modify(|renewals| *renewals += 1);
    }

    /// Whether a client may come in. A key we do not know may be a new one: that is looked up, for the next attempt.
    pub(crate) fn admits(&self, user: &[u8], password: &[u8]) -> bool {
        let keys = self.keys();
        let known = same(keys.primary.expose_secret(), password) | same(keys.secondary.expose_secret(), password);
        if !known {
            self.doubt.notify_one();
        }
        known && user.eq_ignore_ascii_case(tidelock_redis_client::acl::DEFAULT_USER.as_bytes())
    }

    /// The cache refused a key: it has been regenerated, or the cache lets nobody in. Who wants newer keys waits with what
    /// comes back; nothing comes back if they were looked up a moment ago.
    pub(crate) fn refused(&self) -> Option<Renewal> {
        let renewals = self.renewals.subscribe();
        self.doubt.notify_one();
        (!self.resting.load(Ordering::Acquire)).then_some(Renewal(renewals))
    }

    /// Says whether a doubt is looked into at once.
    pub(crate) fn rest(&self, resting: bool) {
        self.resting.store(resting, Ordering::Release);
    }

    /// Waits until somebody doubts the keys.
    pub(crate) async fn doubted(&self) {
        self.doubt.notified().await;
    }
}

/// Keys that are being looked up.
pub(crate) struct Renewal(watch::Receiver<u64>);

impl Renewal {
    /// Waits until they have been. For ever, if nobody looks them up: the caller has a deadline.
    pub(crate) async fn done(mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Compares without telling by its duration how much was right.
fn same(key: &str, given: &[u8]) -> bool {
    let key = key.as_bytes();
    let mut difference = u8::from(key.len() != given.len()) | u8::from(key.is_empty());
    for (index, byte) in given.iter().enumerate() {
        difference |= byte ^ key.get(index).copied().unwrap_or(0);
    }
    difference == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_key_admits_and_nothing_else_does() {
        let secret = |text: &str| SecretString::from(text.to_owned());
        let access = Access::new(AccessKeys { primary: secret("one"), secondary: secret("two") });
        assert!(access.admits(b"default", b"one") && access.admits(b"default", b"two"));
        for (user, password) in [("default", "on"), ("default", "onee"), ("default", ""), ("tidelock-cloud", "one")] {
            assert!(!access.admits(user.as_bytes(), password.as_bytes()), "{user} {password}");
        }
        let empty = Access::new(AccessKeys { primary: secret(""), secondary: secret("") });
        assert!(!empty.admits(b"default", b""));
    }
}
