# One endpoint for each team's network.
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
  pe01 = { context = "team01", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe02 = { context = "team02", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe03 = { context = "team03", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe04 = { context = "team04", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe05 = { context = "team05", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe06 = { context = "team06", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe07 = { context = "team07", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe08 = { context = "team08", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe09 = { context = "team09", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe10 = { context = "team10", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe11 = { context = "team11", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe12 = { context = "team12", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe13 = { context = "team13", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe14 = { context = "team14", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe15 = { context = "team15", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe16 = { context = "team16", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe17 = { context = "team17", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe18 = { context = "team18", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe19 = { context = "team19", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe20 = { context = "team20", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe21 = { context = "team21", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe22 = { context = "team22", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe23 = { context = "team23", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe24 = { context = "team24", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe25 = { context = "team25", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe26 = { context = "team26", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe27 = { context = "team27", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe28 = { context = "team28", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe29 = { context = "team29", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe30 = { context = "team30", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe31 = { context = "team31", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe32 = { context = "team32", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe33 = { context = "team33", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe34 = { context = "team34", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe35 = { context = "team35", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe36 = { context = "team36", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe37 = { context = "team37", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe38 = { context = "team38", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe39 = { context = "team39", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe40 = { context = "team40", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe41 = { context = "team41", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe42 = { context = "team42", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe43 = { context = "team43", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe44 = { context = "team44", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe45 = { context = "team45", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe46 = { context = "team46", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe47 = { context = "team47", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe48 = { context = "team48", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe49 = { context = "team49", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe50 = { context = "team50", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe51 = { context = "team51", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe52 = { context = "team52", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe53 = { context = "team53", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe54 = { context = "team54", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe55 = { context = "team55", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe56 = { context = "team56", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe57 = { context = "team57", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe58 = { context = "team58", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe59 = { context = "team59", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe60 = { context = "team60", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe61 = { context = "team61", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe62 = { context = "team62", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe63 = { context = "team63", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe64 = { context = "team64", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe65 = { context = "team65", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe66 = { context = "team66", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe67 = { context = "team67", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe68 = { context = "team68", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe69 = { context = "team69", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe70 = { context = "team70", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe71 = { context = "team71", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe72 = { context = "team72", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe73 = { context = "team73", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe74 = { context = "team74", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe75 = { context = "team75", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe76 = { context = "team76", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe77 = { context = "team77", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe78 = { context = "team78", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe79 = { context = "team79", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe80 = { context = "team80", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe81 = { context = "team81", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe82 = { context = "team82", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe83 = { context = "team83", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe84 = { context = "team84", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  pe85 = { context = "team85", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
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
  witness_location = "northeurope"
}
