environment         = "dev"
context_prefix      = "app"
location            = "eastus2"
resource_group_name = "rg-app"
location            = "uksouth"

tags = {
  owner   = "platform"
  "owner" = "security"
}

kv_config = {
  main = { name = "kv-app-eus2" }
}

kv_datasource_config = {
  main = {
    keyvault_name                = "kv-given"
    keyvault_resource_group_name = "rg-security"
  }
}
