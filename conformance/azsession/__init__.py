"""A session of the Azure CLI against a local cloud: run it with `make az`."""
