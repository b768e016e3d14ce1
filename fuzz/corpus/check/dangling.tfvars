environment    = "dev"
context_prefix = "app"

location            = "eastus2"
resource_group_name = "rg-app-eastus2"

kv_config = {
  main = { name = "kv-app-eastus2" }
}

managed_redis_config = {
  primary = {
    context_suffix = "cache"
    instance       = "01"
    sku_name       = "Balanced_B3"
    kv_key         = "main"
    default_database = {
      geo_replication_group_name = "dev-grp"
    }
  }
}

location_replica            = "uksouth"
resource_group_name_replica = "rg-app-uksouth"

kv_config_replica = {
  main = { name = "kv-app-uksouth" }
}

managed_redis_config_replica = {
  replica = {
    context_suffix = "cache"
    instance       = "01"
    sku_name       = "Balanced_B3"
    kv_key_replica = "man"
    default_database = {
      geo_replication_group_name = "dev-grp"
    }
  }
}

managed_redis_pe_config = {
  one = {
    context            = "cache"
    instance           = "01"
    snet_key           = "workload"
    managed_redis_key  = "replica"
    static_ip_required = true
  }
}

managed_redis_geo_replication_config = {
  main = {
    primary_redis_key = "primry"
    replica_keys      = ["replica", "elsewhere"]
  }
}
