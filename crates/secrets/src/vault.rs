//! The Key Vault data plane: the secrets of one vault.

use reqwest::{Method, RequestBuilder, StatusCode, Url};
use serde::{Deserialize, Serialize};
use tidelock_model::{ExposeSecret, SecretString};

use crate::error::{SecretsError, VaultOperation};
use crate::retry::{self, Answer};
use crate::token::TokenSource;

/// The scope of a token for any vault of the public cloud.
pub const VAULT_SCOPE: &str = "https://vault.azure.net/.default";
/// The data plane's version: the newest that every server we meet accepts.
const API_VERSION: &str = "7.4";
/// Key Vault's limit for a value, in bytes.
const VALUE_BYTES_MAX: usize = 25 * 1024;
/// Key Vault's limit for a name, in characters.
const NAME_CHARS_MAX: usize = 127;
/// A rejected token is replaced once; a second rejection is an answer.
const TOKENS_PER_CALL_MAX: u32 = 2;

/// The secrets of one vault, under one identity. Cheap to clone; clones share connections and the token.
#[derive(Clone, Debug)]
pub struct VaultClient {
    http: reqwest::Client,
    base: String,
    tokens: TokenSource,
}

#[derive(Deserialize)]
struct SecretBundle {
    value: Option<String>,
}

#[derive(Serialize)]
struct SetSecret<'a> {
    value: &'a str,
}

#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    error: RefusalBody,
}

#[derive(Default, Deserialize)]
struct RefusalBody {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

impl VaultClient {
    /// The vault at `base_url`: `https://NAME.vault.azure.net`, or `https://HOST:PORT/NAME` of the local cloud.
    ///
    /// # Errors
    /// [`SecretsError::BadVaultAddress`] if that is no address.
    pub fn new(http: reqwest::Client, base_url: &str, tokens: TokenSource) -> Result<Self, SecretsError> {
        let bad =
            |reason: &str| SecretsError::BadVaultAddress { address: base_url.to_owned(), reason: reason.to_owned() };
        let url = Url::parse(base_url).map_err(|err| bad(&err.to_string()))?;
        if url.cannot_be_a_base() || url.host_str().is_none() {
            return Err(bad("it names no host"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("it has a query or a fragment"));
        }
        Ok(Self { http, base: url.as_str().trim_end_matches('/').to_owned(), tokens })
    }

    /// The vault's address, without a trailing slash.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.base
    }

    /// The current value of secret `name`, or none if there is no such secret.
    ///
    /// # Errors
    /// The token's errors, and those that begin with `Secret` and `BadSecretName`.
    pub async fn get_secret(&self, name: &str) -> Result<Option<SecretString>, SecretsError> {
        let call = Call { vault: self, secret: name, operation: VaultOperation::Read };
        let answer = call.run(Method::GET, |request| request).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        call.value(&answer).map(Some)
    }

    /// Writes a new version of secret `name`.
    ///
    /// # Errors
    /// As [`Self::get_secret`], and [`SecretsError::SecretTooLarge`].
    pub async fn set_secret(&self, name: &str, value: &SecretString) -> Result<(), SecretsError> {
        let call = Call { vault: self, secret: name, operation: VaultOperation::Write };
        let value = value.expose_secret();
        if value.len() > VALUE_BYTES_MAX {
            let (vault, secret) = (self.base.clone(), name.to_owned());
            return Err(SecretsError::SecretTooLarge { vault, secret, bytes: value.len(), limit: VALUE_BYTES_MAX });
        }
        let answer = call.run(Method::PUT, |request| request.json(&SetSecret { value })).await?;
        if answer.status.is_success() { Ok(()) } else { Err(call.refused(&answer)) }
    }
}

/// One operation on one secret: what its errors have to name.
#[derive(Clone, Copy)]
struct Call<'a> {
    vault: &'a VaultClient,
    secret: &'a str,
    operation: VaultOperation,
}

impl Call<'_> {
    async fn run(
        &self,
        method: Method,
        body: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Answer, SecretsError> {
        // A name goes into the path: anything else than these characters could name something else.
        let legal = self.secret.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !legal || self.secret.is_empty() || self.secret.len() > NAME_CHARS_MAX {
            let (vault, secret) = (self.vault.base.clone(), self.secret.to_owned());
            return Err(SecretsError::BadSecretName { vault, secret });
        }
        let url = format!("{}/secrets/{}?api-version={API_VERSION}", self.vault.base, self.secret);
        let mut tokens_used = 0;
        loop {
            let token = self.vault.tokens.token().await?;
            tokens_used += 1;
            let request = || body(self.vault.http.request(method.clone(), &url).bearer_auth(token.expose_secret()));
            let answer = retry::send(request).await.map_err(|gave_up| self.unavailable(gave_up))?;
            if answer.status != StatusCode::UNAUTHORIZED {
                return Ok(answer);
            }
            if tokens_used == TOKENS_PER_CALL_MAX {
                return Err(self.refused(&answer));
            }
            self.vault.tokens.reject(&token).await;
        }
    }

    fn value(&self, answer: &Answer) -> Result<SecretString, SecretsError> {
        if !answer.status.is_success() {
            return Err(self.refused(answer));
        }
        // serde's own message could quote the value.
        let bundle: SecretBundle = serde_json::from_slice(&answer.body)
            .map_err(|err| self.malformed(format!("not the expected JSON at line {}", err.line())))?;
        bundle.value.map(SecretString::from).ok_or_else(|| self.malformed("there is no value in it".to_owned()))
    }

    fn refused(&self, answer: &Answer) -> SecretsError {
        let refusal: Refusal = serde_json::from_slice(&answer.body).unwrap_or_default();
        SecretsError::SecretRefused {
            vault: self.vault.base.clone(),
            secret: self.secret.to_owned(),
            operation: self.operation,
            status: answer.status.as_u16(),
            code: refusal.error.code,
            message: refusal.error.message,
        }
    }

    fn unavailable(&self, gave_up: retry::GaveUp) -> SecretsError {
        SecretsError::SecretUnavailable {
            vault: self.vault.base.clone(),
            secret: self.secret.to_owned(),
            operation: self.operation,
            attempts: gave_up.attempts,
            reason: gave_up.reason,
        }
    }

    fn malformed(&self, reason: String) -> SecretsError {
        SecretsError::SecretMalformed { vault: self.vault.base.clone(), secret: self.secret.to_owned(), reason }
    }
}
