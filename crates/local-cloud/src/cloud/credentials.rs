//! Who gets tokens.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use tidelock_control::cloud_api::PRINCIPALS_MAX;
use tidelock_model::{Location, SecretString};

use super::Cloud;
use super::records::CredentialRecord;
use crate::error::CloudError;
use crate::files;
use crate::layout::Layout;
use crate::secrets::{StoredSecret, fingerprint};
use crate::store::Kind;
use crate::token::EVERYWHERE;
use crate::token_api::KnownClient;

/// The setting that holds the directory's principals.
const PRINCIPALS: &str = "principals";
/// Workloads with credentials, at most.
const CREDENTIAL_LIMIT: usize = 1000;

/// Who the person at the command line is, as far as it is no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OperatorFile {
    pub(crate) tenant: String,
    pub(crate) client_id: String,
    pub(crate) subscription_id: String,
}

/// `operator.json`: what the person at the command line speaks to the management endpoint with.
#[derive(Clone, Debug)]
pub struct OperatorCredential {
    /// The tenant to ask for tokens.
    pub tenant: String,
    /// Who asks.
    pub client_id: String,
    /// How he proves that.
    pub client_secret: SecretString,
    /// The one subscription.
    pub subscription_id: String,
    /// `https://127.x.0.1:8443`: where tokens are asked for and resources managed.
    pub arm_endpoint: String,
}

impl OperatorCredential {
    /// Reads it from a cloud's directory; none before the cloud has run for the first time.
    ///
    /// # Errors
    /// If the file cannot be read or understood.
    pub fn load(dir: &Path) -> Result<Option<Self>, files::FileError> {
        #[derive(Deserialize)]
        struct File {
            #[serde(flatten)]
            operator: OperatorFile,
            client_secret: StoredSecret,
            arm_endpoint: String,
        }
        let file: Option<File> = files::read_json(&Layout::new(dir).operator())?;
        Ok(file.map(|file| Self {
            tenant: file.operator.tenant,
            client_id: file.operator.client_id,
            client_secret: file.client_secret.secret().clone(),
            subscription_id: file.operator.subscription_id,
            arm_endpoint: file.arm_endpoint,
        }))
    }
}

#[derive(Serialize)]
struct WithSecret<'a> {
    tenant: &'a str,
    client_id: &'a str,
    client_secret: &'a StoredSecret,
    subscription_id: &'a str,
    arm_endpoint: String,
}

impl OperatorFile {
    pub(super) fn generate() -> Self {
        let id = || uuid::Uuid::new_v4().to_string();
        Self { tenant: id(), client_id: id(), subscription_id: id() }
    }

    pub(super) fn write(
        &self,
        layout: &Layout,
        secret: &StoredSecret,
        arm_endpoint: String,
    ) -> Result<(), files::FileError> {
        let file = WithSecret {
            tenant: &self.tenant,
            client_id: &self.client_id,
            client_secret: secret,
            subscription_id: &self.subscription_id,
            arm_endpoint,
        };
        files::write_json(&layout.operator(), &file)
    }
}

impl Cloud {
    /// A workload's credential, good in its region only. Asked again, the same one.
    pub(crate) async fn credential(&self, name: &str, location: &Location) -> Result<CredentialRecord, CloudError> {
        super::workloads::check_name(name)?;
        self.ensure_region(location).await?;
        let record = {
            let _alone = self.topology.lock().await;
            match self.store.get::<CredentialRecord>(Kind::Credential, name)? {
                Some(record) if &record.location == location => return Ok(record),
                Some(record) => {
                    return Err(CloudError::Refused(format!(
                        "the credential {name} is one of {}: regions share none",
                        record.location
                    )));
                }
                None => {}
            }
            if self.store.list::<CredentialRecord>(Kind::Credential, "")?.len() >= CREDENTIAL_LIMIT {
                return Err(CloudError::Exhausted {
                    location: location.to_string(),
                    what: "credentials",
                    limit: CREDENTIAL_LIMIT,
                });
            }
            let record = CredentialRecord {
                client_id: uuid::Uuid::new_v4().to_string(),
                client_secret: StoredSecret::generate()?,
                location: location.clone(),
            };
            self.store.put(Kind::Credential, name, &record)?;
            record
        };
        self.push_region(location).await?;
        Ok(record)
    }

    /// Makes principals known to the directory, beside identities, workloads and the operator.
    pub(crate) async fn add_principals(&self, ids: BTreeSet<String>) -> Result<(), CloudError> {
        let _alone = self.topology.lock().await;
        let mut known = self.principals()?;
        known.extend(ids.into_iter().map(|id| id.to_lowercase()));
        if known.len() > PRINCIPALS_MAX {
            return Err(CloudError::Refused(format!("the directory takes {PRINCIPALS_MAX} principals")));
        }
        Ok(self.store.put(Kind::Setting, PRINCIPALS, &known)?)
    }

    /// Those principals, in lower case.
    pub(crate) fn principals(&self) -> Result<BTreeSet<String>, CloudError> {
        Ok(self.store.get(Kind::Setting, PRINCIPALS)?.unwrap_or_default())
    }

    /// Fingerprints of the secrets of a region's clients, for the region's own token endpoint.
    pub(super) fn region_credentials(&self, location: &Location) -> Result<BTreeMap<String, String>, CloudError> {
        let all = self.store.list::<CredentialRecord>(Kind::Credential, "")?;
        Ok(all
            .into_iter()
            .filter(|(_, record)| &record.location == location)
            .map(|(_, record)| (record.client_id, record.client_secret.fingerprint()))
            .collect())
    }

    /// The client with this id, for the cloud's token endpoint.
    pub(crate) fn known_client(&self, client_id: &str) -> Option<KnownClient> {
        if client_id == self.operator.client_id {
            let fingerprint = fingerprint(self.operator_secret.expose());
            return Some(KnownClient { fingerprint, regions: vec![EVERYWHERE.to_owned()] });
        }
        let all = self.store.list::<CredentialRecord>(Kind::Credential, "").ok()?;
        let (_, record) = all.into_iter().find(|(_, record)| record.client_id == client_id)?;
        Some(KnownClient {
            fingerprint: record.client_secret.fingerprint(),
            regions: vec![record.location.to_string()],
        })
    }
}
