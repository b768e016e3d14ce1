environment         = "dev",
context_prefix      : "app"
"location"          = "eastus2"
resource_group_name = "rg-app"; tags = {}
dr_config = { lease_ms = 3000 margin_ms = 500, mode "manual" }
kv_config = {
  main = { name = "kv\-app" }
  spare =
  third
}
managed_redis_pe_config = { a = { group_ids = ["redisEnterprise" "other"] } }
}
