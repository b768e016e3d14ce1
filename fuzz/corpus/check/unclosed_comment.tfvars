environment    = "dev"
context_prefix = app
/* everything below was
location = "eastus2"
