#!/usr/bin/env bash
# Makes sure that a new enough engine (Redis or Valkey) is on this machine, and nothing more: the package's own
# service is neither started nor enabled, and a service that somebody else set up is left as it is.
#
#   scripts/ensure-engine.sh           exit 0: an engine is there. exit 1: it is not; the message says what to do
#   TIDELOCK_ENGINE=/path/to/server    use this one and install nothing
set -Eeuo pipefail
export LC_ALL=C

readonly MIN_REDIS=7.0
readonly MIN_VALKEY=7.2
readonly PACKAGES=(redis-server valkey-server) # in order of preference; also the names of the programs and units
readonly APT_LOCK_TIMEOUT_SECONDS=60
readonly POLICY=/usr/sbin/policy-rc.d
readonly POLICY_MARK='written by tidelock: scripts/ensure-engine.sh'
readonly NEW_ENOUGH="Redis >= $MIN_REDIS or Valkey >= $MIN_VALKEY"
readonly CARRIED_BY='Debian 12 and later and Ubuntu 24.04 and later carry a new enough one; Debian 11 and Ubuntu 22.04 do not'

AS_ROOT=() # empty for root, else sudo
POLICY_IS_OURS=no
DISABLE_AFTER= # the package whose service we have yet to disable
LOG=

say() { printf 'engine: %s\n' "$*"; }
fail() {
  printf 'engine: %s\n' "$@" >&2
  exit 1
}

# --- what is here already -------------------------------------------------------------------------------------------

# version_of PROGRAM: prints "redis 7.0.15" or "valkey 8.1.1"; fails if the program does not say.
version_of() {
  local line number
  line=$("$1" --version 2>/dev/null | head -n 1) || return 1
  number=$(sed -nE 's/.*[ ]v=([0-9]+(\.[0-9]+)*).*/\1/p' <<<"$line")
  [ -n "$number" ] || return 1
  case "$line" in
    *[Vv]alkey*) echo "valkey $number" ;;
    *) echo "redis $number" ;;
  esac
}

# at_least VERSION MINIMUM: compares major and minor.
at_least() {
  local have_major have_minor want_major want_minor rest
  IFS=. read -r have_major have_minor rest <<<"$1.0"
  IFS=. read -r want_major want_minor rest <<<"$2.0"
  have_minor=${have_minor%%[!0-9]*}
  [ "$have_major" -gt "$want_major" ] || { [ "$have_major" -eq "$want_major" ] && [ "${have_minor:-0}" -ge "$want_minor" ]; }
}

# new_enough "FLAVOUR VERSION"
new_enough() {
  case "$1" in
    valkey*) at_least "${1#* }" "$MIN_VALKEY" ;;
    *) at_least "${1#* }" "$MIN_REDIS" ;;
  esac
}

# Succeeds if a usable engine is here; TOO_OLD tells of one that is here but cannot be used.
TOO_OLD=
find_engine() {
  local name path version
  TOO_OLD=
  for name in "${PACKAGES[@]}"; do
    path=$(command -v "$name" 2>/dev/null) || continue
    version=$(version_of "$path") || continue
    if new_enough "$version"; then
      say "using $path ($version)"
      return 0
    fi
    TOO_OLD="$path ($version)"
  done
  return 1
}

check_chosen_engine() {
  local path version
  path=$(command -v "$TIDELOCK_ENGINE" 2>/dev/null) ||
    fail "TIDELOCK_ENGINE=$TIDELOCK_ENGINE is not a program" "set it to a redis-server or valkey-server, or unset it"
  version=$(version_of "$path") ||
    fail "TIDELOCK_ENGINE=$path --version does not say a version, so it is neither Redis nor Valkey" \
      "set it to a redis-server or valkey-server, or unset it"
  new_enough "$version" ||
    fail "TIDELOCK_ENGINE=$path is $version: too old, $NEW_ENOUGH is needed" "point it at a newer one, or unset it"
  say "using $path ($version), as TIDELOCK_ENGINE says"
}

# --- clean up, whatever happens -------------------------------------------------------------------------------------

remove_policy() {
  if [ "$POLICY_IS_OURS" = yes ]; then
    as_root rm -f "$POLICY"
    POLICY_IS_OURS=no
  fi
}

# shellcheck disable=SC2317 # called by the trap
clean_up() {
  remove_policy
  [ -z "$DISABLE_AFTER" ] || leave_service_disabled
  [ -z "$LOG" ] || rm -f "$LOG"
}

# ${A[@]+...}: an empty array counts as unset in old versions of bash.
as_root() { ${AS_ROOT[@]+"${AS_ROOT[@]}"} "$@"; }

become_root() {
  [ "$(id -u)" -ne 0 ] || return 0
  command -v sudo >/dev/null ||
    fail "installing $1 needs root, and there is no sudo" "as root: apt-get install --no-install-recommends $1"
  AS_ROOT=(sudo)
  if ! sudo -n true 2>/dev/null; then
    [ -t 0 ] || fail "installing $1 needs root; sudo wants a password, and there is no terminal to ask on" \
      "run this once in a terminal: sudo scripts/ensure-engine.sh"
    say "installing $1 needs root; sudo may ask for your password"
    sudo -v || fail "sudo refused" "as root: apt-get install --no-install-recommends $1"
  fi
}

# --- apt ------------------------------------------------------------------------------------------------------------

# candidate PACKAGE: prints the version apt would install, without epoch; fails if there is none.
candidate() {
  local version
  version=$(apt-cache policy "$1" 2>/dev/null | sed -nE 's/^ *Candidate: ([0-9]+:)?([0-9][^-]*).*/\2/p')
  [ -n "$version" ] && echo "$version"
}

# Sets PACKAGE to the first package that apt has in a new enough version.
PACKAGE=
TOO_OLD_CANDIDATES=
choose_package() {
  local name version
  TOO_OLD_CANDIDATES=
  for name in "${PACKAGES[@]}"; do
    version=$(candidate "$name") || continue
    if new_enough "${name%-server} $version"; then
      PACKAGE=$name
      return 0
    fi
    TOO_OLD_CANDIDATES="$TOO_OLD_CANDIDATES $name $version"
  done
  return 1
}

# apt [setsid --wait] ARGUMENTS of apt-get: with setsid, Ctrl-C on the terminal does not reach it.
apt() {
  local session=()
  if [ "$1" = setsid ]; then
    session=(setsid --wait)
    shift 2
  fi
  as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 LC_ALL=C ${session[@]+"${session[@]}"} \
    apt-get -q -o "DPkg::Lock::Timeout=$APT_LOCK_TIMEOUT_SECONDS" "$@" >"$LOG" 2>&1
}

apt_failed() {
  local hint="the messages above are apt's own; run the command by hand to see more"
  if grep -qiE 'could not get lock|unable to acquire|is another process using' "$LOG"; then
    hint="another program holds apt's lock (see above): wait until it is done, then run this again"
  elif grep -qiE 'dpkg was interrupted' "$LOG"; then
    hint="an earlier installation was cut short: run 'dpkg --configure -a' as root, then run this again"
  elif grep -qiE 'temporary failure resolving|could not connect|failed to fetch' "$LOG"; then
    hint="the package archive could not be reached: check the network and /etc/apt, then run this again"
  fi
  tail -n 8 "$LOG" >&2
  fail "'apt-get $1' failed" "$hint"
}

# Apart from the installation because this may be long and may be interrupted.
download() {
  apt install -y --download-only --no-install-recommends "$1" && return 0
  grep -qiE '404|unable to fetch|failed to fetch' "$LOG" || apt_failed "install $1"
  say "apt's lists are old; updating them"
  apt update || apt_failed update
  apt install -y --download-only --no-install-recommends "$1" || apt_failed "install $1"
}

# --- without the service --------------------------------------------------------------------------------------------

# A policy-rc.d that answers 101 is Debian's way to say "do not start services". One that exists is the
# administrator's: it stays, and if it would let the service start we do not install.
forbid_service_start() {
  if [ -e "$POLICY" ] || [ -L "$POLICY" ]; then
    local answer=0
    as_root "$POLICY" "$1" start >/dev/null 2>&1 || answer=$?
    [ "$answer" -eq 101 ] || fail "$POLICY exists and would let the package start its own service" \
      "install it yourself: apt-get install --no-install-recommends $1 && systemctl disable --now $1"
    return 0
  fi
  POLICY_IS_OURS=yes
  as_root sh -c "umask 022; printf '#!/bin/sh\n# %s, process %s; remove this file if that process is gone\nexit 101\n' '$POLICY_MARK' $$ >$POLICY && chmod 755 $POLICY"
}

# Left behind only by kill -9 in the middle of an installation; it would keep every package from starting its service.
remove_stale_policy() {
  local owner
  [ -r "$POLICY" ] || return 0
  owner=$(sed -nE "s|^# $POLICY_MARK, process ([0-9]+).*|\1|p" "$POLICY")
  if [ -n "$owner" ] && ! [ -d "/proc/$owner" ]; then
    say "removing $POLICY, left behind by an earlier run that was killed"
    become_root "${PACKAGES[0]}"
    as_root rm -f "$POLICY"
  fi
}

# The links by which systemd or sysv start UNIT at boot, and any mask or choice on record.
service_choice() {
  find /etc/systemd/system -type l \( -name "$1.service" -o -lname "*/$1.service" \) 2>/dev/null || true
  find /etc/rc[0-6S].d -name "[SK][0-9][0-9]$1" 2>/dev/null || true
  find /var/lib/systemd/deb-systemd-helper-enabled /var/lib/systemd/deb-systemd-helper-masked -name "$1.service*" 2>/dev/null || true
}

# Only if no choice about this service was on record before: what is there now came with the package.
leave_service_disabled() {
  local link unit=$DISABLE_AFTER
  DISABLE_AFTER=
  as_root env PATH="$PATH:/usr/sbin:/sbin" update-rc.d "$unit" disable >/dev/null 2>&1 || true
  # find also fails where the current folder is unreadable, after it has printed everything.
  { find /etc/systemd/system -type l \( -name "$unit.service" -o -lname "*/$unit.service" \) 2>/dev/null || true; } |
    while read -r link; do
      as_root rm -f "$link" </dev/null
    done
  if [ -d /run/systemd/system ]; then
    as_root systemctl daemon-reload || true
  fi
}

install_by_apt() {
  LOG=$(mktemp)
  if ! choose_package; then
    become_root "${PACKAGES[0]}"
    say "no new enough engine in apt's lists; updating them"
    apt update || apt_failed update
    choose_package || fail "this system's archive has no new enough engine (it has:${TOO_OLD_CANDIDATES:- none}); $NEW_ENOUGH is needed" \
      "$CARRIED_BY" "install one from elsewhere and set TIDELOCK_ENGINE=/path/to/redis-server"
  fi
  become_root "$PACKAGE"
  local choice
  choice=$(service_choice "$PACKAGE")
  say "installing $PACKAGE $(candidate "$PACKAGE") by apt, without its service"
  download "$PACKAGE"
  forbid_service_start "$PACKAGE"
  [ -n "$choice" ] || DISABLE_AFTER=$PACKAGE
  # dpkg cut short would leave a half-configured package, whose service starts when somebody repairs it.
  apt setsid --wait install -y --no-install-recommends "$PACKAGE" || apt_failed "install $PACKAGE"
  remove_policy
  [ -z "$DISABLE_AFTER" ] || leave_service_disabled
  hash -r
}

# --- main -----------------------------------------------------------------------------------------------------------

trap clean_up EXIT
trap 'fail "unexpected failure in line $LINENO: $BASH_COMMAND"' ERR
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

remove_stale_policy
if [ -n "${TIDELOCK_ENGINE:-}" ]; then
  check_chosen_engine
  exit 0
fi
if find_engine; then
  exit 0
fi
[ -z "$TOO_OLD" ] || fail "found $TOO_OLD: too old, $NEW_ENOUGH is needed" \
  "upgrade it, or install a newer one beside it and set TIDELOCK_ENGINE=/path/to/redis-server" "$CARRIED_BY"
if command -v apt-get >/dev/null && command -v dpkg >/dev/null; then
  install_by_apt
  find_engine || fail "apt installed $PACKAGE, but no usable engine is on PATH ($PATH)" "add its folder to PATH and run this again"
  exit 0
fi
if command -v brew >/dev/null; then
  fail "no engine here; $NEW_ENOUGH is needed" "install one: brew install redis"
elif command -v dnf >/dev/null; then
  fail "no engine here; $NEW_ENOUGH is needed" "install one: sudo dnf install valkey    (or: sudo dnf install redis)"
fi
fail "no engine here; $NEW_ENOUGH is needed" "install redis-server or valkey-server with this system's package manager," \
  "or set TIDELOCK_ENGINE=/path/to/redis-server"
