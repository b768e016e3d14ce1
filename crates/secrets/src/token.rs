//! OAuth 2 client credentials: one token per identity and scope, asked for once and kept.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Deserialize;
use tidelock_model::{BootClock, BootTime, Clock, ExposeSecret, SecretString};
use tokio::sync::Mutex;

use crate::error::SecretsError;
use crate::retry::{self, ATTEMPTS_MAX, GaveUp};

/// A token is renewed this long before it expires, so that one handed out outlives the request it is for.
const RENEW_BEFORE_EXPIRY: Duration = Duration::from_secs(300);
/// While a renewal fails and the old token still holds, the next try waits this long.
const RENEW_AGAIN_AFTER: Duration = Duration::from_secs(15);
/// A token endpoint that promises more than a day is not believed.
const LIFETIME_MAX: Duration = Duration::from_secs(24 * 3600);

/// Who asks for tokens, and where.
#[derive(Clone, Debug)]
pub struct ClientCredential {
    /// The tenant's id. Informative: the endpoint already contains it.
    pub tenant: String,
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: SecretString,
    /// The full address of the token endpoint, such as `https://HOST/TENANT/oauth2/v2.0/token`.
    pub token_endpoint: String,
}

/// Somebody else who asks for tokens, such as Microsoft's own identity library.
pub trait TokenProvider: Send + Sync {
    /// Who it is, in words, for errors: "the Azure CLI".
    fn name(&self) -> &str;

    /// A new token for `scope`, with what is left of its lifetime; or why there is none. It repeats by itself what is worth it.
    fn fetch<'a>(&'a self, scope: &'a str) -> ProvidedToken<'a>;
}

/// A token with what is left of its lifetime, once it has come; or why it has not.
pub type ProvidedToken<'a> = Pin<Box<dyn Future<Output = Result<(SecretString, Duration), String>> + Send + 'a>>;

/// Where tokens come from.
enum Issuer {
    Client { http: reqwest::Client, credential: ClientCredential },
    Provider(Arc<dyn TokenProvider>),
}

/// Hands out tokens for one scope. Clones share the token.
#[derive(Clone)]
pub struct TokenSource {
    inner: Arc<Inner>,
}

struct Inner {
    issuer: Issuer,
    scope: String,
    clock: Arc<dyn Clock>,
    /// Requests that have ended, well or badly; read before waiting, so that a waiter knows a request was made for it.
    ended: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    last_failure: Option<SecretsError>,
}

struct Token {
    value: SecretString,
    renew_at: BootTime,
    expires_at: BootTime,
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("TokenSource");
        match &self.inner.issuer {
            Issuer::Client { credential, .. } => {
                shown.field("client_id", &credential.client_id).field("token_endpoint", &credential.token_endpoint)
            }
            Issuer::Provider(provider) => shown.field("provider", &provider.name()),
        };
        shown.field("scope", &self.inner.scope).finish_non_exhaustive()
    }
}

impl TokenSource {
    /// Tokens for `scope`, such as [`crate::VAULT_SCOPE`]. Nothing is sent before the first [`Self::token`].
    #[must_use]
    pub fn new(http: reqwest::Client, credential: ClientCredential, scope: impl Into<String>) -> Self {
        Self::with_clock(http, credential, scope, Arc::new(BootClock))
    }

    /// As [`Self::new`], with a clock of the caller's. The boot clock is the right one: a token also ages while the
    /// machine is suspended.
    #[must_use]
    pub fn with_clock(
        http: reqwest::Client,
        credential: ClientCredential,
        scope: impl Into<String>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self::of(Issuer::Client { http, credential }, scope.into(), clock)
    }

    /// Tokens for `scope` that somebody else asks for.
    #[must_use]
    pub fn provided(provider: Arc<dyn TokenProvider>, scope: impl Into<String>) -> Self {
        Self::of(Issuer::Provider(provider), scope.into(), Arc::new(BootClock))
    }

    fn of(issuer: Issuer, scope: String, clock: Arc<dyn Clock>) -> Self {
        let state = Mutex::default();
        Self { inner: Arc::new(Inner { issuer, scope, clock, ended: AtomicU64::new(0), state }) }
    }

    /// A token that holds for some minutes more. Callers that arrive while one is being fetched wait for that one, and
    /// share its failure. A failed renewal goes unnoticed for as long as the old token holds.
    ///
    /// # Errors
    /// [`SecretsError::TokenRefused`], [`SecretsError::TokenUnavailable`] or [`SecretsError::TokenMalformed`].
    pub async fn token(&self) -> Result<SecretString, SecretsError> {
        let inner = &self.inner;
        let ended_before = inner.ended.load(Ordering::SeqCst);
        let mut state = inner.state.lock().await;
        if let Some(token) = state.token.as_ref().filter(|token| inner.clock.now() < token.renew_at) {
            return Ok(token.value.clone());
        }
        if inner.ended.load(Ordering::SeqCst) != ended_before
            && let Some(failure) = &state.last_failure
        {
            return Err(failure.clone());
        }
        let outcome = inner.fetch().await;
        inner.ended.fetch_add(1, Ordering::SeqCst);
        inner.settle(&mut state, outcome)
    }

    /// Forgets `rejected` if it is the token in use, so that the next call fetches another. For a server that answered
    /// 401 to it: signing keys change.
    pub async fn reject(&self, rejected: &SecretString) {
        let mut state = self.inner.state.lock().await;
        let in_use = state.token.as_ref().map(|token| token.value.expose_secret());
        if in_use == Some(rejected.expose_secret()) {
            state.token = None;
        }
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    expires_in: Seconds,
}

/// Azure's endpoints send a number, older ones a string.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(u64),
    Text(String),
}

#[derive(Default, Deserialize)]
struct TokenRefusal {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

impl Inner {
    fn settle(&self, state: &mut State, outcome: Result<Token, SecretsError>) -> Result<SecretString, SecretsError> {
        match outcome {
            Ok(token) => {
                let value = token.value.clone();
                *state = State { token: Some(token), last_failure: None };
                Ok(value)
            }
            Err(failure) => {
                let now = self.clock.now();
                if let Some(token) = state.token.as_mut().filter(|token| now < token.expires_at) {
                    tracing::warn!(error = %failure, "the token could not be renewed; the old one still holds");
                    token.renew_at = now + RENEW_AGAIN_AFTER;
                    return Ok(token.value.clone());
                }
                *state = State { token: None, last_failure: Some(failure.clone()) };
                Err(failure)
            }
        }
    }

    async fn fetch(&self) -> Result<Token, SecretsError> {
        // The lifetime counts from before the request: the answer may have been long under way.
        let asked_at = self.clock.now();
        match &self.issuer {
            Issuer::Client { http, credential } => self.ask(http, credential, asked_at).await,
            Issuer::Provider(provider) => {
                let (value, lifetime) =
                    provider.fetch(&self.scope).await.map_err(|reason| SecretsError::TokenNotProvided {
                        provider: provider.name().to_owned(),
                        scope: self.scope.clone(),
                        reason,
                    })?;
                Ok(token(asked_at, value, lifetime))
            }
        }
    }

    async fn ask(
        &self,
        http: &reqwest::Client,
        credential: &ClientCredential,
        asked_at: BootTime,
    ) -> Result<Token, SecretsError> {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", credential.client_id.as_str()),
            ("client_secret", credential.client_secret.expose_secret()),
            ("scope", self.scope.as_str()),
        ];
        let answer = retry::send(|| http.post(&credential.token_endpoint).form(&form))
            .await
            .map_err(|gave_up| unavailable(credential, gave_up))?;
        if !answer.status.is_success() {
            return Err(self.refused(credential, answer.status.as_u16(), &answer.body));
        }
        read(credential, asked_at, &answer.body)
    }

    fn refused(&self, credential: &ClientCredential, status: u16, body: &[u8]) -> SecretsError {
        let refusal: TokenRefusal = serde_json::from_slice(body).unwrap_or_default();
        SecretsError::TokenRefused {
            endpoint: credential.token_endpoint.clone(),
            client_id: credential.client_id.clone(),
            scope: self.scope.clone(),
            status,
            code: refusal.error,
            description: refusal.error_description,
        }
    }
}

/// A token is renewed some minutes before it ends, or when a fifth of a short life is left.
fn token(asked_at: BootTime, value: SecretString, lifetime: Duration) -> Token {
    let lifetime = lifetime.min(LIFETIME_MAX);
    let margin = RENEW_BEFORE_EXPIRY.min(lifetime / 5);
    Token { value, renew_at: asked_at + (lifetime - margin), expires_at: asked_at + lifetime }
}

fn read(credential: &ClientCredential, asked_at: BootTime, body: &[u8]) -> Result<Token, SecretsError> {
    let malformed =
        |reason: String| SecretsError::TokenMalformed { endpoint: credential.token_endpoint.clone(), reason };
    // serde's own message could quote the answer, hence the token.
    let answer: TokenAnswer = serde_json::from_slice(body)
        .map_err(|err| malformed(format!("not the expected JSON at line {}", err.line())))?;
    let seconds = match answer.expires_in {
        Seconds::Number(seconds) => seconds,
        Seconds::Text(text) => text.trim().parse().map_err(|_| malformed("expires_in is not a number".to_owned()))?,
    };
    if answer.access_token.is_empty() || seconds == 0 {
        return Err(malformed("the token is empty or has already expired".to_owned()));
    }
    Ok(token(asked_at, SecretString::from(answer.access_token), Duration::from_secs(seconds)))
}

fn unavailable(credential: &ClientCredential, gave_up: GaveUp) -> SecretsError {
    debug_assert!(gave_up.attempts <= ATTEMPTS_MAX);
    SecretsError::TokenUnavailable {
        endpoint: credential.token_endpoint.clone(),
        client_id: credential.client_id.clone(),
        attempts: gave_up.attempts,
        reason: gave_up.reason,
    }
}
