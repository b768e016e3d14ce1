# What keeps a plan from emptying caches. To the provider linking is an update like any other, but Azure empties a database
# that joins a group. So what exists is looked at before a plan is made: a cache that exists and is not linked with the member
# that keeps the links would be emptied, and that has to be asked for by name. And the links are not moved to another member,
# which to the provider means to unlink everybody by force, and to link them again.

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

  # Anchors that a plan would replace, and the links with them. What else replaces a cache, a smaller size among it, only the
  # provider finds out.
  replaced_anchors = [
    for group_key, anchor in data.azurerm_managed_redis.anchor : group_key
    if(
      anchor.location != local.described_caches[local.links[group_key].anchor].location
      || anchor.high_availability_enabled != local.described_caches[local.links[group_key].anchor].config.high_availability_enabled
    )
  ]
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

# Remembers at which member the links were made, as nothing in a configuration can see what the state holds.
resource "terraform_data" "link_keeper" {
  for_each = local.links

  input = each.value.anchor

  lifecycle {
    ignore_changes = [input]
  }
}
