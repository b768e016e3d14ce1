# Maps with stable keys: a region's is its suffix in words, a cache's or an endpoint's is its key in the file. Nothing here
# is an access key: those are in the vaults, and `credentials` says under what names.

output "environment" {
  description = "The environment's id, which its resources carry as the tag tidelock-environment."
  value       = local.environment_id
}

output "regions" {
  description = "The regions of this state, by their names in addresses."
  value = {
    for key, region in local.regions : key => {
      location            = region.location
      resource_group_name = region.resource_group_name
    }
  }
}

output "caches" {
  description = "The caches of this state, by key in the file: ids, where they are, and what one connects to."
  value = {
    for key, cache in local.caches : cache.key => {
      id              = azurerm_managed_redis.this[key].id
      database_id     = azurerm_managed_redis.this[key].default_database[0].id
      name            = cache.name
      region          = cache.region_key
      location        = cache.location
      hostname        = azurerm_managed_redis.this[key].hostname
      port            = azurerm_managed_redis.this[key].default_database[0].port
      client_protocol = cache.config.default_database.client_protocol
      clustering      = cache.config.default_database.clustering_policy
    }
  }
}

output "endpoints" {
  description = "Host and port of each cache, by key in the file. The name resolves to the private endpoint inside its region's networks."
  value = {
    for key, cache in local.caches : cache.key => "${azurerm_managed_redis.this[key].hostname}:${azurerm_managed_redis.this[key].default_database[0].port}"
  }
}

output "private_endpoints" {
  description = "The private endpoints of caches, by region and key in the file: ids, addresses and the zones they are registered in."
  value = {
    for key, endpoint in local.private_endpoints : key => {
      id                 = azurerm_private_endpoint.cache[key].id
      cache              = local.caches[endpoint.cache_key].key
      private_ip_address = azurerm_private_endpoint.cache[key].private_service_connection[0].private_ip_address
      zone_id            = local.zone_ids[endpoint.zone]
    }
  }
}

output "zones" {
  description = "The private DNS zones, by region and key in the file; those that the file leaves unsaid by region and name."
  value       = local.zone_ids
}

output "networks" {
  description = "The ids of networks, by region, group and name."
  value       = local.network_ids_by_name
}

output "subnets" {
  description = "The ids of subnets, by region and key in the file."
  value       = local.subnet_ids
}

output "vaults" {
  description = "The vaults, by region and key in the file: ids and addresses."
  value = {
    for key, id in local.vault_ids : key => {
      id  = id
      uri = local.vault_uris[key]
    }
  }
}

output "credentials" {
  description = "Where each cache's access keys are, by key in the file: the vault of its own region, and the names of the secrets. Not the keys."
  value = {
    for key, cache in local.caches : cache.key => {
      vault_id         = local.vault_ids[cache.vault_key]
      vault_uri        = local.vault_uris[cache.vault_key]
      primary_secret   = "redis-${cache.key}-primary-key"
      secondary_secret = "redis-${cache.key}-secondary-key"
    }
    if cache.config.default_database.access_keys_authentication_enabled
  }
}

output "identities" {
  description = "The identities of caches that are encrypted with keys of their own, by key in the file."
  value = {
    for key, cache in local.encrypted_caches : cache.key => {
      id           = azurerm_user_assigned_identity.cache[key].id
      principal_id = azurerm_user_assigned_identity.cache[key].principal_id
    }
  }
}

output "geo_groups" {
  description = "The geo groups, by key in the file: their members in suffix order, and the one that the links are kept at. Azure knows no writer among them."
  value = {
    for group_key, group in local.geo_groups : group_key => {
      members = [for key in group.members : local.described_caches[key].key]
      anchor  = local.described_caches[group.members[0]].key
    }
  }
}

# A root configuration that passes this on sees it change after a switchover, and then its plan is not empty.
output "writers" {
  description = "Which cache the file calls the writer of each geo group, and where it is. After a failover the register decides, and the file follows."
  value = {
    for group_key, group in local.geo_groups : group_key => one([
      for key in group.members : {
        cache    = local.described_caches[key].key
        region   = local.described_caches[key].region_key
        location = local.described_caches[key].location
      }
      if local.described_caches[key].key == group.writer
    ])
  }
}
