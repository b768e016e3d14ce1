# Two regions of which everything is created: networks, security groups, zones, vaults, keys, caches.
#
# The vaults are private, so `apply` has to run where their private endpoints are reached: see ../../README.md.

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

  environment    = "dev"
  context_prefix = "shop"
  tags           = { team = "platform" }

  # The first region.

  location            = "eastus2"
  resource_group_name = "rg-shop-dev-eastus2"

  vnet_config = {
    main = {
      name          = "vnet-shop-dev-eastus2"
      address_space = ["10.20.0.0/16"]
    }
  }

  nsg_config = {
    redis = {
      name = "nsg-shop-dev-redis-eastus2"
      rules = {
        gateways = {
          priority                = 100
          source_address_prefixes = ["10.20.2.0/24"]
          destination_port_ranges = ["10000"]
        }
        vault = {
          priority                = 110
          source_address_prefixes = ["10.20.2.0/24", "10.20.3.0/24"]
          destination_port_ranges = ["443"]
        }
        nobody_else = {
          priority                = 4000
          access                  = "Deny"
          protocol                = "*"
          source_address_prefixes = ["*"]
          destination_port_ranges = ["*"]
        }
      }
    }
  }

  snet_config = {
    redis = {
      name                 = "snet-redis"
      virtual_network_name = "vnet-shop-dev-eastus2"
      address_prefix       = "10.20.1.0/24"
      nsg_key              = "redis"
    }
  }

  kv_config = {
    main = {
      name                     = "kv-shop-dev-eus2"
      snet_key                 = "redis"
      administrator_object_ids = ["11111111-2222-3333-4444-555555555555"]
      reader_object_ids        = ["66666666-7777-8888-9999-000000000000"]
    }
  }

  managed_redis_config = {
    primary = {
      context_suffix = "cache"
      instance       = "01"
      sku_name       = "Balanced_B3"
      kv_key         = "main"

      customer_managed_key = {
        key_name = "redis-primary"
      }

      default_database = {
        clustering_policy          = "EnterpriseCluster"
        eviction_policy            = "NoEviction"
        geo_replication_group_name = "dev-grp"
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

  # The second region: the same, line by line.

  location_replica            = "uksouth"
  resource_group_name_replica = "rg-shop-dev-uksouth"

  vnet_config_replica = {
    main = {
      name          = "vnet-shop-dev-uksouth"
      address_space = ["10.30.0.0/16"]
    }
  }

  nsg_config_replica = {
    redis = {
      name = "nsg-shop-dev-redis-uksouth"
      rules = {
        gateways = {
          priority                = 100
          source_address_prefixes = ["10.30.2.0/24"]
          destination_port_ranges = ["10000"]
        }
        vault = {
          priority                = 110
          source_address_prefixes = ["10.30.2.0/24", "10.30.3.0/24"]
          destination_port_ranges = ["443"]
        }
        nobody_else = {
          priority                = 4000
          access                  = "Deny"
          protocol                = "*"
          source_address_prefixes = ["*"]
          destination_port_ranges = ["*"]
        }
      }
    }
  }

  snet_config_replica = {
    redis = {
      name                 = "snet-redis"
      virtual_network_name = "vnet-shop-dev-uksouth"
      address_prefix       = "10.30.1.0/24"
      nsg_key_replica      = "redis"
    }
  }

  kv_config_replica = {
    main = {
      name                     = "kv-shop-dev-uks"
      snet_key_replica         = "redis"
      administrator_object_ids = ["11111111-2222-3333-4444-555555555555"]
      reader_object_ids        = ["aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"]
    }
  }

  managed_redis_config_replica = {
    replica = {
      context_suffix = "cache"
      instance       = "01"
      sku_name       = "Balanced_B3"
      kv_key_replica = "main"

      customer_managed_key = {
        key_name = "redis-replica"
      }

      default_database = {
        clustering_policy          = "EnterpriseCluster"
        eviction_policy            = "NoEviction"
        geo_replication_group_name = "dev-grp"
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

  # The link.

  managed_redis_geo_replication_config = {
    main = {
      primary_redis_key = "primary"
      replica_keys      = ["replica"]
    }
  }

  # Tidelock's: Terraform only hands it on.

  dr_config = {
    witness_location = "northeurope"
  }
}

output "endpoints" {
  description = "What one connects to, inside each region's networks."
  value       = module.tidelock.endpoints
}
