//! Files that a platform team may well write, and that are right: an error in one of them would block `up`, `plan` and
//! `apply` for nothing. And slips, of which only those are mended without asking that can cost nothing.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use std::path::Path;

use tidelock_config::{Severity, check, edit};

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn dev() -> String {
    read("../../envs/dev.tfvars")
}

fn prod() -> String {
    read("../../envs/prod.tfvars")
}

/// Created networks, guarded subnets.
fn created() -> String {
    read("src/rules/base.tfvars")
}

/// With every `from` replaced; each stands there at least once.
fn with(text: &str, changes: &[(&str, &str)]) -> String {
    let change = |text: String, (from, to): &(&str, &str)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    };
    changes.iter().fold(text.to_owned(), change)
}

/// Without everything from `from` up to where `to` begins.
fn without(text: &str, from: &str, to: &str) -> String {
    let start = text.find(from).unwrap();
    let end = start + text[start..].find(to).unwrap();
    format!("{}{}", &text[..start], &text[end..])
}

/// The first region alone, its cache in no group.
fn one_region() -> String {
    let dev = dev();
    let first = &dev[..dev.find("location_replica").unwrap()];
    first.lines().filter(|line| !line.contains("geo_replication_group_name")).map(|line| format!("{line}\n")).collect()
}

/// A second cache with its endpoint in both regions; `database` is in both.
fn second_cache(database: &str) -> String {
    let add = |text: String, suffix: &str| {
        let cache = format!(
            "managed_redis_config{suffix} = {{\n  sessions{suffix} = {{ context_suffix = \"sess\", instance = \"01\", sku_name = \
             \"MemoryOptimized_M10\", kv_key{suffix} = \"main\", default_database = {{ {database} }} }}\n"
        );
        let endpoint = format!(
            "managed_redis_pe_config{suffix} = {{\n  sessions{suffix} = {{ context = \"sess\", instance = \"01\", \
             snet_key{suffix} = \"workload\", managed_redis_key{suffix} = \"sessions{suffix}\" }}\n"
        );
        let [old_cache, old_endpoint] = ["", "_pe"].map(|kind| format!("managed_redis{kind}_config{suffix} = {{\n"));
        with(&text, &[(&old_cache, &cache), (&old_endpoint, &endpoint)])
    };
    add(add(dev(), ""), "_replica")
}

/// What is found, as `TL097 message`.
fn found(text: &str, least: Severity) -> Vec<String> {
    let findings = check(text).findings.into_iter().filter(|finding| finding.severity <= least);
    findings.map(|finding| format!("{} {}", finding.rule.id, finding.message)).collect()
}

#[test]
fn right_files_have_no_findings() {
    let own_keys = [("  primary = {", "  \"redis-eus2-01\" = {"), ("\"primary\"", "\"redis-eus2-01\"")];
    let witness_elsewhere = [("\"eastus2\"", "\"usgovvirginia\""), ("\"uksouth\"", "\"usgovarizona\"")];
    let given_vaults = [
        ("kv_config", "kv_datasource_config"),
        ("name = \"kv-app-dev-eus2\"", "keyvault_name = \"kv-a\"\n keyvault_resource_group_name = \"rg-security\""),
        ("name = \"kv-app-dev-uks\"", "keyvault_name = \"kv-b\"\n keyvault_resource_group_name = \"rg-security\""),
    ];
    let swapped = [
        ("primary_redis_key = \"primary\"", "primary_redis_key = \"replica\""),
        ("replica_keys      = [\"replica\"]", "replica_keys      = [\"primary\"]"),
    ];
    let empty = "nsg_config = {}\nlocation_secondary = null\nmanaged_redis_config_secondary = {}\n";
    let one_network_group = [("rg-network-dev-uksouth", "rg-network"), ("rg-network-dev-eastus2", "rg-network")];
    let small = [("Balanced_B3", "Balanced_B0"), ("= true          #", "= false #"), ("NoEviction", "AllKeysLRU")];
    let modules = [(
        "eviction_policy            =",
        "modules = [{ name = \"RediSearch\" }, { name = \"RedisJSON\" }]\n eviction_policy =",
    )];
    let own_key = [
        ("kv_key                    = \"main\"", "kv_key = \"main\"\n customer_managed_key = { key_name = \"cmk\" }"),
        (
            "kv_key_replica            = \"main\"",
            "kv_key_replica = \"main\"\n customer_managed_key = { key_name = \"cmk\" }",
        ),
    ];
    let rule = "      gateways = {\n";
    let denied = format!(
        "      deny = {{ priority = 4096, access = \"Deny\", protocol = \"*\", source_address_prefixes = [\"*\"], \
         destination_port_ranges = [\"*\"] }}\n{rule}"
    );
    let web = format!(
        "      web = {{ priority = 200, source_address_prefixes = [\"Internet\"], destination_port_ranges = [\"443\"] }}\n{rule}"
    );
    let zones = "dns_zone_datasource_config = {\n  old = { name = \"privatelink.redis.cache.windows.net\", \
                 resource_group_name = \"rg-dns\" }\n  new = { name = \"privatelink.redis.azure.net\", resource_group_name = \
                 \"rg-dns\" }\n  vault = { name = \"privatelink.vaultcore.azure.net\", resource_group_name = \"rg-dns\" }\n}\n";
    let sessions = "clustering_policy = \"OSSCluster\", eviction_policy = \"VolatileTTL\"";
    let second_group = with(
        &second_cache(&format!("{sessions}, geo_replication_group_name = \"sess-grp\"")),
        &[(
            "  main = {\n    primary_redis_key",
            "  sessions = {\n    primary_redis_key = \"sessions_replica\"\n    replica_keys = [\"sessions\"]\n  }\n  main = {\n    primary_redis_key",
        )],
    );
    let files = [
        ("one region", one_region()),
        ("a small cache without high availability", with(&one_region(), &small)),
        (
            "writes to disk, alone",
            with(
                &one_region(),
                &[("eviction_policy ", "persistence_append_only_file_backup_frequency = \"1s\"\n eviction_policy ")],
            ),
        ),
        ("three regions, automatic", with(&prod(), &[("mode = \"manual\"", "mode = \"automatic\"")])),
        ("two regions, automatic", with(&dev(), &[("mode = \"manual\"", "mode = \"automatic\"")])),
        ("made on Windows", format!("\u{feff}{}", dev().replace('\n', "\r\n"))),
        ("written in full", with(&dev(), &[("\"dev\"", "\"development\"")])),
        ("test", with(&dev(), &[("\"dev\"", "\"test\"")])),
        ("own keys", with(&dev(), &own_keys)),
        (
            "a sovereign cloud",
            with(&dev(), &[&witness_elsewhere[..], &[("\"northeurope\"", "\"usgovtexas\"")]].concat()),
        ),
        ("given vaults", with(&dev(), &given_vaults)),
        ("the writer elsewhere", with(&dev(), &swapped)),
        ("null and empty", format!("{}{empty}", dev())),
        ("one group of all networks", with(&dev(), &one_network_group)),
        (
            "networks not listed",
            without(&without(&dev(), "vnet_datasource_config =", "snet_"), "vnet_datasource_config_replica", "snet_"),
        ),
        ("memory", with(&dev(), &[("Balanced_B3", "MemoryOptimized_M50")])),
        ("cores", with(&dev(), &[("Balanced_B3", "ComputeOptimized_X3")])),
        ("clients of clusters", with(&dev(), &[("EnterpriseCluster", "OSSCluster")])),
        ("modules", with(&dev(), &modules)),
        ("keys of one's own", with(&dev(), &own_key)),
        ("a cache beside the group", second_cache(sessions)),
        ("two groups", second_group),
        ("all others denied", with(&created(), &[(rule, &denied)])),
        ("a public web server", with(&created(), &[(rule, &web)])),
        ("from the whole network", with(&created(), &[("\"10.20.2.0/24\"", "\"VirtualNetwork\"")])),
    ];
    for (name, text) in files {
        assert_eq!(found(&text, Severity::Warning), [""; 0], "{name}:\n{text}");
    }
    // A zone of another service beside the right one is not needed, and no fault.
    assert_eq!(found(&format!("{}{zones}", created()), Severity::Error), [""; 0]);
}

/// What `--fix` makes of a file: all its fixes at once.
fn mended(text: &str) -> String {
    let fixes = check(text).findings.into_iter().filter_map(|finding| finding.fix);
    edit::splice(text, &fixes.flat_map(|fix| fix.edits).collect::<Vec<_>>()).unwrap()
}

#[test]
fn slips_of_spelling_are_mended() {
    let slips = [
        ("\"Balanced_B3\"", "\"balanced_b3\""),
        ("\"EnterpriseCluster\"", "\"enterprisecluster\""),
        ("kv_key_replica            =", "kv_key            ="),
        ("[\"redisEnterprise\"]", "[\"redisCache\"]"),
    ];
    for (right, wrong) in slips {
        let text = with(&dev(), &[(right, wrong)]);
        assert_ne!(found(&text, Severity::Error), [""; 0], "{wrong}");
        assert_eq!(mended(&text), dev(), "{wrong}");
    }
}

#[test]
fn what_costs_empties_replaces_or_shuts_out_is_left_to_people() {
    let changes: [(u16, String); 14] = [
        (41, with(&dev(), &[("Balanced_B3", "Enterprise_E10")])),
        (59, dev().replacen("Balanced_B3", "Balanced_B5", 1)),
        (60, dev().replacen("\"NoEviction\"", "\"AllKeysLRU\"", 1)),
        (63, dev().replacen("eviction_policy  ", "client_protocol = \"Plaintext\"\n eviction_policy  ", 1)),
        (
            65,
            dev().replacen(
                "eviction_policy  ",
                "persistence_append_only_file_backup_frequency = \"1s\"\n eviction_policy  ",
                1,
            ),
        ),
        (67, with(&dev(), &[("Balanced_B3", "Balanced_B1")])),
        (69, dev().replacen("= true          #", "= false #", 1)),
        (70, one_region().replacen("\"NoEviction\"", "\"AllKeysLRU\"\n modules = [{ name = \"RediSearch\" }]", 1)),
        (76, dev().replacen("eviction_policy  ", "access_keys_authentication_enabled = false\n eviction_policy  ", 1)),
        (78, dev().replacen("kv_key  ", "public_network_access = \"Enabled\"\n kv_key  ", 1)),
        (102, dev().replacen("\"kv-app-dev-eus2\"", "\"kv-app-dev-eus2\"\n purge_protection_enabled = false", 1)),
        (127, with(&dev(), &[("rpo_objective_s = 30", "rpo_objective_s = 30\n lag_limit_ms = 60000")])),
        (128, with(&dev(), &[("durability = \"local\"", "durability = \"remote\"")])),
        // Terraform has dropped it so far: heeded, it would replace a cache that exists.
        (
            21,
            with(
                &second_cache(""),
                &[(
                    "sku_name = \"MemoryOptimized_M10\", kv_key_replica",
                    "sku_name = \"MemoryOptimized_M10\", high_availability_enabled_replica = false, kv_key_replica",
                )],
            ),
        ),
    ];
    for (rule, text) in changes {
        let findings = check(&text).findings;
        let own = findings.iter().find(|finding| finding.rule.id.to_string() == format!("TL{rule:03}"));
        let own = own.unwrap_or_else(|| panic!("TL{rule:03} is found in\n{text}"));
        assert_eq!((&own.fix, own.help.is_some()), (&None, true), "TL{rule:03}");
        assert_eq!(mended(&text), text, "TL{rule:03}");
    }
}

#[test]
fn a_range_of_which_the_length_may_be_wrong_is_not_mended() {
    let range = |written: &str| with(&created(), &[("\"10.20.1.0/24\"", &format!("\"{written}\""))]);
    assert_eq!(mended(&range("10.20.1.7/24")), created());
    assert_eq!(mended(&range("10.20.1.0/16")), range("10.20.1.0/16"), "10.20.0.0/16 or 10.20.1.0/24?");
}
