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
  beside = {
    context_suffix   = "cache"
    instance         = "02"
    sku_name         = "Balanced_B3"
    kv_key           = "main"
    default_database = { geo_replication_group_name = "dev-grp" }
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
    kv_key_replica = "main"
    default_database = {
      geo_replication_group_name = "dev-group"
    }
  }

}

location_secondary            = "southeastasia"
resource_group_name_secondary = "rg-app-southeastasia"

kv_config_secondary = {
  main = { name = "kv-app-southeastasia" }
}

managed_redis_config_secondary = {
  third = {
    context_suffix   = "cache"
    instance         = "01"
    sku_name         = "Balanced_B3"
    kv_key_secondary = "main"
    default_database = {

    }
  }

}

managed_redis_geo_replication_config = {
  main = {
    primary_redis_key = "primary"
    replica_keys      = ["replica", "third", "beside"]
  }
}
