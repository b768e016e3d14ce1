//! Who we are: one of the identities that Microsoft's library knows, chosen by name or by what the environment offers. It is
//! chosen once and never changed on failure: a wrong account that happens to work is worse than none.

use std::sync::Arc;
use std::time::Duration;

use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{Secret, TokenCredential};
use azure_core::http::{ClientOptions, Transport};
use azure_core::time::OffsetDateTime;
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId,
    WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use tidelock_model::SecretString;
use tidelock_secrets::{ProvidedToken, TokenProvider, TokenSource};

use crate::{AzureError, CloudEndpoints};

/// An identity that Azure knows us by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// An application and its secret: `AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, `AZURE_CLIENT_SECRET`.
    Environment,
    /// A workload's federated token: `AZURE_FEDERATED_TOKEN_FILE`, `AZURE_TENANT_ID`, `AZURE_CLIENT_ID`.
    Workload,
    /// The managed identity of this machine; `AZURE_CLIENT_ID` names one of several.
    Managed,
    /// Whoever is logged in to the Azure CLI.
    Cli,
}

impl Identity {
    /// What the environment offers: a secret, else a federated token, else a managed identity's endpoint, else the Azure CLI.
    /// `variable` looks one up.
    pub fn offered(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
        if set("AZURE_CLIENT_SECRET") {
            Self::Environment
        } else if set("AZURE_FEDERATED_TOKEN_FILE") {
            Self::Workload
        } else if set("IDENTITY_ENDPOINT") || set("MSI_ENDPOINT") {
            Self::Managed
        } else {
            Self::Cli
        }
    }

    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Environment => "the application of AZURE_CLIENT_ID",
            Self::Workload => "this workload's federated identity",
            Self::Managed => "this machine's managed identity",
            Self::Cli => "the Azure CLI's account",
        }
    }
}

/// Tokens for `scope` of `cloud` under `identity`. `tenant` is the subscription's, as far as it is known; `http` is used for
/// whatever goes to the cloud's own endpoints.
///
/// # Errors
/// [`AzureError::Missing`] or [`AzureError::Identity`]. Nothing is sent yet.
pub fn tokens(
    http: &reqwest::Client,
    cloud: &CloudEndpoints,
    identity: Identity,
    tenant: Option<&str>,
    scope: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<TokenSource, AzureError> {
    let found = |name: &str| variable(name).filter(|value| !value.is_empty());
    let needed =
        |name: &'static str| found(name).ok_or(AzureError::Missing { variable: name, identity: identity.name() });
    let refused = |err: azure_core::Error| AzureError::Identity { identity: identity.name(), reason: err.to_string() };
    let credential: Arc<dyn TokenCredential> = match identity {
        Identity::Environment => {
            let tenant = needed("AZURE_TENANT_ID")?;
            let secret = Secret::new(needed("AZURE_CLIENT_SECRET")?);
            let options = ClientSecretCredentialOptions { client_options: options(http, cloud) };
            ClientSecretCredential::new(&tenant, needed("AZURE_CLIENT_ID")?, secret, Some(options)).map_err(refused)?
        }
        Identity::Workload => {
            let credential_options = ClientAssertionCredentialOptions { client_options: options(http, cloud) };
            let options = WorkloadIdentityCredentialOptions {
                credential_options,
                client_id: Some(needed("AZURE_CLIENT_ID")?),
                tenant_id: Some(needed("AZURE_TENANT_ID")?),
                token_file_path: Some(needed("AZURE_FEDERATED_TOKEN_FILE")?.into()),
            };
            WorkloadIdentityCredential::new(Some(options)).map_err(refused)?
        }
        Identity::Managed => {
            // The machine's own endpoint is not the cloud's and speaks plain HTTP: the library's own client asks it.
            let options = ManagedIdentityCredentialOptions {
                user_assigned_id: found("AZURE_CLIENT_ID").map(UserAssignedId::ClientId),
                ..Default::default()
            };
            ManagedIdentityCredential::new(Some(options)).map_err(refused)?
        }
        Identity::Cli => {
            let options = AzureCliCredentialOptions { tenant_id: tenant.map(str::to_owned), ..Default::default() };
            AzureCliCredential::new(Some(options)).map_err(refused)?
        }
    };
    Ok(TokenSource::provided(Arc::new(Provider { identity, credential }), scope))
}

fn options(http: &reqwest::Client, cloud: &CloudEndpoints) -> ClientOptions {
    let mut custom = CustomConfiguration::default();
    custom.authority_host.clone_from(&cloud.login);
    ClientOptions {
        transport: Some(Transport::new(Arc::new(http.clone()))),
        cloud: Some(Arc::new(CloudConfiguration::from(custom))),
        ..Default::default()
    }
}

struct Provider {
    identity: Identity,
    credential: Arc<dyn TokenCredential>,
}

impl TokenProvider for Provider {
    fn name(&self) -> &str {
        self.identity.name()
    }

    fn fetch<'a>(&'a self, scope: &'a str) -> ProvidedToken<'a> {
        Box::pin(async move {
            let token = self.credential.get_token(&[scope], None).await.map_err(|err| err.to_string())?;
            let left = token.expires_on - OffsetDateTime::now_utc();
            let left = Duration::try_from(left).map_err(|_| "the token has ended already".to_owned())?;
            Ok((SecretString::from(token.token.secret().to_owned()), left))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(names: &'static [&'static str]) -> impl Fn(&str) -> Option<String> {
        move |name| names.contains(&name).then(|| "00000000-0000-0000-0000-000000000001".to_owned())
    }

    #[test]
    fn the_environment_decides_and_the_cli_is_what_is_left() {
        assert_eq!(Identity::offered(with(&["AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"])), Identity::Environment);
        assert_eq!(Identity::offered(with(&["AZURE_FEDERATED_TOKEN_FILE"])), Identity::Workload);
        assert_eq!(Identity::offered(with(&["IDENTITY_ENDPOINT"])), Identity::Managed);
        assert_eq!(Identity::offered(with(&["AZURE_CLIENT_ID"])), Identity::Cli);
        assert_eq!(Identity::offered(|_| Some(String::new())), Identity::Cli);
    }

    #[test]
    fn what_is_missing_is_named() {
        let http = tidelock_secrets::public_http_client().unwrap();
        let cloud = CloudEndpoints {
            name: "c".to_owned(),
            resource_manager: "https://m.example".to_owned(),
            login: "https://l.example".to_owned(),
        };
        let made = |names| tokens(&http, &cloud, Identity::Environment, None, "s", with(names)).map(drop);
        let missing = made(&["AZURE_CLIENT_SECRET"]).unwrap_err().to_string();
        assert!(missing.contains("AZURE_TENANT_ID is not set"), "{missing}");
        made(&["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"]).unwrap();
    }
}
