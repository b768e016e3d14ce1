//! The endpoints of one of Azure's clouds: public, of a government, of China, or one's own.

use serde::Deserialize;

use crate::AzureError;

/// Where Azure's public cloud tells its endpoints.
pub const PUBLIC_METADATA_HOST: &str = "management.azure.com";
/// The version that answers with one object.
const VERSION: &str = "2022-09-01";
/// Bytes of an answer that are read: Azure's has about 2 KiB.
const ANSWER_LIMIT: usize = 256 * 1024;

/// Where a cloud's management endpoint is, and who issues tokens for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudEndpoints {
    /// The cloud's name: `AzureCloud`.
    pub name: String,
    /// `https://management.azure.com`
    pub resource_manager: String,
    /// `https://login.microsoftonline.com`
    pub login: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    name: String,
    resource_manager: String,
    authentication: Authentication,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Authentication {
    login_endpoint: String,
}

impl CloudEndpoints {
    /// Asks `host`, which may have a port, for its cloud's endpoints.
    ///
    /// # Errors
    /// [`AzureError::Metadata`].
    pub async fn of(http: &reqwest::Client, host: &str) -> Result<Self, AzureError> {
        let address = format!("https://{host}/metadata/endpoints?api-version={VERSION}");
        let failed = |reason: String| AzureError::Metadata { address: address.clone(), reason };
        let answer = http.get(&address).send().await.map_err(|err| failed(deepest(&err)))?;
        if !answer.status().is_success() {
            return Err(failed(format!("HTTP {}", answer.status().as_u16())));
        }
        let body = answer.bytes().await.map_err(|err| failed(deepest(&err)))?;
        if body.len() > ANSWER_LIMIT {
            return Err(failed(format!("the answer has {} bytes", body.len())));
        }
        Self::read(&body).map_err(failed)
    }

    fn read(body: &[u8]) -> Result<Self, String> {
        let answer: Answer =
            serde_json::from_slice(body).map_err(|err| format!("not the expected JSON at line {}", err.line()))?;
        let https = |address: String| {
            let address = address.trim_end_matches('/').to_owned();
            if address.starts_with("https://") { Ok(address) } else { Err(format!("{address:?} is not https")) }
        };
        Ok(Self {
            name: answer.name,
            resource_manager: https(answer.resource_manager)?,
            login: https(answer.authentication.login_endpoint)?,
        })
    }
}

/// The innermost cause says what happened; the outer ones only that something did.
fn deepest(err: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = err;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn azures_answer_is_read_and_plain_http_is_refused() {
        let body = br#"{"name":"AzureCloud","resourceManager":"https://management.azure.com/","portal":"x",
            "authentication":{"loginEndpoint":"https://login.microsoftonline.com","audiences":["a"],"tenant":"common"}}"#;
        let cloud = CloudEndpoints::read(body).unwrap();
        assert_eq!(
            (cloud.name.as_str(), cloud.resource_manager.as_str()),
            ("AzureCloud", "https://management.azure.com")
        );
        assert_eq!(cloud.login, "https://login.microsoftonline.com");
        let plain = String::from_utf8_lossy(body).replace("https://login", "http://login");
        assert!(CloudEndpoints::read(plain.as_bytes()).unwrap_err().contains("http://login.microsoftonline.com"));
        assert!(CloudEndpoints::read(b"<html>").unwrap_err().contains("line 1"));
    }
}
