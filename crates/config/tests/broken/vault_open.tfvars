# Vaults with long names, open to everyone, and one too many.

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
  main = {
    name                          = "kv-application-development-eastus2"
    purge_protection_enabled      = false
    public_network_access_enabled = true # the pipeline has no network
  }
  orders = { name = "kv-orders-dev-eus2" }
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

  orders = {
    context_suffix = "orders"
    instance       = "01"
    sku_name       = "Balanced_B3"
    kv_key         = "orders"
    default_database = {
      clustering_policy = "EnterpriseCluster"
      eviction_policy   = "NoEviction"
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
