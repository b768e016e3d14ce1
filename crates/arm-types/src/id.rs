//! Resource ids: compared without case, as Azure does, and written in Azure's own case.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

/// The longest id Azure's front door takes is well above this; ours have some 200 characters.
const ID_CHARS_MAX: usize = 1024;
/// The fixed parts of the ids we use, as Azure spells them. Clients of Azure compare some of them with case.
const CANONICAL: &[&str] = &[
    "subscriptions",
    "resourceGroups",
    PROVIDERS,
    "Microsoft.Cache",
    "redisEnterprise",
    "databases",
    "Microsoft.KeyVault",
    "vaults",
    "secrets",
    "Microsoft.Network",
    "privateEndpoints",
    "privateDnsZoneGroups",
    "virtualNetworks",
    "subnets",
    "networkSecurityGroups",
    "privateDnsZones",
    "virtualNetworkLinks",
    "keys",
    "accessPolicyAssignments",
    "Microsoft.ManagedIdentity",
    "userAssignedIdentities",
    "Microsoft.Authorization",
    "roleAssignments",
];

/// Begins the part of an id that says whose type a resource is of.
const PROVIDERS: &str = "providers";

/// A text that is not the id of a resource in a resource group.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a resource id: {reason}; expected /subscriptions/SUBSCRIPTION/resourceGroups/GROUP, and for what is \
     in the group /providers/NAMESPACE/TYPE/NAME"
)]
pub struct BadResourceId {
    /// What was read.
    pub text: String,
    /// What is wrong.
    pub reason: &'static str,
}

/// The id of a resource group or of a resource in one.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ResourceId {
    canonical: String,
    folded: String,
}

impl ResourceId {
    /// Reads an id in any case. Fixed parts take Azure's spelling; names keep theirs.
    ///
    /// # Errors
    /// If it is no such id, or a name holds a character that would mean something else in an address.
    pub fn parse(text: &str) -> Result<Self, BadResourceId> {
        let bad = |reason| BadResourceId { text: text.to_owned(), reason };
        if text.len() > ID_CHARS_MAX {
            return Err(bad("it is too long"));
        }
        let parts: Vec<&str> =
            text.strip_prefix('/').ok_or_else(|| bad("it does not begin with a slash"))?.split('/').collect();
        if parts.iter().any(|part| !is_safe(part)) {
            return Err(bad("a part is empty or has a character other than letters, digits and -_.()"));
        }
        let is = |at: usize, word: &str| parts.get(at).is_some_and(|part| part.eq_ignore_ascii_case(word));
        if !is(0, "subscriptions") || !is(2, "resourceGroups") {
            return Err(bad("it is not in a resource group"));
        }
        let in_group = parts.len() >= 8 && parts.len().is_multiple_of(2) && is(4, PROVIDERS);
        if parts.len() != 4 && !in_group {
            return Err(bad("types and names do not alternate"));
        }
        let mut canonical = String::with_capacity(text.len());
        for (at, part) in parts.iter().enumerate() {
            canonical.push('/');
            // Names stand at the odd places, except namespaces: the provider's, and that of an extension of a resource.
            let fixed = at % 2 == 0 || (at > 0 && is(at - 1, PROVIDERS));
            canonical.push_str(if fixed { spelled(part) } else { part });
        }
        let folded = canonical.to_ascii_lowercase();
        Ok(Self { canonical, folded })
    }

    /// A resource group.
    ///
    /// # Errors
    /// If a name cannot stand in an id; so for all constructors.
    pub fn resource_group(subscription: &str, group: &str) -> Result<Self, BadResourceId> {
        Self::parse(&format!("/subscriptions/{subscription}/resourceGroups/{group}"))
    }

    /// A key vault.
    ///
    /// # Errors
    /// As [`Self::resource_group`].
    pub fn vault(subscription: &str, group: &str, name: &str) -> Result<Self, BadResourceId> {
        Self::resource_group(subscription, group)?.provided("Microsoft.KeyVault", "vaults", name)
    }

    /// A Redis cluster.
    ///
    /// # Errors
    /// As [`Self::resource_group`].
    pub fn cluster(subscription: &str, group: &str, name: &str) -> Result<Self, BadResourceId> {
        Self::resource_group(subscription, group)?.provided("Microsoft.Cache", "redisEnterprise", name)
    }

    /// A private endpoint.
    ///
    /// # Errors
    /// As [`Self::resource_group`].
    pub fn private_endpoint(subscription: &str, group: &str, name: &str) -> Result<Self, BadResourceId> {
        Self::resource_group(subscription, group)?.provided("Microsoft.Network", "privateEndpoints", name)
    }

    /// A subnet.
    ///
    /// # Errors
    /// As [`Self::resource_group`].
    pub fn subnet(subscription: &str, group: &str, network: &str, name: &str) -> Result<Self, BadResourceId> {
        Self::resource_group(subscription, group)?
            .provided("Microsoft.Network", "virtualNetworks", network)?
            .child("subnets", name)
    }

    /// A resource of `kind` in `namespace`, directly in a resource group.
    ///
    /// # Errors
    /// As [`Self::resource_group`].
    pub fn in_group(
        subscription: &str,
        group: &str,
        namespace: &str,
        kind: &str,
        name: &str,
    ) -> Result<Self, BadResourceId> {
        Self::resource_group(subscription, group)?.provided(namespace, kind, name)
    }

    /// A virtual network.
    ///
    /// # Errors
    /// As [`Self::resource_group`].
    pub fn vnet(subscription: &str, group: &str, name: &str) -> Result<Self, BadResourceId> {
        Self::in_group(subscription, group, "Microsoft.Network", "virtualNetworks", name)
    }

    /// A private DNS zone.
    ///
    /// # Errors
    /// As [`Self::resource_group`].
    pub fn dns_zone(subscription: &str, group: &str, name: &str) -> Result<Self, BadResourceId> {
        Self::in_group(subscription, group, "Microsoft.Network", "privateDnsZones", name)
    }

    /// A role assignment on this resource.
    ///
    /// # Errors
    /// As [`Self::resource_group`].
    pub fn role_assignment(&self, name: &str) -> Result<Self, BadResourceId> {
        self.provided("Microsoft.Authorization", "roleAssignments", name)
    }

    fn provided(&self, namespace: &str, kind: &str, name: &str) -> Result<Self, BadResourceId> {
        Self::parse(&format!("{self}/providers/{namespace}/{kind}/{name}"))
    }

    /// A child of this resource, such as `databases`/`default`.
    ///
    /// # Errors
    /// As [`Self::resource_group`].
    pub fn child(&self, kind: &str, name: &str) -> Result<Self, BadResourceId> {
        Self::parse(&format!("{self}/{kind}/{name}"))
    }

    /// The id as Azure writes it; also the path of its requests.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.canonical
    }

    /// The resource's own name: the last part.
    #[must_use]
    pub fn name(&self) -> &str {
        self.canonical.rsplit('/').next().unwrap_or_default()
    }

    /// The subscription's id.
    #[must_use]
    pub fn subscription(&self) -> &str {
        self.part(1)
    }

    /// The resource group's name.
    #[must_use]
    pub fn group(&self) -> &str {
        self.part(3)
    }

    /// The resource above: a database's cluster, a cluster's resource group; none above a resource group.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let parts: Vec<&str> = self.canonical.split('/').skip(1).collect();
        let keep = match parts.len() {
            4 => return None,
            // A resource's group, or what an extension is of.
            more if parts.get(more - 4).is_some_and(|part| part.eq_ignore_ascii_case(PROVIDERS)) => more - 4,
            more => more - 2,
        };
        Self::parse(&format!("/{}", parts[..keep].join("/"))).ok()
    }

    fn part(&self, at: usize) -> &str {
        self.canonical.split('/').nth(at + 1).unwrap_or_default()
    }
}

fn is_safe(part: &str) -> bool {
    // Azure also allows some non-ASCII letters in a resource group's name; the pattern's names never have them.
    !part.is_empty()
        && part != "."
        && part != ".."
        && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.()".contains(&b))
}

fn spelled(part: &str) -> &str {
    CANONICAL.iter().find(|known| known.eq_ignore_ascii_case(part)).copied().unwrap_or(part)
}

impl PartialEq for ResourceId {
    fn eq(&self, other: &Self) -> bool {
        self.folded == other.folded
    }
}

impl Eq for ResourceId {}

impl PartialOrd for ResourceId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ResourceId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded.cmp(&other.folded)
    }
}

impl Hash for ResourceId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded.hash(state);
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.canonical)
    }
}

impl TryFrom<String> for ResourceId {
    type Error = BadResourceId;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<ResourceId> for String {
    fn from(id: ResourceId) -> Self {
        id.canonical
    }
}

impl std::str::FromStr for ResourceId {
    type Err = BadResourceId;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATABASE: &str =
        "/subscriptions/s-1/resourceGroups/rg-Dev/providers/Microsoft.Cache/redisEnterprise/c1/databases/default";

    #[test]
    fn case_does_not_matter_and_fixed_parts_get_azures_spelling() {
        let read = ResourceId::parse(
            "/SUBSCRIPTIONS/s-1/resourcegroups/rg-Dev/PROVIDERS/microsoft.cache/redisenterprise/c1/Databases/default",
        )
        .unwrap();
        assert_eq!(read.as_str(), DATABASE);
        assert_eq!(read, ResourceId::parse(&DATABASE.to_ascii_uppercase()).unwrap());
        let built = ResourceId::cluster("s-1", "RG-dev", "c1").unwrap().child("databases", "default").unwrap();
        assert_eq!(read, built);
        assert_eq!(built.cmp(&read), Ordering::Equal);
        assert_eq!((read.subscription(), read.group(), read.name()), ("s-1", "rg-Dev", "default"));
    }

    #[test]
    fn parents_lead_to_the_group() {
        let database = ResourceId::parse(DATABASE).unwrap();
        let cluster = database.parent().unwrap();
        assert_eq!(cluster, ResourceId::cluster("s-1", "rg-dev", "c1").unwrap());
        let group = cluster.parent().unwrap();
        assert_eq!(group, ResourceId::resource_group("s-1", "rg-dev").unwrap());
        assert_eq!(group.parent(), None);
    }

    #[test]
    fn extensions_have_their_resource_above_them() {
        let key = ResourceId::vault("s", "g", "kv").unwrap().child("keys", "k").unwrap();
        let role = key.role_assignment("11111111-2222-3333-4444-555555555555").unwrap();
        assert!(role.as_str().ends_with(
            "/keys/k/providers/Microsoft.Authorization/roleAssignments/11111111-2222-3333-4444-555555555555"
        ));
        assert_eq!(role, ResourceId::parse(&role.as_str().to_lowercase()).unwrap());
        assert_eq!(ResourceId::parse(&role.as_str().to_lowercase()).unwrap().as_str(), role.as_str());
        assert_eq!(role.parent().unwrap(), key);
        let zone = ResourceId::dns_zone("s", "g", "privatelink.redis.azure.net").unwrap();
        assert_eq!(zone.child("virtualNetworkLinks", "l").unwrap().parent().unwrap(), zone);
        assert_eq!(
            ResourceId::vnet("s", "g", "n").unwrap(),
            ResourceId::subnet("s", "g", "n", "x").unwrap().parent().unwrap()
        );
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for bad in [
            "",
            "/",
            "subscriptions/s/resourceGroups/g",
            "/subscriptions/s",
            "/subscriptions/s/resourceGroups/",
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.Cache",
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.Cache/redisEnterprise",
            "/subscriptions/s/resourceGroups/g/x/Microsoft.Cache/redisEnterprise/c",
            "/subscriptions/s/resourceGroups/../providers/Microsoft.Cache/redisEnterprise/c",
            "/subscriptions/s/resourceGroups/g?x=1",
            "/subscriptions/s/resourceGroups/g%2F",
        ] {
            assert!(ResourceId::parse(bad).is_err(), "{bad:?}");
        }
        assert!(ResourceId::vault("s", "g", "a/b").is_err());
    }

    #[test]
    fn json_is_the_text() {
        let id: ResourceId = serde_json::from_value(serde_json::json!(DATABASE.to_lowercase())).unwrap();
        assert_eq!(serde_json::to_value(&id).unwrap(), serde_json::json!(DATABASE.replace("rg-Dev", "rg-dev")));
    }
}
