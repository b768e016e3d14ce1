//! What the local cloud can be told to do wrong: `GET` and `PUT /v1/faults` of its control API. A PUT replaces all of it; a
//! GET shows what is left of what is counted. Nothing of it outlives the cloud's own process.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tidelock_model::Location;

/// All the knobs. The default is a cloud without faults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FaultSettings {
    /// The next so many management calls are answered with 429.
    pub throttle: u32,
    /// Seconds in the `Retry-After` of those answers.
    pub throttle_retry_after_s: u32,
    /// The next so many writes of a resource, by its id, are answered with 409 as if somebody else were changing it.
    pub busy: BTreeMap<String, u32>,
    /// Long-running operations that go wrong. The first that matches counts.
    pub operations: Vec<OperationFault>,
    /// Regions in which no new cluster finds room.
    pub no_capacity: Vec<Location>,
    /// Regions whose vaults answer nothing but 503.
    pub vault_outage: Vec<Location>,
    /// Regions whose own token endpoint answers nothing but 503.
    pub token_outage: Vec<Location>,
    /// Whether the management endpoint's tokens are out too.
    pub arm_token_outage: bool,
    /// How long work on resources takes at least, in milliseconds, by type (`Microsoft.Cache/redisEnterprise`); `*` for
    /// all others.
    pub provisioning_ms: BTreeMap<String, u64>,
    /// Seconds in the `Retry-After` of operations; 1 if not said.
    pub retry_after_s: Option<u32>,
    /// How a caller is told to wait for an operation.
    pub operation_style: OperationStyle,
}

/// One way in which an operation goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationFault {
    /// The resource's id. Empty for any.
    pub resource: String,
    /// What happens.
    pub kind: OperationFaultKind,
    /// To so many operations. A stuck one is stuck while this entry is there and counts nothing.
    pub times: u32,
}

/// What happens to an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "fault")]
pub enum OperationFaultKind {
    /// It stays in progress until the fault is taken away, then goes on.
    Stuck,
    /// Its report says `Succeeded` from the beginning, while the work still goes on.
    EarlySuccess,
    /// It fails with this code and reason.
    Fails {
        /// Azure's code.
        code: String,
        /// The reason.
        message: String,
    },
    /// It fails with `OperationFailed` and no reason, as Azure's often do.
    FailsWithoutReason,
    /// A member that was to join a group does not: its link is `LinkFailed`.
    LinkFailed,
}

/// How a caller is told to wait for an operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationStyle {
    /// `Azure-AsyncOperation` and `Location`.
    #[default]
    Both,
    /// `Azure-AsyncOperation` only.
    OperationUrl,
    /// `Location` only.
    Location,
    /// Neither, where the answer has a body: the caller looks at the resource's `provisioningState`.
    Resource,
}
