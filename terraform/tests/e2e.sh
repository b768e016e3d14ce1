#!/usr/bin/env bash
# The module with the real azurerm provider.
#
#   TIDELOCK_AZURERM_MIRROR   a filesystem mirror that holds hashicorp/azurerm (terraform providers mirror DIRECTORY makes one).
#                             Without it everything here is skipped.
#   ARM_METADATA_HOSTNAME     the endpoint of a cloud on this machine, with the other ARM_ variables that it needs. Without it
#                             only what calls no cloud is done: init, validate, and the module's tests with a mocked provider.
#                             Even a plan asks for a token first.
#   TIDELOCK_TERRAFORM        the terraform program; otherwise the one on the path.
#   TIDELOCK                  the tidelock program, which then swaps the writer in the file; otherwise sed does.
set -euo pipefail
cd "$(dirname "$0")/../.."

terraform=${TIDELOCK_TERRAFORM:-terraform}
export CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1 TF_INPUT=0

if [[ -z ${TIDELOCK_AZURERM_MIRROR:-} ]]; then
  echo "SKIPPED: TIDELOCK_AZURERM_MIRROR names no filesystem mirror with the azurerm provider, so nothing was tried with it" >&2
  exit 0
fi
command -v "$terraform" >/dev/null || {
  echo "error: TIDELOCK_AZURERM_MIRROR is set, but there is no terraform on this machine" >&2
  exit 1
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R terraform "$work/terraform"
cat >"$work/terraformrc" <<RC
provider_installation {
  filesystem_mirror {
    path = "$(cd "$TIDELOCK_AZURERM_MIRROR" && pwd)"
  }
}
RC
export TF_CLI_CONFIG_FILE="$work/terraformrc"

say() { printf '=== [%4d s] %s\n' "$SECONDS" "$*"; }
tf() { (cd "$work/terraform/$1" && shift && "$terraform" "$@" -no-color); }

# Fails unless the plan is empty, changes of outputs included.
expect_no_changes() {
  local file=$1 why=$2
  tf root plan -detailed-exitcode -var-file="$file" >"$work/plan.txt" 2>&1 || {
    cat "$work/plan.txt" >&2
    echo "error: $why, so the plan should have been empty" >&2
    return 1
  }
}

for directory in root examples/two-regions examples/three-regions examples/existing; do
  say "init and validate: $directory"
  tf "$directory" init -backend=false >/dev/null
  tf "$directory" validate
done

say "tests of the module, the provider mocked"
tf . init -backend=false >/dev/null
tf . test

if [[ -z ${ARM_METADATA_HOSTNAME:-} ]]; then
  echo "SKIPPED: ARM_METADATA_HOSTNAME names no cloud, so nothing was planned or applied with the real provider" >&2
  exit 0
fi

case $ARM_METADATA_HOSTNAME in
  localhost | localhost:* | *.localhost | *.localhost:* | 127.*) ;;
  *)
    echo "error: ARM_METADATA_HOSTNAME is $ARM_METADATA_HOSTNAME; this creates and destroys, and does so on this machine only" >&2
    exit 1
    ;;
esac

before="$work/before.tfvars"
after="$work/after.tfvars"
cp terraform/tests/e2e.tfvars "$before"
cp terraform/tests/e2e.tfvars "$after"
if [[ -n ${TIDELOCK:-} ]]; then
  "$TIDELOCK" edit writer "$after" --to uksouth --write >/dev/null
else
  sed -i.bak -e 's/primary_redis_key = "primary"/primary_redis_key = "replica"/' -e 's/\["replica"\]/["primary"]/' "$after"
fi
if cmp -s "$before" "$after"; then
  echo "error: the writer was not swapped in the file" >&2
  exit 1
fi

# What was made is removed again, also after a failure.
trap 'tf root destroy -auto-approve -var-file="$before" >"$work/destroy.txt" 2>&1 || cat "$work/destroy.txt" >&2; rm -rf "$work"' EXIT
say "apply"
tf root apply -auto-approve -var-file="$before" >"$work/apply.txt" 2>&1 || {
  cat "$work/apply.txt" >&2
  exit 1
}
grep '^Apply complete' "$work/apply.txt"
say "second plan"
expect_no_changes "$before" "everything has just been applied"
say "plan after a writer swap"
expect_no_changes "$after" "only who writes has changed in the file"
say "destroy"
trap 'rm -rf "$work"' EXIT
tf root destroy -auto-approve -var-file="$before" >"$work/destroy.txt" 2>&1 || {
  cat "$work/destroy.txt" >&2
  exit 1
}
grep '^Destroy complete' "$work/destroy.txt"
