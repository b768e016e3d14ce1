# The production environment: three regions.
#
# Read unchanged by Tidelock and by Terraform. Regions are told apart by suffix: none for the first, `_replica` for the
# second, `_secondary` for the third. Between environments values differ, never the shape: production has one more of
# the same.

environment    = "prod"
context_prefix = "app" # begins every generated name: redis-app-cache-01

tags = {
  environment = "prod"
  application = "app"
  managed_by  = "tidelock"
}

#-----------------------------------------------------------------------------------------------------------------------
# First region
#-----------------------------------------------------------------------------------------------------------------------

location            = "eastus2"
resource_group_name = "rg-app-prod-primary"

# The network team's: they exist already, and we only refer to them. Each region has its own.
vnet_datasource_config = {
  main = {
    name                = "vnet-app-prod-eastus2"
    resource_group_name = "rg-network-prod-eastus2"
  }
}

snet_datasource_config = {
  workload = {
    name                 = "snet-redis"
    virtual_network_name = "vnet-app-prod-eastus2"
    resource_group_name  = "rg-network-prod-eastus2"
  }
}

# Ours to create. A vault holds the credentials of its own region's cache and of no other: one vault's outage must not
# take two regions down. Vault names are unique in all of Azure, and 3 to 24 characters long.
kv_config = {
  main = {
    name = "kv-app-prod-eus2"
  }
}

managed_redis_config = {
  primary = {
    context_suffix            = "cache-prod" # a cache's name and region make its host name, unique in all of Azure
    instance                  = "01"
    sku_name                  = "Balanced_B10" # the same in every cache of the group
    high_availability_enabled = true           # geo groups demand it
    kv_key                    = "main"

    default_database = {
      clustering_policy          = "EnterpriseCluster" # one endpoint: applications need no cluster client
      eviction_policy            = "NoEviction"        # a full cache refuses writes rather than drop some
      geo_replication_group_name = "prod-grp"          # the same in every cache of the group
    }
  }
}

managed_redis_pe_config = {
  primary = {
    context              = "cache"
    instance             = "01"
    is_manual_connection = false
    static_ip_required   = false
    group_ids            = ["redisEnterprise"]
    snet_key             = "workload"
    managed_redis_key    = "primary"
  }
}

#-----------------------------------------------------------------------------------------------------------------------
# Second region: the same, line by line
#-----------------------------------------------------------------------------------------------------------------------

location_replica            = "uksouth"
resource_group_name_replica = "rg-app-prod-replica"

vnet_datasource_config_replica = {
  main = {
    name                = "vnet-app-prod-uksouth"
    resource_group_name = "rg-network-prod-uksouth"
  }
}

snet_datasource_config_replica = {
  workload = {
    name                 = "snet-redis"
    virtual_network_name = "vnet-app-prod-uksouth"
    resource_group_name  = "rg-network-prod-uksouth"
  }
}

kv_config_replica = {
  main = {
    name = "kv-app-prod-uks"
  }
}

# Inside a suffixed map, the keys that refer to other maps carry the suffix too.
managed_redis_config_replica = {
  replica = {
    context_suffix            = "cache-prod"
    instance                  = "01"
    sku_name                  = "Balanced_B10"
    high_availability_enabled = true
    kv_key_replica            = "main"

    default_database = {
      clustering_policy          = "EnterpriseCluster"
      eviction_policy            = "NoEviction"
      geo_replication_group_name = "prod-grp"
    }
  }
}

managed_redis_pe_config_replica = {
  replica = {
    context                   = "cache"
    instance                  = "01"
    is_manual_connection      = false
    static_ip_required        = false
    group_ids                 = ["redisEnterprise"]
    snet_key_replica          = "workload"
    managed_redis_key_replica = "replica"
  }
}

#-----------------------------------------------------------------------------------------------------------------------
# Third region: the same again
#-----------------------------------------------------------------------------------------------------------------------

location_secondary            = "southeastasia"
resource_group_name_secondary = "rg-app-prod-secondary"

vnet_datasource_config_secondary = {
  main = {
    name                = "vnet-app-prod-southeastasia"
    resource_group_name = "rg-network-prod-southeastasia"
  }
}

snet_datasource_config_secondary = {
  workload = {
    name                 = "snet-redis"
    virtual_network_name = "vnet-app-prod-southeastasia"
    resource_group_name  = "rg-network-prod-southeastasia"
  }
}

kv_config_secondary = {
  main = {
    name = "kv-app-prod-sea"
  }
}

managed_redis_config_secondary = {
  secondary = {
    context_suffix            = "cache-prod"
    instance                  = "01"
    sku_name                  = "Balanced_B10"
    high_availability_enabled = true
    kv_key_secondary          = "main"

    default_database = {
      clustering_policy          = "EnterpriseCluster"
      eviction_policy            = "NoEviction"
      geo_replication_group_name = "prod-grp"
    }
  }
}

managed_redis_pe_config_secondary = {
  secondary = {
    context                     = "cache"
    instance                    = "01"
    is_manual_connection        = false
    static_ip_required          = false
    group_ids                   = ["redisEnterprise"]
    snet_key_secondary          = "workload"
    managed_redis_key_secondary = "secondary"
  }
}

#-----------------------------------------------------------------------------------------------------------------------
# The link, and recovery
#-----------------------------------------------------------------------------------------------------------------------

# The writer first. This seeds the very first tenure; later the register decides who writes, and after a switchover the
# old and the new writer's keys trade places here.
managed_redis_geo_replication_config = {
  main = {
    primary_redis_key = "primary"
    replica_keys      = ["replica", "secondary"]
  }
}

dr_config = {
  # Holds no data, and stands outside all three regions so that it is not lost with any of them. Two of the three regions'
  # agents can decide who may write; the witness listens, and votes once one of them is detached. Without it nothing may
  # fail over by itself.
  witness_location = "northeurope"

  # A person starts every failover.
  mode = "manual"

  # A write is acknowledged once the writer's region has it. What a lost region had not sent yet is lost with it.
  durability = "local"

  # A writer that the register no longer hears from stops after the lease; the margin later another region may write.
  lease_ms  = 3000
  margin_ms = 500

  # Local reads are never staler than this. More than lease and margin, so that reads outlive a lost writer.
  staleness_bound_ms = 5000

  # While there is no writer, gateways hold a write this long before they refuse it.
  write_hold_ms = 2000

  # What the team's policy promises: minutes to recover, since a person decides, and seconds of writes at risk.
  rto_objective_s = 900
  rpo_objective_s = 30

  gateways_per_region = 2     # one may crash, or be replaced, unnoticed by most clients
  drills_allowed      = false # drills break things on purpose
}
