#!/usr/bin/env bash
# What can be said of the module without a provider and without Terraform's registry: its layout. That every file is HCL,
# that generated files are current and that every reference leads somewhere are tests of crates/generate.
set -euo pipefail
cd "$(dirname "$0")/../.."

terraform=${TIDELOCK_TERRAFORM:-terraform}
export CHECKPOINT_DISABLE=1

if ! command -v "$terraform" >/dev/null; then
  echo "SKIPPED: there is no terraform on this machine, so the layout of terraform/ and envs/ was not checked" >&2
  exit 0
fi
for directory in terraform envs; do
  TF_CLI_CONFIG_FILE=/dev/null "$terraform" fmt -check -diff -recursive "$directory" || {
    echo "error: run: terraform fmt -recursive $directory" >&2
    exit 1
  }
done
