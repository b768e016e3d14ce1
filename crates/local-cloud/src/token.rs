//! The tokens of the local cloud: JWTs signed with one key that the cloud and its regions share.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use tidelock_model::{ExposeSecret, SecretString};

use crate::files::{self, FileError};
use crate::secrets::{NoRandomness, StoredSecret};

/// As long as Azure's. Clients renew long before the end.
pub(crate) const TOKEN_LIFETIME: Duration = Duration::from_secs(3600);
/// A token from a machine whose clock is a little ahead is no forgery.
const CLOCK_SKEW: Duration = Duration::from_secs(60);
/// A token of ours is some hundred bytes long.
const TOKEN_LIMIT_BYTES: usize = 8 * 1024;
/// In `regions`: all of them, and the management endpoint. The operator's.
pub(crate) const EVERYWHERE: &str = "*";

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    /// What it may be shown to.
    pub(crate) aud: String,
    pub(crate) iss: String,
    pub(crate) iat: u64,
    pub(crate) nbf: u64,
    pub(crate) exp: u64,
    /// Who it was given to.
    pub(crate) sub: String,
    /// As `sub`: Microsoft's clients read these two.
    pub(crate) oid: String,
    pub(crate) appid: String,
    pub(crate) tid: String,
    /// Where its holder may use vaults.
    pub(crate) regions: Vec<String>,
}

impl Claims {
    /// For `client` of `tenant`, good at `audience` in `regions`, from now on.
    pub(crate) fn new(tenant: &str, issuer: &str, client: &str, audience: &str, regions: Vec<String>) -> Self {
        let now = unix_now();
        Self {
            aud: audience.to_owned(),
            iss: format!("{issuer}/{tenant}/v2.0"),
            iat: now,
            nbf: now,
            exp: now + TOKEN_LIFETIME.as_secs(),
            sub: client.to_owned(),
            oid: client.to_owned(),
            appid: client.to_owned(),
            tid: tenant.to_owned(),
            regions,
        }
    }

    /// Whether its holder may act in this region.
    pub(crate) fn covers(&self, region: &str) -> bool {
        self.regions.iter().any(|covered| covered == region || covered == EVERYWHERE)
    }
}

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("it is not a token of this cloud")]
    Malformed,
    #[error("its signature is not this cloud's")]
    Forged,
    #[error("it has expired or is not valid yet")]
    Expired,
    #[error("it was issued for another audience")]
    Audience,
}

#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    typ: String,
}

/// The key that signs and verifies.
#[derive(Clone, Debug)]
pub(crate) struct TokenKey(SecretString);

/// The key could not be had.
#[derive(Debug, thiserror::Error)]
pub enum TokenKeyError {
    /// Its file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// No new one could be made.
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

impl TokenKey {
    /// The key in the file; made if there is none.
    pub(crate) fn load_or_create(path: &Path) -> Result<Self, TokenKeyError> {
        if !path.exists() {
            files::write_private(path, StoredSecret::generate()?.expose().as_bytes())?;
        }
        Self::load(path)
    }

    /// The key in the file.
    pub(crate) fn load(path: &Path) -> Result<Self, TokenKeyError> {
        let text = std::fs::read_to_string(path).map_err(files::system("read", path))?;
        if text.len() < 32 {
            let reason = "a token key is at least 32 characters long".to_owned();
            return Err(FileError::Contents { path: path.to_owned(), reason }.into());
        }
        Ok(Self(SecretString::from(text)))
    }

    pub(crate) fn issue(&self, claims: &Claims) -> Result<SecretString, serde_json::Error> {
        let header = serde_json::to_vec(&Header { alg: "HS256".to_owned(), typ: "JWT".to_owned() })?;
        let body = serde_json::to_vec(claims)?;
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(body));
        let signature = self.mac(&signed).map(|mac| mac.finalize().into_bytes().to_vec()).unwrap_or_default();
        Ok(SecretString::from(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }

    /// The claims of a token that is ours, valid now, and meant for one of `audiences`.
    pub(crate) fn verify(&self, token: &str, audiences: &[&str]) -> Result<Claims, TokenError> {
        if token.len() > TOKEN_LIMIT_BYTES {
            return Err(TokenError::Malformed);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::Malformed)?;
        let mac = self.mac(signed).ok_or(TokenError::Forged)?;
        mac.verify_slice(&signature).map_err(|_| TokenError::Forged)?;
        let (header, body) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        let header: Header = decoded(header)?;
        if header.alg != "HS256" {
            return Err(TokenError::Forged);
        }
        let claims: Claims = decoded(body)?;
        let now = unix_now();
        if claims.exp <= now || claims.nbf > now + CLOCK_SKEW.as_secs() {
            return Err(TokenError::Expired);
        }
        let audience = claims.aud.trim_end_matches('/');
        if audiences.iter().any(|known| known.trim_end_matches('/').eq_ignore_ascii_case(audience)) {
            Ok(claims)
        } else {
            Err(TokenError::Audience)
        }
    }

    fn mac(&self, signed: &str) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret().as_bytes()).ok()?;
        mac.update(signed.as_bytes());
        Some(mac)
    }
}

fn decoded<T: serde::de::DeserializeOwned>(part: &str) -> Result<T, TokenError> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenError::Malformed)
}

/// Seconds since 1970: what tokens and Azure's timestamps are written in. Nothing is decided by it that a jumping clock
/// could break but the life of a token.
#[allow(clippy::disallowed_methods)] // wall-clock time is the wire format here
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const VAULT: &str = "https://vault.azure.net";

    fn key() -> TokenKey {
        TokenKey(SecretString::from("k".repeat(44)))
    }

    fn claims() -> Claims {
        Claims::new("tenant", "https://127.0.0.1", "client", VAULT, vec!["uksouth".to_owned()])
    }

    #[test]
    fn an_issued_token_is_accepted_for_its_audience_only() {
        let claims = claims();
        let token = key().issue(&claims).unwrap();
        let read = key().verify(token.expose_secret(), &["https://vault.azure.net/"]).unwrap();
        assert_eq!(read, claims);
        assert!(read.covers("uksouth") && !read.covers("eastus2"));
        assert_eq!(key().verify(token.expose_secret(), &["https://management.azure.com"]), Err(TokenError::Audience));
    }

    #[test]
    fn changed_expired_and_foreign_tokens_are_refused() {
        let token = key().issue(&claims()).unwrap();
        let other = TokenKey(SecretString::from("o".repeat(44)));
        assert_eq!(other.verify(token.expose_secret(), &[VAULT]), Err(TokenError::Forged));

        let mut parts: Vec<String> = token.expose_secret().split('.').map(str::to_owned).collect();
        let mut wider = claims();
        wider.regions = vec![EVERYWHERE.to_owned()];
        parts[1] = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&wider).unwrap());
        assert_eq!(key().verify(&parts.join("."), &[VAULT]), Err(TokenError::Forged));

        let mut old = claims();
        old.exp = unix_now() - 1;
        let old = key().issue(&old).unwrap();
        assert_eq!(key().verify(old.expose_secret(), &[VAULT]), Err(TokenError::Expired));
        assert_eq!(key().verify("nonsense", &[VAULT]), Err(TokenError::Malformed));
    }
}
