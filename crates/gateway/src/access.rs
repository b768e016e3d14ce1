//! The cache's access keys: what clients must show, and what the gateway shows to the cache.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tidelock_model::{ExposeSecret, SecretString};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

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
    /// How many times looking them up has begun. One follows the other.
    begun: AtomicU64,
    /// How many of these have ended, with newer keys or without.
    ended: watch::Sender<u64>,
}

impl Access {
    pub(crate) fn new(keys: AccessKeys) -> Self {
        Self {
            keys: RwLock::new(Arc::new(keys)),
            doubt: Notify::new(),
            begun: AtomicU64::new(0),
            ended: watch::Sender::new(0),
        }
    }

    pub(crate) fn keys(&self) -> Arc<AccessKeys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Says that the keys are being looked up.
    pub(crate) fn look_up(&self) {
        self.begun.fetch_add(1, Ordering::AcqRel);
    }

    /// Says that they have been, and what was found: nothing if nobody could be asked.
    pub(crate) fn looked_up(&self, found: Option<AccessKeys>) {
        if let Some(keys) = found {
            *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        }
        self.ended.send_modify(|ended| *ended += 1);
    }

    /// Whether a client may come in, as far as is known.
    pub(crate) fn admits(&self, user: &[u8], password: &[u8]) -> bool {
        let keys = self.keys();
        let known = same(keys.primary.expose_secret(), password) | same(keys.secondary.expose_secret(), password);
        known && is_user(user)
    }

    /// Whether a client may come in. A key that is not known may be a new one: nobody is refused before the keys have been
    /// looked up once more, or `patience` is over.
    pub(crate) async fn admits_after_all(&self, user: &[u8], password: &[u8], patience: Duration) -> bool {
        if !self.admits(user, password) && is_user(user) {
            let _ = timeout(patience, self.doubts().newer()).await;
        }
        self.admits(user, password)
    }

    /// Somebody comes with a key that is not known, or the cache refused one: it has been regenerated, or the cache lets nobody
    /// in. Whoever wants newer keys waits with what comes back.
    pub(crate) fn doubts(&self) -> Doubt {
        let ended = self.ended.subscribe();
        // A look-up that has begun may have read them before the key was made.
        let wanted = self.begun.load(Ordering::Acquire) + 1;
        self.doubt.notify_one();
        Doubt { ended, wanted }
    }

    /// Waits until somebody doubts the keys.
    pub(crate) async fn doubted(&self) {
        self.doubt.notified().await;
    }
}

/// That the keys are still those of the cache.
pub(crate) struct Doubt {
    ended: watch::Receiver<u64>,
    wanted: u64,
}

impl Doubt {
    /// Waits until they have been looked up once more. For ever, if nobody does: the caller has a deadline.
    pub(crate) async fn newer(mut self) {
        if self.ended.wait_for(|ended| *ended >= self.wanted).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

fn is_user(user: &[u8]) -> bool {
    user.eq_ignore_ascii_case(tidelock_redis_client::acl::DEFAULT_USER.as_bytes())
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

    fn keys(primary: &str, secondary: &str) -> AccessKeys {
        let secret = |text: &str| SecretString::from(text.to_owned());
        AccessKeys { primary: secret(primary), secondary: secret(secondary) }
    }

    #[test]
    fn either_key_admits_and_nothing_else_does() {
        let access = Access::new(keys("one", "two"));
        assert!(access.admits(b"default", b"one") && access.admits(b"default", b"two"));
        for (user, password) in [("default", "on"), ("default", "onee"), ("default", ""), ("tidelock-cloud", "one")] {
            assert!(!access.admits(user.as_bytes(), password.as_bytes()), "{user} {password}");
        }
        assert!(!Access::new(keys("", "")).admits(b"default", b""));
    }

    /// One thread: whoever can go on has gone on after a yield.
    #[tokio::test]
    async fn a_new_key_is_let_in_at_the_first_attempt_and_a_wrong_one_is_refused_in_the_end() {
        let access = Arc::new(Access::new(keys("one", "two")));
        // One is under way, and read them before the new key was made.
        access.look_up();
        let client = tokio::spawn({
            let access = Arc::clone(&access);
            async move { access.admits_after_all(b"default", b"new", Duration::from_secs(60)).await }
        });
        access.doubted().await;
        access.looked_up(Some(keys("one", "two")));
        tokio::task::yield_now().await;
        assert!(!client.is_finished(), "refused by what was read too early");
        access.look_up();
        access.looked_up(Some(keys("new", "two")));
        assert!(client.await.unwrap());

        let patience = Duration::from_millis(1);
        assert!(!access.admits_after_all(b"default", b"wrong", patience).await);
        // Who is not known by name need not wait, and neither must anybody longer than his patience.
        assert!(!access.admits_after_all(b"somebody", b"new", Duration::MAX).await);
        access.look_up();
        access.looked_up(None);
        assert!(access.admits(b"default", b"new"), "what could not be looked up stays as it is");
    }
}
