# `make` lists what one can do. Nothing but Rust and a C compiler is needed beforehand.
.DEFAULT_GOAL := help
SHELL := /bin/bash

# dev builds faster; release is what one would measure throughput on: make demo PROFILE=release
PROFILE ?= dev
TFVARS ?= envs/dev.tfvars
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
TIDELOCK := $(TARGET_DIR)/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))/tidelock

.PHONY: help demo test model engine build fmt lint generate terraform-check terraform-e2e deny fuzz bench-check bench-plan trials clean toolchain

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: engine build ## two regions on this machine: switchover, loss of a region, failover, with a measured report
	@$(TIDELOCK) demo $(TFVARS)

test: engine toolchain ## every test, on real Redis or Valkey processes; what they say to the local cloud, beside Microsoft's descriptions
	@scripts/test.sh

model: toolchain ## explore the model of docs/protocol.md and hunt its planted bugs (BOUNDS=large for the long run, TRACE=trace)
	cargo run --locked --release --quiet -p tidelock-protocol-model -- $(or $(BOUNDS),small) $(TRACE)

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

terraform-e2e: engine build ## the Terraform module with the azurerm provider on a local cloud, where TIDELOCK_AZURERM_MIRROR names a mirror of it
	@TIDELOCK=$(abspath $(TIDELOCK)) terraform/tests/e2e.sh

bench-check: toolchain ## how long a file of 1,000 caches takes to check, beside terraform plan
	cargo build --locked --release -p tidelock
	TIDELOCK_BIN=$(TARGET_DIR)/release/tidelock cargo bench --locked -p tidelock-config --bench check

.PHONY: bench-terraform
bench-terraform: engine toolchain ## plan and apply beside terraform with azurerm, on one local cloud, where TIDELOCK_AZURERM_MIRROR names a mirror of it
	cargo build --locked --release -p tidelock
	@TIDELOCK=$(abspath $(TARGET_DIR))/release/tidelock bench/terraform.sh

bench-plan: toolchain ## how long planning takes after reading, of up to 2,000 caches, with the plot of docs/performance.md (or SVG=FILE)
	GROWTH_SVG=$(abspath $(or $(SVG),docs/performance/plan.svg)) cargo bench --locked -p tidelock-plan --bench growth

trials: engine toolchain ## failover, measured: SCENARIO=region-loss-kill (see docs/measurements/failover.md) RUNS=5 DELAY_MS=0 WRITERS=100
	@set -e; kept=$$(mktemp -d /tmp/trials.XXXXXX); trap 'rm -rf "$$kept"' EXIT; \
	cargo build --locked --release -p tidelock; \
	cargo test --locked --release -p tidelock --test trials --no-run; \
	cp $(TARGET_DIR)/release/tidelock $$kept/; \
	TIDELOCK_BIN=$$kept/tidelock TRIAL=$(or $(SCENARIO),region-loss-kill) TRIAL_RUNS=$(RUNS) TRIAL_DELAY_MS=$(DELAY_MS) TRIAL_WRITERS=$(WRITERS) \
	  $(if $(JSON),TRIAL_JSON=$(abspath $(JSON))) \
	  cargo test --locked --release --quiet -p tidelock --test trials -- --ignored --exact measure --nocapture

.PHONY: sim sim-full sim-replay

# The simulation's seeds, every crash, every planted bug; output is shown, so that one sees what was run.
SIM = cargo test --locked --package tidelock-failover --features planted-bugs --test sim

sim: toolchain ## failover in a simulated world: SEEDS=320 seeds, a crash at every journal boundary, every planted bug
	TIDELOCK_SIM_SEEDS=$(or $(SEEDS),320) $(SIM) -- --nocapture

sim-full: toolchain ## the same with 10,000 seeds and more networks for each crash, optimised
	TIDELOCK_SIM_SEEDS=$(or $(SEEDS),10000) TIDELOCK_SIM_ROUNDS=$(or $(ROUNDS),5) $(SIM) --release -- --nocapture

sim-replay: toolchain ## one seed again, with a trace: TIDELOCK_SIM_SEED=7 make sim-replay
	$(SIM) -- --ignored --nocapture --exact checks::replay::replay

.PHONY: sdk
sdk: engine build ## Microsoft's own Python clients against the local cloud, every call (needs Python 3.10 and a package index)
	@TIDELOCK=$(abspath $(TIDELOCK)) SDK_ENVIRONMENT=$(abspath $(TARGET_DIR))/sdk conformance/run.sh

.PHONY: az
az: engine build ## the Azure CLI against the local cloud (needs Python 3.10 and a package index; installs 0.7 GB)
	@TIDELOCK=$(abspath $(TIDELOCK)) AZ_ENVIRONMENT=$(abspath $(TARGET_DIR))/az conformance/az.sh

deny: ## licences, banned crates and sources of every dependency (needs cargo-deny)
	@cargo deny --version >/dev/null 2>&1 || { echo "cargo-deny is missing: cargo install cargo-deny --locked" >&2; exit 1; }
	cargo deny --locked check licenses bans sources

clean: ## remove what was built (running environments: tidelock down)
	cargo clean

toolchain:
	@command -v cargo >/dev/null || { echo "cargo is missing: install Rust from https://rustup.rs" >&2; exit 1; }
	@command -v cc >/dev/null || { echo "a C compiler is missing (the TLS library needs one): apt-get install gcc libc6-dev, dnf install gcc, or xcode-select --install" >&2; exit 1; }
