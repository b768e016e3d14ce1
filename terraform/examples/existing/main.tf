# Two regions in networks, vaults, zones and groups that others keep: only the caches and the ways to them are created.

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

  environment    = "prod"
  context_prefix = "shop"

  # Handed out by the platform team.
  existing_resource_groups = ["rg-shop-prod-eastus2", "rg-shop-prod-uksouth"]

  location            = "eastus2"
  resource_group_name = "rg-shop-prod-eastus2"

  vnet_datasource_config = {
    main = {
      name                = "vnet-shop-prod-eastus2"
      resource_group_name = "rg-network-prod-eastus2"
    }
  }

  snet_datasource_config = {
    redis = {
      name                 = "snet-redis"
      virtual_network_name = "vnet-shop-prod-eastus2"
      resource_group_name  = "rg-network-prod-eastus2"
    }
  }

  dns_zone_datasource_config = {
    redis = {
      name                = "privatelink.redis.azure.net"
      resource_group_name = "rg-network-prod-eastus2"
    }
  }

  kv_datasource_config = {
    main = {
      keyvault_name                = "kv-shop-prod-eus2"
      keyvault_resource_group_name = "rg-security-prod-eastus2"
    }
  }

  managed_redis_config = {
    primary = {
      context_suffix = "cache"
      instance       = "01"
      sku_name       = "Balanced_B10"
      kv_key         = "main"

      customer_managed_key = {
        key_id = "https://kv-shop-prod-eus2.vault.azure.net/keys/redis/0123456789abcdef0123456789abcdef"
      }

      default_database = {
        clustering_policy          = "EnterpriseCluster"
        eviction_policy            = "NoEviction"
        geo_replication_group_name = "prod-grp"
      }
    }
  }

  managed_redis_pe_config = {
    primary = {
      context           = "cache"
      instance          = "01"
      snet_key          = "redis"
      dns_zone_key      = "redis"
      managed_redis_key = "primary"
    }
  }

  location_replica            = "uksouth"
  resource_group_name_replica = "rg-shop-prod-uksouth"

  vnet_datasource_config_replica = {
    main = {
      name                = "vnet-shop-prod-uksouth"
      resource_group_name = "rg-network-prod-uksouth"
    }
  }

  snet_datasource_config_replica = {
    redis = {
      name                 = "snet-redis"
      virtual_network_name = "vnet-shop-prod-uksouth"
      resource_group_name  = "rg-network-prod-uksouth"
    }
  }

  dns_zone_datasource_config_replica = {
    redis = {
      name                = "privatelink.redis.azure.net"
      resource_group_name = "rg-network-prod-uksouth"
    }
  }

  kv_datasource_config_replica = {
    main = {
      keyvault_name                = "kv-shop-prod-uks"
      keyvault_resource_group_name = "rg-security-prod-uksouth"
    }
  }

  managed_redis_config_replica = {
    replica = {
      context_suffix = "cache"
      instance       = "01"
      sku_name       = "Balanced_B10"
      kv_key_replica = "main"

      customer_managed_key = {
        key_id = "https://kv-shop-prod-uks.vault.azure.net/keys/redis/0123456789abcdef0123456789abcdef"
      }

      default_database = {
        clustering_policy          = "EnterpriseCluster"
        eviction_policy            = "NoEviction"
        geo_replication_group_name = "prod-grp"
      }
    }
  }

  managed_redis_pe_config_replica = {
    replica = {
      context                   = "cache"
      instance                  = "01"
      snet_key_replica          = "redis"
      dns_zone_key_replica      = "redis"
      managed_redis_key_replica = "replica"
    }
  }

  managed_redis_geo_replication_config = {
    main = {
      primary_redis_key = "primary"
      replica_keys      = ["replica"]
    }
  }

  # Tidelock's: Terraform only hands it on.

  dr_config = {
    witness_location    = "northeurope"
    gateways_per_region = 2
  }
}

output "endpoints" {
  description = "What one connects to, inside each region's networks."
  value       = module.tidelock.endpoints
}
