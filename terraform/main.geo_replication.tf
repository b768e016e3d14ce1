# The links between caches. Azure's members are equals: nothing here depends on which of them writes, so that a switchover,
# which changes the writer in the file, changes nothing in a plan.

locals {
  # In suffix order, and by key inside a region.
  caches_in_order = flatten([
    for region_key in local.region_order : [
      for key, cache in local.described_caches : key if cache.region_key == region_key
    ]
  ])

  geo_groups = {
    for group_key, group in var.managed_redis_geo_replication_config : group_key => {
      writer = group.primary_redis_key
      members = [
        for key in local.caches_in_order : key
        if contains(concat([group.primary_redis_key], group.replica_keys), local.described_caches[key].key)
      ]
    }
  }

  # The resource lives at one member, and moving it would unlink all others by force. So it stays at the member of lowest
  # suffix order, and in the state that holds this member.
  links = {
    for group_key, group in local.geo_groups : group_key => {
      anchor    = group.members[0]
      others    = slice(group.members, 1, length(group.members))
      nicknames = distinct([for key in group.members : local.described_caches[key].config.default_database.geo_replication_group_name])
    }
    if contains(keys(local.caches), group.members[0])
  }

  # What Azure calls each cache. Members that another state holds are known by this name alone.
  cache_addresses = {
    for key, cache in local.described_caches : key => "/subscriptions/${data.azurerm_client_config.current.subscription_id}/resourceGroups/${cache.resource_group_name}/providers/Microsoft.Cache/redisEnterprise/${cache.name}"
  }
  cache_ids = {
    for key, address in local.cache_addresses : key => (
      contains(keys(local.caches), key) ? azurerm_managed_redis.this[key].id : address
    )
  }
}

resource "azurerm_managed_redis_geo_replication" "this" {
  for_each = local.links

  managed_redis_id         = local.cache_ids[each.value.anchor]
  linked_managed_redis_ids = [for key in each.value.others : local.cache_ids[key]]

  # Members join one after the other, each in ten minutes or more.
  timeouts {
    create = "2h"
    update = "2h"
    delete = "2h"
  }

  lifecycle {
    precondition {
      condition     = length(each.value.nicknames) == 1 && each.value.nicknames[0] != null
      error_message = "In geo group ${each.key} the caches do not all carry the same geo_replication_group_name: that match is the contract."
    }
    precondition {
      condition     = length(local.emptied_by_linking[each.key]) == 0
      error_message = "In geo group ${each.key} these caches would be EMPTIED: ${join(", ", local.emptied_by_linking[each.key])}. They exist and are not linked with ${each.value.anchor}, and a cache that joins a group loses what it holds. If the group was parted on purpose, take those that left it out of the group in the file. To link them again and lose their data, name them in may_be_emptied. See docs/terraform/geo-groups.md."
    }
    precondition {
      condition     = !contains(local.replaced_anchors, each.key)
      error_message = "In geo group ${each.key} the cache that keeps the links, ${each.value.anchor}, would be replaced because of its location or its high availability: every member would be unlinked by force, and emptied when it is linked to the new one. Take it out of the group first: docs/terraform/geo-groups.md."
    }
    precondition {
      condition     = terraform_data.link_keeper[each.key].output == each.value.anchor
      error_message = "In geo group ${each.key} the links are kept at ${terraform_data.link_keeper[each.key].output}, and the file would have them at ${each.value.anchor}. Moving them would unlink every member by force and empty those that are linked again. Have Azure's group as the file has it first, then move them in the state only: docs/terraform/geo-groups.md."
    }
  }

  # Azure answers "busy" to two changes of one cluster at a time; and a cache is reachable before its data is.
  depends_on = [
    azurerm_private_endpoint.cache,
    azurerm_managed_redis_access_policy_assignment.this,
  ]
}
