environment    = "dev
context_prefix = "app"
location       = 'eastus2'
tags = {
  owner = “platform”
  list  = ["a", "b"
}
resource_group_name = <<RG
rg-app
/* and so on
