//! What a region's process is told about its vaults: what the management plane's documents say, boiled down.

use serde_json::Value;
use tidelock_control::cloud_api::RegionNetwork;

use super::Cloud;
use super::records::VaultRecord;
use crate::error::CloudError;
use crate::store::Kind;
use crate::vault::{Grant, VaultTerms, VaultsDesired, role_grant};

/// Azure's retention of deleted items, unless it is said.
const RETENTION_DAYS: u64 = 90;
/// Where role assignments stand below their scope.
const ASSIGNMENTS: &str = "/providers/microsoft.authorization/roleassignments/";

impl Cloud {
    /// The terms of all vaults in a region.
    pub(super) fn vaults_desired(&self, network: &RegionNetwork) -> Result<VaultsDesired, CloudError> {
        let mut vaults = Vec::new();
        for (id, record) in self.store.list::<VaultRecord>(Kind::Vault, "")? {
            if record.location == network.location {
                let document = self.store.get::<Value>(Kind::Resource, &id)?.unwrap_or_default();
                vaults.push(self.vault_terms(&id, &record, &document)?);
            }
        }
        Ok(VaultsDesired { vaults, networks: vec![network.network] })
    }

    /// What a vault's document and the role assignments say.
    pub(crate) fn vault_terms(
        &self,
        id: &str,
        record: &VaultRecord,
        document: &Value,
    ) -> Result<VaultTerms, CloudError> {
        let properties = document.get("properties").cloned().unwrap_or_default();
        let flag = |name: &str| properties.get(name).and_then(Value::as_bool).unwrap_or(false);
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let rbac = flag("enableRbacAuthorization");
        let rules = properties.get("networkAcls").filter(|rules| text(rules, "defaultAction") == "Deny");
        let admitted = |rules: &Value| {
            let rules = rules.get("ipRules").and_then(Value::as_array);
            rules.into_iter().flatten().map(|rule| text(rule, "value")).collect()
        };
        Ok(VaultTerms {
            name: record.name.clone(),
            id: document.get("id").and_then(Value::as_str).unwrap_or(id).to_owned(),
            location: record.location.to_string(),
            rbac,
            grants: if rbac { self.role_grants(id)? } else { policy_grants(&properties) },
            purge_protected: flag("enablePurgeProtection"),
            retention_days: properties
                .get("softDeleteRetentionInDays")
                .and_then(Value::as_u64)
                .unwrap_or(RETENTION_DAYS),
            public: !text(&properties, "publicNetworkAccess").eq_ignore_ascii_case("Disabled"),
            firewall: rules.map(admitted),
        })
    }

    /// What roles give on a vault: assigned on it, on its group or on the subscription.
    fn role_grants(&self, vault_id: &str) -> Result<Vec<Grant>, CloudError> {
        let vault = vault_id.to_lowercase();
        let group = vault.split("/providers/").next().unwrap_or_default();
        let subscription = group.split("/resourcegroups/").next().unwrap_or_default();
        let mut grants = Vec::new();
        for scope in [vault.as_str(), group, subscription] {
            grants.extend(self.grants_at(scope)?);
        }
        Ok(grants)
    }

    /// What roles give that are assigned on one key alone.
    pub(crate) fn key_grants(&self, vault_id: &str, key: &str) -> Result<Vec<Grant>, CloudError> {
        self.grants_at(&format!("{}/keys/{}", vault_id.to_lowercase(), key.to_lowercase()))
    }

    fn grants_at(&self, scope: &str) -> Result<Vec<Grant>, CloudError> {
        let mut grants = Vec::new();
        for (_, assignment) in self.store.list::<Value>(Kind::Resource, &format!("{scope}{ASSIGNMENTS}"))? {
            let properties = assignment.get("properties");
            let text = |name: &str| properties.and_then(|found| found.get(name)).and_then(Value::as_str);
            if let (Some(principal), Some(role)) = (text("principalId"), text("roleDefinitionId")) {
                grants.extend(role_grant(principal, role));
            }
        }
        Ok(grants)
    }

    /// Tells the regions below a scope what roles give there now. To be called when a role assignment has changed.
    pub(crate) async fn role_assignments_changed(&self, scope: &str) -> Result<(), CloudError> {
        let scope = scope.trim_end_matches('/').to_lowercase();
        let mut locations = Vec::new();
        for (id, record) in self.store.list::<VaultRecord>(Kind::Vault, "")? {
            let below = id == scope || id.starts_with(&format!("{scope}/"));
            if below && !locations.contains(&record.location) {
                locations.push(record.location);
            }
        }
        for location in locations {
            self.push_region(&location).await?;
        }
        Ok(())
    }
}

fn policy_grants(properties: &Value) -> Vec<Grant> {
    let policies = properties.get("accessPolicies").and_then(Value::as_array);
    let lower = |permissions: Option<&Value>, area: &str| {
        let listed = permissions.and_then(|permissions| permissions.get(area)).and_then(Value::as_array);
        listed.into_iter().flatten().filter_map(|name| Some(name.as_str()?.to_lowercase())).collect()
    };
    let grant = |policy: &Value| {
        let permissions = policy.get("permissions");
        Some(Grant {
            principal: policy.get("objectId")?.as_str()?.to_owned(),
            secrets: lower(permissions, "secrets"),
            keys: lower(permissions, "keys"),
        })
    };
    policies.into_iter().flatten().filter_map(grant).collect()
}
