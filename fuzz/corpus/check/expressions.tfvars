environment         = var.environment
context_prefix      = "app-${terraform.workspace}"
location            = lower("EASTUS2")
resource_group_name = "rg" + "-app"
tags                = merge({ a = "b" }, {})

variable "region" {
  type = string
}

dr_config = {
  lease_ms   = (3000)
  margin_ms  = 5 * 100
  durability = true ? "local" : "remote"
}
