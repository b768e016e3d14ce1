#!/usr/bin/env bash
# Every test, what the tests said to the local cloud beside Microsoft's descriptions, and Microsoft's own clients.
#
#   TIDELOCK_AZURE_SPECS   Microsoft's descriptions. Without it nothing is compared with them, and that is said.
#   CI                     set: nextest's profile for machines
set -euo pipefail
cd "$(dirname "$0")/.."

exchanges=$(mktemp -d)
trap 'rm -rf "$exchanges"' EXIT
export TIDELOCK_RECORD_EXCHANGES=$exchanges
profile=default
[[ -z ${CI:-} ]] || profile=ci

if cargo nextest --version >/dev/null 2>&1; then
  cargo test --locked --workspace --doc --quiet
  cargo nextest run --locked --workspace --profile "$profile"
else
  cargo test --locked --workspace --no-fail-fast
fi

# The programs as the tests built them: built alone they would have fewer features of their libraries, and be built anew.
targets=${CARGO_TARGET_DIR:-$PWD/target}
programs=$targets/debug

echo
echo "=== Microsoft's own clients against the local cloud"
TIDELOCK=$programs/tidelock SDK_ENVIRONMENT=$targets/sdk conformance/run.sh

echo
echo "=== what went over the wire, beside Microsoft's descriptions"
"$programs/tidelock-wire-check" "$exchanges"
