//! What a plan needs to know besides the file, and how planning itself can fail.

use std::collections::BTreeSet;

use tidelock_arm_types::BadResourceId;

/// Where the environment lives, and what the operator has allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanContext {
    /// The subscription of every resource.
    pub subscription_id: String,
    /// The tenant whose identities the vaults serve.
    pub tenant_id: String,
    /// Addresses of what may lose its data: `--allow-data-loss ADDRESS`.
    pub allow_data_loss: BTreeSet<String>,
    /// What exists without anybody's mark is marked as ours where nothing else changes: `--adopt`.
    pub adopt: bool,
}

impl PlanContext {
    /// A context in which no data may be lost.
    #[must_use]
    pub fn new(subscription_id: impl Into<String>, tenant_id: impl Into<String>) -> Self {
        Self {
            subscription_id: subscription_id.into(),
            tenant_id: tenant_id.into(),
            allow_data_loss: BTreeSet::new(),
            adopt: false,
        }
    }
}

/// An environment no plan can be made of. `tidelock check` finds these in the file, with their places.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A key that leads nowhere.
    #[error(
        "{location}: {referrer} refers to {what} {key:?}, which this region does not have; `tidelock check` shows the place"
    )]
    Dangling {
        /// The region.
        location: String,
        /// Which entry refers, such as `cache primary`.
        referrer: String,
        /// vault, subnet, cache
        what: &'static str,
        /// The key.
        key: String,
    },
    /// A member that is not in the environment.
    #[error("geo group {group}: there is no cache {cache} at {location}; `tidelock check` shows the place")]
    NoSuchMember {
        /// The group's key.
        group: String,
        /// The member's region.
        location: String,
        /// The member's cache.
        cache: String,
    },
    /// A name that cannot stand in a resource id.
    #[error("a name cannot be used on Azure: {0}")]
    BadName(#[from] BadResourceId),
    /// A cache's key that cannot be part of a secret's name.
    #[error(
        "cache {cache:?} at {location}: its key becomes part of the secret name {secret:?}, where only letters, digits and \
         hyphens may stand; rename the key"
    )]
    BadSecretName {
        /// The region.
        location: String,
        /// The cache's key.
        cache: String,
        /// The name it would have.
        secret: String,
    },
    /// A body could not be written as JSON.
    #[error("the request for {address} cannot be written as JSON: {reason}; this is a fault of the program")]
    Body {
        /// The step.
        address: String,
        /// The library's reason.
        reason: String,
    },
}
