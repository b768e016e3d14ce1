"""A session of Microsoft's own Python clients against a local cloud: run it with `make sdk`."""
