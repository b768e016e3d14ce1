//! An environment as large as anyone's: five regions of two hundred caches, each with its private endpoint and in a geo
//! group with one of every other region, and every region with its own network, security group, subnet and vault.

use std::fmt::Write;

/// Caches of a region, for 1,000 in all.
pub(crate) const CACHES_PER_REGION: usize = 200;

const REGIONS: [(&str, &str, &str); 5] = [
    ("", "eastus2", "eus2"),
    ("_replica", "uksouth", "uks"),
    ("_secondary", "southeastasia", "sea"),
    ("_tertiary", "westus3", "wus3"),
    ("_quaternary", "australiaeast", "aue"),
];

/// The file's text, with so many caches in each of the five regions; a subnet has room for 1,000.
#[must_use]
pub(crate) fn environment(caches: usize) -> String {
    let mut text = String::from("# Five regions.\nenvironment    = \"prod\"\ncontext_prefix = \"app\"\n\n");
    text += "tags = {\n  environment = \"prod\"\n  managed_by  = \"tidelock\"\n}\n";
    for (index, region) in REGIONS.iter().enumerate() {
        self::region(&mut text, index, region, caches);
    }
    text += "\nmanaged_redis_geo_replication_config = {\n";
    for cache in 0..caches {
        let key = |(_, _, short): &(&str, &str, &str)| format!("{short}-{cache:03}");
        let replicas: Vec<String> = REGIONS.iter().skip(1).map(|region| format!("\"{}\"", key(region))).collect();
        let _ = writeln!(
            text,
            "  group-{cache:03} = {{\n    primary_redis_key = \"{}\" # the writer\n    replica_keys      = [{}]\n  }}",
            key(&REGIONS[0]),
            replicas.join(", ")
        );
    }
    text += "}\n\ndr_config = {\n  mode               = \"manual\"\n  lease_ms           = 3000\n  margin_ms          = 500\n";
    text += "  staleness_bound_ms = 5000\n  witness_location   = \"francecentral\"\n  rto_objective_s    = 900\n";
    text + "  rpo_objective_s    = 30\n  drills_allowed     = false\n}\n"
}

fn region(text: &mut String, index: usize, (suffix, location, short): &(&str, &str, &str), caches: usize) {
    let network = 20 + index;
    let _ = write!(
        text,
        r#"
# {location}
location{suffix}            = "{location}"
resource_group_name{suffix} = "rg-app-prod-{short}"

vnet_config{suffix} = {{
  main = {{
    name          = "vnet-app-prod-{location}"
    address_space = ["10.{network}.0.0/16"]
  }}
}}

nsg_config{suffix} = {{
  redis = {{
    name = "nsg-redis-{short}"
    rules = {{
      gateways = {{
        priority                = 100
        source_address_prefixes = ["10.{network}.8.0/24"]
        destination_port_ranges = ["10000"]
      }}
    }}
  }}
}}

snet_config{suffix} = {{
  redis = {{
    name                 = "snet-redis-{short}"
    virtual_network_name = "vnet-app-prod-{location}"
    address_prefix       = "10.{network}.0.0/22"
    nsg_key{suffix}      = "redis"
  }}
}}

kv_config{suffix} = {{
  main = {{
    name = "kv-app-prod-{short}"
  }}
}}

managed_redis_config{suffix} = {{
"#
    );
    for cache in 0..caches {
        let _ = write!(
            text,
            r#"  {short}-{cache:03} = {{
    context_suffix            = "c{cache:03}"
    instance                  = "01"
    sku_name                  = "Balanced_B10" # the same in every cache of the group
    high_availability_enabled = true
    kv_key{suffix}            = "main"

    default_database = {{
      clustering_policy          = "EnterpriseCluster"
      eviction_policy            = "NoEviction"
      geo_replication_group_name = "prod-grp-{cache:03}"
    }}
  }}
"#
        );
    }
    let _ = write!(text, "}}\n\nmanaged_redis_pe_config{suffix} = {{\n");
    for cache in 0..caches {
        let _ = write!(
            text,
            r#"  {short}-{cache:03} = {{
    context                  = "c{cache:03}"
    instance                 = "01"
    is_manual_connection     = false
    static_ip_required       = false
    group_ids                = ["redisEnterprise"]
    snet_key{suffix}          = "redis"
    managed_redis_key{suffix} = "{short}-{cache:03}"
  }}
"#
        );
    }
    *text += "}\n";
}
