# Installs what scripts/packages lists for the groups that a verb needs; does nothing when all of it is there.
# Sourced by ./run after lib.sh; `root` is the tree. As root, or through sudo; otherwise it names the command and stops.

# shellcheck shell=bash disable=SC2154

readonly apt_deadline_s=600

# The packages of the groups given, each once.
packages_of() {
  local group
  for group in "$@"; do
    awk -v group="$group" '$1 == group {print $2}' "$root/scripts/packages"
  done | sort -u
}

reason_of() { awk -v package="$1" '$2 == package {$1 = $2 = ""; sub(/^ +/, ""); print; exit}' "$root/scripts/packages"; }

missing_of() {
  local package
  for package in "$@"; do
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
  done
}

as_root() {
  if is_root; then
    "$@"
  else
    sudo -n true 2>/dev/null || on_terminal || die "sudo asks for a password, and there is no terminal"
    sudo "$@"
  fi
}

# apt-get, waiting for another apt at work; C.UTF-8 because a bare machine has no other locale.
apt() {
  as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 NEEDRESTART_MODE=l \
    apt-get -q -o DPkg::Lock::Timeout="$apt_deadline_s" -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 "$@" </dev/null
}

# The lists have a lock of their own that DPkg::Lock::Timeout does not wait for.
apt_update() {
  local began=$SECONDS output
  until output=$(apt update 2>&1); do
    grep -q 'Could not get lock' <<<"$output" || { warn "$output"; return 1; }
    ((SECONDS - began < apt_deadline_s)) || { warn "another apt has held its lock for $apt_deadline_s s"; return 1; }
    sleep 2
  done
}

has_candidate() { LC_ALL=C apt-cache policy "$1" 2>/dev/null | grep -q 'Candidate: [0-9]'; }

all_have_candidates() {
  local package
  for package in "$@"; do has_candidate "$package" || return 1; done
}

# PostgreSQL's package would make and start a cluster at installation; only a machine that never had one is told not to.
refuse_main_cluster() {
  local conf=/etc/postgresql-common/createcluster.conf
  [[ -e $conf || -d /etc/postgresql ]] && return 0
  as_root mkdir -p "${conf%/*}"
  say "    $conf: no cluster of its own (stays; remove it where PostgreSQL is to make one)"
  echo 'create_main_cluster = false' | as_root tee "$conf" >/dev/null
}

# No service starts because its package was installed here. A subshell, so that its trap takes our policy away however
# this ends.
without_services() (
  policy=/usr/sbin/policy-rc.d
  if [[ ! -e $policy ]]; then
    trap 'as_root rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
  fi
  "$@"
)

confirm() {
  on_terminal || return 0
  local answer
  read -r -p "Install them with apt-get? [Y/n] " answer
  [[ -z $answer || $answer == [yY]* ]]
}

# apt's many words matter only when it fails.
install_now() {
  mkdir -p "$root/build"
  without_services apt install -y --no-install-recommends "$@" >"$root/build/install.log" 2>&1 || {
    tail -n 30 "$root/build/install.log" >&2
    return 1
  }
}

install_groups() {
  local wanted missing package
  mapfile -t wanted < <(packages_of "$@")
  mapfile -t missing < <(missing_of "${wanted[@]}")
  ((${#missing[@]} == 0)) && return 0
  command -v apt-get >/dev/null || die "this is not Debian; install what stands in scripts/packages by hand"
  say "Missing on this machine:"
  for package in "${missing[@]}"; do printf '  %-26s %s\n' "$package" "$(reason_of "$package")"; done
  is_root || command -v sudo >/dev/null ||
    die "not root and no sudo; as root: apt-get install --no-install-recommends ${missing[*]}"
  confirm || die "nothing was installed"
  refuse_main_cluster
  all_have_candidates "${missing[@]}" || timed "Fetching the lists of packages" apt_update || die "apt-get update failed"
  # Lists that are old name files that are gone: fetch new lists and try once more.
  timed "Installing ${#missing[@]} packages" install_now "${missing[@]}" ||
    { apt_update && timed "Installing them with fresh lists" install_now "${missing[@]}"; } || die "apt-get install failed"
}
