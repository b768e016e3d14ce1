# Not `writers`: it changes with every switchover, and the plan after one has to be empty. Whom the register has granted
# the writing is `tidelock status`'s to say.

output "environment" {
  description = "The environment's id."
  value       = module.tidelock.environment
}

output "regions" {
  description = "The regions of this state."
  value       = module.tidelock.regions
}

output "caches" {
  description = "The caches: ids and what one connects to."
  value       = module.tidelock.caches
}

output "endpoints" {
  description = "Host and port of each cache."
  value       = module.tidelock.endpoints
}

output "private_endpoints" {
  description = "The private endpoints of the caches."
  value       = module.tidelock.private_endpoints
}

output "zones" {
  description = "The private DNS zones."
  value       = module.tidelock.zones
}

output "vaults" {
  description = "The vaults."
  value       = module.tidelock.vaults
}

output "credentials" {
  description = "Where the access keys are. Not the keys."
  value       = module.tidelock.credentials
}

output "geo_groups" {
  description = "The geo groups and their members."
  value       = module.tidelock.geo_groups
}
