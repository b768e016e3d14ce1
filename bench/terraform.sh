#!/usr/bin/env bash
# `tidelock plan` and `apply` beside `terraform plan` and `apply` with azurerm: the same file, the same local cloud, one run.
# Prints the table of docs/performance.md.
#
#   TIDELOCK                 the tidelock program, built with --release
#   TIDELOCK_AZURERM_MIRROR  a filesystem mirror that holds hashicorp/azurerm
#   RUNS                     plans of each, of which the medians are shown (7)
set -euo pipefail
cd "$(dirname "$0")/.."

runs=${RUNS:-7}
: "${TIDELOCK:?names the tidelock program}"
if [[ -z ${TIDELOCK_AZURERM_MIRROR:-} ]]; then
  echo "SKIPPED: TIDELOCK_AZURERM_MIRROR names no filesystem mirror with the azurerm provider, so nothing was measured" >&2
  exit 0
fi

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
# The provider's waits are for a cloud that takes minutes; they are left out of the comparison, in its favour.
export TF_CLI_CONFIG_FILE="$work/terraformrc" CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1 TF_INPUT=0 GO_AZURE_SDK_SKIP_POLLING_DELAY=true
# shellcheck source=terraform/tests/local-cloud.sh
. terraform/tests/local-cloud.sh
before="$work/plain.tfvars"
trap 'local_cloud_stop; rm -rf "$work"' EXIT
cp terraform/tests/e2e.tfvars "$work/plain.tfvars"
# With identities, keys and roles: the provider waits for every role in a way that nothing shortens.
sed -E 's/^( *kv_key(_replica)? += "main")$/\1\n    customer_managed_key = { key_name = "redis" }/' terraform/tests/e2e.tfvars >"$work/encrypted.tfvars"
measure=$PWD/bench/measure.py
root="$work/terraform/root"
tf() { (cd "$root" && SSL_CERT_FILE=$local_cloud_ca HTTPS_PROXY=$local_cloud_proxy "$measure" "${options[@]}" -- terraform "$@" -no-color); }

(cd "$root" && terraform init -no-color >/dev/null)

no_waits() { local_cloud_control PUT /v1/faults --header 'content-type: application/json' --data '{"retry_after_s":0}' >/dev/null; }

# both FILE: applies it with each to a cloud that has nothing yet, then plans with each what is there.
both() {
  before=$1
  rm -rf "$work/a" "$work/b" "$root"/terraform.tfstate*
  local_cloud_start "$work/a" "$before"
  no_waits
  # The same distance between the regions for both: none. Otherwise apply would set the one it takes for usual.
  tidelock_apply=$("$measure" -- "$TIDELOCK" apply "$before" --yes --wan-round-trip 0)
  local_cloud_stop
  local_cloud_start "$work/b" "$before"
  no_waits
  options=(--runs 1)
  terraform_apply=$(tf apply -auto-approve -var-file="$before")
  options=(--runs "$runs")
  terraform_plan=$(tf plan -detailed-exitcode -var-file="$before")
  # It plans where it has a hand in only; there is nothing to do.
  "$TIDELOCK" apply "$before" --yes --wan-round-trip 0 2>/dev/null | grep -q "No changes"
  tidelock_plan=$("$measure" --runs "$runs" -- "$TIDELOCK" plan --detailed-exitcode "$before")
  local_cloud_stop
}

row() { # NAME TIDELOCK TERRAFORM WALL CPU MEMORY: figures, ratios, and what is demanded of them
  awk -v name="$1" -v ours="$2" -v theirs="$3" -v wall="$4" -v cpu="$5" -v memory="$6" 'BEGIN {
    split(ours, a, " "); split(theirs, b, " ")
    split("wall|CPU|peak memory", what, "|"); split(" s| s| MB", unit, "|"); split(wall "|" cpu "|" memory, limit, "|")
    for (i = 1; i <= 3; i++) printf "| %s, %s | %.2f%s | %.2f%s | 1/%.0f | %s |\n", \
      name, what[i], a[i], unit[i], b[i], unit[i], b[i] / a[i], (limit[i] == "" ? "" : "1/" limit[i] (b[i] / a[i] >= limit[i] ? "" : ", missed"))
  }'
}
provider=$(find "$TIDELOCK_AZURERM_MIRROR" -name 'terraform-provider-azurerm_*' -type f -printf '%s\n' | head -1)
echo "$(nproc) processors; $(terraform version | head -1); provider of $((provider / 1000000)) MB; median of $runs plans, one apply"
for name in plain encrypted; do
  both "$work/$name.tfvars"
  echo
  echo "| two regions, $name | tidelock | terraform | ratio | at least |"
  echo "|---|---:|---:|---:|---:|"
  row "plan, nothing to do" "$tidelock_plan" "$terraform_plan" 20 20 5
  row "apply" "$tidelock_apply" "$terraform_apply" 10 "" 5
done
