environment         = "dev"
context_prefix      = "app"
location            = "eastus2"
resource_group_name = "rg-app"

kv_config_replica = {
  main = { name = "kv-app-uks" }
}

managed_redis_config_replica = {
  replica = {
    sku_name = "Balanced_B3"
    kv_key   = "main"
  }
}
