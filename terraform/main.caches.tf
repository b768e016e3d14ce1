# The caches. `described_caches` are those of the whole file; `caches` are those of this state.

locals {
  described_caches = merge([
    for region_key, region in local.described_regions : {
      for key, cache in region.managed_redis_config : "${region_key}/${key}" => {
        key                 = key
        region_key          = region_key
        name                = "redis${replace(region.suffix, "_", "-")}-${region.context_prefix}-${cache.context_suffix}-${cache.instance}"
        location            = region.location
        resource_group_name = region.resource_group_name
        vault_key           = "${region_key}/${cache.kv_key}"
        config              = cache
      }
    }
  ]...)
  caches = { for key, cache in local.described_caches : key => cache if contains(keys(local.regions), cache.region_key) }

  access_policies = merge([
    for key, cache in local.caches : {
      for id in cache.config.access_policy_object_ids : "${key}/${id}" => {
        cache_key = key
        object_id = id
      }
    }
  ]...)
}

resource "azurerm_managed_redis" "this" {
  for_each = local.caches

  name                      = each.value.name
  resource_group_name       = each.value.resource_group_name
  location                  = each.value.location
  sku_name                  = each.value.config.sku_name
  high_availability_enabled = each.value.config.high_availability_enabled
  public_network_access     = each.value.config.public_network_access
  tags                      = local.tags

  dynamic "identity" {
    for_each = each.value.config.customer_managed_key == null ? [] : ["own"]

    content {
      type         = "UserAssigned"
      identity_ids = [azurerm_user_assigned_identity.cache[each.key].id]
    }
  }

  dynamic "customer_managed_key" {
    for_each = each.value.config.customer_managed_key == null ? [] : ["own"]

    content {
      key_vault_key_id          = local.encryption_key_ids[each.key]
      user_assigned_identity_id = azurerm_user_assigned_identity.cache[each.key].id
    }
  }

  default_database {
    access_keys_authentication_enabled            = each.value.config.default_database.access_keys_authentication_enabled
    client_protocol                               = each.value.config.default_database.client_protocol
    clustering_policy                             = each.value.config.default_database.clustering_policy
    eviction_policy                               = each.value.config.default_database.eviction_policy
    geo_replication_group_name                    = each.value.config.default_database.geo_replication_group_name
    persistence_append_only_file_backup_frequency = each.value.config.default_database.persistence_append_only_file_backup_frequency
    persistence_redis_database_backup_frequency   = each.value.config.default_database.persistence_redis_database_backup_frequency

    dynamic "module" {
      for_each = each.value.config.default_database.modules

      content {
        name = module.value.name
        args = module.value.args
      }
    }
  }

  # It unwraps its key when it is created, so it must be allowed to by then; nothing in its arguments says so.
  depends_on = [azurerm_resource_group.this, azurerm_role_assignment.cache_encryption]
}

resource "azurerm_managed_redis_access_policy_assignment" "this" {
  for_each = local.access_policies

  managed_redis_id = azurerm_managed_redis.this[each.value.cache_key].id
  object_id        = each.value.object_id
}
