//! Calls to one control API over mutual TLS.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use reqwest::StatusCode;
use rustls::ClientConfig;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{CallError, Refusal};
use crate::identity::Identity;
use crate::tls::http_alpn;

/// Connecting costs a few round trips between regions.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A silent connection is probed this often, so that a black hole is noticed without a request.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_millis(500);
/// A probe that is not answered closes the connection.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_millis(1500);

/// A client of the control API of one process.
#[derive(Clone, Debug)]
pub struct ControlClient {
    http: reqwest::Client,
    base: String,
    endpoint: String,
}

impl ControlClient {
    /// A client for the process `server`, reached at `address`, which may be a relay's. The server's certificate must
    /// carry `server`'s name whatever the address.
    ///
    /// # Errors
    /// If the HTTP client cannot be built.
    pub fn new(server: &Identity, address: SocketAddr, tls: ClientConfig) -> Result<Self, CallError> {
        let mut tls = tls;
        tls.alpn_protocols = http_alpn();
        let name = server.dns_name();
        let endpoint = format!("{} at {address}", server.uri());
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .resolve(&name, address)
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .http2_keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .http2_keep_alive_while_idle(true)
            .no_proxy()
            .build()
            .map_err(|err| CallError::Protocol { endpoint: endpoint.clone(), reason: deepest(&err) })?;
        Ok(Self { http, base: format!("https://{name}:{}", address.port()), endpoint })
    }

    /// Reads.
    ///
    /// # Errors
    /// As [`CallError`] says.
    pub async fn get<Resp: DeserializeOwned>(&self, path: &str, timeout: Duration) -> Result<Resp, CallError> {
        self.finish(self.http.get(format!("{}{path}", self.base)), timeout).await
    }

    /// Asks for something to be done.
    ///
    /// # Errors
    /// As [`CallError`] says; after a timeout the request may have been carried out.
    pub async fn post<Req: Serialize + Sync, Resp: DeserializeOwned>(
        &self,
        path: &str,
        body: &Req,
        timeout: Duration,
    ) -> Result<Resp, CallError> {
        self.finish(self.http.post(format!("{}{path}", self.base)).json(body), timeout).await
    }

    async fn finish<Resp: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
        timeout: Duration,
    ) -> Result<Resp, CallError> {
        let response = request.timeout(timeout).send().await.map_err(|err| self.failure(&err, timeout))?;
        let status = response.status();
        let body = response.bytes().await.map_err(|err| self.failure(&err, timeout))?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|err| self.protocol(err.to_string()));
        }
        match serde_json::from_slice::<Refusal>(&body) {
            Ok(refusal) => Err(CallError::Refused(refusal)),
            Err(_) if status == StatusCode::NOT_FOUND => Err(self.protocol("it does not know this call".to_owned())),
            Err(_) => Err(self.protocol(format!("HTTP {status}"))),
        }
    }

    fn failure(&self, err: &reqwest::Error, timeout: Duration) -> CallError {
        if err.is_connect() {
            CallError::Unreachable { endpoint: self.endpoint.clone(), reason: deepest(err) }
        } else {
            // Sent and not answered, whatever the cause: the request may have been carried out.
            tracing::debug!(endpoint = %self.endpoint, reason = %deepest(err), "a control call was not answered");
            CallError::Timeout { endpoint: self.endpoint.clone(), after: timeout }
        }
    }

    fn protocol(&self, reason: String) -> CallError {
        CallError::Protocol { endpoint: self.endpoint.clone(), reason }
    }
}

/// The innermost cause says what happened ("connection refused"); the outer ones only that something did.
fn deepest(err: &(dyn Error + 'static)) -> String {
    let mut cause = err;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
