# How Terraform is run, rather than what the environment is: not part of the environment's file, and set on the command line.

variable "only_regions" {
  description = "The regions that this state holds, by their names in addresses: first, replica, secondary, tertiary, quaternary. All of them if it is empty. For one state per region; see the page on states."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for key in var.only_regions : contains(["first", "replica", "secondary", "tertiary", "quaternary"], key)])
    error_message = "In `only_regions`: a region is first, replica, secondary, tertiary or quaternary."
  }
}

variable "write_credentials" {
  description = "Whether the caches' access keys are written into their vaults. That needs a way to the vaults themselves, which are private by default: false where Terraform has none."
  type        = bool
  default     = true
  nullable    = false
}

variable "may_be_emptied" {
  description = "Caches, by key in the file, that exist and may lose their data by being linked to their geo group. Without this a plan that would link them is refused."
  type        = list(string)
  default     = []
  nullable    = false
}
