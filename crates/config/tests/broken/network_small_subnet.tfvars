# As small as possible: "there are only two endpoints in it".
environment    = "dev"
context_prefix = "shop"

tags = {
  environment = "dev"
}

location            = "eastus2"
resource_group_name = "rg-shop-dev-primary"

vnet_config = {
  main = {
    name          = "vnet-shop-dev-eastus2"
    address_space = ["10.40.0.0/16"]
  }
}

snet_config = {
  redis = {
    name                 = "snet-redis"
    virtual_network_name = "vnet-shop-dev-eastus2"
    address_prefix       = "10.40.1.0/30"
    nsg_key              = "redis"
  }
}

nsg_config = {
  redis = {
    name = "nsg-redis"
    rules = {
      gateways = {
        priority                = 100
        source_address_prefixes = ["10.40.2.0/24"]
        destination_port_ranges = ["10000"]
      }
    }
  }
}

kv_config = {
  main = {
    name = "kv-shop-dev-eus2"
  }
}

managed_redis_config = {
  primary = {
    context_suffix = "carts"
    instance       = "01"
    sku_name       = "Balanced_B3"
    kv_key         = "main"
    default_database = {
      clustering_policy          = "EnterpriseCluster"
      eviction_policy            = "NoEviction"
      geo_replication_group_name = "dev-grp"
    }
  }
}

managed_redis_pe_config = {
  primary = {
    context           = "carts"
    instance          = "01"
    static_ip_address = "10.40.1.2" # what Azure chose last time
    snet_key          = "redis"
    managed_redis_key = "primary"
  }
}

location_replica            = "uksouth"
resource_group_name_replica = "rg-shop-dev-replica"

vnet_config_replica = {
  main = {
    name          = "vnet-shop-dev-uksouth"
    address_space = ["10.41.0.0/16"]
  }
}

snet_config_replica = {
  redis = {
    name                 = "snet-redis"
    virtual_network_name = "vnet-shop-dev-uksouth"
    address_prefix       = "10.41.1.0/29"
    nsg_key_replica      = "redis"
  }
}

nsg_config_replica = {
  redis = {
    name = "nsg-redis"
    rules = {
      gateways = {
        priority                = 100
        source_address_prefixes = ["10.41.2.0/24"]
        destination_port_ranges = ["10000"]
      }
    }
  }
}

kv_config_replica = {
  main = {
    name = "kv-shop-dev-uks"
  }
}

managed_redis_config_replica = {
  replica = {
    context_suffix = "carts"
    instance       = "01"
    sku_name       = "Balanced_B3"
    kv_key_replica = "main"
    default_database = {
      clustering_policy          = "EnterpriseCluster"
      eviction_policy            = "NoEviction"
      geo_replication_group_name = "dev-grp"
    }
  }
}

# One for each team, and each with its own name.
managed_redis_pe_config_replica = {
  orders  = { context = "orders", instance = "01", snet_key_replica = "redis", managed_redis_key_replica = "replica" }
  search  = { context = "search", instance = "01", snet_key_replica = "redis", managed_redis_key_replica = "replica" }
  billing = { context = "billing", instance = "01", snet_key_replica = "redis", managed_redis_key_replica = "replica" }
  replica = {
    context                   = "carts"
    instance                  = "01"
    snet_key_replica          = "redis"
    managed_redis_key_replica = "replica"
  }
}

managed_redis_geo_replication_config = {
  main = {
    primary_redis_key = "primary"
    replica_keys      = ["replica"]
  }
}

dr_config = {
  witness_location = "northeurope"
}
