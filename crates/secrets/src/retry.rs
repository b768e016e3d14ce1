//! Sending one idempotent request a bounded number of times.

use std::time::Duration;

use reqwest::{RequestBuilder, StatusCode};

use crate::http::{BodyError, deepest_cause, read_body, retry_after};

/// How often a request is sent in all.
pub(crate) const ATTEMPTS_MAX: u32 = 4;
/// The first pause between two attempts; it doubles.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
/// No pause is longer, whatever `Retry-After` says: four attempts then end within the minute.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// A secret has at most 25 KiB, a token a few.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// An answer that is worth looking at: anything but throttling and server trouble.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
}

/// No such answer after [`ATTEMPTS_MAX`] attempts.
pub(crate) struct GaveUp {
    pub(crate) attempts: u32,
    pub(crate) reason: String,
}

/// Sends what `request` builds until the answer is neither 408, 429 nor 5xx. `request` must be safe to repeat.
pub(crate) async fn send(request: impl Fn() -> RequestBuilder) -> Result<Answer, GaveUp> {
    let mut pause = PAUSE_FIRST;
    for attempt in 1..=ATTEMPTS_MAX {
        let trouble = match once(request()).await {
            Ok(answer) => return Ok(answer),
            Err(trouble) => trouble,
        };
        if attempt == ATTEMPTS_MAX || !trouble.repeatable {
            return Err(GaveUp { attempts: attempt, reason: trouble.reason });
        }
        tracing::debug!(attempt, reason = %trouble.reason, "a vault or token request is repeated");
        tokio::time::sleep(trouble.retry_after.unwrap_or(pause).min(PAUSE_MAX)).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
    Err(GaveUp { attempts: ATTEMPTS_MAX, reason: "no attempt was made".to_owned() })
}

struct Trouble {
    reason: String,
    retry_after: Option<Duration>,
    repeatable: bool,
}

async fn once(request: RequestBuilder) -> Result<Answer, Trouble> {
    let response = request.send().await.map_err(|err| Trouble {
        reason: deepest_cause(&err),
        retry_after: None,
        repeatable: !err.is_builder(),
    })?;
    let status = response.status();
    if status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::REQUEST_TIMEOUT || status.is_server_error() {
        let retry_after = retry_after(response.headers());
        return Err(Trouble { reason: format!("HTTP {status}"), retry_after, repeatable: true });
    }
    let body = read_body(response, BODY_BYTES_MAX).await.map_err(|err| Trouble {
        repeatable: matches!(err, BodyError::Broken(_)),
        reason: err.to_string(),
        retry_after: None,
    })?;
    Ok(Answer { status, body })
}
