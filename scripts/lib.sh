# Words, times and limits that ./run and its parts share. Sourced by bash; sets no state beyond its functions.
# shellcheck shell=bash

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
die() {
  warn "run: $*"
  exit 1
}

# A title and, when the command ends, how long it took: timed "Building" cmake --build …
timed() {
  local title=$1 began=$SECONDS status=0
  shift
  say "==> $title"
  "$@" || status=$?
  local took=$((SECONDS - began))
  if ((status == 0)); then
    say "    $title: done in ${took} s"
  else
    warn "    $title: failed with status $status after ${took} s"
  fi
  return "$status"
}

is_root() { ((EUID == 0)); }

# A compiler of ours needs up to 1.5 GB: no more jobs than fit in the memory that is free now.
build_jobs() {
  local cores memory_kib fit
  cores=$(nproc)
  memory_kib=$(awk '/^MemAvailable:/ {print $2}' /proc/meminfo)
  fit=$(("${memory_kib:-1572864}" / 1572864))
  ((fit >= 1)) || fit=1
  echo $((fit < cores ? fit : cores))
}

on_terminal() { [[ -t 0 && -t 1 ]]; }

# The mirror that this machine's apt uses; empty, and so debootstrap's own, when it cannot be told.
# shellcheck disable=SC2016
debian_mirror() {
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' 2>/dev/null | head -n 1
}
