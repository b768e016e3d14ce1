# Networks, subnets and security groups: those that exist are read, so that a wrong name is found by `plan`; the others
# are created. Keys are `<region>/<key in the file>`.

locals {
  networks_given = merge([
    for region_key, region in local.regions : {
      for key, network in region.vnet_datasource_config : "${region_key}/${key}" => {
        name                = network.name
        resource_group_name = network.resource_group_name
        region_key          = region_key
        location            = region.location
      }
    }
  ]...)
  networks_created = merge([
    for region_key, region in local.regions : {
      for key, network in region.vnet_config : "${region_key}/${key}" => {
        name                = network.name
        resource_group_name = coalesce(network.resource_group_name, region.resource_group_name)
        region_key          = region_key
        location            = region.location
        address_space       = network.address_space
      }
    }
  ]...)

  subnets_given = merge([
    for region_key, region in local.regions : {
      for key, subnet in region.snet_datasource_config : "${region_key}/${key}" => {
        name                 = subnet.name
        virtual_network_name = subnet.virtual_network_name
        resource_group_name  = subnet.resource_group_name
        region_key           = region_key
      }
    }
  ]...)
  subnets_created = merge([
    for region_key, region in local.regions : {
      for key, subnet in region.snet_config : "${region_key}/${key}" => {
        name                 = subnet.name
        virtual_network_name = subnet.virtual_network_name
        resource_group_name  = coalesce(subnet.resource_group_name, region.resource_group_name)
        address_prefix       = subnet.address_prefix
        security_group       = subnet.nsg_key == null ? null : "${region_key}/${subnet.nsg_key}"
      }
    }
  ]...)
  subnet_ids = merge(
    { for key, subnet in data.azurerm_subnet.given : key => subnet.id },
    { for key, subnet in azurerm_subnet.this : key => subnet.id },
  )

  security_groups_given = merge([
    for region_key, region in local.regions : {
      for key, group in region.nsg_datasource_config : "${region_key}/${key}" => {
        name                = group.name
        resource_group_name = group.resource_group_name
      }
    }
  ]...)
  security_groups_created = merge([
    for region_key, region in local.regions : {
      for key, group in region.nsg_config : "${region_key}/${key}" => {
        name                = group.name
        resource_group_name = coalesce(group.resource_group_name, region.resource_group_name)
        location            = region.location
        rules               = group.rules
      }
    }
  ]...)
  security_group_ids = merge(
    { for key, group in data.azurerm_network_security_group.given : key => group.id },
    { for key, group in azurerm_network_security_group.this : key => group.id },
  )

  # A network is the same one under whatever key, and one that only a subnet names is one too: `<region>/<group>/<name>`.
  network_ids_by_name = {
    for name, ids in {
      for network in concat(
        [for key, network in local.networks_created : { of = network, id = azurerm_virtual_network.this[key].id }],
        [for key, network in local.networks_given : { of = network, id = data.azurerm_virtual_network.given[key].id }],
        [
          for key, subnet in local.subnets_given : {
            of = {
              name                = subnet.virtual_network_name
              resource_group_name = subnet.resource_group_name
              region_key          = subnet.region_key
            }
            id = split("/subnets/", data.azurerm_subnet.given[key].id)[0]
          }
        ],
      ) : lower("${network.of.region_key}/${network.of.resource_group_name}/${network.of.name}") => network.id...
    } : name => ids[0]
  }
}

data "azurerm_virtual_network" "given" {
  for_each = local.networks_given

  name                = each.value.name
  resource_group_name = each.value.resource_group_name

  lifecycle {
    postcondition {
      condition     = self.location == each.value.location
      error_message = "The virtual network ${self.name} is in ${self.location}, and its region in the file is ${each.value.location}: regions share nothing."
    }
  }
}

data "azurerm_subnet" "given" {
  for_each = local.subnets_given

  name                 = each.value.name
  virtual_network_name = each.value.virtual_network_name
  resource_group_name  = each.value.resource_group_name
}

data "azurerm_network_security_group" "given" {
  for_each = local.security_groups_given

  name                = each.value.name
  resource_group_name = each.value.resource_group_name
}

resource "azurerm_virtual_network" "this" {
  for_each = local.networks_created

  name                = each.value.name
  resource_group_name = each.value.resource_group_name
  location            = each.value.location
  address_space       = each.value.address_space
  tags                = local.tags

  # The groups are named in the file, so nothing here refers to them.
  depends_on = [azurerm_resource_group.this]
}

resource "azurerm_network_security_group" "this" {
  for_each = local.security_groups_created

  name                = each.value.name
  resource_group_name = each.value.resource_group_name
  location            = each.value.location
  tags                = local.tags

  # Azure takes several ranges, or one service tag or `*`, and these in different fields.
  dynamic "security_rule" {
    for_each = each.value.rules

    content {
      name      = security_rule.key
      priority  = security_rule.value.priority
      direction = security_rule.value.direction
      access    = security_rule.value.access
      protocol  = security_rule.value.protocol

      source_port_range            = "*"
      source_address_prefix        = length(security_rule.value.source_address_prefixes) == 1 ? security_rule.value.source_address_prefixes[0] : null
      source_address_prefixes      = length(security_rule.value.source_address_prefixes) == 1 ? null : security_rule.value.source_address_prefixes
      destination_address_prefix   = length(security_rule.value.destination_address_prefixes) == 1 ? security_rule.value.destination_address_prefixes[0] : null
      destination_address_prefixes = length(security_rule.value.destination_address_prefixes) == 1 ? null : security_rule.value.destination_address_prefixes
      destination_port_range       = length(security_rule.value.destination_port_ranges) == 1 ? security_rule.value.destination_port_ranges[0] : null
      destination_port_ranges      = length(security_rule.value.destination_port_ranges) == 1 ? null : security_rule.value.destination_port_ranges
    }
  }

  depends_on = [azurerm_resource_group.this]
}

resource "azurerm_subnet" "this" {
  for_each = local.subnets_created

  name                 = each.value.name
  virtual_network_name = each.value.virtual_network_name
  resource_group_name  = each.value.resource_group_name
  address_prefixes     = [each.value.address_prefix]

  # Without this a security group on the subnet does not see the traffic of private endpoints.
  private_endpoint_network_policies = "Enabled"

  depends_on = [azurerm_virtual_network.this]
}

resource "azurerm_subnet_network_security_group_association" "this" {
  for_each = { for key, subnet in local.subnets_created : key => subnet if subnet.security_group != null }

  subnet_id                 = azurerm_subnet.this[each.key].id
  network_security_group_id = local.security_group_ids[each.value.security_group]
}

check "security_groups_see_private_endpoints" {
  assert {
    condition = alltrue([
      for subnet in values(data.azurerm_subnet.given) :
      subnet.network_security_group_id == "" || !contains(["", "Disabled", "RouteTableEnabled"], subnet.private_endpoint_network_policies)
    ])
    error_message = "An existing subnet has a security group, but its private endpoint network policies are off, so the group's rules are ignored for private endpoints. Set private_endpoint_network_policies to NetworkSecurityGroupEnabled or Enabled on the subnet."
  }
}
