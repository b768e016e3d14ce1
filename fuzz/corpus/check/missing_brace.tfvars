environment         = "dev"
context_prefix      = "app"
location            = "eastus2"
resource_group_name = "rg-app"

kv_config = {
  main = {
    name = "kv-app-eus2"
}

managed_redis_config = {
  primary = {
    context_suffix = "cache"
    instance       = "01"
    sku_name       = "Balanced_B3"
    kv_key         = "main"
  }

dr_config = {
  witness_location = "northeurope"
}
