//! One request, until it has an answer that means something: token, throttling, server errors, busy resources.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode, Url};
use serde_json::Value;
use tidelock_model::ExposeSecret;
use tidelock_secrets::TokenSource;
use tidelock_secrets::http::{BodyError, deepest_cause, read_body, retry_after};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::error::{ArmError, Doing};
use crate::judge;
use crate::settings::{
    ATTEMPTS_MAX, BODY_BYTES_MAX, PAUSE_FIRST, PAUSE_MAX, PAUSE_MIN, REQUESTS_IN_FLIGHT_MAX, Settings,
    TOKENS_PER_REQUEST_MAX,
};

/// How we introduce ourselves: `tidelock/0.1.0`. It is what Azure's activity log and our own tests tell clients apart by.
const USER_AGENT: &str = concat!("tidelock/", env!("CARGO_PKG_VERSION"));

/// Whether a request whose end is not known may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Twice is as good as once.
    Safe,
    /// Only if it certainly did not arrive, or was turned away unread.
    IfNotTaken,
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) doing: Doing,
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) body: Option<&'a Value>,
    pub(crate) repeat: Repeat,
}

/// An answer below 400, or 404.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) retry_after: Option<Duration>,
    /// `Azure-AsyncOperation`
    pub(crate) operation: Option<String>,
    /// `Location`
    pub(crate) location: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Transport {
    http: reqwest::Client,
    endpoint: String,
    tokens: TokenSource,
    permits: Arc<Semaphore>,
    pub(crate) settings: Settings,
}

/// What one attempt came to.
enum Attempt {
    Answer(Answer),
    /// Another operation is under way.
    Busy {
        retry_after: Option<Duration>,
        code: String,
        message: String,
    },
    /// Throttled, server error, no connection. `taken`: the request may have been carried out.
    Trouble {
        retry_after: Option<Duration>,
        reason: String,
        taken: bool,
    },
    Unauthorized(ArmError),
}

impl Transport {
    pub(crate) fn new(
        http: reqwest::Client,
        endpoint: &str,
        tokens: TokenSource,
        settings: Settings,
    ) -> Result<Self, ArmError> {
        let bad = |reason: String| ArmError::BadEndpoint { address: endpoint.to_owned(), reason };
        let url = Url::parse(endpoint).map_err(|err| bad(err.to_string()))?;
        if url.host_str().is_none() || url.path() != "/" || url.query().is_some() {
            return Err(bad("it is not just a scheme, a host and a port".to_owned()));
        }
        let endpoint = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { http, endpoint, tokens, permits: Arc::new(Semaphore::new(REQUESTS_IN_FLIGHT_MAX)), settings })
    }

    /// Path and query of an address the server gave us. Its host is ignored: a token goes to our endpoint and nowhere else.
    pub(crate) fn own_target(&self, doing: &Doing, address: &str) -> Result<String, ArmError> {
        let url = Url::parse(&self.endpoint)
            .and_then(|base| base.join(address))
            .map_err(|err| ArmError::Malformed { doing: doing.clone(), reason: format!("{address:?}: {err}") })?;
        Ok(url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path())))
    }

    /// Sends `call` until there is an answer, within the limits.
    pub(crate) async fn send(&self, call: &Call<'_>) -> Result<Answer, ArmError> {
        let started = Instant::now();
        let (mut attempts, mut tokens_used) = (0, 0);
        let (mut pause, mut busy_pause) = (PAUSE_FIRST, self.settings.poll_first);
        loop {
            match self.attempt(call).await? {
                Attempt::Answer(answer) => return Ok(answer),
                Attempt::Unauthorized(error) => {
                    tokens_used += 1;
                    if tokens_used == TOKENS_PER_REQUEST_MAX {
                        return Err(error);
                    }
                }
                Attempt::Busy { retry_after, code, message } => {
                    let waited = started.elapsed();
                    if waited >= self.settings.busy_deadline {
                        return Err(ArmError::Busy { doing: call.doing.clone(), waited, code, message });
                    }
                    tracing::debug!(doing = %call.doing, %code, "another operation is under way");
                    self.pause(retry_after, busy_pause).await;
                    busy_pause = (busy_pause * 3 / 2).min(self.settings.poll_max);
                }
                Attempt::Trouble { retry_after, reason, taken } => {
                    attempts += 1;
                    if attempts == ATTEMPTS_MAX || (taken && call.repeat == Repeat::IfNotTaken) {
                        return Err(ArmError::Unreachable { doing: call.doing.clone(), attempts, reason });
                    }
                    tracing::debug!(doing = %call.doing, attempts, %reason, "a request is repeated");
                    self.pause(retry_after, pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    /// The server's wish within our limits, else `own`.
    pub(crate) async fn pause(&self, retry_after: Option<Duration>, own: Duration) {
        let pause = retry_after.map_or(own, |wished| wished.min(self.settings.retry_after_max));
        tokio::time::sleep(pause.max(PAUSE_MIN)).await;
    }

    async fn attempt(&self, call: &Call<'_>) -> Result<Attempt, ArmError> {
        let authorize = |err| ArmError::Authorize { doing: call.doing.clone(), reason: Box::new(err) };
        let token = self.tokens.token().await.map_err(authorize)?;
        let mut request = self
            .http
            .request(call.method.clone(), format!("{}{}", self.endpoint, call.target))
            .bearer_auth(token.expose_secret())
            .header(reqwest::header::USER_AGENT, USER_AGENT);
        if let Some(body) = call.body {
            request = request.json(body);
        } else if call.method == Method::POST {
            // Some front ends demand a length even of nothing.
            request = request.header(reqwest::header::CONTENT_LENGTH, 0);
        }
        // Never closed, so the permit always comes; holding it across the body keeps the count honest.
        let _permit = self.permits.acquire().await;
        let response = match request.send().await {
            Ok(response) => response,
            Err(err) => {
                let taken = !err.is_connect();
                return Ok(Attempt::Trouble { retry_after: None, reason: deepest_cause(&err), taken });
            }
        };
        let status = response.status();
        let headers = response.headers().clone();
        let body = match read_body(response, BODY_BYTES_MAX).await {
            Ok(body) => body,
            Err(BodyError::Broken(reason)) => {
                return Ok(Attempt::Trouble { retry_after: None, reason, taken: true });
            }
            Err(err @ BodyError::TooLarge { .. }) => {
                return Err(ArmError::Malformed { doing: call.doing.clone(), reason: err.to_string() });
            }
        };
        if status == StatusCode::UNAUTHORIZED {
            self.tokens.reject(&token).await;
            return Ok(Attempt::Unauthorized(refused(call, status, &body)));
        }
        sort(call, status, &headers, body)
    }
}

fn sort(call: &Call<'_>, status: StatusCode, headers: &HeaderMap, body: Vec<u8>) -> Result<Attempt, ArmError> {
    let retry_after = retry_after(headers);
    match status {
        status if status.is_success() || status == StatusCode::NOT_FOUND => {
            let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
            let (operation, location) = (header("azure-asyncoperation"), header("location"));
            Ok(Attempt::Answer(Answer { status: status.as_u16(), body, retry_after, operation, location }))
        }
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            Ok(Attempt::Trouble { retry_after, reason: trouble(status, &body), taken: false })
        }
        StatusCode::REQUEST_TIMEOUT => {
            Ok(Attempt::Trouble { retry_after, reason: trouble(status, &body), taken: true })
        }
        status if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED => {
            Ok(Attempt::Trouble { retry_after, reason: trouble(status, &body), taken: true })
        }
        StatusCode::CONFLICT => {
            let (code, message) = judge::refusal(&body);
            if judge::is_busy(&code, &message, retry_after.is_some()) {
                return Ok(Attempt::Busy { retry_after, code, message });
            }
            Err(refused(call, status, &body))
        }
        status => Err(refused(call, status, &body)),
    }
}

fn trouble(status: StatusCode, body: &[u8]) -> String {
    let (code, message) = judge::refusal(body);
    format!("HTTP {status} {code} {message}").trim_end().to_owned()
}

/// ARM's refusal as an error.
pub(crate) fn refused(call: &Call<'_>, status: StatusCode, body: &[u8]) -> ArmError {
    let (code, message) = judge::refusal(body);
    ArmError::Refused { doing: call.doing.clone(), status: status.as_u16(), code, message }
}
