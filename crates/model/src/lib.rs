//! The vocabulary every other crate speaks: environments and their regions, roles, epochs, leases, secrets and the
//! one clock that leases may be measured with. No I/O beyond reading that clock, and no async.

mod clock;
mod environment;
mod ids;
mod roles;

pub use clock::{BootClock, BootTime, Clock, ManualClock};
pub use environment::{
    Cache, CacheName, ClusteringPolicy, DrConfig, Durability, EnvName, Environment, EvictionPolicy, FailoverMode,
    GeoGroup, GeoMember, PrivateEndpoint, Region, RegionSuffix, ResourceOrigin, SubnetRef, Timings, Vault, VnetRef,
};
pub use ids::{InvalidName, Location};
pub use roles::{Epoch, Generation, Role};
pub use secrecy::{ExposeSecret, SecretString};
