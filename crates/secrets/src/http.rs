//! The HTTPS client of everything that carries a token, and the few helpers its callers share.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::redirect;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tidelock_names::{Network, Resolver};

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
    build(reqwest::Client::builder(), ca_pem)
}

/// As [`http_client`], for a process that stands in `network`: its hosts are looked up with `resolver`, the network's own.
///
/// # Errors
/// As [`http_client`].
pub fn http_client_in(network: &Network, resolver: &Resolver, ca_pem: &[u8]) -> Result<reqwest::Client, SecretsError> {
    let builder = reqwest::Client::builder().local_address(network.source);
    build(builder.dns_resolver(Arc::new(Hosts(resolver.clone()))), ca_pem)
}

/// A client for Azure itself: it trusts the system's authorities (`SSL_CERT_FILE` names others), goes through the proxy of the
/// environment (`HTTPS_PROXY`), and is otherwise as [`http_client`].
///
/// # Errors
/// [`SecretsError::BuildClient`].
pub fn public_http_client() -> Result<reqwest::Client, SecretsError> {
    // The system's authorities come with the library's own TLS settings, which need a process-wide choice. Made already: fine.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    limits(reqwest::Client::builder()).build().map_err(|err| SecretsError::BuildClient { reason: deepest_cause(&err) })
}

/// Our resolver as the HTTP library wants it.
struct Hosts(Resolver);

impl Resolve for Hosts {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.0.clone();
        Box::pin(async move {
            let found = resolver.lookup(name.as_str()).await?;
            // The port is the URL's.
            let addresses: Addrs = Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

fn build(builder: reqwest::ClientBuilder, ca_pem: &[u8]) -> Result<reqwest::Client, SecretsError> {
    limits(builder.tls_backend_preconfigured(tls_config(ca_pem)?).no_proxy())
        .build()
        .map_err(|err| SecretsError::BuildClient { reason: deepest_cause(&err) })
}

fn limits(builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    builder
        .https_only(true)
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_PER_HOST)
        .tcp_nodelay(true)
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
