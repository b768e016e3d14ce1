#!/usr/bin/env bash
# The module with the real azurerm provider.
#
#   TIDELOCK_AZURERM_MIRROR   a filesystem mirror that holds hashicorp/azurerm (terraform providers mirror DIRECTORY makes one).
#                             Without it everything here is skipped.
#   TIDELOCK                  the tidelock program. A local cloud is started with it, the module is applied there, and Tidelock
#                             takes the environment over, moves the writer and loses a region; the plan has to stay empty.
#   ARM_METADATA_HOSTNAME     another cloud on this machine instead, with the other ARM_ variables that it needs.
#                             With neither only what calls no cloud is done: init, validate, and the module's tests with a
#                             mocked provider. Even a plan asks for a token first.
#   TIDELOCK_TERRAFORM        the terraform program; otherwise the one on the path.
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
tf() {
  (
    cd "$work/terraform/$1"
    shift
    if [[ -n ${local_cloud_ca:-} ]]; then
      export SSL_CERT_FILE=$local_cloud_ca HTTPS_PROXY=$local_cloud_proxy
    fi
    "$terraform" "$@" -no-color
  )
}

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

if [[ -z ${ARM_METADATA_HOSTNAME:-} && -z ${TIDELOCK:-} ]]; then
  echo "SKIPPED: neither TIDELOCK nor ARM_METADATA_HOSTNAME is set, so nothing was planned or applied with the real provider" >&2
  exit 0
fi

before="$work/before.tfvars"
after="$work/after.tfvars"
cp terraform/tests/e2e.tfvars "$before"
cp terraform/tests/e2e.tfvars "$after"

if [[ -z ${ARM_METADATA_HOSTNAME:-} ]]; then
  # shellcheck source=terraform/tests/local-cloud.sh
  . terraform/tests/local-cloud.sh
  say "a local cloud"
  local_cloud_start "$work/state" "$before"
  # What was made goes with the cloud, also after a failure.
  trap 'local_cloud_stop; rm -rf "$work"' EXIT
else
  case $ARM_METADATA_HOSTNAME in
    localhost | localhost:* | *.localhost | *.localhost:* | 127.*) ;;
    *)
      echo "error: ARM_METADATA_HOSTNAME is $ARM_METADATA_HOSTNAME; this creates and destroys, and does so on this machine only" >&2
      exit 1
      ;;
  esac
  # What was made is removed again, also after a failure.
  trap 'tf root destroy -auto-approve -var-file="$before" >"$work/destroy.txt" 2>&1 || cat "$work/destroy.txt" >&2; rm -rf "$work"' EXIT
fi

# The provider's waits are for a cloud that takes minutes.
export GO_AZURE_SDK_SKIP_POLLING_DELAY=true

say "apply"
tf root apply -auto-approve -var-file="$before" >"$work/apply.txt" 2>&1 || {
  cat "$work/apply.txt" >&2
  exit 1
}
grep '^Apply complete' "$work/apply.txt"
say "second plan"
expect_no_changes "$before" "everything has just been applied"

sed -i.bak -e 's/primary_redis_key = "primary"/primary_redis_key = "replica"/' -e 's/\["replica"\]/["primary"]/' "$after"
if cmp -s "$before" "$after"; then
  echo "error: the writer was not swapped in the file" >&2
  exit 1
fi
say "plan after the writer was swapped in the file"
expect_no_changes "$after" "only who writes has changed in the file"

if [[ -n ${TIDELOCK:-} ]]; then
  say "Tidelock runs what Terraform made"
  local_cloud_tidelock apply "$before" --yes
  if [[ $local_cloud_said != *"No changes"* ]]; then
    printf '%s\nerror: tidelock apply changed what Terraform had just made\n' "$local_cloud_said" >&2
    exit 1
  fi
  local_cloud_tidelock up "$before"
  say "plan after tidelock up"
  expect_no_changes "$before" "Tidelock found everything as its file says"
  say "switchover"
  local_cloud_tidelock switchover "$before" --to uksouth --write
  expect_no_changes "$before" "the writer was moved without Terraform"
  say "the writer's region is lost, and comes back"
  local_cloud_lose_and_restore uksouth "$before" eastus2
  expect_no_changes "$before" "a failover is no change of resources"
fi

say "destroy"
tf root destroy -auto-approve -var-file="$before" >"$work/destroy.txt" 2>&1 || {
  cat "$work/destroy.txt" >&2
  exit 1
}
grep '^Destroy complete' "$work/destroy.txt"
if [[ -n ${TIDELOCK:-} ]]; then
  trap 'rm -rf "$work"' EXIT
  local_cloud_stop
else
  trap 'rm -rf "$work"' EXIT
fi
