//! The table of resource types.

/// The resource types that exist here. Each has a row in [`Type::row`]. One without a process of its own needs nothing else
/// but its place in `documents::shape`, which says what of a body is kept; one with a process is dispatched in `super::item`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Vault,
    Secret,
    Key,
    VaultPolicies,
    Cluster,
    Database,
    AccessPolicyAssignment,
    EndpointConnection,
    LinkResource,
    PrivateEndpoint,
    ZoneGroup,
    NetworkInterface,
    VirtualNetwork,
    Subnet,
    SecurityGroup,
    SecurityRule,
    DnsZone,
    ZoneLink,
    ARecord,
    SoaRecord,
    Identity,
}

/// Whether a type stands by itself in a group, with a location and tags, or belongs to another resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// In a region.
    Regional,
    /// In no region: its location is `global`.
    Global,
    /// Part of another resource: neither location nor tags.
    Part,
}

const CACHE: &str = "Microsoft.Cache";
const NETWORK: &str = "Microsoft.Network";
const VAULT: &str = "Microsoft.KeyVault";
const IDENTITY: &str = "Microsoft.ManagedIdentity";

impl Type {
    pub(super) const ALL: [Self; 21] = [
        Self::Vault,
        Self::Secret,
        Self::Key,
        Self::VaultPolicies,
        Self::Cluster,
        Self::Database,
        Self::AccessPolicyAssignment,
        Self::EndpointConnection,
        Self::LinkResource,
        Self::PrivateEndpoint,
        Self::ZoneGroup,
        Self::NetworkInterface,
        Self::VirtualNetwork,
        Self::Subnet,
        Self::SecurityGroup,
        Self::SecurityRule,
        Self::DnsZone,
        Self::ZoneLink,
        Self::ARecord,
        Self::SoaRecord,
        Self::Identity,
    ];

    /// Its namespace, its segments, and how it stands.
    const fn row(self) -> (&'static str, &'static [&'static str], Standing) {
        use Standing::{Global, Part, Regional};
        match self {
            Self::Vault => (VAULT, &["vaults"], Regional),
            Self::Secret => (VAULT, &["vaults", "secrets"], Regional),
            Self::Key => (VAULT, &["vaults", "keys"], Regional),
            Self::VaultPolicies => (VAULT, &["vaults", "accessPolicies"], Part),
            Self::Cluster => (CACHE, &["redisEnterprise"], Regional),
            Self::Database => (CACHE, &["redisEnterprise", "databases"], Part),
            Self::AccessPolicyAssignment => (CACHE, &["redisEnterprise", "databases", "accessPolicyAssignments"], Part),
            Self::EndpointConnection => (CACHE, &["redisEnterprise", "privateEndpointConnections"], Part),
            Self::LinkResource => (CACHE, &["redisEnterprise", "privateLinkResources"], Part),
            Self::PrivateEndpoint => (NETWORK, &["privateEndpoints"], Regional),
            Self::ZoneGroup => (NETWORK, &["privateEndpoints", "privateDnsZoneGroups"], Part),
            Self::NetworkInterface => (NETWORK, &["networkInterfaces"], Regional),
            Self::VirtualNetwork => (NETWORK, &["virtualNetworks"], Regional),
            Self::Subnet => (NETWORK, &["virtualNetworks", "subnets"], Part),
            Self::SecurityGroup => (NETWORK, &["networkSecurityGroups"], Regional),
            Self::SecurityRule => (NETWORK, &["networkSecurityGroups", "securityRules"], Part),
            Self::DnsZone => (NETWORK, &["privateDnsZones"], Global),
            Self::ZoneLink => (NETWORK, &["privateDnsZones", "virtualNetworkLinks"], Global),
            Self::ARecord => (NETWORK, &["privateDnsZones", "A"], Part),
            Self::SoaRecord => (NETWORK, &["privateDnsZones", "SOA"], Part),
            Self::Identity => (IDENTITY, &["userAssignedIdentities"], Regional),
        }
    }

    pub(super) const fn namespace(self) -> &'static str {
        self.row().0
    }

    pub(super) const fn segments(self) -> &'static [&'static str] {
        self.row().1
    }

    pub(super) const fn standing(self) -> Standing {
        self.row().2
    }

    /// `redisEnterprise/databases`
    pub(super) fn name_in_namespace(self) -> String {
        self.segments().join("/")
    }

    /// The type it is below.
    pub(super) fn parent(self) -> Option<Self> {
        let (_, above) = self.segments().split_last()?;
        Self::ALL.into_iter().find(|kind| kind.namespace() == self.namespace() && kind.segments() == above)
    }

    /// The last segment of its path: `databases`.
    pub(super) fn own_segment(self) -> &'static str {
        self.segments().last().copied().unwrap_or_default()
    }

    /// The type with this name, if it is one of ours.
    pub(super) fn named(full_name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.full_name().eq_ignore_ascii_case(full_name))
    }

    /// `Microsoft.Cache/redisEnterprise/databases`
    pub(super) fn full_name(self) -> String {
        format!("{}/{}", self.namespace(), self.segments().join("/"))
    }

    pub(super) fn find(namespace: &str, segments: &[&str]) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| {
            kind.namespace().eq_ignore_ascii_case(namespace)
                && kind.segments().len() == segments.len()
                && kind.segments().iter().zip(segments).all(|(known, given)| known.eq_ignore_ascii_case(given))
        })
    }
}

/// A namespace in Azure's spelling, if it has types here.
pub(super) fn known_namespace(given: &str) -> Option<&'static str> {
    Type::ALL.into_iter().map(Type::namespace).find(|namespace| namespace.eq_ignore_ascii_case(given))
}
