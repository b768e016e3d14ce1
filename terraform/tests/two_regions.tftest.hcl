# Two regions, of which the second copies the first. The provider is a mock: nothing is called.

mock_provider "azurerm" {
  source = "./tests/mocks"
}

variables {
  environment    = "development"
  context_prefix = "shop"
  tags           = { team = "platform" }

  location            = "eastus2"
  resource_group_name = "rg-shop-dev-eastus2"

  vnet_config = { main = { name = "vnet-1", address_space = ["10.20.0.0/16"] } }
  snet_config = { redis = { name = "snet-redis", virtual_network_name = "vnet-1", address_prefix = "10.20.1.0/24" } }
  kv_config   = { main = { name = "kv-shop-dev-eus2" } }
  managed_redis_config = {
    primary = {
      context_suffix   = "cache"
      instance         = "01"
      sku_name         = "Balanced_B3"
      kv_key           = "main"
      default_database = { geo_replication_group_name = "dev-grp" }
    }
  }
  managed_redis_pe_config = {
    primary = { context = "cache", instance = "01", snet_key = "redis", managed_redis_key = "primary" }
  }

  location_replica            = "uksouth"
  resource_group_name_replica = "rg-shop-dev-uksouth"

  vnet_config_replica = { main = { name = "vnet-2", address_space = ["10.30.0.0/16"] } }
  snet_config_replica = { redis = { name = "snet-redis", virtual_network_name = "vnet-2", address_prefix = "10.30.1.0/24" } }
  kv_config_replica   = { main = { name = "kv-shop-dev-uks" } }
  managed_redis_config_replica = {
    replica = {
      context_suffix   = "cache"
      instance         = "01"
      sku_name         = "Balanced_B3"
      kv_key_replica   = "main"
      default_database = { geo_replication_group_name = "dev-grp" }
    }
  }
  managed_redis_pe_config_replica = {
    replica = { context = "cache", instance = "01", snet_key_replica = "redis", managed_redis_key_replica = "replica" }
  }

  managed_redis_geo_replication_config = {
    main = { primary_redis_key = "primary", replica_keys = ["replica"] }
  }
}

override_resource {
  target = azurerm_managed_redis.this["first/primary"]
  values = {
    id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-1/providers/Microsoft.Cache/redisEnterprise/first"
  }
}

override_resource {
  target = azurerm_managed_redis.this["replica/replica"]
  values = {
    id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-2/providers/Microsoft.Cache/redisEnterprise/replica"
  }
}

run "names_are_tidelocks" {
  command = plan

  assert {
    condition     = azurerm_managed_redis.this["first/primary"].name == "redis-shop-cache-01" && azurerm_managed_redis.this["replica/replica"].name == "redis-replica-shop-cache-01"
    error_message = "Caches are called redis-{prefix}-{suffix}-{instance}, and redis-replica-… in the second region."
  }
  assert {
    condition     = azurerm_private_endpoint.cache["first/primary"].name == "pe-redis-cache-01"
    error_message = "Private endpoints are called pe-redis-{context}-{instance}."
  }
  assert {
    condition     = azurerm_key_vault_secret.access_key["first/primary/primary"].name == "redis-primary-primary-key" && azurerm_key_vault_secret.access_key["replica/replica/secondary"].name == "redis-replica-secondary-key"
    error_message = "Secrets are called redis-{cache's key}-primary-key and -secondary-key."
  }
  assert {
    condition     = azurerm_managed_redis.this["first/primary"].tags["tidelock-environment"] == "shop-dev" && azurerm_managed_redis.this["first/primary"].tags["team"] == "platform"
    error_message = "Resources carry the file's tags and the environment's id, in which development is dev."
  }
  assert {
    condition     = toset(keys(azurerm_resource_group.this)) == toset(["rg-shop-dev-eastus2", "rg-shop-dev-uksouth"])
    error_message = "Each region's group is created."
  }
}

run "regions_are_private_and_share_nothing" {
  command = plan

  assert {
    condition     = alltrue([for cache in values(azurerm_managed_redis.this) : cache.public_network_access == "Disabled"])
    error_message = "No cache answers on a public address unless the file says so."
  }
  assert {
    condition     = alltrue([for vault in values(azurerm_key_vault.this) : vault.rbac_authorization_enabled && vault.purge_protection_enabled && !vault.public_network_access_enabled])
    error_message = "Vaults are private, in RBAC mode and protected from purges."
  }
  assert {
    condition     = alltrue([for subnet in values(azurerm_subnet.this) : subnet.private_endpoint_network_policies == "Enabled"])
    error_message = "Security groups on subnets see the traffic of private endpoints."
  }
  assert {
    condition     = toset(keys(azurerm_private_dns_zone.this)) == toset(["first/privatelink.redis.azure.net", "replica/privatelink.redis.azure.net"])
    error_message = "Each region has a zone of its own, under the name that Managed Redis uses."
  }
  assert {
    condition = toset(keys(azurerm_private_dns_zone_virtual_network_link.this)) == toset([
      "first/privatelink.redis.azure.net/first/rg-shop-dev-eastus2/vnet-1",
      "replica/privatelink.redis.azure.net/replica/rg-shop-dev-uksouth/vnet-2",
    ])
    error_message = "Each zone is linked to its own region's networks."
  }
}

run "first_apply" {
  command = apply

  assert {
    condition     = azurerm_managed_redis_geo_replication.this["main"].managed_redis_id == azurerm_managed_redis.this["first/primary"].id
    error_message = "The links are kept at the member of lowest suffix order."
  }
  assert {
    condition     = azurerm_managed_redis_geo_replication.this["main"].linked_managed_redis_ids == toset([azurerm_managed_redis.this["replica/replica"].id])
    error_message = "The other member is linked to it."
  }
  assert {
    condition     = output.writers["main"] == { cache = "primary", region = "first", location = "eastus2" }
    error_message = "The first region's cache writes."
  }
  assert {
    condition     = azurerm_key_vault_secret.access_key["first/primary/primary"].value == azurerm_managed_redis.this["first/primary"].default_database[0].primary_access_key
    error_message = "A region's vault holds its own cache's key."
  }
  assert {
    condition     = length(azurerm_key_vault_secret.access_key["first/primary/primary"].tags["tidelock-key-fingerprint"]) == 16
    error_message = "A secret says which key it was written from."
  }
}

run "after_a_switchover" {
  command = plan

  variables {
    managed_redis_geo_replication_config = {
      main = { primary_redis_key = "replica", replica_keys = ["primary"] }
    }
  }

  assert {
    condition     = azurerm_managed_redis_geo_replication.this["main"].managed_redis_id == run.first_apply.caches["primary"].id
    error_message = "The links stay where they were."
  }
  assert {
    condition     = azurerm_managed_redis_geo_replication.this["main"].linked_managed_redis_ids == toset([run.first_apply.caches["replica"].id])
    error_message = "And so does the linked member."
  }
  assert {
    condition     = output.geo_groups == run.first_apply.geo_groups && output.caches == run.first_apply.caches
    error_message = "To Azure the members are equals: nothing else changes."
  }
  assert {
    condition     = output.writers["main"].cache == "replica"
    error_message = "Only who writes has changed."
  }
}

run "without_a_way_to_the_vaults" {
  command = plan

  variables {
    write_credentials = false
  }

  assert {
    condition     = length(azurerm_key_vault_secret.access_key) == 0
    error_message = "No secret is written."
  }
  assert {
    condition     = output.credentials["primary"].primary_secret == "redis-primary-primary-key"
    error_message = "But it is known where it belongs."
  }
}

run "one_state_per_region" {
  command = plan

  variables {
    only_regions = ["replica"]
  }

  assert {
    condition     = keys(azurerm_managed_redis.this) == ["replica/replica"] && length(azurerm_managed_redis_geo_replication.this) == 0
    error_message = "The second region's state holds its own cache and no links."
  }
}
