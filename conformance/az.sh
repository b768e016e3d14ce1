#!/usr/bin/env bash
# The Azure CLI against a local cloud: what its core knows of the types that are there.
#
#   TIDELOCK         the tidelock program
#   AZ_ENVIRONMENT   where the CLI is installed (0.7 GB); made if it is not there, and again when its version changes
#
# Not part of `make test`, because installing the CLI takes minutes. What cannot be run fails: nothing is skipped.
set -euo pipefail
cd "$(dirname "$0")"

readonly INSTALL_SECONDS=1800
environment=${AZ_ENVIRONMENT:-../target/az}

fail() {
  echo "error: $1, so the Azure CLI was not run against the local cloud" >&2
  exit 1
}

python=$(command -v python3 || true)
[[ -n $python ]] || fail "there is no python3"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || fail "$("$python" --version) is older than 3.10"

if ! cmp -s az-requirements.txt "$environment/requirements.txt"; then
  begun=$SECONDS
  echo "installing the Azure CLI in $environment"
  mkdir -p "$(dirname "$environment")"
  "$python" -m venv "$environment" >/dev/null 2>&1 || fail "python3 cannot make an environment (python3-venv is missing)"
  # Every package is named with its version: looking up what they need once more takes as long as installing them.
  install=("$environment/bin/pip" install --quiet --disable-pip-version-check --no-input --no-deps --retries 1 --timeout 60)
  timeout "$INSTALL_SECONDS" "${install[@]}" --requirement az-requirements.txt || fail "the Azure CLI cannot be installed"
  cp az-requirements.txt "$environment/requirements.txt"
  echo "installed in $((SECONDS - begun)) s"
fi
environment=$(cd "$environment" && pwd)
PYTHONDONTWRITEBYTECODE=1 exec "$environment/bin/python" -m azsession
