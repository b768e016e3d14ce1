# Groups are told apart by their names in lower case, as Azure does.

locals {
  # Per region, the groups that something of ours is created in.
  groups_of_region = {
    for region_key, region in local.regions : region_key => distinct(compact(concat(
      [region.resource_group_name],
      [for network in values(region.vnet_config) : network.resource_group_name],
      [for group in values(region.nsg_config) : group.resource_group_name],
      [for vault in values(region.kv_config) : vault.resource_group_name],
      [for zone in values(region.dns_zone_config) : zone.resource_group_name],
    )))
  }

  # Groups that hold something which exists, exist.
  groups_given = distinct([
    for name in concat(var.existing_resource_groups, flatten([
      for region in values(local.described_regions) : concat(
        [for network in values(region.vnet_datasource_config) : network.resource_group_name],
        [for subnet in values(region.snet_datasource_config) : subnet.resource_group_name],
        [for group in values(region.nsg_datasource_config) : group.resource_group_name],
        [for vault in values(region.kv_datasource_config) : vault.keyvault_resource_group_name],
        [for zone in values(region.dns_zone_datasource_config) : zone.resource_group_name],
      )
    ])) : lower(name)
  ])

  # A group that two regions use, against the pattern's advice, is made once, where the first of them is.
  groups_wanted = {
    for group in flatten([
      for region_key in local.region_order : [
        for name in lookup(local.groups_of_region, region_key, []) : {
          name     = name
          location = local.regions[region_key].location
        }
      ]
    ]) : lower(group.name) => group...
  }
  groups_created = {
    for key, groups in local.groups_wanted : key => {
      name     = groups[0].name
      location = groups[0].location
    }
    if !contains(local.groups_given, key)
  }
}

resource "azurerm_resource_group" "this" {
  for_each = local.groups_created

  name     = each.value.name
  location = each.value.location
  tags     = local.tags
}
