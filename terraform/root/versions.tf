terraform {
  required_version = ">= 1.11"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 5.0, < 6.0"
    }
  }
}

# The subscription comes from ARM_SUBSCRIPTION_ID, credentials from the other ARM_ variables or from the Azure CLI.
provider "azurerm" {
  features {
    # What was deleted by mistake stays recoverable, whatever a vault's protection says.
    key_vault {
      purge_soft_delete_on_destroy          = false
      purge_soft_deleted_keys_on_destroy    = false
      purge_soft_deleted_secrets_on_destroy = false
    }
  }
}
