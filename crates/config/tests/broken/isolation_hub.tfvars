# A hub network, a hub vault and a hub zone: everything central.

environment    = "dev"
context_prefix = "app"
tags           = { environment = "dev" }

# The region eastus2
location            = "eastus2"
resource_group_name = "rg-app-dev-eus2"

vnet_datasource_config = {
  hub = { name = "vnet-hub", resource_group_name = "rg-hub" }
}

snet_datasource_config = {
  redis = { name = "snet-redis", virtual_network_name = "vnet-hub", resource_group_name = "rg-hub" }
}

dns_zone_datasource_config = {
  redis = { name = "privatelink.redis.azure.net", resource_group_name = "rg-hub" } # as the portal shows it
}

kv_datasource_config = {
  main = { keyvault_name = "kv-hub", keyvault_resource_group_name = "rg-hub" }
}

managed_redis_config = {
  primary = {
    context_suffix = "cache"
    instance       = "01"
    sku_name       = "Balanced_B10"
    kv_key         = "main"
    default_database = {
      clustering_policy          = "EnterpriseCluster"
      eviction_policy            = "NoEviction"
      geo_replication_group_name = "dev-grp"
    }
  }
}

managed_redis_pe_config = {
  cache = { context = "cache", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
}

# The region uksouth
location_replica            = "uksouth"
resource_group_name_replica = "rg-app-dev-uks"

vnet_datasource_config_replica = {
  hub = { name = "vnet-hub", resource_group_name = "RG-Hub" }
}

snet_datasource_config_replica = {
  redis = { name = "snet-redis", virtual_network_name = "vnet-hub", resource_group_name = "RG-Hub" }
}

dns_zone_datasource_config_replica = {
  redis = { name = "privatelink.redis.azure.net", resource_group_name = "RG-Hub" } # as the portal shows it
}

kv_datasource_config_replica = {
  main = { keyvault_name = "kv-hub", keyvault_resource_group_name = "rg-hub" }
}

managed_redis_config_replica = {
  replica = {
    context_suffix = "cache"
    instance       = "01"
    sku_name       = "Balanced_B10"
    kv_key_replica = "main"
    default_database = {
      clustering_policy          = "EnterpriseCluster"
      eviction_policy            = "NoEviction"
      geo_replication_group_name = "dev-grp"
    }
  }
}

managed_redis_pe_config_replica = {
  cache = { context = "cache", instance = "01", snet_key_replica = "redis", managed_redis_key_replica = "replica" }
}

managed_redis_geo_replication_config = {
  main = {
    primary_redis_key = "primary"
    replica_keys      = ["replica"]
  }
}

dr_config = { witness_location = "northeurope" }
