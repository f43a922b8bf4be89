#!/bin/bash
# The Debian package as a stranger meets it: a bare Debian 12 with systemd as process 1 (systemd-nspawn, no network), the
# README's main job word by word, then reload, stop, hang, wrong configuration, upgrade, removal and purge. As root.
# usage: scripts/package_test.sh PACKAGE.deb       Env: VIGIE_PACKAGE_CACHE (the bare Debian, made once)
# shellcheck disable=SC2001,SC2016
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/scripts/lib.sh"
(($# == 1)) || die "one package, not $#"
package=$(realpath "$1")
cache=${VIGIE_PACKAGE_CACHE:-/var/cache/vigie-test-package}
box=$(mktemp -d /var/tmp/vigie-package.XXXXXX)
container=0 failed=0
is_root || die "a container needs root"

leave() {
  ((container == 0)) || { kill "$container" && wait "$container"; } 2>/dev/null || true
  rm -rf --one-file-system "$box"
}
trap leave EXIT

# The ways to the packages are this machine's.
make_base() {
  rm -rf "$cache/new" && mkdir -p "$cache/new"
  # shellcheck disable=SC2046
  debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,ca-certificates bookworm "$cache/new" \
    $(debian_mirror) >"$cache/log" 2>&1 &&
    rm -f "$cache/new/etc/apt/sources.list" &&
    cp -r /etc/apt/. "$cache/new/etc/apt/" &&
    cp -r /usr/share/keyrings/. "$cache/new/usr/share/keyrings/" &&
    mv -T "$cache/new" "$cache/base"
}

# What apt will need is fetched before, since the container has no network of its own.
fill_box() {
  cp -a --reflink=auto "$cache/base/." "$box/" &&
    cp --remove-destination /etc/resolv.conf "$box/etc/resolv.conf" &&
    cp "$package" "$box/root/vigie.deb" || return 1
  awk '/^```yaml/ {on = 1; next} /^```/ {on = 0} on' "$root/README.md" >"$box/root/vigie.yaml"
  awk '/^```/ {on = !on; text = ""; next} on {text = text $0 "\n"; if (/^vigie backup run/) printf "%s", text}' \
    "$root/README.md" >"$box/root/main-job"
  [[ -s $box/root/main-job && -s $box/root/vigie.yaml ]] || die "the README's main job is not where it was"
  chroot "$box" sh -c 'apt-get -qq update && apt-get -qq -y install --download-only --no-install-recommends \
    postgresql-15 sudo curl /root/vigie.deb' >"$cache/log" 2>&1
}

inside() {
  local init
  init=$(cat "/proc/$container/task/$container/children")
  nsenter -t "${init%% *}" -a env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    bash -euc "never() { if \"\$@\"; then echo \"unexpected: \$*\"; exit 1; fi; }; cd /; $1"
}

boot() {
  systemd-nspawn --quiet --boot --private-network --register=no --keep-unit --console=pipe --directory="$box" \
    >"$cache/console" 2>&1 </dev/null &
  container=$!
  local limit=$((SECONDS + 60))
  until inside 'systemctl is-system-running --wait' 2>/dev/null | grep -Eq 'running|degraded'; do
    ((SECONDS < limit)) || die "systemd does not start; see $cache/console"
    sleep 0.2
  done
}

# WHAT COMMANDS: as root in the box; what they say is shown when they fail.
step() {
  local said status=0
  said=$(inside "$2" 2>&1) || status=$?
  if ((status == 0)); then
    say "passed  $1"
  else
    failed=$((failed + 1))
    say "FAILED  $1 (status $status)"
    sed 's/^/        /' <<<"$said"
  fi
}

install_vigie='DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install'
[[ -d $cache/base ]] || timed "Making a bare Debian 12 in $cache" make_base || die "debootstrap failed; see $cache/log"
timed "Preparing a copy of it" fill_box || die "the packages are not to be had; see $cache/log"
boot

step "PostgreSQL is there" "$install_vigie postgresql-15 sudo curl && cd /tmp && sudo -u postgres createdb app &&
  sudo -u postgres psql -q -d app -c \"create table t as select g, md5(g::text) from generate_series(1, 2000000) g\""
step "installs, and starts nothing" "$install_vigie /root/vigie.deb; never systemctl is-active vigie"
step "the README's main job, word by word" "cp /root/vigie.yaml /etc/vigie/ && cd /tmp && bash -eux /root/main-job"
step "runs as its unit says" 'systemctl is-active vigie; curl -sf http://127.0.0.1:8480/health;
  [[ $(stat -c "%a %U" /var/lib/vigie) == "700 vigie" ]]; [[ $(stat -c "%a %U:%G" /etc/vigie) == "750 root:vigie" ]];
  never grep -i "mode is different" <(journalctl -u vigie -o cat)'
step "a reload takes the new configuration" 'sed -i "s/keep_last: 3/keep_last: 4/" /etc/vigie/vigie.yaml; systemctl reload vigie
  timeout 20 bash -c "until journalctl -u vigie -o cat | grep -q config.reloaded; do sleep 0.2; done"'
step "a reload refuses a wrong one and goes on" 'echo "bad_key: 1" >>/etc/vigie/vigie.yaml; systemctl reload vigie
  timeout 20 bash -c "until journalctl -u vigie -o cat | grep -q config.refused; do sleep 0.2; done"; systemctl is-active vigie'
step "a wrong configuration stops the start, with words" 'systemctl stop vigie; never systemctl start vigie
  journalctl -u vigie -o cat | grep "bad_key is not a key here"; systemctl is-failed vigie
  [[ $(systemctl show -p NRestarts --value vigie) == 0 ]]
  sed -i "/bad_key/d" /etc/vigie/vigie.yaml; systemctl reset-failed vigie; systemctl start vigie'
step "a stop in mid-backup is quick and is no failed dump" 'vigie backup run nightly >/dev/null 2>&1 & client=$!
  timeout 20 bash -c "until ls -l /proc/[0-9]*/exe 2>/dev/null | grep -q bin/pg_dump; do :; done"; began=$SECONDS
  systemctl stop vigie; ((SECONDS - began <= 10)); wait "$client" || true
  never grep bin/pg_dump <(ls -l /proc/[0-9]*/exe 2>/dev/null); systemctl start vigie; vigie evidence list | grep run_interrupted'
step "a daemon that hangs is started again by the watchdog" 'kill -STOP "$(systemctl show -p MainPID --value vigie)"
  timeout 90 bash -c "until [[ \$(systemctl show -p NRestarts --value vigie) == 1 ]]; do sleep 1; done"
  timeout 30 bash -c "until systemctl is-active -q vigie; do sleep 1; done"
  journalctl -u vigie -o cat | grep "Watchdog timeout"'
step "an upgrade restarts it and keeps the backups" 'before=$(systemctl show -p MainPID --value vigie)
  apt-get -qq -y --reinstall install /root/vigie.deb; systemctl is-active vigie
  [[ $before != "$(systemctl show -p MainPID --value vigie)" ]]; vigie backup list | grep passed'
step "removal stops it and keeps what is the user's" 'apt-get -qq -y remove vigie; never systemctl is-active vigie
  test -e /etc/vigie/vigie.yaml; ls /var/lib/vigie/artefacts/nightly/*/manifest.json'
step "so does a purge" 'apt-get -qq -y purge vigie; test -e /etc/vigie/vigie.yaml
  ls /var/lib/vigie/artefacts/nightly/*/manifest.json; id vigie'
say "$failed failed"
((failed == 0))
