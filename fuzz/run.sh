#!/usr/bin/env bash
# Fuzzes the reader, the rules and the edits: fuzz/run.sh [TARGET...]
#
#   SECONDS_EACH=60   how long each target runs
#
# The corpus in the tree is only read: what a run finds is kept below the build directory, and what breaks a property
# is written to fuzz/artifacts. A crash is kept for good by copying its input into fuzz/corpus/TARGET, where the ordinary
# tests run it (crates/config/tests/corpus).
set -Eeuo pipefail
cd "$(dirname "$0")/.."

readonly TARGET_DIR=${CARGO_TARGET_DIR:-target}
readonly SECONDS_EACH=${SECONDS_EACH:-60}
readonly MAX_INPUT_BYTES=16384 # more than the largest file of the tree; longer ones only repeat themselves
readonly INPUT_TIMEOUT_SECONDS=10
readonly MEMORY_LIMIT_MIB=1024
readonly LINES_OF_A_CRASH=60
TARGETS=("$@")
[ ${#TARGETS[@]} -gt 0 ] || TARGETS=(parse check edit)

cargo fuzz --version >/dev/null 2>&1 || {
  echo "cargo-fuzz is missing: cargo install cargo-fuzz --locked" >&2
  exit 1
}
# cargo-fuzz asks for flags that a stable compiler takes only with this.
export RUSTC_BOOTSTRAP=1
# The code under test holds no unsafe block, so address sanitising could find nothing in it; without it the build and
# every input are quicker.
readonly OPTIONS=(--sanitizer none --target-dir "$TARGET_DIR/fuzz")

cargo fuzz build "${OPTIONS[@]}"
for target in "${TARGETS[@]}"; do
  found=$TARGET_DIR/fuzz/found/$target
  mkdir -p "$found"
  log=$TARGET_DIR/fuzz/$target.log
  echo "fuzz: $target for $SECONDS_EACH s"
  if ! cargo fuzz run "${OPTIONS[@]}" "$target" "$found" "fuzz/corpus/$target" -- \
    -dict=fuzz/tfvars.dict -max_len=$MAX_INPUT_BYTES -max_total_time="$SECONDS_EACH" -timeout=$INPUT_TIMEOUT_SECONDS \
    -rss_limit_mb=$MEMORY_LIMIT_MIB -print_final_stats=1 -verbosity=0 >"$log" 2>&1; then
    tail -n "$LINES_OF_A_CRASH" "$log" >&2
    exit 1
  fi
  grep '^stat::' "$log"
done
