# Customer-managed keys: an identity of the cache's own, which may wrap and unwrap with this one key, before the cache.

locals {
  encrypted_caches = { for key, cache in local.caches : key => cache if cache.config.customer_managed_key != null }
  created_keys     = { for key, cache in local.encrypted_caches : key => cache if cache.config.customer_managed_key.key_id == null }

  # Versioned, as Managed Redis takes them: it does not follow a rotation.
  encryption_key_ids = {
    for key, cache in local.encrypted_caches : key => (
      cache.config.customer_managed_key.key_id == null ? azurerm_key_vault_key.cache[key].id : cache.config.customer_managed_key.key_id
    )
  }
  # The resource that access is granted on. The fifth part of a key's address is its name.
  encryption_key_scopes = {
    for key, cache in local.encrypted_caches : key => (
      cache.config.customer_managed_key.key_id == null
      ? azurerm_key_vault_key.cache[key].resource_versionless_id
      : "${local.vault_ids[cache.vault_key]}/keys/${split("/", cache.config.customer_managed_key.key_id)[4]}"
    )
  }
}

resource "azurerm_user_assigned_identity" "cache" {
  for_each = local.encrypted_caches

  name                = "id-${each.value.name}"
  resource_group_name = each.value.resource_group_name
  location            = each.value.location
  tags                = local.tags

  depends_on = [azurerm_resource_group.this]
}

resource "azurerm_key_vault_key" "cache" {
  for_each = local.created_keys

  name         = each.value.config.customer_managed_key.key_name
  key_vault_id = local.vault_ids[each.value.vault_key]
  key_type     = each.value.config.customer_managed_key.key_type
  key_size     = each.value.config.customer_managed_key.key_size
  key_opts     = ["wrapKey", "unwrapKey"]
  tags         = local.tags

  # Whoever runs this may only then, and reaches the vault only then.
  depends_on = [azurerm_role_assignment.vault, azurerm_private_endpoint.vault]
}

resource "azurerm_role_assignment" "cache_encryption" {
  for_each = local.encrypted_caches

  scope                = local.encryption_key_scopes[each.key]
  role_definition_name = "Key Vault Crypto Service Encryption User"
  principal_id         = azurerm_user_assigned_identity.cache[each.key].principal_id
  principal_type       = "ServicePrincipal"

  # The identity is new: the directory may not have heard of it everywhere.
  skip_service_principal_aad_check = true
}

check "vaults_suit_encryption" {
  assert {
    condition = alltrue([
      for key, vault in data.azurerm_key_vault.given : vault.rbac_authorization_enabled && vault.purge_protection_enabled
      if contains([for cache in values(local.encrypted_caches) : cache.vault_key], key)
    ])
    error_message = "An existing vault holds the key that encrypts a cache, but is not in RBAC mode with purge protection: the cache cannot be given access to the key."
  }
}
