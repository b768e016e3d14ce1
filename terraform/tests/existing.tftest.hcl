# Networks, vaults, zones and groups that exist are read and not created, and have to be in the region they are used in.
# The provider is a mock: nothing is called.

mock_provider "azurerm" {
  source = "./tests/mocks"

  mock_data "azurerm_virtual_network" {
    defaults = { location = "eastus2" }
  }

  mock_data "azurerm_subnet" {
    defaults = {
      id                                = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-network/providers/Microsoft.Network/virtualNetworks/vnet-1/subnets/snet-redis"
      network_security_group_id         = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-network/providers/Microsoft.Network/networkSecurityGroups/nsg"
      private_endpoint_network_policies = "Enabled"
    }
  }

  mock_data "azurerm_key_vault" {
    defaults = {
      id                         = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-security/providers/Microsoft.KeyVault/vaults/kv-1"
      location                   = "eastus2"
      rbac_authorization_enabled = true
      purge_protection_enabled   = true
    }
  }

  mock_data "azurerm_private_dns_zone" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-network/providers/Microsoft.Network/privateDnsZones/privatelink.redis.azure.net"
    }
  }
}

variables {
  environment    = "prod"
  context_prefix = "shop"

  existing_resource_groups = ["RG-shop-prod"]

  location            = "eastus2"
  resource_group_name = "rg-shop-prod"

  vnet_datasource_config     = { main = { name = "vnet-1", resource_group_name = "rg-network" } }
  snet_datasource_config     = { redis = { name = "snet-redis", virtual_network_name = "vnet-1", resource_group_name = "rg-network" } }
  dns_zone_datasource_config = { redis = { name = "privatelink.redis.azure.net", resource_group_name = "rg-network" } }
  kv_datasource_config       = { main = { keyvault_name = "kv-1", keyvault_resource_group_name = "rg-security" } }

  managed_redis_config = {
    one = {
      context_suffix           = "cache"
      instance                 = "01"
      sku_name                 = "Balanced_B10"
      kv_key                   = "main"
      access_policy_object_ids = ["11111111-2222-3333-4444-555555555555"]
      customer_managed_key = {
        key_id = "https://kv-1.vault.azure.net/keys/redis/0123456789abcdef0123456789abcdef"
      }
    }
  }
  managed_redis_pe_config = {
    one = { context = "cache", instance = "01", snet_key = "redis", managed_redis_key = "one", static_ip_required = true, static_ip_address = "10.0.1.9" }
  }
}

run "only_what_is_ours_is_created" {
  command = plan

  assert {
    condition = (
      length(azurerm_resource_group.this) == 0
      && length(azurerm_virtual_network.this) == 0
      && length(azurerm_subnet.this) == 0
      && length(azurerm_key_vault.this) == 0
      && length(azurerm_private_dns_zone.this) == 0
      && length(azurerm_private_dns_zone_virtual_network_link.this) == 0
    )
    error_message = "What exists is not created again: neither what the file names, nor the group it lists, in whatever case."
  }
  assert {
    condition     = azurerm_private_endpoint.cache["first/one"].private_dns_zone_group[0].private_dns_zone_ids[0] == data.azurerm_private_dns_zone.given["first/redis"].id
    error_message = "An endpoint that names no zone finds the region's."
  }
  assert {
    condition     = azurerm_private_endpoint.cache["first/one"].ip_configuration[0].private_ip_address == "10.0.1.9"
    error_message = "An address that is asked for is asked of Azure."
  }
  assert {
    condition     = azurerm_role_assignment.cache_encryption["first/one"].scope == "${data.azurerm_key_vault.given["first/main"].id}/keys/redis"
    error_message = "The cache may use its own key and no other."
  }
  assert {
    condition     = azurerm_managed_redis_access_policy_assignment.this["first/one/11111111-2222-3333-4444-555555555555"].object_id == "11111111-2222-3333-4444-555555555555"
    error_message = "Whom the file names may reach the data."
  }
}

run "a_vault_of_another_region_is_refused" {
  command = plan

  override_data {
    target = data.azurerm_key_vault.given
    values = { location = "westus" }
  }

  expect_failures = [data.azurerm_key_vault.given]
}

run "a_network_of_another_region_is_refused" {
  command = plan

  override_data {
    target = data.azurerm_virtual_network.given
    values = { location = "westus" }
  }

  expect_failures = [data.azurerm_virtual_network.given]
}

run "a_security_group_that_sees_nothing_is_warned_of" {
  command = plan

  override_data {
    target = data.azurerm_subnet.given
    values = {
      id                                = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-network/providers/Microsoft.Network/virtualNetworks/vnet-1/subnets/snet-redis"
      network_security_group_id         = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-network/providers/Microsoft.Network/networkSecurityGroups/nsg"
      private_endpoint_network_policies = "Disabled"
    }
  }

  expect_failures = [check.security_groups_see_private_endpoints]
}

run "a_vault_that_cannot_give_access_is_warned_of" {
  command = plan

  override_data {
    target = data.azurerm_key_vault.given
    values = {
      id                         = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-security/providers/Microsoft.KeyVault/vaults/kv-1"
      location                   = "eastus2"
      rbac_authorization_enabled = false
      purge_protection_enabled   = true
    }
  }

  expect_failures = [check.vaults_suit_encryption]
}
