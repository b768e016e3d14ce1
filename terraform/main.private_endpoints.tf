# The only ways to the caches.

locals {
  private_endpoints = merge([
    for region_key, region in local.regions : {
      for key, endpoint in region.managed_redis_pe_config : "${region_key}/${key}" => {
        name                = "pe-redis-${endpoint.context}-${endpoint.instance}"
        resource_group_name = region.resource_group_name
        location            = region.location
        subnet              = "${region_key}/${endpoint.snet_key}"
        cache_key           = "${region_key}/${endpoint.managed_redis_key}"
        zone                = endpoint.dns_zone_key == null ? local.zones_by_name["${region_key}/${local.cache_zone}"] : "${region_key}/${endpoint.dns_zone_key}"
        group_ids           = endpoint.group_ids
        is_manual           = endpoint.is_manual_connection
        alias               = endpoint.private_connection_resource_alias
        address             = endpoint.static_ip_required ? endpoint.static_ip_address : null
      }
    }
  ]...)
}

resource "azurerm_private_endpoint" "cache" {
  for_each = local.private_endpoints

  name                = each.value.name
  resource_group_name = each.value.resource_group_name
  location            = each.value.location
  subnet_id           = local.subnet_ids[each.value.subnet]
  tags                = local.tags

  private_service_connection {
    name                              = each.value.name
    is_manual_connection              = each.value.is_manual
    private_connection_resource_id    = each.value.alias == null ? azurerm_managed_redis.this[each.value.cache_key].id : null
    private_connection_resource_alias = each.value.alias
    subresource_names                 = each.value.group_ids
    request_message                   = each.value.is_manual ? "Tidelock, environment ${local.environment_id}" : null
  }

  dynamic "ip_configuration" {
    for_each = each.value.address == null ? [] : [each.value.address]

    content {
      name               = "${each.value.name}-ip"
      private_ip_address = ip_configuration.value
      subresource_name   = each.value.group_ids[0]
      member_name        = each.value.group_ids[0]
    }
  }

  private_dns_zone_group {
    name                 = "default"
    private_dns_zone_ids = [local.zone_ids[each.value.zone]]
  }

  # Azure answers "busy" to two changes of one cluster at a time, and an endpoint is one too.
  depends_on = [
    azurerm_subnet_network_security_group_association.this,
    azurerm_private_dns_zone_virtual_network_link.this,
    azurerm_managed_redis_access_policy_assignment.this,
  ]
}
