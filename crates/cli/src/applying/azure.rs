//! The way to Azure itself: nothing runs on this machine but this command. Its notes are kept apart from local environments'.

use std::path::Path;

use serde::Deserialize;
use tidelock_arm_client::{ArmClient, Settings as ClientSettings};
use tidelock_azure::{CloudEndpoints, Identity, PUBLIC_METADATA_HOST};
use tidelock_plan::PlanContext;

use super::Manager;
use crate::args::{IdentityKind, Permissions, WhichCloud};
use crate::environment::Opened;
use crate::exit::{Context, Failure, Outcome};
use crate::printer;
use crate::settings::Settings;
use crate::state::{self, Note, StateDir};

/// The version of the list of subscriptions.
const SUBSCRIPTIONS_VERSION: &str = "2022-12-01";
/// Below the directory of all environments.
const DIRECTORY: &str = "azure";

/// The environment of `file`, with the place of its journals.
pub(crate) fn load(settings: &Settings, file: &Path) -> Outcome<Opened> {
    let mut opened = Opened::load_checked(settings, file)?;
    let root = state::root(settings.state_dir.as_deref())?.join(DIRECTORY);
    opened.state = StateDir::new(&root, &opened.environment.id());
    opened.state.create(&Note { file: opened.file.clone(), version: env!("CARGO_PKG_VERSION").to_owned() })?;
    Ok(opened)
}

/// Azure's management endpoint, as whoever was asked for.
pub(crate) async fn manager(which: &WhichCloud, permissions: &Permissions) -> Outcome<Manager> {
    let given = |given: &Option<String>, names: [&str; 2]| {
        given.clone().or_else(|| names.into_iter().find_map(variable)).filter(|value| !value.is_empty())
    };
    let subscription = given(&which.subscription, ["AZURE_SUBSCRIPTION_ID", "ARM_SUBSCRIPTION_ID"]);
    let subscription = subscription.ok_or_else(|| {
        Failure::error("the subscription is not known")
            .hint("pass --subscription ID, or set AZURE_SUBSCRIPTION_ID or ARM_SUBSCRIPTION_ID")
    })?;
    let tenant = given(&which.tenant, ["AZURE_TENANT_ID", "ARM_TENANT_ID"]);
    let host = which.metadata_host.clone().or_else(|| variable("ARM_METADATA_HOSTNAME"));
    let http = tidelock_secrets::public_http_client().context("an HTTP client")?;
    let cloud = CloudEndpoints::of(&http, host.as_deref().unwrap_or(PUBLIC_METADATA_HOST)).await.context("Azure")?;
    let identity = which.identity.map_or_else(|| Identity::offered(variable), Identity::from);
    printer::say(&format!("{} at {}, as {}", cloud.name, cloud.resource_manager, identity.name()));
    let scope = format!("{}/.default", cloud.resource_manager);
    let tokens =
        tidelock_azure::tokens(&http, &cloud, identity, tenant.as_deref(), &scope, variable).context("Azure")?;
    let client = ArmClient::new(http, &cloud.resource_manager, tokens, ClientSettings::default()).context("Azure")?;
    let tenant = match tenant {
        Some(tenant) => tenant,
        None => tenant_of(&client, &subscription).await?,
    };
    let mut context = PlanContext::new(subscription, tenant);
    context.allow_data_loss = permissions.addresses();
    context.adopt = permissions.adopt;
    Ok(Manager { client, context, on_azure: true })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscription {
    subscription_id: String,
    tenant_id: String,
}

async fn tenant_of(client: &ArmClient, subscription: &str) -> Outcome<String> {
    let all: Vec<Subscription> =
        client.list_where("/subscriptions", SUBSCRIPTIONS_VERSION, None).await.context("Azure")?;
    let own = all.into_iter().find(|one| one.subscription_id.eq_ignore_ascii_case(subscription));
    own.map(|own| own.tenant_id).ok_or_else(|| {
        Failure::error(format!("this identity does not see the subscription {subscription}"))
            .hint("check the id, and that the identity has a role there; --tenant ID spares the question")
    })
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl From<IdentityKind> for Identity {
    fn from(kind: IdentityKind) -> Self {
        match kind {
            IdentityKind::Environment => Self::Environment,
            IdentityKind::Workload => Self::Workload,
            IdentityKind::Managed => Self::Managed,
            IdentityKind::Cli => Self::Cli,
        }
    }
}
