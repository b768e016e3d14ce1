# shellcheck shell=bash
# A local cloud for the real provider, to be sourced: where `tidelock up` will look for it, so that Tidelock can take over
# what Terraform made. Needs openssl and curl, and TIDELOCK, the program.

readonly CLOUD_START_STEPS=600 # of 0.1 s, until the control socket answers

# local_cloud_start STATE FILE: sets the variables that the provider reads.
local_cloud_start() {
  export TIDELOCK_STATE_DIR=$1
  local id
  id=$(sed -n 's/^context_prefix *= *"\(.*\)"/\1/p' "$2")-$(sed -n 's/^environment *= *"\(.*\)"/\1/p' "$2")
  local_cloud_dir=$1/$id
  mkdir -p "$local_cloud_dir/ca"
  chmod 700 "$1" "$local_cloud_dir" "$local_cloud_dir/ca"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$id" \
    -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign \
    -keyout "$local_cloud_dir/ca/ca.key" -out "$local_cloud_dir/ca/ca.pem" 2>/dev/null
  chmod 600 "$local_cloud_dir/ca/ca.key"
  "$TIDELOCK" cloud --dir "$local_cloud_dir" --wan-round-trip 0 >"$local_cloud_dir/cloud.log" 2>&1 &
  local_cloud_pid=$!
  local step=0
  until local_cloud_control GET /v1/status >/dev/null 2>&1; do
    step=$((step + 1))
    if ((step > CLOUD_START_STEPS)) || ! kill -0 "$local_cloud_pid" 2>/dev/null; then
      cat "$local_cloud_dir/cloud.log" >&2
      echo "error: the local cloud does not start" >&2
      return 1
    fi
    sleep 0.1
  done
  local endpoint
  endpoint=$(local_cloud_told arm_endpoint)
  export ARM_METADATA_HOSTNAME=${endpoint#https://}
  ARM_SUBSCRIPTION_ID=$(local_cloud_told subscription_id)
  ARM_TENANT_ID=$(local_cloud_told tenant)
  ARM_CLIENT_ID=$(local_cloud_told client_id)
  ARM_CLIENT_SECRET=$(local_cloud_told client_secret)
  export ARM_SUBSCRIPTION_ID ARM_TENANT_ID ARM_CLIENT_ID ARM_CLIENT_SECRET
  # The vaults' names lead somewhere through the cloud's proxy only; loopback addresses do not go through one.
  local_cloud_proxy=http://${ARM_METADATA_HOSTNAME%:*}:8444
  local_cloud_ca=$local_cloud_dir/ca/ca.pem
}

# local_cloud_told NAME: a value of what the cloud tells whoever operates it.
local_cloud_told() {
  tr ',' '\n' <"$local_cloud_dir/cloud/operator.json" | sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p"
}

# local_cloud_control METHOD PATH [CURL ARGUMENTS]: the cloud's own interface.
local_cloud_control() {
  local method=$1 path=$2
  shift 2
  curl --silent --show-error --fail-with-body --max-time 60 --unix-socket "$local_cloud_dir/cloud/control.sock" \
    --request "$method" "$@" "http://localhost$path"
}

# local_cloud_tidelock VERB FILE [ARGUMENTS]: what it says is in local_cloud_said, and shown if it fails.
local_cloud_tidelock() {
  local_cloud_said=$("$TIDELOCK" "$@" 2>&1) || {
    printf '%s\n' "$local_cloud_said" >&2
    echo "error: tidelock $* failed" >&2
    return 1
  }
}

# local_cloud_lose_and_restore REGION FILE OTHER: every process of a region is killed, the other takes over, it comes back.
local_cloud_lose_and_restore() {
  local region=$1 file=$2 other=$3 step=0
  local_cloud_control POST "/v1/regions/$region/kill" >/dev/null
  local_cloud_tidelock failover "$file" --to "$other" --yes --write
  local_cloud_control POST "/v1/regions/$region/start" >/dev/null
  until "$TIDELOCK" status "$file" 2>/dev/null | grep -Eq "^$region +reader +follows"; do
    step=$((step + 1))
    if ((step > CLOUD_START_STEPS)); then
      "$TIDELOCK" status "$file" >&2 || true
      echo "error: $region does not follow" >&2
      return 1
    fi
    sleep 0.1
  done
}

local_cloud_stop() {
  "$TIDELOCK" down "$before" >/dev/null 2>&1 || local_cloud_control POST /v1/shutdown >/dev/null 2>&1 || true
  wait "$local_cloud_pid" 2>/dev/null || true
}
