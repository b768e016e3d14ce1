//! A client credential as a file: what `up` leaves for an agent or a gateway, readable by it alone.

use serde::{Deserialize, Serialize};
use tidelock_model::{ExposeSecret, SecretString};

use crate::token::ClientCredential;

/// A credential file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("this is no client credential (JSON with tenant, client_id, client_secret, token_endpoint): {0}")]
pub struct InvalidCredential(String);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OnDisk {
    tenant: String,
    client_id: String,
    client_secret: String,
    token_endpoint: String,
}

impl ClientCredential {
    /// Reads a credential file's content.
    ///
    /// # Errors
    /// If it is not JSON with exactly these fields. The message never quotes the content.
    pub fn from_json(bytes: &[u8]) -> Result<Self, InvalidCredential> {
        let disk: OnDisk = serde_json::from_slice(bytes)
            .map_err(|err| InvalidCredential(format!("line {}, column {}", err.line(), err.column())))?;
        Ok(Self {
            tenant: disk.tenant,
            client_id: disk.client_id,
            client_secret: SecretString::from(disk.client_secret),
            token_endpoint: disk.token_endpoint,
        })
    }

    /// A credential file's content: it holds the secret in clear and must be written with mode 0600.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub fn to_json(&self) -> Result<SecretString, InvalidCredential> {
        let disk = OnDisk {
            tenant: self.tenant.clone(),
            client_id: self.client_id.clone(),
            client_secret: self.client_secret.expose_secret().to_owned(),
            token_endpoint: self.token_endpoint.clone(),
        };
        serde_json::to_string(&disk).map(SecretString::from).map_err(|err| InvalidCredential(err.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_survives_its_file() {
        let credential = ClientCredential {
            tenant: "t".into(),
            client_id: "c".into(),
            client_secret: SecretString::from("s3cret"),
            token_endpoint: "https://127.0.0.1:1/t/oauth2/v2.0/token".into(),
        };
        let json = credential.to_json().unwrap();
        let read = ClientCredential::from_json(json.expose_secret().as_bytes()).unwrap();
        assert_eq!(read.client_id, "c");
        assert_eq!(read.client_secret.expose_secret(), "s3cret");
    }

    #[test]
    fn a_broken_file_is_refused_without_quoting_it() {
        let err = ClientCredential::from_json(br#"{"client_secret": "s3cret", "#).unwrap_err();
        assert!(!err.to_string().contains("s3cret"), "{err}");
    }
}
