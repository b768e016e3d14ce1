//! The operator's way to the regions' vaults.

use std::fs;

use serde::Deserialize;
use tidelock_model::SecretString;
use tidelock_secrets::{ClientCredential, TokenSource, VAULT_SCOPE, VaultClient};

use crate::exit::{Context, Failure, Outcome};
use crate::local::cloud;
use crate::state::{StateDir, read_json};
use crate::topology::CacheSite;

/// The operator's account in the local cloud, as the cloud leaves it for its owner.
#[derive(Deserialize)]
struct OperatorFile {
    tenant: String,
    client_id: String,
    client_secret: String,
    subscription_id: String,
}

/// What the operator works with: an HTTP client that trusts the environment's authority, and who he is.
pub(crate) struct OperatorAccount {
    pub(crate) http: reqwest::Client,
    pub(crate) tenant: String,
    pub(crate) subscription: String,
    pub(crate) arm_endpoint: String,
    credential: ClientCredential,
}

impl OperatorAccount {
    pub(crate) async fn load(state: &StateDir) -> Outcome<Self> {
        let file: OperatorFile = read_json(&state.cloud_dir().join("operator.json"))?;
        let arm_endpoint = cloud::control(state).status().await?.arm_endpoint;
        let ca_pem = fs::read(state.ca_file()).context("cannot read the environment's authority")?;
        let http = tidelock_secrets::http_client(&ca_pem).context("cannot make an HTTP client")?;
        let credential = ClientCredential {
            token_endpoint: format!("{arm_endpoint}/{}/oauth2/v2.0/token", file.tenant),
            tenant: file.tenant.clone(),
            client_id: file.client_id,
            client_secret: SecretString::from(file.client_secret),
        };
        Ok(Self { http, tenant: file.tenant, subscription: file.subscription_id, arm_endpoint, credential })
    }

    pub(crate) fn tokens(&self, scope: &str) -> TokenSource {
        TokenSource::new(self.http.clone(), self.credential.clone(), scope)
    }

    pub(crate) fn vault(&self, url: &str) -> Outcome<VaultClient> {
        VaultClient::new(self.http.clone(), url, self.tokens(VAULT_SCOPE)).context("the vault's address")
    }
}

/// The key that clients of a region's gateway use, from the region's own vault.
pub(crate) async fn access_key(state: &StateDir, cache: &CacheSite) -> Outcome<SecretString> {
    let account = OperatorAccount::load(state).await?;
    let vault = account.vault(&cache.vault_url)?;
    let key = vault.get_secret(&cache.access_key_secret).await.context("the region's vault")?;
    key.ok_or_else(|| {
        Failure::error(format!("the vault {} has no secret {}", cache.vault_url, cache.access_key_secret))
            .hint("run `tidelock up FILE` again: it writes what is missing")
    })
}
