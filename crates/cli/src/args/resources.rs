//! The verbs that compare the file with what there is, and change it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use tidelock_model::Location;

use super::{EnvironmentFile, LocalSettings, Output};

/// What a plan may do beyond what is harmless.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Permissions {
    /// Let ADDRESS lose its data; `plan` names the addresses that would. May be given more than once
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) allow_data_loss: Vec<String>,
    /// Mark resources that exist and bear no environment's mark as ours, where nothing that anybody notices changes with it
    #[arg(long)]
    pub(crate) adopt: bool,
}

impl Permissions {
    /// The journal and a failed step say what is done beside the address; that is no part of it.
    pub(crate) fn addresses(&self) -> BTreeSet<String> {
        let plain = |given: &String| {
            let doing = [":delete", ":unlink"].into_iter().find_map(|doing| given.strip_suffix(doing));
            doing.unwrap_or(given).to_owned()
        };
        self.allow_data_loss.iter().map(plain).collect()
    }
}

/// Where the resources are, and as whom we go there.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct WhichCloud {
    /// Where the resources are. `azure` has never been run against live Azure
    #[arg(long, value_enum, default_value_t = CloudKind::Local)]
    pub(crate) cloud: CloudKind,
    /// The subscription on Azure [env: AZURE_SUBSCRIPTION_ID, ARM_SUBSCRIPTION_ID]
    #[arg(long, value_name = "ID")]
    pub(crate) subscription: Option<String>,
    /// The subscription's tenant; otherwise Azure is asked [env: AZURE_TENANT_ID, ARM_TENANT_ID]
    #[arg(long, value_name = "ID")]
    pub(crate) tenant: Option<String>,
    /// As whom; otherwise what the environment offers: a secret, a federated token, a managed identity, the Azure CLI
    #[arg(long, value_enum)]
    pub(crate) identity: Option<IdentityKind>,
    /// Who tells the cloud's endpoints, for clouds other than Azure's public one [env: ARM_METADATA_HOSTNAME]
    #[arg(long, value_name = "HOST")]
    pub(crate) metadata_host: Option<String>,
}

/// A cloud.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum CloudKind {
    /// The local cloud of this environment
    #[default]
    Local,
    /// Azure, by its management API
    Azure,
}

/// How we show who we are on Azure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum IdentityKind {
    /// AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET
    Environment,
    /// AZURE_FEDERATED_TOKEN_FILE, AZURE_TENANT_ID and AZURE_CLIENT_ID
    Workload,
    /// This machine's managed identity; AZURE_CLIENT_ID names one of several
    Managed,
    /// Whoever is logged in to the Azure CLI
    Cli,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) environment: EnvironmentFile,
    #[command(flatten)]
    pub(crate) which: WhichCloud,
    #[command(flatten)]
    pub(crate) permissions: Permissions,
    /// How to print
    #[arg(long, short, value_enum, default_value_t = Output::Human)]
    pub(crate) output: Output,
    /// Exit with 2 if there is something to change
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,
    /// Keep the plan, permissions included, for `tidelock apply PLAN`; it is refused once the file or the resources differ
    #[arg(long, value_name = "PLAN")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    /// The environment's tfvars file, or a plan that `tidelock plan --out` has kept
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) permissions: Permissions,
    #[command(flatten)]
    pub(crate) which: WhichCloud,
    #[command(flatten)]
    pub(crate) local: LocalSettings,
    /// Ask nothing. It allows no loss of data: that is --allow-data-loss and nothing else
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Go ahead although the apply with this ID is said to be at work. One that has died is said to be for six hours
    #[arg(long, value_name = "ID")]
    pub(crate) force_unlock: Option<String>,
    /// `json` prints events, one JSON document a line, as they happen
    #[arg(long, short, value_enum, default_value_t = Output::Human)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct DriftArgs {
    #[command(flatten)]
    pub(crate) environment: EnvironmentFile,
    #[command(flatten)]
    pub(crate) which: WhichCloud,
    /// How to print
    #[arg(long, short, value_enum, default_value_t = Output::Human)]
    pub(crate) output: Output,
    /// Exit with 2 if anything is not as the file says
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DestroyArgs {
    #[command(flatten)]
    pub(crate) environment: EnvironmentFile,
    #[command(flatten)]
    pub(crate) which: WhichCloud,
    /// The environment's name, such as `app-dev`: instead of typing it when asked
    #[arg(long, value_name = "ENVIRONMENT")]
    pub(crate) confirm: Option<String>,
    /// As for `apply`
    #[arg(long, value_name = "ID")]
    pub(crate) force_unlock: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    pub(crate) environment: EnvironmentFile,
    #[command(flatten)]
    pub(crate) which: WhichCloud,
    /// Where the configuration calls the module of terraform/
    #[arg(long, value_name = "ADDRESS", default_value = "module.tidelock")]
    pub(crate) module: String,
}

#[derive(Debug, Args)]
pub(crate) struct RotateKeysArgs {
    #[command(flatten)]
    pub(crate) environment: EnvironmentFile,
    #[command(flatten)]
    pub(crate) which: WhichCloud,
    /// The region whose cache gets new access keys
    #[arg(long, short, value_name = "REGION")]
    pub(crate) region: Location,
    /// Rotate one key only; applications that use the other one notice nothing
    #[arg(long, value_enum)]
    pub(crate) only: Option<WhichKey>,
    /// As for `apply`
    #[arg(long, value_name = "ID")]
    pub(crate) force_unlock: Option<String>,
}

/// One of a cache's two access keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WhichKey {
    Primary,
    Secondary,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_given_as_the_journal_writes_it() {
        let given = ["eastus2/database/primary:delete", "uksouth/database/old:unlink", "uksouth/vault/main"];
        let permissions = Permissions { allow_data_loss: given.map(str::to_owned).to_vec(), adopt: false };
        let expected = ["eastus2/database/primary", "uksouth/database/old", "uksouth/vault/main"];
        assert_eq!(permissions.addresses(), expected.map(str::to_owned).into());
    }
}
