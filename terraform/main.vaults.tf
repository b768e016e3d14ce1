# Every region has its own vaults: one vault's outage must not take two regions down.

locals {
  vaults_given = merge([
    for region_key, region in local.regions : {
      for key, vault in region.kv_datasource_config : "${region_key}/${key}" => {
        name                = vault.keyvault_name
        resource_group_name = vault.keyvault_resource_group_name
        location            = region.location
      }
    }
  ]...)
  vaults_created = merge([
    for region_key, region in local.regions : {
      for key, vault in region.kv_config : "${region_key}/${key}" => {
        name                = vault.name
        resource_group_name = coalesce(vault.resource_group_name, region.resource_group_name)
        location            = region.location
        region_key          = region_key
        subnet              = vault.snet_key == null ? null : "${region_key}/${vault.snet_key}"
        endpoint_group      = region.resource_group_name
        is_public           = vault.public_network_access_enabled
        retention_days      = vault.soft_delete_retention_days
        purge_protection    = vault.purge_protection_enabled
        administrators      = vault.administrator_object_ids
        readers             = vault.reader_object_ids

        # Keys in hardware need the dearer kind of vault.
        sku = anytrue([
          for cache in values(region.managed_redis_config) :
          cache.kv_key == key && cache.customer_managed_key != null && endswith(try(cache.customer_managed_key.key_type, ""), "-HSM")
        ]) ? "premium" : "standard"
      }
    }
  ]...)
  vault_ids = merge(
    { for key, vault in data.azurerm_key_vault.given : key => vault.id },
    { for key, vault in azurerm_key_vault.this : key => vault.id },
  )
  vault_uris = merge(
    { for key, vault in data.azurerm_key_vault.given : key => vault.vault_uri },
    { for key, vault in azurerm_key_vault.this : key => vault.vault_uri },
  )

  vault_roles = merge([
    for key, vault in local.vaults_created : merge(
      {
        for id in vault.administrators : "${key}/administrator/${id}" => {
          vault_key    = key
          principal_id = id
          role         = "Key Vault Administrator"
        }
      },
      {
        for id in vault.readers : "${key}/reader/${id}" => {
          vault_key    = key
          principal_id = id
          role         = "Key Vault Secrets User"
        }
      },
    )
  ]...)
}

data "azurerm_key_vault" "given" {
  for_each = local.vaults_given

  name                = each.value.name
  resource_group_name = each.value.resource_group_name

  lifecycle {
    postcondition {
      condition     = self.location == each.value.location
      error_message = "The key vault ${self.name} is in ${self.location}, and its region in the file is ${each.value.location}: a region's credentials must not depend on another region."
    }
  }
}

resource "azurerm_key_vault" "this" {
  for_each = local.vaults_created

  name                          = each.value.name
  resource_group_name           = each.value.resource_group_name
  location                      = each.value.location
  tenant_id                     = data.azurerm_client_config.current.tenant_id
  sku_name                      = each.value.sku
  rbac_authorization_enabled    = true
  purge_protection_enabled      = each.value.purge_protection
  soft_delete_retention_days    = each.value.retention_days
  public_network_access_enabled = each.value.is_public
  tags                          = local.tags

  # Azure's own services pass: Resource Manager, through which Tidelock writes, and the caches that unwrap their keys.
  network_acls {
    bypass         = "AzureServices"
    default_action = each.value.is_public ? "Allow" : "Deny"
  }

  depends_on = [azurerm_resource_group.this]
}

resource "azurerm_role_assignment" "vault" {
  for_each = local.vault_roles

  scope                = azurerm_key_vault.this[each.value.vault_key].id
  role_definition_name = each.value.role
  principal_id         = each.value.principal_id
}

resource "azurerm_private_endpoint" "vault" {
  for_each = { for key, vault in local.vaults_created : key => vault if vault.subnet != null }

  name                = "pe-${each.value.name}"
  resource_group_name = each.value.endpoint_group
  location            = each.value.location
  subnet_id           = local.subnet_ids[each.value.subnet]
  tags                = local.tags

  private_service_connection {
    name                           = "pe-${each.value.name}"
    is_manual_connection           = false
    private_connection_resource_id = azurerm_key_vault.this[each.key].id
    subresource_names              = ["vault"]
  }

  private_dns_zone_group {
    name                 = "default"
    private_dns_zone_ids = [local.zone_ids[local.zones_by_name["${each.value.region_key}/${local.vault_zone}"]]]
  }

  # It stands behind the subnet's rules from its first moment, and its name resolves.
  depends_on = [
    azurerm_subnet_network_security_group_association.this,
    azurerm_private_dns_zone_virtual_network_link.this,
  ]
}
