//! The tokens of the local cloud: RS256 JWTs, signed with one key that the cloud and its regions share, so that a region
//! whose cloud is gone still issues and checks its own.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tidelock_model::{ExposeSecret, SecretString};

use crate::files::{self, FileError};

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
    /// Always an application: there are no users.
    #[serde(default)]
    pub(crate) idtyp: String,
    /// `1.0` or `2.0`: which of the two token endpoints it comes from.
    #[serde(default)]
    pub(crate) ver: String,
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
            idtyp: "app".to_owned(),
            ver: "2.0".to_owned(),
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
    #[error("it was issued by somebody else")]
    Issuer,
}

#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

/// The key that signs and verifies.
#[derive(Clone)]
pub(crate) struct TokenKey {
    pair: Arc<RsaKeyPair>,
    /// What it is called in tokens and in the published list of keys.
    id: String,
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The key could not be had.
#[derive(Debug, thiserror::Error)]
pub enum TokenKeyError {
    /// Its file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// No new one could be made.
    #[error("the cryptographic library could not make a key for tokens")]
    Generate,
}

/// No token could be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IssueError {
    #[error("a token cannot be written: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the cryptographic library did not sign a token")]
    Sign,
}

impl TokenKey {
    /// The key in the file; made if there is none.
    pub(crate) fn load_or_create(path: &Path) -> Result<Self, TokenKeyError> {
        if !path.exists() {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| TokenKeyError::Generate)?;
            let private = pair.as_der().map_err(|_| TokenKeyError::Generate)?;
            let text = SecretString::from(STANDARD.encode(private.as_ref()));
            files::write_private(path, text.expose_secret().as_bytes())?;
        }
        Self::load(path)
    }

    /// The key in the file: a PKCS#8 document in Base64.
    pub(crate) fn load(path: &Path) -> Result<Self, TokenKeyError> {
        let text = SecretString::from(std::fs::read_to_string(path).map_err(files::system("read", path))?);
        let pair = STANDARD.decode(text.expose_secret().trim()).ok().and_then(|der| RsaKeyPair::from_pkcs8(&der).ok());
        let Some(pair) = pair else {
            let reason = "it holds no RSA key in PKCS#8 and Base64".to_owned();
            return Err(FileError::Contents { path: path.to_owned(), reason }.into());
        };
        Ok(Self::of(pair))
    }

    fn of(pair: RsaKeyPair) -> Self {
        let id = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, pair.public_key().as_ref()));
        Self { pair: Arc::new(pair), id }
    }

    /// The public half, as the discovery document's list of keys has it.
    pub(crate) fn public(&self) -> Value {
        let public = self.pair.public_key();
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.id,
            "n": text(public.modulus().big_endian_without_leading_zero()),
            "e": text(public.exponent().big_endian_without_leading_zero()),
        })
    }

    pub(crate) fn issue(&self, claims: &Claims) -> Result<SecretString, IssueError> {
        let header = Header { alg: "RS256".to_owned(), typ: "JWT".to_owned(), kid: self.id.clone() };
        let part = |bytes: Vec<u8>| URL_SAFE_NO_PAD.encode(bytes);
        let signed = format!("{}.{}", part(serde_json::to_vec(&header)?), part(serde_json::to_vec(claims)?));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| IssueError::Sign)?;
        Ok(SecretString::from(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }

    /// The claims of a token that is ours, valid now, meant for one of `audiences` and from one of `issuers`: addresses
    /// with the tenant behind them, without the version that follows there.
    pub(crate) fn verify(&self, token: &str, audiences: &[&str], issuers: &[String]) -> Result<Claims, TokenError> {
        if token.len() > TOKEN_LIMIT_BYTES {
            return Err(TokenError::Malformed);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::Malformed)?;
        let (header, body) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        let header: Header = decoded(header)?;
        if header.alg != "RS256" {
            return Err(TokenError::Forged);
        }
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.pair.public_key().as_ref())
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| TokenError::Forged)?;
        let claims: Claims = decoded(body)?;
        let now = unix_now();
        if claims.exp <= now || claims.nbf > now + CLOCK_SKEW.as_secs() {
            return Err(TokenError::Expired);
        }
        let issuer = claims.iss.strip_suffix("/v2.0").unwrap_or(claims.iss.trim_end_matches('/'));
        if !issuers.iter().any(|known| known == issuer) {
            return Err(TokenError::Issuer);
        }
        let audience = claims.aud.trim_end_matches('/');
        if audiences.iter().any(|known| known.trim_end_matches('/').eq_ignore_ascii_case(audience)) {
            Ok(claims)
        } else {
            Err(TokenError::Audience)
        }
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
        TokenKey::of(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    fn issuers() -> Vec<String> {
        vec!["https://127.0.0.1/tenant".to_owned()]
    }

    fn claims() -> Claims {
        Claims::new("tenant", "https://127.0.0.1", "client", VAULT, vec!["uksouth".to_owned()])
    }

    #[test]
    fn an_issued_token_is_accepted_for_its_audience_and_from_its_issuer_only() {
        let (key, claims) = (key(), claims());
        let token = key.issue(&claims).unwrap();
        let check = |audience: &str, issuers: &[String]| key.verify(token.expose_secret(), &[audience], issuers);
        let read = check("https://vault.azure.net/", &issuers()).unwrap();
        assert_eq!(read, claims);
        assert!(read.covers("uksouth") && !read.covers("eastus2"));
        assert_eq!(check("https://management.azure.com", &issuers()), Err(TokenError::Audience));
        for other in ["https://127.0.0.2/tenant", "https://127.0.0.1/other", "https://127.0.0.1"] {
            assert_eq!(check(VAULT, &[other.to_owned()]), Err(TokenError::Issuer), "{other}");
        }
    }

    #[test]
    fn changed_expired_and_foreign_tokens_are_refused() {
        let key = key();
        let token = key.issue(&claims()).unwrap();
        let other = TokenKey::of(RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
        assert_eq!(other.verify(token.expose_secret(), &[VAULT], &issuers()), Err(TokenError::Forged));

        let mut parts: Vec<String> = token.expose_secret().split('.').map(str::to_owned).collect();
        let mut wider = claims();
        wider.regions = vec![EVERYWHERE.to_owned()];
        parts[1] = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&wider).unwrap());
        assert_eq!(key.verify(&parts.join("."), &[VAULT], &issuers()), Err(TokenError::Forged));
        // Without a signature, or signed with the public key as if it were a shared secret.
        for algorithm in ["none", "HS256"] {
            let header = json!({ "alg": algorithm, "typ": "JWT", "kid": key.id });
            parts[0] = URL_SAFE_NO_PAD.encode(header.to_string());
            assert_eq!(key.verify(&parts.join("."), &[VAULT], &issuers()), Err(TokenError::Forged), "{algorithm}");
        }

        let mut old = claims();
        old.exp = unix_now() - 1;
        let old = key.issue(&old).unwrap();
        assert_eq!(key.verify(old.expose_secret(), &[VAULT], &issuers()), Err(TokenError::Expired));
        assert_eq!(key.verify("nonsense", &[VAULT], &issuers()), Err(TokenError::Malformed));
    }

    #[test]
    fn the_key_outlives_its_process_and_is_readable_by_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let first = TokenKey::load_or_create(&path).unwrap();
        let second = TokenKey::load_or_create(&path).unwrap();
        assert_eq!(first.public(), second.public());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let token = first.issue(&claims()).unwrap();
        assert!(second.verify(token.expose_secret(), &[VAULT], &issuers()).is_ok());
        std::fs::write(&path, "k".repeat(44)).unwrap();
        assert!(TokenKey::load(&path).unwrap_err().to_string().contains("no RSA key"));
    }
}
