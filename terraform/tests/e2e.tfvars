# Two regions of which everything is created, for tests/e2e.sh: nothing has to be there beforehand.

environment    = "test"
context_prefix = "e2e"
tags           = { purpose = "e2e" }

location            = "eastus2"
resource_group_name = "rg-e2e-eastus2"

vnet_config = {
  main = { name = "vnet-e2e-eastus2", address_space = ["10.20.0.0/16"] }
}

nsg_config = {
  redis = {
    name = "nsg-e2e-eastus2"
    rules = {
      gateways    = { priority = 100, source_address_prefixes = ["10.20.2.0/24"], destination_port_ranges = ["10000"] }
      nobody_else = { priority = 4000, access = "Deny", protocol = "*", source_address_prefixes = ["*"], destination_port_ranges = ["*"] }
    }
  }
}

snet_config = {
  redis = { name = "snet-redis", virtual_network_name = "vnet-e2e-eastus2", address_prefix = "10.20.1.0/24", nsg_key = "redis" }
}

kv_config = {
  main = { name = "kv-e2e-eus2" }
}

managed_redis_config = {
  primary = {
    context_suffix = "cache"
    instance       = "01"
    sku_name       = "Balanced_B3"
    kv_key         = "main"

    default_database = {
      clustering_policy          = "EnterpriseCluster"
      eviction_policy            = "NoEviction"
      geo_replication_group_name = "e2e-grp"
    }
  }
}

managed_redis_pe_config = {
  primary = { context = "cache", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
}

location_replica            = "uksouth"
resource_group_name_replica = "rg-e2e-uksouth"

vnet_config_replica = {
  main = { name = "vnet-e2e-uksouth", address_space = ["10.30.0.0/16"] }
}

nsg_config_replica = {
  redis = {
    name = "nsg-e2e-uksouth"
    rules = {
      gateways    = { priority = 100, source_address_prefixes = ["10.30.2.0/24"], destination_port_ranges = ["10000"] }
      nobody_else = { priority = 4000, access = "Deny", protocol = "*", source_address_prefixes = ["*"], destination_port_ranges = ["*"] }
    }
  }
}

snet_config_replica = {
  redis = { name = "snet-redis", virtual_network_name = "vnet-e2e-uksouth", address_prefix = "10.30.1.0/24", nsg_key_replica = "redis" }
}

kv_config_replica = {
  main = { name = "kv-e2e-uks" }
}

managed_redis_config_replica = {
  replica = {
    context_suffix = "cache"
    instance       = "01"
    sku_name       = "Balanced_B3"
    kv_key_replica = "main"

    default_database = {
      clustering_policy          = "EnterpriseCluster"
      eviction_policy            = "NoEviction"
      geo_replication_group_name = "e2e-grp"
    }
  }
}

managed_redis_pe_config_replica = {
  replica = { context = "cache", instance = "01", snet_key_replica = "redis", managed_redis_key_replica = "replica" }
}

managed_redis_geo_replication_config = {
  main = {
    primary_redis_key = "primary" # a switchover swaps these two
    replica_keys      = ["replica"]
  }
}

dr_config = { witness_location = "northeurope" }
