//! Where a description and Azure disagree, or the description says too little: each with the reason why it is let pass.

struct Exception {
    /// The beginning of an operation's name.
    operation: &'static str,
    /// The beginning of the place.
    at: &'static str,
    /// A part of what is found there.
    what: &'static str,
    reason: &'static str,
}

const EXCEPTIONS: &[Exception] = &[
    Exception {
        operation: "OperationsStatus_Get",
        at: "response /error/",
        what: "not described",
        reason: "the description puts a whole refusal into `error`; every operation of Azure has code and message right there",
    },
    Exception {
        operation: "KeyVault DeletedVaults_VaultsGetDeleted",
        at: "response /type",
        what: "`Microsoft.KeyVault/deletedVaults`",
        reason: "Azure's own examples say so; the type table is named after the address",
    },
    Exception {
        operation: "KeyVault Vaults_UpdateAccessPolicy",
        at: "response /id",
        what: "/accessPolicies/`",
        reason: "Azure's own example: the id ends with the collection, whatever was done to it",
    },
    Exception {
        operation: "KeyVault Vaults_UpdateAccessPolicy",
        at: "response /name",
        what: "missing",
        reason: "Azure's own example has none",
    },
    Exception {
        operation: "KeyVault Vaults_",
        at: "response /properties/accessPolicies/*/permissions/",
        what: "is none of",
        reason: "a vault shows permissions as they were written, `Get` for `get` too",
    },
    Exception {
        operation: "KeyVault Vaults_",
        at: "request /properties/accessPolicies/*/permissions/",
        what: "is none of",
        reason: "taken without regard to case",
    },
    Exception {
        operation: "Network ",
        at: "request /properties/sharingScope",
        what: "`` is none of",
        reason: "azurerm writes an empty text for nothing",
    },
    Exception {
        operation: "RedisEnterprise_Create",
        at: "request /identity/userAssignedIdentities",
        what: "is null",
        reason: "azurerm writes null for none",
    },
    Exception {
        operation: "Authorization Role",
        at: "response ",
        what: "is null, should be a text",
        reason: "Azure shows null for what nobody said: its own examples do",
    },
    Exception {
        operation: "Authorization RoleDefinitions_Get",
        at: "response /id",
        what: "/providers/Microsoft.Authorization/roleDefinitions/",
        reason: "a built-in role has one id, whatever scope it is asked for at",
    },
];

/// The reason why a finding is let pass, if there is one.
pub(crate) fn excused(operation: &str, at: &str, what: &str) -> Option<&'static str> {
    let fits = |exception: &&Exception| {
        operation.starts_with(exception.operation) && at.starts_with(exception.at) && what.contains(exception.what)
    };
    EXCEPTIONS.iter().find(fits).map(|exception| exception.reason)
}
