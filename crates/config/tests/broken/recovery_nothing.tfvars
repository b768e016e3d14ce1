# One region. The group was commented out for now; the rest was forgotten.
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
      clustering_policy = "EnterpriseCluster"
      eviction_policy   = "NoEviction"
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

# managed_redis_geo_replication_config = {}

dr_config = {
  mode             = "manual"
  witness_location = "northeurope"
}
