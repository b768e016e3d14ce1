# What keeps a plan from emptying caches. To the provider linking is an update like any other, but Azure empties a database
# that joins a group. So what exists is looked at before a plan is made: a cache that exists and is not linked with the member
# that holds the links would be emptied, and that has to be asked for by name.

locals {
  existing_caches = [for cache in flatten(data.azurerm_resources.caches[*].resources) : lower(cache.id)]
  existing_anchors = {
    for group_key, link in local.links : group_key => {
      name                = local.described_caches[link.anchor].name
      resource_group_name = local.described_caches[link.anchor].resource_group_name
    }
    if contains(local.existing_caches, lower(local.cache_addresses[link.anchor]))
  }

  # Who is linked with each group's anchor now. A cache that is only just being made is linked with nobody.
  linked_now = {
    for group_key, link in local.links : group_key => [
      for id in try(data.azurerm_managed_redis.anchor[group_key].default_database[0].geo_replication_linked_database_ids, []) :
      trimsuffix(lower(id), "/databases/default")
    ]
  }

  emptied_by_linking = {
    for group_key, link in local.links : group_key => [
      for key in link.others : local.described_caches[key].key
      if(
        contains(local.existing_caches, lower(local.cache_addresses[key]))
        && !contains(local.linked_now[group_key], lower(local.cache_addresses[key]))
        && !contains(var.may_be_emptied, local.described_caches[key].key)
      )
    ]
  }

  # Caches of lower suffix order that are linked with the anchor, so that one of them held the links until now.
  anchors_before = {
    for group_key, link in local.links : group_key => [
      for key in slice(local.caches_in_order, 0, index(local.caches_in_order, link.anchor)) : local.described_caches[key].key
      if contains(local.linked_now[group_key], lower(local.cache_addresses[key]))
    ]
  }
}

data "azurerm_resources" "caches" {
  count = length(local.links) > 0 ? 1 : 0

  type = "Microsoft.Cache/redisEnterprise"
}

data "azurerm_managed_redis" "anchor" {
  for_each = local.existing_anchors

  name                = each.value.name
  resource_group_name = each.value.resource_group_name
}
