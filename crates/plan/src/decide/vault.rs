//! Key vaults: ours are RBAC only, with soft delete; private and with purge protection unless the file says otherwise.

use tidelock_arm_types::{NetworkAcls, Vault as ArmVault, VaultProperties, VaultSku};
use tidelock_model::{CustomerKey, ResourceOrigin, Vault};

use super::{Decision, Scene, condition, differs, drop_read_only, in_place, same_location, switch};
use crate::context::PlanError;
use crate::step::{Action, Change, DataClass, Refusal};
use crate::tags;

/// Keys in hardware need the dearer kind of vault.
const PREMIUM: &str = "premium";
const STANDARD: &str = "standard";

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
            let seen = if vault.settings.public_network_access { "public" } else { "private" };
            let purge = if vault.settings.purge_protection { ", purge protection" } else { "" };
            let reason = format!("create: {seen}, RBAC, soft delete{purge}");
            Ok(Decision::new(Action::Create, reason).sending(scene.put(&fresh(scene, vault))?))
        }
        (ResourceOrigin::Created, Some(found)) => existing(scene, vault, found),
    }
}

/// Whether a key of one of the region's caches is to stand in hardware here.
fn sku(scene: &Scene<'_>, vault: &Vault) -> &'static str {
    let in_hardware = |key: &CustomerKey| matches!(key, CustomerKey::Created { kind, .. } if kind.ends_with("-HSM"));
    let region = scene.environment.region(scene.target.location);
    let holds_one = region.is_some_and(|region| {
        let own = region.vaults.iter().find(|(_, other)| other.name == vault.name).map(|(key, _)| key);
        let mut caches = region.caches.values().filter(|cache| Some(&cache.vault_key) == own);
        caches.any(|cache| cache.customer_key.as_ref().is_some_and(in_hardware))
    });
    if holds_one { PREMIUM } else { STANDARD }
}

fn fresh(scene: &Scene<'_>, vault: &Vault) -> ArmVault {
    let settings = &vault.settings;
    ArmVault {
        location: scene.target.location.to_string(),
        tags: scene.tags.clone(),
        properties: VaultProperties {
            tenant_id: scene.context.tenant_id.clone(),
            sku: VaultSku { family: "A".to_owned(), name: sku(scene, vault).to_owned() },
            enable_rbac_authorization: Some(true),
            enable_soft_delete: Some(true),
            soft_delete_retention_in_days: Some(settings.retention_days),
            // Azure refuses a plain "no".
            enable_purge_protection: settings.purge_protection.then_some(true),
            public_network_access: Some(switch(settings.public_network_access).to_owned()),
            // ARM itself writes the secrets: it passes as a trusted service.
            network_acls: Some(NetworkAcls {
                bypass: "AzureServices".to_owned(),
                default_action: if settings.public_network_access { "Allow" } else { "Deny" }.to_owned(),
                ..NetworkAcls::default()
            }),
            ..VaultProperties::default()
        },
        ..ArmVault::default()
    }
}

fn existing(scene: &Scene<'_>, vault: &Vault, found: &ArmVault) -> Result<Decision, PlanError> {
    if let Some(why) = scene.foreign(&found.tags) {
        let reason = format!(
            "{why}; name it in kv_datasource_config to use it as it is, choose another name, or mark it as ours with --adopt"
        );
        return Ok(Decision::refuse(Refusal::Foreign, reason));
    }
    let place = scene.target.location.as_str();
    if !same_location(&found.location, place) {
        let reason = "a vault cannot move, and its name stays taken after deletion: choose another name";
        let change = Change { field: "location".to_owned(), from: found.location.clone(), to: place.to_owned() };
        return Ok(Decision::refuse(Refusal::Replacement, reason).because(vec![change]));
    }
    let properties = &found.properties;
    let access = switch(vault.settings.public_network_access);
    let on = |set: Option<bool>| if set == Some(true) { "true" } else { "false" };
    let mut changes: Vec<Change> = [
        differs("tenantId", Some(&properties.tenant_id), &scene.context.tenant_id),
        differs("enableRbacAuthorization", Some(on(properties.enable_rbac_authorization)), "true"),
        // Once on it stays on, and so does the retention: neither is worth refusing the rest for.
        differs("purge_protection_enabled", Some(on(properties.enable_purge_protection)), "true")
            .filter(|_| vault.settings.purge_protection),
        differs("public_network_access_enabled", properties.public_network_access.as_deref(), access),
        // From standard to premium only.
        differs("sku", Some(&properties.sku.name), sku(scene, vault)).filter(|change| change.to == PREMIUM),
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
        if vault.settings.purge_protection {
            body.properties.enable_purge_protection = Some(true);
        }
        body.properties.public_network_access = Some(access.to_owned());
        if sku(scene, vault) == PREMIUM {
            PREMIUM.clone_into(&mut body.properties.sku.name);
        }
        scene.put(&body)
    })
    .map(|decision| say_what_stays(decision, vault, found))
}

/// What differs and cannot be changed any more is said, and nothing else.
fn say_what_stays(decision: Decision, vault: &Vault, found: &ArmVault) -> Decision {
    let has = found.properties.soft_delete_retention_in_days;
    match has.filter(|has| *has != vault.settings.retention_days) {
        Some(days) if decision.action == Action::None => {
            let reason = format!("as the file says, but for its retention of {days} days, which cannot be changed");
            Decision { reason, ..decision }
        }
        _ => decision,
    }
}
