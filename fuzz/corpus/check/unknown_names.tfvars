enviroment          = "dev"
environment         = "devel"
context_prefix      = "Application-Name"
location            = "East US 2"
locaton_replica     = "uksouth"
resource_group_name = ""
colour              = "blue"

kv_config = {
  main = { nmae = "kv-app-eus2" }
}

managed_redis_config = {
  primary = {
    context_suffix            = "cache"
    instance                  = "01"
    sku_name                  = "Balanced_B3"
    high_availability_enabled = true
    kv_key_replica            = "main"
    modules                   = ["RedisJSON"]
    default_database = {
      clustering_policy = "osscluster"
      eviction_policy   = "None"
    }
  }
}

dr_config = {
  mode = "automatik"
}
