//! Key vaults: ours are private, RBAC only, with soft delete and purge protection.

use tidelock_arm_types::{NetworkAcls, Vault as ArmVault, VaultProperties, VaultSku};
use tidelock_model::{ResourceOrigin, Vault};

use super::{DISABLED, Decision, Scene, condition, differs, drop_read_only, in_place, same_location};
use crate::context::PlanError;
use crate::step::{Action, Change, DataClass, Refusal};
use crate::tags;

/// The longest Azure offers; it cannot be changed afterwards.
const SOFT_DELETE_DAYS: u32 = 90;

pub(crate) fn vault(scene: &Scene<'_>, vault: &Vault) -> Result<Decision, PlanError> {
    let found = scene.snapshot.vaults.get(&scene.target.id);
    match (vault.origin, found) {
        (ResourceOrigin::Existing, Some(_)) => {
            Ok(Decision { reason: "given; used as it is".to_owned(), ..Decision::unchanged() })
        }
        (ResourceOrigin::Existing, None) => Ok(Decision::refuse(
            Refusal::Missing,
            format!(
                "kv_datasource_config says that vault {} exists in {}; it does not: create it, or name it in kv_config",
                vault.name, vault.resource_group
            ),
        )),
        (ResourceOrigin::Created, None) => {
            let reason = "create: private, RBAC, soft delete, purge protection";
            Ok(Decision::new(Action::Create, reason).sending(scene.put(&fresh(scene))?))
        }
        (ResourceOrigin::Created, Some(found)) => existing(scene, found),
    }
}

fn fresh(scene: &Scene<'_>) -> ArmVault {
    ArmVault {
        location: scene.target.location.to_string(),
        tags: scene.tags.clone(),
        properties: VaultProperties {
            tenant_id: scene.context.tenant_id.clone(),
            sku: VaultSku { family: "A".to_owned(), name: "standard".to_owned() },
            enable_rbac_authorization: Some(true),
            enable_soft_delete: Some(true),
            soft_delete_retention_in_days: Some(SOFT_DELETE_DAYS),
            enable_purge_protection: Some(true),
            public_network_access: Some(DISABLED.to_owned()),
            // ARM itself writes the secrets: it passes as a trusted service.
            network_acls: Some(NetworkAcls {
                bypass: "AzureServices".to_owned(),
                default_action: "Deny".to_owned(),
                ..NetworkAcls::default()
            }),
            ..VaultProperties::default()
        },
        ..ArmVault::default()
    }
}

fn existing(scene: &Scene<'_>, found: &ArmVault) -> Result<Decision, PlanError> {
    if let Some(why) = tags::foreign(&found.tags, scene.environment) {
        let reason = format!("{why}; name it in kv_datasource_config to use it as it is, or choose another name");
        return Ok(Decision::refuse(Refusal::Foreign, reason));
    }
    let place = scene.target.location.as_str();
    if !same_location(&found.location, place) {
        let reason = "a vault cannot move, and its name stays taken after deletion: choose another name";
        let change = Change { field: "location".to_owned(), from: found.location.clone(), to: place.to_owned() };
        return Ok(Decision::refuse(Refusal::Replacement, reason).because(vec![change]));
    }
    let properties = &found.properties;
    let on = |set: Option<bool>| if set == Some(true) { "true" } else { "false" };
    let mut changes: Vec<Change> = [
        differs("tenantId", Some(&properties.tenant_id), &scene.context.tenant_id),
        differs("enableRbacAuthorization", Some(on(properties.enable_rbac_authorization)), "true"),
        differs("enablePurgeProtection", Some(on(properties.enable_purge_protection)), "true"),
        differs("publicNetworkAccess", properties.public_network_access.as_deref(), DISABLED),
    ]
    .into_iter()
    .flatten()
    .collect();
    changes.extend(tags::changes(&found.tags, scene.tags));
    let condition = condition(properties.provisioning_state.as_ref(), None);
    in_place(condition, changes, DataClass::KeepsData, || {
        let mut body = found.clone();
        drop_read_only(&mut body.rest);
        body.tags = tags::merged(&found.tags, scene.tags);
        body.properties.tenant_id.clone_from(&scene.context.tenant_id);
        body.properties.enable_rbac_authorization = Some(true);
        body.properties.enable_soft_delete = Some(true);
        body.properties.enable_purge_protection = Some(true);
        body.properties.public_network_access = Some(DISABLED.to_owned());
        scene.put(&body)
    })
}
