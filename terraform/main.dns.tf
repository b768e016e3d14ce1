# Private DNS zones. Each region has its own, linked to its own networks: a network resolves a name through one zone of
# that name only, and a region must not need another's.

locals {
  cache_zone = "privatelink.redis.azure.net"
  vault_zone = "privatelink.vaultcore.azure.net"

  zones_given = merge([
    for region_key, region in local.regions : {
      for key, zone in region.dns_zone_datasource_config : "${region_key}/${key}" => {
        name                = lower(zone.name)
        resource_group_name = zone.resource_group_name
        region_key          = region_key
      }
    }
  ]...)
  zones_configured = merge([
    for region_key, region in local.regions : {
      for key, zone in region.dns_zone_config : "${region_key}/${key}" => {
        name                = lower(zone.name)
        resource_group_name = coalesce(zone.resource_group_name, region.resource_group_name)
        region_key          = region_key
      }
    }
  ]...)

  # What endpoints find without naming a zone: `<region>/<zone's name>`.
  zones_defined = {
    for name, keys in {
      for key, zone in merge(local.zones_given, local.zones_configured) : "${zone.region_key}/${zone.name}" => key...
    } : name => keys[0]
  }
  zones_implied = merge([
    for region_key, region in local.regions : {
      for name in compact([
        anytrue([for endpoint in values(region.managed_redis_pe_config) : endpoint.dns_zone_key == null]) ? local.cache_zone : "",
        anytrue([for vault in values(region.kv_config) : vault.snet_key != null]) ? local.vault_zone : "",
      ]) :
      "${region_key}/${name}" => {
        name                = name
        resource_group_name = region.resource_group_name
        region_key          = region_key
      }
      if !contains(keys(local.zones_defined), "${region_key}/${name}")
    }
  ]...)
  zones_created = merge(local.zones_configured, local.zones_implied)
  zones_by_name = merge(local.zones_defined, { for key, zone in local.zones_implied : key => key })
  zone_ids = merge(
    { for key, zone in data.azurerm_private_dns_zone.given : key => zone.id },
    { for key, zone in azurerm_private_dns_zone.this : key => zone.id },
  )

  # Zones that exist are linked by whoever keeps them.
  zone_links = merge([
    for key, zone in local.zones_created : {
      for network in keys(local.network_ids_by_name) : "${key}/${network}" => {
        zone_key = key
        network  = network
      }
      if split("/", network)[0] == zone.region_key
    }
  ]...)
}

data "azurerm_private_dns_zone" "given" {
  for_each = local.zones_given

  name                = each.value.name
  resource_group_name = each.value.resource_group_name
}

resource "azurerm_private_dns_zone" "this" {
  for_each = local.zones_created

  name                = each.value.name
  resource_group_name = each.value.resource_group_name
  tags                = local.tags

  depends_on = [azurerm_resource_group.this]
}

resource "azurerm_private_dns_zone_virtual_network_link" "this" {
  for_each = local.zone_links

  name                = "link-${split("/", each.value.network)[2]}"
  private_dns_zone_id = azurerm_private_dns_zone.this[each.value.zone_key].id
  virtual_network_id  = local.network_ids_by_name[each.value.network]
  tags                = local.tags
}
