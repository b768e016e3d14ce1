# Three regions, of which the third is configuration and no code. What can be left unsaid is left unsaid: zones, and keys of
# one's own. The access keys are not written, so `apply` needs no way to the vaults: `tidelock apply` writes them, through
# the management plane.

terraform {
  required_version = ">= 1.11"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 5.0, < 6.0"
    }
  }
}

provider "azurerm" {
  features {}
}

module "tidelock" {
  source = "../.."

  write_credentials = false

  environment    = "staging"
  context_prefix = "shop"

  location            = "eastus2"
  resource_group_name = "rg-shop-staging-eastus2"

  vnet_config = {
    main = {
      name          = "vnet-shop-staging-eastus2"
      address_space = ["10.40.0.0/16"]
    }
  }

  nsg_config = {
    redis = {
      name = "nsg-shop-staging-redis-eastus2"
      rules = {
        gateways    = { priority = 100, source_address_prefixes = ["10.40.2.0/24"], destination_port_ranges = ["10000"] }
        nobody_else = { priority = 4000, access = "Deny", protocol = "*", source_address_prefixes = ["*"], destination_port_ranges = ["*"] }
      }
    }
  }

  snet_config = {
    redis = {
      name                 = "snet-redis"
      virtual_network_name = "vnet-shop-staging-eastus2"
      address_prefix       = "10.40.1.0/24"
      nsg_key              = "redis"
    }
  }

  kv_config = {
    main = { name = "kv-shop-stg-eus2", snet_key = "redis" }
  }

  managed_redis_config = {
    primary = {
      context_suffix = "cache"
      instance       = "01"
      sku_name       = "Balanced_B5"
      kv_key         = "main"

      default_database = {
        clustering_policy          = "EnterpriseCluster"
        eviction_policy            = "NoEviction"
        geo_replication_group_name = "stg-grp"
      }
    }
  }

  managed_redis_pe_config = {
    primary = {
      context           = "cache"
      instance          = "01"
      snet_key          = "redis"
      managed_redis_key = "primary"
    }
  }

  location_replica            = "uksouth"
  resource_group_name_replica = "rg-shop-staging-uksouth"

  vnet_config_replica = {
    main = {
      name          = "vnet-shop-staging-uksouth"
      address_space = ["10.50.0.0/16"]
    }
  }

  nsg_config_replica = {
    redis = {
      name = "nsg-shop-staging-redis-uksouth"
      rules = {
        gateways    = { priority = 100, source_address_prefixes = ["10.50.2.0/24"], destination_port_ranges = ["10000"] }
        nobody_else = { priority = 4000, access = "Deny", protocol = "*", source_address_prefixes = ["*"], destination_port_ranges = ["*"] }
      }
    }
  }

  snet_config_replica = {
    redis = {
      name                 = "snet-redis"
      virtual_network_name = "vnet-shop-staging-uksouth"
      address_prefix       = "10.50.1.0/24"
      nsg_key_replica      = "redis"
    }
  }

  kv_config_replica = {
    main = { name = "kv-shop-stg-uks", snet_key_replica = "redis" }
  }

  managed_redis_config_replica = {
    replica = {
      context_suffix = "cache"
      instance       = "01"
      sku_name       = "Balanced_B5"
      kv_key_replica = "main"

      default_database = {
        clustering_policy          = "EnterpriseCluster"
        eviction_policy            = "NoEviction"
        geo_replication_group_name = "stg-grp"
      }
    }
  }

  managed_redis_pe_config_replica = {
    replica = {
      context                   = "cache"
      instance                  = "01"
      snet_key_replica          = "redis"
      managed_redis_key_replica = "replica"
    }
  }

  location_secondary            = "southeastasia"
  resource_group_name_secondary = "rg-shop-staging-southeastasia"

  vnet_config_secondary = {
    main = {
      name          = "vnet-shop-staging-southeastasia"
      address_space = ["10.60.0.0/16"]
    }
  }

  nsg_config_secondary = {
    redis = {
      name = "nsg-shop-staging-redis-southeastasia"
      rules = {
        gateways    = { priority = 100, source_address_prefixes = ["10.60.2.0/24"], destination_port_ranges = ["10000"] }
        nobody_else = { priority = 4000, access = "Deny", protocol = "*", source_address_prefixes = ["*"], destination_port_ranges = ["*"] }
      }
    }
  }

  snet_config_secondary = {
    redis = {
      name                 = "snet-redis"
      virtual_network_name = "vnet-shop-staging-southeastasia"
      address_prefix       = "10.60.1.0/24"
      nsg_key_secondary    = "redis"
    }
  }

  kv_config_secondary = {
    main = { name = "kv-shop-stg-sea", snet_key_secondary = "redis" }
  }

  managed_redis_config_secondary = {
    secondary = {
      context_suffix   = "cache"
      instance         = "01"
      sku_name         = "Balanced_B5"
      kv_key_secondary = "main"

      default_database = {
        clustering_policy          = "EnterpriseCluster"
        eviction_policy            = "NoEviction"
        geo_replication_group_name = "stg-grp"
      }
    }
  }

  managed_redis_pe_config_secondary = {
    secondary = {
      context                     = "cache"
      instance                    = "01"
      snet_key_secondary          = "redis"
      managed_redis_key_secondary = "secondary"
    }
  }

  managed_redis_geo_replication_config = {
    main = {
      primary_redis_key = "primary"
      replica_keys      = ["replica", "secondary"]
    }
  }
}

output "endpoints" {
  description = "What one connects to, inside each region's networks."
  value       = module.tidelock.endpoints
}
