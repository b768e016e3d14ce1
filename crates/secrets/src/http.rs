//! The HTTPS client of everything that carries a token, and the few helpers its callers share.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::redirect;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::error::SecretsError;

/// Reaching a vault or the management endpoint of the same region takes a round trip or two.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest a single request may take, from sending to the last byte of the answer.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Connections kept warm to one host.
pub const IDLE_CONNECTIONS_PER_HOST: usize = 8;
/// HTTP/2 first; Azure's front ends speak both.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// A client that trusts only the authorities in `ca_pem`, speaks HTTPS only, follows no redirect (it would carry the
/// token elsewhere), takes no proxy from the environment and gives up after [`CONNECT_TIMEOUT`] and [`REQUEST_TIMEOUT`].
///
/// # Errors
/// [`SecretsError::BadAuthority`] if `ca_pem` holds no usable certificate; [`SecretsError::BuildClient`] otherwise.
pub fn http_client(ca_pem: &[u8]) -> Result<reqwest::Client, SecretsError> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls_config(ca_pem)?)
        .https_only(true)
        .no_proxy()
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_PER_HOST)
        .tcp_nodelay(true)
        .build()
        .map_err(|err| SecretsError::BuildClient { reason: deepest_cause(&err) })
}

fn tls_config(ca_pem: &[u8]) -> Result<ClientConfig, SecretsError> {
    let bad = |reason: String| SecretsError::BadAuthority { reason };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem) {
        let certificate = certificate.map_err(|err| bad(err.to_string()))?;
        roots.add(certificate).map_err(|err| bad(err.to_string()))?;
    }
    if roots.is_empty() {
        return Err(bad("it holds no certificate".to_owned()));
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|err| bad(err.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = ALPN.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(config)
}

/// An answer's body that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The connection broke, or the time was up.
    #[error("the answer broke off: {0}")]
    Broken(String),
    /// More than the caller is ready to hold.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The caller's limit, in bytes.
        limit: usize,
    },
}

/// The body of an answer, up to `limit` bytes.
///
/// # Errors
/// If it is larger, or breaks off.
pub async fn read_body(mut response: reqwest::Response, limit: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|err| BodyError::Broken(deepest_cause(&err)))? {
        if body.len() + chunk.len() > limit {
            return Err(BodyError::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// `Retry-After` in seconds. Its other form, a date, is read as absent: it would need a wall clock that agrees with the
/// server's.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// The innermost cause says what happened ("connection refused"); the outer ones only that something did, and
/// may repeat the address.
#[must_use]
pub fn deepest_cause(err: &(dyn Error + 'static)) -> String {
    let mut cause = err;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
