environment         = "dev"
context_prefix      = 7
location            = ["eastus2"]
resource_group_name = null

tags = {
  cost_centre = 4711
  owner       = null
}

kv_config = ["main"]

managed_redis_config = {
  primary = {
    context_suffix            = "cache"
    instance                  = 01
    sku_name                  = "Balanced_B3"
    high_availability_enabled = "yes"
    kv_key                    = "main"
    default_database          = "default"
  }
  spare = "none"
}

managed_redis_geo_replication_config = {
  main = {
    primary_redis_key = "primary"
    replica_keys      = "replica"
  }
}

dr_config = {
  lease_ms            = 0
  margin_ms           = 0.5
  gateways_per_region = 9
  drills_allowed      = "true"
}
