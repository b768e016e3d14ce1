# What would empty a cache is refused. The provider is a mock, which is told what exists in Azure.

mock_provider "azurerm" {
  source = "./tests/mocks"
}

variables {
  environment    = "dev"
  context_prefix = "shop"

  location             = "eastus2"
  resource_group_name  = "rg-1"
  kv_config            = { main = { name = "kv-shop-1" } }
  managed_redis_config = { one = { context_suffix = "cache", instance = "01", sku_name = "Balanced_B3", kv_key = "main", default_database = { geo_replication_group_name = "dev-grp" } } }

  location_replica             = "uksouth"
  resource_group_name_replica  = "rg-2"
  kv_config_replica            = { main = { name = "kv-shop-2" } }
  managed_redis_config_replica = { two = { context_suffix = "cache", instance = "01", sku_name = "Balanced_B3", kv_key_replica = "main", default_database = { geo_replication_group_name = "dev-grp" } } }

  location_secondary             = "northeurope"
  resource_group_name_secondary  = "rg-3"
  kv_config_secondary            = { main = { name = "kv-shop-3" } }
  managed_redis_config_secondary = { three = { context_suffix = "cache", instance = "01", sku_name = "Balanced_B3", kv_key_secondary = "main", default_database = { geo_replication_group_name = "dev-grp" } } }

  managed_redis_geo_replication_config = {
    main = { primary_redis_key = "two", replica_keys = ["one", "three"] }
  }
}

run "a_new_group_is_linked" {
  command = plan

  assert {
    condition     = length(azurerm_managed_redis_geo_replication.this) == 1
    error_message = "What does not exist cannot be emptied."
  }
}

run "survivors_are_not_linked_to_the_one_that_was_cut_off" {
  command = plan

  override_data {
    target = data.azurerm_resources.caches
    values = {
      resources = [
        { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/RG-1/providers/Microsoft.Cache/redisEnterprise/redis-shop-cache-01", name = "", type = "", location = "", resource_group_name = "", tags = {} },
        { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-2/providers/Microsoft.Cache/redisEnterprise/redis-replica-shop-cache-01", name = "", type = "", location = "", resource_group_name = "", tags = {} },
      ]
    }
  }
  override_data {
    target = data.azurerm_managed_redis.anchor
    values = {
      location                  = "eastus2"
      high_availability_enabled = true
      default_database = [{
        geo_replication_linked_database_ids = ["/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-1/providers/Microsoft.Cache/redisEnterprise/redis-shop-cache-01/databases/default"]
      }]
    }
  }

  expect_failures = [azurerm_managed_redis_geo_replication.this]
}

run "unless_they_are_named" {
  command = plan

  variables {
    may_be_emptied = ["two"]
  }

  override_data {
    target = data.azurerm_resources.caches
    values = {
      resources = [
        { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-1/providers/Microsoft.Cache/redisEnterprise/redis-shop-cache-01", name = "", type = "", location = "", resource_group_name = "", tags = {} },
        { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-2/providers/Microsoft.Cache/redisEnterprise/redis-replica-shop-cache-01", name = "", type = "", location = "", resource_group_name = "", tags = {} },
      ]
    }
  }
  override_data {
    target = data.azurerm_managed_redis.anchor
    values = {
      location                  = "eastus2"
      high_availability_enabled = true
      default_database = [{
        geo_replication_linked_database_ids = ["/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-1/providers/Microsoft.Cache/redisEnterprise/redis-shop-cache-01/databases/default"]
      }]
    }
  }

  assert {
    condition     = length(azurerm_managed_redis_geo_replication.this) == 1
    error_message = "It was asked for."
  }
}

run "the_keeper_of_the_links_is_not_replaced" {
  command = plan

  variables {
    may_be_emptied = ["two"]
  }

  override_data {
    target = data.azurerm_resources.caches
    values = {
      resources = [
        { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-1/providers/Microsoft.Cache/redisEnterprise/redis-shop-cache-01", name = "", type = "", location = "", resource_group_name = "", tags = {} },
        { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-2/providers/Microsoft.Cache/redisEnterprise/redis-replica-shop-cache-01", name = "", type = "", location = "", resource_group_name = "", tags = {} },
      ]
    }
  }
  override_data {
    target = data.azurerm_managed_redis.anchor
    values = {
      location                  = "eastus2"
      high_availability_enabled = false
      default_database = [{
        geo_replication_linked_database_ids = ["/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-1/providers/Microsoft.Cache/redisEnterprise/redis-shop-cache-01/databases/default"]
      }]
    }
  }

  expect_failures = [azurerm_managed_redis_geo_replication.this]
}

run "a_member_without_the_groups_name_is_refused" {
  command = plan

  variables {
    managed_redis_config_secondary = { three = { context_suffix = "cache", instance = "01", sku_name = "Balanced_B3", kv_key_secondary = "main" } }
  }

  expect_failures = [azurerm_managed_redis_geo_replication.this]
}

run "linked" {
  command = apply

  assert {
    condition     = terraform_data.link_keeper["main"].output == "first/one"
    error_message = "It is remembered where the links are kept."
  }
}

run "links_are_not_moved" {
  command = plan

  variables {
    managed_redis_geo_replication_config = {
      main = { primary_redis_key = "two", replica_keys = ["three"] }
    }
  }

  expect_failures = [azurerm_managed_redis_geo_replication.this]
}

run "another_cache_moves_nothing" {
  command = plan

  variables {
    managed_redis_geo_replication_config = {
      main = { primary_redis_key = "two", replica_keys = ["one", "three"] }
    }
    managed_redis_config = { zero = { context_suffix = "cache", instance = "00", sku_name = "Balanced_B3", kv_key = "main", default_database = { geo_replication_group_name = "dev-grp" } }, one = { context_suffix = "cache", instance = "01", sku_name = "Balanced_B3", kv_key = "main", default_database = { geo_replication_group_name = "dev-grp" } } }
  }

  assert {
    condition     = output.geo_groups["main"].anchor == "one"
    error_message = "A cache that is not of the group changes nothing."
  }
}
