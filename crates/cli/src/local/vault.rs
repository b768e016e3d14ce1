//! The operator's way to the regions' vaults.

use std::fs;

use tidelock_local_cloud::OperatorCredential;
use tidelock_model::SecretString;
use tidelock_secrets::{ClientCredential, TokenSource, VAULT_SCOPE, VaultClient};

use crate::exit::{Context, Failure, Outcome};
use crate::state::StateDir;
use crate::topology::CacheSite;

/// What the operator works with: an HTTP client that trusts the environment's authority, and who he is.
pub(crate) struct OperatorAccount {
    pub(crate) http: reqwest::Client,
    pub(crate) tenant: String,
    pub(crate) subscription: String,
    pub(crate) arm_endpoint: String,
    credential: ClientCredential,
}

impl OperatorAccount {
    pub(crate) fn load(state: &StateDir) -> Outcome<Self> {
        let operator = OperatorCredential::load(&state.cloud_dir()).context("the operator's account")?;
        let operator = operator.ok_or_else(|| {
            Failure::error("the local cloud has not come up yet").hint("run `tidelock up FILE` again: it goes on")
        })?;
        let ca_pem = fs::read(state.ca_file()).context("cannot read the environment's authority")?;
        let http = tidelock_secrets::http_client(&ca_pem).context("cannot make an HTTP client")?;
        let credential = ClientCredential {
            token_endpoint: format!("{}/{}/oauth2/v2.0/token", operator.arm_endpoint, operator.tenant),
            tenant: operator.tenant.clone(),
            client_id: operator.client_id,
            client_secret: operator.client_secret,
        };
        let (subscription, arm_endpoint) = (operator.subscription_id, operator.arm_endpoint);
        Ok(Self { http, tenant: operator.tenant, subscription, arm_endpoint, credential })
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
    let account = OperatorAccount::load(state)?;
    let vault = account.vault(&cache.vault_url)?;
    let key = vault.get_secret(&cache.access_key_secret).await.context("the region's vault")?;
    key.ok_or_else(|| {
        Failure::error(format!("the vault {} has no secret {}", cache.vault_url, cache.access_key_secret))
            .hint("run `tidelock up FILE` again: it writes what is missing")
    })
}
