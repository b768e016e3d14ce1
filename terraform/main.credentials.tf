# A cache's access keys, in the vault of its own region and in no other, under the names that Tidelock looks for.

locals {
  credentials = merge([
    for key, cache in local.caches : {
      for kind in ["primary", "secondary"] : "${key}/${kind}" => {
        cache_key  = key
        is_primary = kind == "primary"
        name       = "redis-${cache.key}-${kind}-key"
        vault_key  = cache.vault_key
        expires    = cache.config.expiration_date
      }
      if var.write_credentials && cache.config.default_database.access_keys_authentication_enabled
    }
  ]...)
  access_keys = {
    for key, credential in local.credentials : key => (
      credential.is_primary
      ? azurerm_managed_redis.this[credential.cache_key].default_database[0].primary_access_key
      : azurerm_managed_redis.this[credential.cache_key].default_database[0].secondary_access_key
    )
  }
}

# Not `value_wo`: the provider keeps a cache's keys in the state of the cache, whatever is done here, so a write-only copy
# would hide nothing; and a secret that somebody changed in the vault would go unnoticed. See README.md, "What the state holds".
resource "azurerm_key_vault_secret" "access_key" {
  for_each = local.credentials

  name            = each.value.name
  key_vault_id    = local.vault_ids[each.value.vault_key]
  value           = local.access_keys[each.key]
  content_type    = "text/plain"
  expiration_date = each.value.expires

  # Half a digest of a random key tells one key from another and gives nothing away.
  tags = merge(local.tags, {
    "tidelock-key-fingerprint" = substr(nonsensitive(sha256(local.access_keys[each.key])), 0, 16)
  })

  # Whoever runs this may only then, and reaches the vault only then.
  depends_on = [azurerm_role_assignment.vault, azurerm_private_endpoint.vault]
}
