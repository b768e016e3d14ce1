//! The files that are shipped, and the companion project's form, are read as they are meant.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use std::path::Path;
use std::time::Duration;

use tidelock_config::{Parsed, Severity, Style, read, render};
use tidelock_model::{
    CacheName, ClusteringPolicy, Durability, EnvName, EvictionPolicy, FailoverMode, Location, RegionSuffix,
    ResourceOrigin, Timings,
};

fn text(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[track_caller]
fn parsed(path: &str) -> Parsed {
    let text = text(path);
    read(&text).unwrap_or_else(|findings| panic!("{}", render(path, &text, &findings, Style::Plain)))
}

fn locations(parsed: &Parsed) -> Vec<&str> {
    parsed.environment.regions.iter().map(|region| region.location.as_str()).collect()
}

#[test]
fn dev_is_two_regions_and_a_witness() {
    let parsed = parsed("../../envs/dev.tfvars");
    let environment = &parsed.environment;
    assert_eq!(parsed.warnings, []);
    assert_eq!(environment.id(), "app-dev");
    assert_eq!(locations(&parsed), ["eastus2", "uksouth"]);
    assert_eq!(environment.tags["managed_by"], "tidelock");

    let [first, second] = environment.regions.as_slice() else { panic!("two regions") };
    assert_eq!((first.suffix, second.suffix), (RegionSuffix::First, RegionSuffix::Replica));
    let cache = &second.caches[&CacheName("replica".to_owned())];
    assert_eq!(cache.azure_name, "redis-replica-app-cache-01");
    assert_eq!(cache.vault_key, "main");
    assert_eq!((cache.clustering, cache.eviction), (ClusteringPolicy::EnterpriseCluster, EvictionPolicy::NoEviction));
    assert!(cache.high_availability);
    assert_eq!(first.caches[&CacheName("primary".to_owned())].azure_name, "redis-app-cache-01");

    let vault = &second.vaults["main"];
    assert_eq!((vault.name.as_str(), vault.resource_group.as_str()), ("kv-app-dev-uks", "rg-app-dev-replica"));
    assert_eq!(vault.origin, ResourceOrigin::Created);
    assert_eq!(second.subnets["workload"].origin, ResourceOrigin::Existing);
    let endpoint = &second.private_endpoints["replica"];
    assert_eq!(endpoint.azure_name, "pe-redis-cache-01");
    assert_eq!((endpoint.subnet_key.as_str(), endpoint.cache.0.as_str()), ("workload", "replica"));
    assert_eq!((&endpoint.group_ids, endpoint.static_ip), (&vec!["redisEnterprise".to_owned()], None));

    let group = &environment.geo_groups["main"];
    assert_eq!(group.nickname, "dev-grp");
    assert_eq!(group.seed_writer, group.members[0]);
    assert_eq!(group.members.iter().map(|member| member.location.as_str()).collect::<Vec<_>>(), ["eastus2", "uksouth"]);

    let dr = &environment.dr;
    assert_eq!(dr.witness_location, Some(Location::new("northeurope").unwrap()));
    assert_eq!((dr.mode, dr.durability, dr.timings), (FailoverMode::Manual, Durability::Local, Timings::default()));
    assert_eq!((dr.rto_objective, dr.rpo_objective), (Some(Duration::from_secs(900)), Some(Duration::from_secs(30))));
    assert_eq!((dr.gateways_per_region, dr.drills_allowed), (1, true));
}

#[test]
fn staging_is_shaped_as_dev() {
    let parsed = parsed("../../envs/staging.tfvars");
    assert_eq!(parsed.warnings, []);
    assert_eq!(parsed.environment.name, EnvName::Staging);
    assert_eq!(locations(&parsed), ["eastus2", "uksouth"]);
    assert_eq!(parsed.environment.geo_groups["main"].nickname, "stg-grp");
    assert!(parsed.environment.dr.witness_location.is_some());
}

#[test]
fn prod_is_three_regions_in_suffix_order() {
    let parsed = parsed("../../envs/prod.tfvars");
    assert_eq!(parsed.warnings, []);
    assert_eq!(locations(&parsed), ["eastus2", "uksouth", "southeastasia"]);
    let group = &parsed.environment.geo_groups["main"];
    assert_eq!((group.nickname.as_str(), group.members.len()), ("prod-grp", 3));
    let third = &parsed.environment.regions[2];
    assert_eq!(third.caches[&CacheName("secondary".to_owned())].azure_name, "redis-secondary-app-cache-prod-01");
    assert_eq!(third.suffix, RegionSuffix::Secondary);
    assert!(!parsed.environment.dr.drills_allowed);
}

#[test]
fn names_fit_azure() {
    for file in ["dev", "staging", "prod"] {
        let parsed = parsed(&format!("../../envs/{file}.tfvars"));
        for region in &parsed.environment.regions {
            assert!(region.vaults.values().all(|vault| (3..=24).contains(&vault.name.len())), "{file}");
            assert!(region.caches.values().all(|cache| cache.azure_name.len() <= 60), "{file}");
        }
    }
}

#[test]
fn the_companion_projects_form_is_read() {
    let parsed = parsed("tests/fixtures/companion_like.tfvars");
    assert_eq!(parsed.warnings, []);
    let environment = &parsed.environment;
    assert_eq!((environment.name, environment.id().as_str()), (EnvName::Dev, "demo-dev"));
    let [region] = environment.regions.as_slice() else { panic!("one region") };
    let cache = &region.caches[&CacheName("redis-dev".to_owned())];
    assert_eq!((cache.azure_name.as_str(), cache.group_nickname.as_ref()), ("redis-demo-cache-01", None));
    assert!(!cache.high_availability);
    assert_eq!(region.vaults["primary"].origin, ResourceOrigin::Existing);
    assert_eq!(region.private_endpoints["redis-dev-pe"].azure_name, "pe-redis-pe-01");
    assert!(environment.geo_groups.is_empty());
    assert_eq!(environment.dr.timings, Timings::default());
    assert!(environment.dr.drills_allowed);
}

#[test]
fn after_a_switchover_the_writer_is_the_replicas_cache_and_the_members_keep_their_order() {
    let text = text("../../envs/prod.tfvars");
    let text = text.replace("primary_redis_key = \"primary\"", "primary_redis_key = \"secondary\"");
    let text = text.replace("[\"replica\", \"secondary\"]", "[\"replica\", \"primary\"]");
    let parsed = read(&text).unwrap();
    let group = &parsed.environment.geo_groups["main"];
    assert_eq!(group.seed_writer.location.as_str(), "southeastasia");
    let order: Vec<_> = group.members.iter().map(|member| member.cache.0.as_str()).collect();
    assert_eq!(order, ["primary", "replica", "secondary"]);
}

#[test]
fn the_places_an_edit_needs_are_found() {
    let text = text("../../envs/dev.tfvars");
    let document = parsed("../../envs/dev.tfvars").document;
    let group = "managed_redis_geo_replication_config";
    let of = |path: &[&str]| document.find(path).unwrap().value.span.of(&text);
    assert_eq!(of(&[group, "main", "primary_redis_key"]), "\"primary\"");
    assert_eq!(of(&[group, "main", "replica_keys"]), "[\"replica\"]");
    assert_eq!(of(&[group, "main", "replica_keys", "0"]), "\"replica\"");
    assert_eq!(document.find(&[group, "main"]).unwrap().key.unwrap().span.of(&text), "main");
}

#[test]
fn an_empty_or_null_replica_is_no_region() {
    let mut text = text("tests/fixtures/companion_like.tfvars");
    text.push_str("location_replica = null\nmanaged_redis_config_replica = {}\ndr_config = null\n");
    assert_eq!(read(&text).unwrap().environment.regions.len(), 1);
}

#[test]
fn a_region_may_repeat_its_identity() {
    let text = text("../../envs/dev.tfvars");
    let text = format!("{text}environment_replica = \"development\"\ncontext_prefix_replica = \"app2\"\n");
    let environment = read(&text).unwrap().environment;
    let cache = &environment.regions[1].caches[&CacheName("replica".to_owned())];
    assert_eq!(cache.azure_name, "redis-replica-app2-cache-01");
}

#[test]
fn what_is_created_may_be_put_elsewhere_and_addresses_may_be_fixed() {
    let text = text("tests/fixtures/companion_like.tfvars")
        .replace("static_ip_required   = false", "static_ip_required = true\n static_ip_address = \"10.1.2.3\"");
    let text = format!(
        "{text}\nvnet_config = {{ n = {{ name = \"vnet\", address_space = [\"10.0.0.0/16\"] }} }}\n\
         snet_config = {{ s = {{ name = \"snet\", virtual_network_name = \"vnet\", address_prefix = \"10.0.1.0/24\", \
         resource_group_name = \"rg-net\" }} }}\n"
    );
    let environment = read(&text).unwrap().environment;
    let region = &environment.regions[0];
    assert_eq!(region.private_endpoints["redis-dev-pe"].static_ip, Some([10, 1, 2, 3].into()));
    assert_eq!(region.vnets["n"].resource_group, "rg-redis-dev-eastus2");
    assert_eq!(region.subnets["s"].resource_group, "rg-net");
    assert_eq!((region.subnets["s"].origin, region.subnets.len()), (ResourceOrigin::Created, 2));
}

#[test]
fn drills_are_off_in_prod_unless_said_otherwise() {
    let text =
        text("tests/fixtures/companion_like.tfvars").replace("\"development\"\nlocation", "\"production\"\nlocation");
    let drills = |text: &str| read(text).unwrap().environment.dr.drills_allowed;
    assert!(!drills(&text));
    assert!(drills(&format!("{text}dr_config = {{ drills_allowed = true }}\n")));
}

#[test]
fn what_was_probably_not_meant_is_a_warning() {
    let text = text("tests/fixtures/companion_like.tfvars")
        .replace("\"AllKeysLRU\"", "\"AllKeysLRU\"\n geo_replication_group_name = \"g\"")
        .replace("static_ip_required   = false", "static_ip_address = \"10.1.2.3\"");
    let warnings = read(&text).unwrap().warnings;
    assert!(warnings.iter().all(|warning| warning.severity == Severity::Warning));
    let messages: Vec<_> = warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(messages, ["the cache `redis-dev` replicates to nobody", "this address is not used"]);
}

#[test]
fn what_only_the_terraform_module_heeds_is_named() {
    assert_eq!(parsed("../../envs/dev.tfvars").environment.unplanned, [""; 0]);
    let dev = text("../../envs/dev.tfvars");
    let more = dev.replace(
        "kv_key_replica            = \"main\"",
        "kv_key_replica            = \"main\"\n expiration_date = \"2027-01-01T00:00:00Z\"",
    );
    let more = more.replacen("is_manual_connection = false", "is_manual_connection = true", 1);
    assert_eq!(
        read(&more).unwrap().environment.unplanned,
        [
            "managed_redis_pe_config.primary.is_manual_connection",
            "managed_redis_config_replica.replica.expiration_date"
        ]
    );
}
