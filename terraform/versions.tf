terraform {
  # Validation across variables needs 1.9, write-only arguments (of which callers may have some) 1.11.
  required_version = ">= 1.11"

  required_providers {
    # Not 4.x: its DNS zone links take `private_dns_zone_name`, those of 5.x `private_dns_zone_id`, and no version takes both.
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 5.0, < 6.0"
    }
  }
}
