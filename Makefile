# `make` lists what one can do. Nothing but Rust and a C compiler is needed beforehand.
.DEFAULT_GOAL := help
SHELL := /bin/bash

# dev builds faster; release is what one would measure throughput on: make demo PROFILE=release
PROFILE ?= dev
TFVARS ?= envs/dev.tfvars
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
TIDELOCK := $(TARGET_DIR)/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))/tidelock

.PHONY: help demo test engine build fmt lint generate terraform-check terraform-e2e deny fuzz bench-check clean toolchain

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: engine build ## two regions on this machine: switchover, loss of a region, failover, with a measured report
	@$(TIDELOCK) demo $(TFVARS)

test: engine toolchain ## every test, on real Redis or Valkey processes
	@if cargo nextest --version >/dev/null 2>&1; then \
	  cargo test --locked --workspace --doc --quiet && \
	  cargo nextest run --locked --workspace --profile $(if $(CI),ci,default); \
	else \
	  cargo test --locked --workspace --no-fail-fast; \
	fi

engine: ## install redis-server or valkey-server if there is none (its service stays off)
	@scripts/ensure-engine.sh

build: toolchain ## build the tidelock program (PROFILE=release for an optimised one)
	cargo build --locked -p tidelock --profile $(PROFILE)

fmt: toolchain ## format the code
	cargo fmt --all

lint: toolchain ## formatting and clippy, warnings denied
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings

fuzz: toolchain ## fuzz the reader, the rules and the edits, SECONDS=60 each (needs cargo-fuzz and a C++ compiler)
	@SECONDS_EACH=$(or $(SECONDS),60) fuzz/run.sh

generate: toolchain ## write the files that are made of definitions: terraform/variables.tf, docs/reference, docs/rules
	cargo run --locked --quiet -p tidelock-generate

terraform-check: toolchain ## the Terraform module, as far as that needs no provider
	@terraform/tests/check.sh
	cargo test --locked --quiet -p tidelock-generate

terraform-e2e: ## the Terraform module with the azurerm provider, where TIDELOCK_AZURERM_MIRROR names a mirror of it
	@terraform/tests/e2e.sh

bench-check: toolchain ## how long a file of 1,000 caches takes to check, beside terraform plan
	cargo build --locked --release -p tidelock
	TIDELOCK_BIN=$(TARGET_DIR)/release/tidelock cargo bench --locked -p tidelock-config --bench check

deny: ## licences, banned crates and sources of every dependency (needs cargo-deny)
	@cargo deny --version >/dev/null 2>&1 || { echo "cargo-deny is missing: cargo install cargo-deny --locked" >&2; exit 1; }
	cargo deny --locked check licenses bans sources

clean: ## remove what was built (running environments: tidelock down)
	cargo clean

toolchain:
	@command -v cargo >/dev/null || { echo "cargo is missing: install Rust from https://rustup.rs" >&2; exit 1; }
	@command -v cc >/dev/null || { echo "a C compiler is missing (the TLS library needs one): apt-get install gcc libc6-dev, dnf install gcc, or xcode-select --install" >&2; exit 1; }
