//! What is ours and not in the file any more, the end of an environment, and what is adopted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use support::{carry_out, cluster_id, complete, context, database_id, environment, mark};
use tidelock_arm_types::ResourceKind;
use tidelock_model::{DnsZone, ResourceOrigin};
use tidelock_plan::{Action, DataClass, Lock, OWNER_TAG, PlanContext, Refusal, Snapshot, destroy, plan};

const FRANCE: &str = "francecentral/database/demo-cache-francecentral";
const FRENCH_VAULT: &str = "francecentral/vault/kv-demo-francecentral";

fn allowing(addresses: &[&str]) -> PlanContext {
    let mut context = context();
    context.allow_data_loss.extend(addresses.iter().map(|address| (*address).to_owned()));
    context
}

/// Three regions are there, the file names two.
fn third_removed() -> (tidelock_model::Environment, Snapshot) {
    let mut snapshot = complete(&environment(3));
    mark(&mut snapshot);
    (environment(2), snapshot)
}

#[test]
fn a_removed_member_is_guarded_and_the_others_are_left_alone() {
    let (environment, snapshot) = third_removed();
    let refused = plan(&environment, &context(), &snapshot).unwrap();
    let expected = "
  ! francecentral database          demo-cache-francecentral/default REFUSED: the file does not name it any more; the other members of dev-grp keep what they hold
                                                                     DATA LOSS: every key of this database
  x francecentral cluster           demo-cache-francecentral         REFUSED: waits on francecentral/database/demo-cache-francecentral, which is refused
  x francecentral private endpoint  demo-pe-francecentral            REFUSED: waits on francecentral/database/demo-cache-francecentral, which is refused
  x francecentral dns link          link-vnet-francecentral          REFUSED: waits on francecentral/database/demo-cache-francecentral, which is refused
  x francecentral dns zone          privatelink.redis.azure.net      REFUSED: waits on francecentral/database/demo-cache-francecentral, which is refused
  ! francecentral vault             kv-demo-francecentral            REFUSED: the file does not name it any more; it can be recovered for 90 days, and its name stays taken until then
                                                                     DATA LOSS: every secret and key of this vault, once it cannot be recovered any more
  x francecentral resource group    rg-demo-francecentral            REFUSED: waits on francecentral/database/demo-cache-francecentral, which is refused
Plan: 0 to create, 0 to change, 7 refused, 2 DATA LOSS.
apply needs --allow-data-loss francecentral/database/demo-cache-francecentral
apply needs --allow-data-loss francecentral/vault/kv-demo-francecentral
Nothing is applied while a step is refused.
";
    assert_eq!(format!("\n{}", refused.render()), expected);

    let allowed = plan(&environment, &allowing(&[FRANCE, FRENCH_VAULT]), &snapshot).unwrap();
    let expected = "
  - francecentral database          demo-cache-francecentral/default take it out of dev-grp, through demo-cache-eastus2
  ! francecentral database          demo-cache-francecentral/default delete: the file does not name it any more; the other members of dev-grp keep what they hold
                                                                     DATA LOSS: every key of this database
  - francecentral cluster           demo-cache-francecentral         delete: the file does not name it any more
  - francecentral private endpoint  demo-pe-francecentral            delete: the file does not name it any more; the way through it closes
  - francecentral dns link          link-vnet-francecentral          delete: the file does not name it any more
  - francecentral dns zone          privatelink.redis.azure.net      delete: the file does not name it any more
  ! francecentral vault             kv-demo-francecentral            delete: the file does not name it any more; it can be recovered for 90 days, and its name stays taken until then
                                                                     DATA LOSS: every secret and key of this vault, once it cannot be recovered any more
  - francecentral resource group    rg-demo-francecentral            delete: the file does not name it any more; only if nothing is left in it
Plan: 0 to create, 0 to change, 7 to delete, 1 to unlink, 2 DATA LOSS.
";
    assert_eq!(format!("\n{}", allowed.render()), expected);
    let whole = allowed.work().count();
    for cut in 0..=whole {
        let mut snapshot = snapshot.clone();
        carry_out(&allowed, &mut snapshot, cut);
        let rest = plan(&environment, &allowing(&[FRANCE, FRENCH_VAULT]), &snapshot).unwrap();
        assert_eq!(rest.refusals().count(), 0, "cut at {cut}:\n{}", rest.render());
        carry_out(&rest, &mut snapshot, usize::MAX);
        assert!(plan(&environment, &context(), &snapshot).unwrap().is_empty(), "cut at {cut}");
        assert!(snapshot.clusters.contains_key(&cluster_id(1)) && !snapshot.clusters.contains_key(&cluster_id(2)));
    }
}

/// What a vault holds beside access keys is nobody's business here, and nothing in Azure makes it again.
#[test]
fn a_vault_goes_by_a_permission_of_its_own_and_says_for_how_long_it_can_be_recovered() {
    let (environment, mut snapshot) = third_removed();
    let id = snapshot.vaults.keys().find(|id| id.name() == "kv-demo-francecentral").unwrap().clone();
    snapshot.vaults.get_mut(&id).unwrap().properties.soft_delete_retention_in_days = Some(7);
    let cache_only = plan(&environment, &allowing(&[FRANCE]), &snapshot).unwrap();
    let vault = cache_only.step(FRENCH_VAULT).unwrap();
    assert_eq!((vault.action, vault.refusal), (Action::Refuse, Some(Refusal::DataLoss)));
    assert_eq!((vault.data, vault.not_in_file), (DataClass::DeletesVault, true));
    assert!(vault.request.is_none() && vault.reason.contains("recovered for 7 days"), "{}", vault.reason);
    let group = cache_only.step("francecentral/resource-group/rg-demo-francecentral").unwrap();
    assert_eq!(group.refusal, Some(Refusal::Blocked), "a group would take the vault along");

    let vault_only = plan(&environment, &allowing(&[FRENCH_VAULT]), &snapshot).unwrap();
    assert_eq!(vault_only.step(FRENCH_VAULT).unwrap().refusal, Some(Refusal::Blocked), "the cache still uses it");

    let both = plan(&environment, &allowing(&[FRANCE, FRENCH_VAULT]), &snapshot).unwrap();
    let vault = both.step(FRENCH_VAULT).unwrap();
    assert_eq!(vault.action, Action::Delete);
    for step in both.work().filter(|step| step.address != FRENCH_VAULT && step.kind != ResourceKind::ResourceGroup) {
        assert!(vault.depends_on.contains(&step.address), "{} goes first: {:?}", step.address, vault.depends_on);
    }
    assert!(
        both.step("francecentral/resource-group/rg-demo-francecentral").unwrap().depends_on.contains(&vault.address)
    );

    snapshot.unreadable.insert(id.clone(), "HTTP 503".to_owned());
    snapshot.vaults.remove(&id);
    let unread = plan(&environment, &allowing(&[FRANCE, FRENCH_VAULT]), &snapshot).unwrap();
    assert_eq!(unread.step(FRENCH_VAULT).unwrap().refusal, Some(Refusal::Unreadable));
}

#[test]
fn a_vault_that_is_replaced_goes_after_everything_that_moves_to_the_new_one() {
    let mut environment = environment(2);
    let mut snapshot = complete(&environment);
    mark(&mut snapshot);
    environment.regions[1].vaults.get_mut("replica").unwrap().name = "kv-demo-new".to_owned();
    const OLD: &str = "uksouth/vault/kv-demo-uksouth";
    let refused = plan(&environment, &context(), &snapshot).unwrap();
    assert_eq!(refused.step(OLD).unwrap().refusal, Some(Refusal::DataLoss), "{}", refused.render());
    let plan = plan(&environment, &allowing(&[OLD]), &snapshot).unwrap();
    assert_eq!(plan.refusals().count(), 0, "{}", plan.render());
    let old = plan.step(OLD).unwrap();
    let others: Vec<_> = plan.work().filter(|step| step.address != OLD).collect();
    assert!(others.iter().any(|step| step.kind == ResourceKind::Secret), "{}", plan.render());
    for step in others {
        assert!(old.depends_on.contains(&step.address), "{}: {:?}", step.address, old.depends_on);
    }
    carry_out(&plan, &mut snapshot, usize::MAX);
    assert!(tidelock_plan::plan(&environment, &context(), &snapshot).unwrap().is_empty());
}

/// What a plan names, in words, in JSON and in the journal, is what has to be typed.
#[test]
fn what_loses_data_is_allowed_by_its_own_address() {
    let (environment, snapshot) = third_removed();
    let plan = plan(&environment, &context(), &snapshot).unwrap();
    let losing: Vec<_> = plan.steps.iter().filter(|step| step.data.loses_data()).collect();
    assert_eq!(losing.len(), 2, "{}", plan.render());
    for step in losing {
        assert_eq!(step.permission.as_slice(), std::slice::from_ref(&step.address));
        assert!(plan.render().contains(&format!("--allow-data-loss {}\n", step.address)), "{}", plan.render());
    }
}

#[test]
fn a_member_without_our_mark_stays_in_the_group() {
    let (environment, mut snapshot) = third_removed();
    snapshot.owned.remove(&cluster_id(2));
    let plan = plan(&environment, &context(), &snapshot).unwrap();
    assert!(plan.notes[0].contains("it is left in the group"), "{:?}", plan.notes);
    assert!(plan.steps.iter().all(|step| step.resource_id != cluster_id(2)));
}

#[test]
fn what_could_not_be_listed_is_said() {
    let (environment, mut snapshot) = third_removed();
    snapshot.owned.clear();
    snapshot.owned_unread = Some("HTTP 403 AuthorizationFailed".to_owned());
    let plan = plan(&environment, &context(), &snapshot).unwrap();
    assert!(plan.notes[0].contains("is not known: HTTP 403"), "{:?}", plan.notes);
}

#[test]
fn the_end_goes_backwards_and_spares_what_is_not_ours() {
    let environment = environment(2);
    let mut snapshot = complete(&environment);
    mark(&mut snapshot);
    let given = snapshot.resource_groups.keys().next().unwrap().clone();
    snapshot.resource_groups.get_mut(&given).unwrap().tags.clear();
    snapshot.owned.remove(&given);
    let end = destroy(&environment, &context(), &snapshot).unwrap();
    let expected = "
  ! eastus2      database          demo-cache-eastus2/default       delete: the environment ends; nobody else holds its keys
                                                                    DATA LOSS: every key of every member of the group
  - eastus2      cluster           demo-cache-eastus2               delete: the environment ends
  ! uksouth      database          demo-cache-uksouth/default       delete: the environment ends; nobody else holds its keys
                                                                    DATA LOSS: every key of every member of the group
  - uksouth      cluster           demo-cache-uksouth               delete: the environment ends
  - eastus2      private endpoint  demo-pe-eastus2                  delete: the environment ends; the way through it closes
  - uksouth      private endpoint  demo-pe-uksouth                  delete: the environment ends; the way through it closes
  - eastus2      dns link          link-vnet-eastus2                delete: the environment ends
  - uksouth      dns link          link-vnet-uksouth                delete: the environment ends
  - eastus2      dns zone          privatelink.redis.azure.net      delete: the environment ends
  - uksouth      dns zone          privatelink.redis.azure.net      delete: the environment ends
  ! eastus2      vault             kv-demo-eastus2                  delete: the environment ends; it can be recovered for 90 days, and its name stays taken until then
                                                                    DATA LOSS: every secret and key of this vault, once it cannot be recovered any more
  ! uksouth      vault             kv-demo-uksouth                  delete: the environment ends; it can be recovered for 90 days, and its name stays taken until then
                                                                    DATA LOSS: every secret and key of this vault, once it cannot be recovered any more
  - uksouth      resource group    rg-demo-uksouth                  delete: the environment ends; only if nothing is left in it
";
    let text = format!("\n{}", end.render());
    assert!(text.starts_with(expected), "{text}");
    assert!(end.notes.iter().any(|note| note.ends_with("/rg-demo-eastus2 is not ours and stays")), "{:?}", end.notes);
    carry_out(&end, &mut snapshot, usize::MAX);
    assert!(destroy(&environment, &context(), &snapshot).unwrap().is_empty());
    assert_eq!(snapshot.resource_groups.len(), 1);
}

#[test]
fn a_lock_forbids_and_only_what_waits_for_it_waits() {
    let environment = environment(2);
    let mut snapshot = complete(&environment);
    mark(&mut snapshot);
    let lock = Lock { name: "keep".to_owned(), level: "CanNotDelete".to_owned() };
    snapshot.locks.insert(cluster_id(0).as_str().to_uppercase(), lock);
    let end = destroy(&environment, &context(), &snapshot).unwrap();
    let refusal = |address: &str| end.step(address).unwrap().refusal;
    assert_eq!(refusal("eastus2/cluster/primary"), Some(Refusal::Locked));
    assert_eq!(refusal("eastus2/database/primary"), Some(Refusal::Locked), "a lock covers what is in it");
    assert_eq!(refusal("eastus2/vault/primary"), Some(Refusal::Blocked));
    assert_eq!(refusal("uksouth/vault/replica"), None, "{}", end.render());
}

#[test]
fn what_bears_no_mark_is_adopted_where_nothing_else_changes() {
    let environment = environment(1);
    let mut snapshot = complete(&environment);
    for cluster in snapshot.clusters.values_mut() {
        cluster.tags.remove(OWNER_TAG);
    }
    let refused = plan(&environment, &context(), &snapshot).unwrap();
    assert_eq!(refused.step("eastus2/cluster/primary").unwrap().refusal, Some(Refusal::Foreign));
    let adopting = PlanContext { adopt: true, ..context() };
    let adopted = plan(&environment, &adopting, &snapshot).unwrap();
    let step = adopted.step("eastus2/cluster/primary").unwrap();
    assert_eq!((step.action, step.data, step.changes.len()), (Action::Update, DataClass::KeepsData, 1));
    let mut done = snapshot.clone();
    carry_out(&adopted, &mut done, usize::MAX);
    assert!(plan(&environment, &context(), &done).unwrap().is_empty());

    snapshot.clusters.get_mut(&cluster_id(0)).unwrap().sku.name = "Balanced_B5".to_owned();
    let more = plan(&environment, &adopting, &snapshot).unwrap();
    let step = more.step("eastus2/cluster/primary").unwrap();
    assert_eq!(step.refusal, Some(Refusal::Foreign), "{}", more.render());
    assert!(step.reason.contains("restarts"), "{}", step.reason);

    let tags = &mut snapshot.clusters.get_mut(&cluster_id(0)).unwrap().tags;
    tags.insert(OWNER_TAG.to_owned(), "other-dev".to_owned());
    let other = plan(&environment, &adopting, &snapshot).unwrap();
    assert!(other.step("eastus2/cluster/primary").unwrap().reason.contains("belongs to environment other-dev"));
    let _ = database_id(0);
}

#[test]
fn a_zone_goes_when_names_resolve_through_another_one() {
    let mut environment = environment(2);
    let mut snapshot = complete(&environment);
    mark(&mut snapshot);
    for region in &mut environment.regions {
        let zone = DnsZone {
            name: "privatelink.redis.azure.net".to_owned(),
            resource_group: format!("rg-dns-{}", region.location),
            origin: ResourceOrigin::Created,
        };
        region.dns_zones.insert("own".to_owned(), zone);
    }
    let plan = plan(&environment, &context(), &snapshot).unwrap();
    assert_eq!(plan.refusals().count(), 0, "{}", plan.render());
    let text = plan.render();
    for (place, key) in [("eastus2", "pe-primary"), ("uksouth", "pe-replica")] {
        let gone =
            plan.step(&format!("{place}/dns-zone/privatelink.redis.azure.net")).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(gone.action, Action::Delete, "{text}");
        assert!(gone.depends_on.contains(&format!("{place}/dns-zone-group/{key}")), "{:?}", gone.depends_on);
        let other = if place == "eastus2" { "uksouth/" } else { "eastus2/" };
        assert!(!gone.depends_on.iter().any(|needed| needed.starts_with(other)), "regions wait for nobody else");
    }
    carry_out(&plan, &mut snapshot, usize::MAX);
    assert!(tidelock_plan::plan(&environment, &context(), &snapshot).unwrap().is_empty());
}
