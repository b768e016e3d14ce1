//! TLS configurations: one provider, and trust in the environment's own authority only.

use std::sync::Arc;

use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tidelock_model::ExposeSecret;

use crate::authority::IssuedIdentity;

/// Both HTTP versions; HTTP/2 keeps one warm connection for everything between two agents.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// A certificate, key or authority that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsSetupError {
    /// Not PEM, or nothing of that kind in it.
    #[error("cannot read the {what} (PEM): {reason}")]
    Pem {
        /// certificate, private key, authority
        what: &'static str,
        /// The parser's reason.
        reason: String,
    },
    /// Refused by the TLS library.
    #[error("cannot use the {what}: {reason}")]
    Unusable {
        /// certificate, authority
        what: &'static str,
        /// The library's reason.
        reason: String,
    },
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn roots(ca_pem: &[u8]) -> Result<RootCertStore, TlsSetupError> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem) {
        let certificate =
            certificate.map_err(|err| TlsSetupError::Pem { what: "authority", reason: err.to_string() })?;
        store.add(certificate).map_err(|err| TlsSetupError::Unusable { what: "authority", reason: err.to_string() })?;
    }
    if store.is_empty() {
        return Err(TlsSetupError::Pem { what: "authority", reason: "it holds no certificate".to_owned() });
    }
    Ok(store)
}

type Chain = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn chain(identity: &IssuedIdentity) -> Result<Chain, TlsSetupError> {
    let certificates = CertificateDer::pem_slice_iter(identity.certificate_pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|err| TlsSetupError::Pem { what: "certificate", reason: err.to_string() })?;
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.expose_secret().as_bytes())
        .map_err(|err| TlsSetupError::Pem { what: "private key", reason: err.to_string() })?;
    Ok((certificates, key))
}

fn unusable(what: &'static str) -> impl FnOnce(rustls::Error) -> TlsSetupError {
    move |err| TlsSetupError::Unusable { what, reason: err.to_string() }
}

/// A client that trusts only `ca_pem` and shows no certificate. No ALPN: callers that speak HTTP add it.
///
/// # Errors
/// If the authority cannot be read.
pub fn trust_only(ca_pem: &[u8]) -> Result<ClientConfig, TlsSetupError> {
    Ok(ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(unusable("authority"))?
        .with_root_certificates(roots(ca_pem)?)
        .with_no_client_auth())
}

/// A client that trusts only `ca_pem` and shows `identity`.
///
/// # Errors
/// If a PEM text cannot be read or the pair does not fit together.
pub fn mtls_client_config(identity: &IssuedIdentity, ca_pem: &[u8]) -> Result<ClientConfig, TlsSetupError> {
    let (certificates, key) = chain(identity)?;
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(unusable("authority"))?
        .with_root_certificates(roots(ca_pem)?)
        .with_client_auth_cert(certificates, key)
        .map_err(unusable("certificate"))
}

/// A server that shows `identity` and demands a certificate of `ca_pem` from every client.
///
/// # Errors
/// If a PEM text cannot be read or the pair does not fit together.
pub fn mtls_server_config(identity: &IssuedIdentity, ca_pem: &[u8]) -> Result<ServerConfig, TlsSetupError> {
    let (certificates, key) = chain(identity)?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(ca_pem)?), provider())
        .build()
        .map_err(|err| TlsSetupError::Unusable { what: "authority", reason: err.to_string() })?;
    ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(unusable("certificate"))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificates, key)
        .map_err(unusable("certificate"))
}

/// A server that shows `identity` and lets anybody connect: the local cloud's HTTPS and private endpoints.
///
/// # Errors
/// If a PEM text cannot be read or the pair does not fit together.
pub fn server_config(identity: &IssuedIdentity) -> Result<ServerConfig, TlsSetupError> {
    let (certificates, key) = chain(identity)?;
    ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(unusable("certificate"))?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(unusable("certificate"))
}

/// The protocols HTTP clients and servers offer.
pub(crate) fn http_alpn() -> Vec<Vec<u8>> {
    ALPN.iter().map(|protocol| protocol.to_vec()).collect()
}
