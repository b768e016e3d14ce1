//! The vocabulary every other crate speaks: environments and their regions, roles, epochs, leases, secrets and the
//! one clock that leases may be measured with. No I/O beyond reading that clock, and no async.

mod clock;
mod environment;
mod ids;
mod resources;
mod roles;

pub use clock::{BootClock, BootTime, Clock, ManualClock};
pub use environment::{
    DrConfig, Durability, EnvName, Environment, FailoverMode, GeoGroup, GeoMember, Policy, Region, RegionSuffix,
    Timings,
};
pub use ids::{InvalidName, Location};
pub use resources::{
    Cache, CacheName, ClusteringPolicy, CustomerKey, DnsZone, EvictionPolicy, Module, Persistence, PrivateEndpoint,
    ResourceOrigin, SecurityGroup, SecurityRule, SubnetRef, Vault, VaultSettings, VnetRef,
};
pub use roles::{Epoch, Generation, Role};
pub use secrecy::{ExposeSecret, SecretString};
