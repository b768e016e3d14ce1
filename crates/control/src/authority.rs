//! The environment's own certificate authority. `up` makes it; it never leaves the operator's state directory.

use std::fs;
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};
use tidelock_model::{ExposeSecret, SecretString};

use crate::identity::Identity;

/// The authority's certificate, which everybody may read.
const CERTIFICATE_FILE: &str = "ca.pem";
/// Its private key, for the owner's eyes.
const KEY_FILE: &str = "ca.key";

/// What went wrong with the authority's files or with issuing.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file could not be read or written.
    #[error("cannot {action} {path}: {source}")]
    File {
        /// read, create, write
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The certificate library refused.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
}

/// Signs the certificates of one environment.
pub struct CertificateAuthority {
    certificate_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl std::fmt::Debug for CertificateAuthority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CertificateAuthority").finish_non_exhaustive()
    }
}

/// A certificate chain and its private key, both PEM.
#[derive(Clone)]
pub struct IssuedIdentity {
    /// The certificate.
    pub certificate_pem: String,
    /// The key.
    pub key_pem: SecretString,
}

impl std::fmt::Debug for IssuedIdentity {
    /// Neither part: after [`Self::from_bundle`] both hold the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedIdentity").finish_non_exhaustive()
    }
}

impl IssuedIdentity {
    /// Both in one PEM text: how they stand in a vault.
    #[must_use]
    pub fn to_bundle(&self) -> SecretString {
        SecretString::from(format!("{}{}", self.certificate_pem, self.key_pem.expose_secret()))
    }

    /// Takes a bundle apart; the TLS configuration will say if it is none.
    #[must_use]
    pub fn from_bundle(bundle: &SecretString) -> Self {
        Self { certificate_pem: bundle.expose_secret().to_owned(), key_pem: bundle.clone() }
    }
}

impl CertificateAuthority {
    /// Loads the authority in `dir`, or makes one there (the key readable by its owner only).
    ///
    /// # Errors
    /// If the files cannot be read, written or understood.
    pub fn load_or_create(dir: &Path, environment: &str) -> Result<Self, AuthorityError> {
        if dir.join(KEY_FILE).exists() && dir.join(CERTIFICATE_FILE).exists() {
            return Self::load(dir);
        }
        fs::create_dir_all(dir).map_err(|source| AuthorityError::File {
            action: "create",
            path: dir.to_owned(),
            source,
        })?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, format!("Tidelock {environment}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate_pem = params.self_signed(&key)?.pem();
        write_new(&dir.join(KEY_FILE), key.serialize_pem().as_bytes(), 0o600)?;
        write_new(&dir.join(CERTIFICATE_FILE), certificate_pem.as_bytes(), 0o644)?;
        Self::from_parts(certificate_pem, key)
    }

    /// Loads the authority in `dir`.
    ///
    /// # Errors
    /// If the files cannot be read or understood.
    pub fn load(dir: &Path) -> Result<Self, AuthorityError> {
        let certificate_pem = read(&dir.join(CERTIFICATE_FILE))?;
        let key = KeyPair::from_pem(&read(&dir.join(KEY_FILE))?)?;
        Self::from_parts(certificate_pem, key)
    }

    fn from_parts(certificate_pem: String, key: KeyPair) -> Result<Self, AuthorityError> {
        let issuer = Issuer::from_ca_cert_pem(&certificate_pem, key)?;
        Ok(Self { certificate_pem, issuer })
    }

    /// The authority's own certificate, PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// A certificate for one of our own processes or people: client and server.
    ///
    /// # Errors
    /// If the certificate library refuses.
    pub fn issue(&self, identity: &Identity) -> Result<IssuedIdentity, AuthorityError> {
        let mut params = CertificateParams::new(vec![identity.dns_name()])?;
        params.subject_alt_names.push(SanType::URI(Ia5String::try_from(identity.uri())?));
        params.distinguished_name.push(DnType::CommonName, identity.uri());
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(params)
    }

    /// A certificate for a server that is not ours to name: the local cloud's endpoints.
    ///
    /// # Errors
    /// If a name is not valid or the certificate library refuses.
    pub fn issue_server(&self, dns_names: &[String], addresses: &[IpAddr]) -> Result<IssuedIdentity, AuthorityError> {
        let mut params = CertificateParams::new(dns_names.to_vec())?;
        params.subject_alt_names.extend(addresses.iter().copied().map(SanType::IpAddress));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(params)
    }

    fn sign(&self, mut params: CertificateParams) -> Result<IssuedIdentity, AuthorityError> {
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(IssuedIdentity { certificate_pem: certificate.pem(), key_pem: SecretString::from(key.serialize_pem()) })
    }
}

fn read(path: &Path) -> Result<String, AuthorityError> {
    fs::read_to_string(path).map_err(|source| AuthorityError::File { action: "read", path: path.to_owned(), source })
}

fn write_new(path: &Path, contents: &[u8], mode: u32) -> Result<(), AuthorityError> {
    let fail = |source| AuthorityError::File { action: "write", path: path.to_owned(), source };
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path).map_err(fail)?;
    file.write_all(contents).and_then(|()| file.sync_all()).map_err(fail)
}
