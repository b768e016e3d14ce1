locals {
  # One name for each environment, however the file spells it: it is part of the id that marks what is ours.
  environment    = lookup({ development = "dev", production = "prod" }, var.environment, var.environment)
  environment_id = "${var.context_prefix}-${local.environment}"

  # Tidelock leaves alone what does not carry this tag.
  tags = merge(var.tags, { "tidelock-environment" = local.environment_id })

  # The regions the file describes, and those of them that this state holds.
  described_regions = {
    for key, region in local.possible_regions : key => region if region.location != null
  }
  regions = {
    for key, region in local.described_regions : key => region
    if length(var.only_regions) == 0 || contains(var.only_regions, key)
  }
}

data "azurerm_client_config" "current" {}
