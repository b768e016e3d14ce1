//! What the management plane says about a vault: written by the cloud, obeyed by the region's process.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::items::Area;
use crate::addresses::HTTPS_PORT;

/// The domain below which every vault has its name. Microsoft's clients insist on a label `vault`.
pub(crate) const VAULT_DOMAIN: &str = "vault.tidelock.internal";

/// The host name of a vault.
pub(crate) fn host_name(vault: &str) -> String {
    format!("{}.{VAULT_DOMAIN}", vault.to_lowercase())
}

/// A vault's own address, without a slash at the end.
pub(crate) fn base_url(vault: &str) -> String {
    format!("https://{}:{HTTPS_PORT}", host_name(vault))
}

/// All vaults of a region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VaultsDesired {
    pub(crate) vaults: Vec<VaultTerms>,
    /// The first addresses of the /24 ranges of the region: who asks from there comes by a private way.
    pub(crate) networks: Vec<Ipv4Addr>,
}

/// One vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VaultTerms {
    pub(crate) name: String,
    /// Its ARM id, for messages.
    pub(crate) id: String,
    pub(crate) location: String,
    /// Whether roles count, or access policies.
    pub(crate) rbac: bool,
    pub(crate) grants: Vec<Grant>,
    pub(crate) purge_protected: bool,
    /// How long deleted items can be recovered.
    pub(crate) retention_days: u64,
    /// False: by a private way only.
    pub(crate) public: bool,
    /// Addresses or CIDR ranges that the firewall lets in; none: it lets everybody in.
    pub(crate) firewall: Option<Vec<String>>,
}

/// What one principal may do, in the words of access policies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grant {
    /// Object id.
    pub(crate) principal: String,
    pub(crate) secrets: BTreeSet<String>,
    pub(crate) keys: BTreeSet<String>,
}

impl VaultTerms {
    pub(crate) fn base(&self) -> String {
        base_url(&self.name)
    }

    /// Whether the principal has a permission.
    pub(crate) fn allows(&self, principal: &str, area: Area, permission: &str) -> bool {
        self.grants.iter().filter(|grant| grant.principal.eq_ignore_ascii_case(principal)).any(|grant| {
            let permissions = match area {
                Area::Secrets => &grant.secrets,
                Area::Keys => &grant.keys,
            };
            // `all` does not include purging, on Azure as here.
            permissions.contains(permission) || (permissions.contains("all") && permission != "purge")
        })
    }

    /// Azure's name for how deletion works here.
    pub(crate) fn recovery_level(&self) -> &'static str {
        match (self.retention_days < 90, self.purge_protected) {
            (true, true) => "CustomizedRecoverable",
            (true, false) => "CustomizedRecoverable+Purgeable",
            (false, true) => "Recoverable",
            (false, false) => "Recoverable+Purgeable",
        }
    }
}

/// Permissions on secrets that roles hand out.
const SECRET_ALL: &[&str] = &["get", "list", "set", "delete", "recover", "purge", "backup", "restore"];
/// Permissions on keys that roles hand out.
const KEY_ALL: &[&str] = &[
    "get",
    "list",
    "create",
    "update",
    "delete",
    "recover",
    "purge",
    "backup",
    "restore",
    "encrypt",
    "decrypt",
    "wrapkey",
    "unwrapkey",
    "sign",
    "verify",
    "rotate",
    "getrotationpolicy",
    "setrotationpolicy",
];
const KEY_USE: &[&str] =
    &["get", "list", "update", "backup", "encrypt", "decrypt", "wrapkey", "unwrapkey", "sign", "verify"];
const KEY_ENVELOPE: &[&str] = &["get", "list", "wrapkey", "unwrapkey"];
const READ: &[&str] = &["list"];
const KEY_READ: &[&str] = &["get", "list", "getrotationpolicy"];
const SECRET_USE: &[&str] = &["get", "list"];

/// Azure's built-in roles that say something about the data of a vault: id, what on secrets, what on keys.
const ROLES: [(&str, &[&str], &[&str]); 7] = [
    // Key Vault Administrator
    ("00482a5a-887f-4fb3-b363-3b7fe8e74483", SECRET_ALL, KEY_ALL),
    // Key Vault Secrets Officer
    ("b86a8fe4-44ce-4948-aee5-eccb2c155cd7", SECRET_ALL, &[]),
    // Key Vault Secrets User
    ("4633458b-17de-408a-b874-0445c86b69e6", SECRET_USE, &[]),
    // Key Vault Crypto Officer
    ("14b46e9e-c2b7-41b4-b07b-48a6ebf60603", &[], KEY_ALL),
    // Key Vault Crypto User
    ("12338af0-0e69-4776-bea7-57ae8d297424", &[], KEY_USE),
    // Key Vault Crypto Service Encryption User
    ("e147488a-f6f5-4113-8e2d-b22465e65bf6", &[], KEY_ENVELOPE),
    // Key Vault Reader
    ("21090545-7ca7-4776-b22c-e363652d74d2", READ, KEY_READ),
];

/// What a role definition gives its holder on a vault; nothing if it says nothing about data.
pub(crate) fn role_grant(principal: &str, role_definition_id: &str) -> Option<Grant> {
    let id = role_definition_id.rsplit('/').next().unwrap_or_default();
    let (_, secrets, keys) = ROLES.iter().find(|(role, _, _)| role.eq_ignore_ascii_case(id))?;
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Some(Grant { principal: principal.to_owned(), secrets: set(secrets), keys: set(keys) })
}

/// Azure's data action behind a permission, for its message.
pub(super) fn data_action(area: Area, permission: &str) -> String {
    let tail = match (area, permission) {
        (Area::Secrets, "get") => "secrets/getSecret/action",
        (Area::Secrets, "list") => "secrets/readMetadata/action",
        (Area::Secrets, "set") => "secrets/setSecret/action",
        (Area::Keys, "get" | "list") => "keys/read",
        (Area::Keys, "wrapkey") => "keys/wrap/action",
        (Area::Keys, "unwrapkey") => "keys/unwrap/action",
        (Area::Keys, "getrotationpolicy") => "keyrotationpolicies/read",
        (Area::Keys, "setrotationpolicy") => "keyrotationpolicies/write",
        (area, "delete") => return format!("Microsoft.KeyVault/vaults/{}/delete", area.as_str()),
        (area, other) => return format!("Microsoft.KeyVault/vaults/{}/{other}/action", area.as_str()),
    };
    format!("Microsoft.KeyVault/vaults/{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(grants: Vec<Grant>) -> VaultTerms {
        VaultTerms {
            name: "kv".to_owned(),
            id: String::new(),
            location: "uksouth".to_owned(),
            rbac: true,
            grants,
            purge_protected: false,
            retention_days: 90,
            public: true,
            firewall: None,
        }
    }

    #[test]
    fn roles_give_what_their_names_say() {
        let role = |id: &str| role_grant("p", &format!("/subscriptions/s/providers/x/roleDefinitions/{id}")).unwrap();
        let vault = terms(vec![role("E147488A-f6f5-4113-8e2d-b22465e65bf6")]);
        assert!(vault.allows("P", Area::Keys, "wrapkey"));
        assert!(!vault.allows("p", Area::Keys, "sign"));
        assert!(!vault.allows("p", Area::Secrets, "get"));
        assert!(!vault.allows("other", Area::Keys, "wrapkey"));
        let reader = terms(vec![role("21090545-7ca7-4776-b22c-e363652d74d2")]);
        assert!(reader.allows("p", Area::Secrets, "list") && !reader.allows("p", Area::Secrets, "get"));
        assert!(role_grant("p", "b24988ac-6180-42a0-ab88-20f7382dd24c").is_none(), "Contributor reads no data");
    }

    #[test]
    fn all_is_not_purge() {
        let all =
            Grant { principal: "p".to_owned(), secrets: BTreeSet::from(["all".to_owned()]), keys: BTreeSet::new() };
        let vault = terms(vec![all]);
        assert!(vault.allows("p", Area::Secrets, "set"));
        assert!(!vault.allows("p", Area::Secrets, "purge"));
    }
}
