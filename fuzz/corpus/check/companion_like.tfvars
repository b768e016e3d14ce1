# One region, in the spelling of the published companion project.
environment         = "development"
location            = "eastus2"
resource_group_name = "rg-redis-dev-eastus2"
context_prefix      = "demo"

tags = {
  Environment = "development"
  Owner       = "platform-team"
}

snet_datasource_config = {
  workload = {
    name                 = "snet-workload-eastus2-001"
    virtual_network_name = "vnet-demo-eastus2-001"
    resource_group_name  = "rg-networking-eastus2"
  }
}

kv_datasource_config = {
  primary = {
    keyvault_name                = "kv-demo-eastus2-001"
    keyvault_resource_group_name = "rg-security-eastus2"
  }
}

managed_redis_config = {
  "redis-dev" = {
    context_suffix            = "cache"
    instance                  = "01"
    sku_name                  = "Enterprise_E10" // retired, which is for the rules to say
    high_availability_enabled = false            # trailing comment
    kv_key                    = "primary"
    
    default_database = {
      clustering_policy = "OSSCluster"
      eviction_policy   = "AllKeysLRU"
    }
  }
}

managed_redis_pe_config = {
  "redis-dev-pe" = {
    context              = "pe"
    instance             = "01"
    is_manual_connection = false
    static_ip_required   = false
    group_ids            = ["redisEnterprise"]
    snet_key             = "workload"
    managed_redis_key    = "redis-dev"
  }
}

/* managed_redis_config_replica = {}
   managed_redis_pe_config_replica = {} */
