# Production, made from the file of the development environment.
environment    = "prod"
context_prefix = "shop"

tags = {
  environment = "prod"
}

location            = "eastus2"
resource_group_name = "rg-shop-prod-primary"

snet_datasource_config = {
  redis = {
    name                 = "snet-redis"
    virtual_network_name = "vnet-shop-prod-eastus2"
    resource_group_name  = "rg-network-prod-eastus2"
  }
}

kv_config = {
  main = {
    name = "kv-shop-prod-eus2"
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
      geo_replication_group_name = "prod-grp"
    }
  }
}

managed_redis_pe_config = {
  primary = {
    context           = "carts"
    instance          = "01"
    snet_key          = "redis"
    managed_redis_key = "primary"
  }
}

location_replica            = "uksouth"
resource_group_name_replica = "rg-shop-prod-replica"

snet_datasource_config_replica = {
  redis = {
    name                 = "snet-redis"
    virtual_network_name = "vnet-shop-prod-uksouth"
    resource_group_name  = "rg-network-prod-uksouth"
  }
}

kv_config_replica = {
  main = {
    name = "kv-shop-prod-uks"
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
      geo_replication_group_name = "prod-grp"
    }
  }
}

managed_redis_pe_config_replica = {
  replica = {
    context                   = "carts"
    instance                  = "01"
    snet_key_replica          = "redis"
    managed_redis_key_replica = "replica"
  }
}

location_secondary            = "swedencentral"
resource_group_name_secondary = "rg-shop-prod-secondary"

snet_datasource_config_secondary = {
  redis = {
    name                 = "snet-redis"
    virtual_network_name = "vnet-shop-prod-swedencentral"
    resource_group_name  = "rg-network-prod-swedencentral"
  }
}

kv_config_secondary = {
  main = {
    name = "kv-shop-prod-swc"
  }
}

managed_redis_config_secondary = {
  secondary = {
    context_suffix   = "carts"
    instance         = "01"
    sku_name         = "Balanced_B3"
    kv_key_secondary = "main"
    default_database = {
      clustering_policy          = "EnterpriseCluster"
      eviction_policy            = "NoEviction"
      geo_replication_group_name = "prod-grp"
    }
  }
}

managed_redis_pe_config_secondary = {
  secondary = {
    context                     = "carts"
    instance                    = "01"
    snet_key_secondary          = "redis"
    managed_redis_key_secondary = "secondary"
  }
}

managed_redis_geo_replication_config = {
  main = {
    primary_redis_key = "primary"
    replica_keys      = ["replica", "secondary"]
  }
}

dr_config = {
  witness_location    = "northeurope"
  gateways_per_region = 1
  drills_allowed      = true
}
