#!/usr/bin/env bash
# Microsoft's own Python clients against a local cloud: every call, in a session of a few seconds.
#
#   TIDELOCK           the tidelock program
#   SDK_ENVIRONMENT    where the clients are installed; made if it is not there, and again when their versions change
#   SDK_REQUIRED       set: nothing is skipped
set -euo pipefail
cd "$(dirname "$0")"

readonly INSTALL_SECONDS=300
environment=${SDK_ENVIRONMENT:-../target/sdk}

skip() {
  echo "SKIPPED: $1, so Microsoft's clients were not run against the local cloud" >&2
  [[ -n ${SDK_REQUIRED:-} ]] && exit 1
  exit 0
}

python=$(command -v python3 || true)
[[ -n $python ]] || skip "there is no python3"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || skip "$("$python" --version) is older than 3.10"

if ! cmp -s requirements.txt "$environment/requirements.txt"; then
  mkdir -p "$(dirname "$environment")"
  "$python" -m venv "$environment" >/dev/null 2>&1 || skip "python3 cannot make an environment (python3-venv is missing)"
  install=("$environment/bin/pip" install --quiet --disable-pip-version-check --no-input --retries 1 --timeout 15)
  timeout "$INSTALL_SECONDS" "${install[@]}" --requirement requirements.txt || skip "the clients cannot be installed"
  cp requirements.txt "$environment/requirements.txt"
fi
environment=$(cd "$environment" && pwd)
PYTHONDONTWRITEBYTECODE=1 exec "$environment/bin/python" -m session
