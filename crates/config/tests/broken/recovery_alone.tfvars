# "Automatic" was ticked in the request; who would decide was not asked.
environment    = "dev"
context_prefix = "shop"

tags = {
  environment = "dev"
}

location            = "eastus2"
resource_group_name = "rg-shop-dev-primary"

snet_datasource_config = {
  redis = {
    name                 = "snet-redis"
    virtual_network_name = "vnet-shop-dev-eastus2"
    resource_group_name  = "rg-network-dev-eastus2"
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
    snet_key          = "redis"
    managed_redis_key = "primary"
  }
}

location_replica            = "uksouth"
resource_group_name_replica = "rg-shop-dev-replica"

snet_datasource_config_replica = {
  redis = {
    name                 = "snet-redis"
    virtual_network_name = "vnet-shop-dev-uksouth"
    resource_group_name  = "rg-network-dev-uksouth"
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

managed_redis_pe_config_replica = {
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
  mode       = "automatic"
  hold_off_s = 3600
}
