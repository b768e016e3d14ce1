# Two groups of caches; the name was copied with the block.

environment    = "dev"
context_prefix = "app"
tags           = { environment = "dev" }

# The region eastus2
location            = "eastus2"
resource_group_name = "rg-app-dev-eus2"

vnet_config = {
  main = { name = "vnet-app-eus2", address_space = ["10.20.0.0/16"] }
}

nsg_config = {
  redis = {
    name = "nsg-redis"
    rules = {
      gateways = {
        priority                = 100
        source_address_prefixes = ["10.20.2.0/24"]
        destination_port_ranges = ["10000", "8500-8599"]
      }
    }
  }
}

snet_config = {
  redis = {
    name                 = "snet-redis"
    virtual_network_name = "vnet-app-eus2"
    address_prefix       = "10.20.1.0/24"
    nsg_key              = "redis"
  }
}

kv_config = {
  main = { name = "kv-app-dev-eus2" }
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
      geo_replication_group_name = "dev_grp" # as in the wiki
    }
  }

  orders = {
    context_suffix = "orders"
    instance       = "01"
    sku_name       = "Balanced_B3"
    kv_key         = "main"
    default_database = {
      clustering_policy          = "EnterpriseCluster"
      eviction_policy            = "NoEviction"
      geo_replication_group_name = "dev_grp"
    }
  }
}

managed_redis_pe_config = {
  cache  = { context = "cache", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  orders = { context = "orders", instance = "01", snet_key = "redis", managed_redis_key = "orders" }
}

# The region uksouth
location_replica            = "uksouth"
resource_group_name_replica = "rg-app-dev-uks"

vnet_config_replica = {
  main = { name = "vnet-app-uks", address_space = ["10.30.0.0/16"] }
}

nsg_config_replica = {
  redis = {
    name = "nsg-redis"
    rules = {
      gateways = {
        priority                = 100
        source_address_prefixes = ["10.30.2.0/24"]
        destination_port_ranges = ["10000", "8500-8599"]
      }
    }
  }
}

snet_config_replica = {
  redis = {
    name                 = "snet-redis"
    virtual_network_name = "vnet-app-uks"
    address_prefix       = "10.30.1.0/24"
    nsg_key_replica      = "redis"
  }
}

kv_config_replica = {
  main = { name = "kv-app-dev-uks" }
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
      geo_replication_group_name = "dev_grp" # as in the wiki
    }
  }

  orders_replica = {
    context_suffix = "orders"
    instance       = "01"
    sku_name       = "Balanced_B3"
    kv_key_replica = "main"
    default_database = {
      clustering_policy          = "EnterpriseCluster"
      eviction_policy            = "NoEviction"
      geo_replication_group_name = "dev_grp"
    }
  }
}

managed_redis_pe_config_replica = {
  cache  = { context = "cache", instance = "01", snet_key_replica = "redis", managed_redis_key_replica = "replica" }
  orders = { context = "orders", instance = "01", snet_key_replica = "redis", managed_redis_key_replica = "orders_replica" }
}

managed_redis_geo_replication_config = {
  main   = { primary_redis_key = "primary", replica_keys = ["replica"] }
  orders = { primary_redis_key = "orders", replica_keys = ["orders_replica"] }
}

dr_config = { witness_location = "northeurope" }
