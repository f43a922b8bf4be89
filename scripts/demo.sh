#!/bin/bash
# The main job on a private PostgreSQL, as it happens. Called by ./run demo when everything is installed and built.
# usage: demo.sh [--check] [--once] [--keep]      (--check: only whether the arguments are right)
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export LC_ALL=C.UTF-8
source "$root/scripts/lib.sh"
source "$root/scripts/private_postgres.sh"
source "$root/scripts/demo/proofs.sh"
source "$root/scripts/demo/matrix.sh"

began_all=$(date +%s%3N)
check=no once=no keep=no rows=${VIGIE_DEMO_ROWS:-1200000} every=${VIGIE_DEMO_EVERY:-12s}
for argument in "$@"; do
  case $argument in
    --check) check=yes ;;
    --once) once=yes ;;
    --keep) keep=yes ;;
    *) die "demo: unknown argument $argument" ;;
  esac
done
[[ $check == no ]] || exit 0

# --- words ---------------------------------------------------------------------------------------

if [[ -t 1 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
  bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
else
  bold='' dim='' green='' red='' plain=''
fi
titles=() verdicts=() lasted=()

now_ms() { date +%s%3N; }
seconds_since() { awk -v ms=$(($(now_ms) - $1)) 'BEGIN {printf "%.1f s", ms / 1000}'; }
detail() { printf '     %s\n' "$*"; }

# prove TITLE FUNCTION: a numbered step; its verdict and time go into the summary.
prove() {
  local title=$1 began verdict=passed
  began=$(now_ms)
  printf '\n%s%2d  %s%s\n' "$bold" $((${#titles[@]} + 1)) "$title" "$plain"
  "$2" || verdict=failed
  titles+=("$title") verdicts+=("$verdict") lasted+=("$(seconds_since "$began")")
  if [[ $verdict == passed ]]; then
    printf '     %sdone%s %sin %s%s\n' "$green" "$plain" "$dim" "${lasted[-1]}" "$plain"
  else
    printf '     %sFAILED%s after %s\n' "$red" "$plain" "${lasted[-1]}"
    show_logs
  fi
}

# A step without which nothing else makes sense.
must() {
  prove "$@"
  [[ ${verdicts[-1]} == passed ]] || finish
}

show_logs() {
  local log
  for log in vigie.log postgresql.log; do
    [[ -s $place/$log ]] && { printf '     the end of %s:\n' "$log"; tail -n 8 "$place/$log" | sed 's/^/       /'; }
  done >&2
}

summary() {
  local index failed=0
  printf '\n%sSummary%s\n' "$bold" "$plain"
  for index in "${!titles[@]}"; do
    [[ ${verdicts[index]} == passed ]] || failed=$((failed + 1))
    printf '  %-6s  %8s  %s\n' "${verdicts[index]}" "${lasted[index]}" "${titles[index]}"
  done
  printf '%d passed, %d failed\n' $((${#titles[@]} - failed)) "$failed"
  ((failed == 0))
}

finish() {
  local status=0
  summary || status=1
  printf "in %s\n" "$(seconds_since "$began_all")"
  exit "$status"
}

# --- what runs, and its end ----------------------------------------------------------------------

place='' vigie_pid='' bucket_pid='' watchdog_pid=''

vigie() { as_user "$place/bin/vigie" "$@" -c "$place/vigie.yaml"; }

# Waits until FUNCTION holds: wait_until SECONDS WORDS FUNCTION [ARGUMENT…]
wait_until() {
  local end=$(($(now_ms) + $1 * 1000)) words=$2
  shift 2
  until "$@"; do
    [[ -z $vigie_pid ]] || kill -0 "$vigie_pid" 2>/dev/null || { detail "vigie serve has ended"; return 1; }
    (($(now_ms) < end)) || { detail "waited in vain for: $words"; return 1; }
    sleep 0.05
  done
}

vigie_is_gone() { ! kill -0 "$vigie_pid" 2>/dev/null; }

stop_vigie() {
  [[ -n $vigie_pid ]] || return 0
  local pid=$vigie_pid end=$((SECONDS + 15))
  vigie_pid=''
  kill -TERM "$pid" 2>/dev/null
  while kill -0 "$pid" 2>/dev/null && ((SECONDS < end)); do sleep 0.05; done
  kill -KILL "$pid" 2>/dev/null && detail "vigie serve did not end within 15 s and was killed"
  wait "$pid" 2>/dev/null
}

# Processes whose command line names our folder; no child does the looking, or it would find itself.
left_over() {
  local file arguments
  for file in /proc/[0-9]*/cmdline; do
    mapfile -d '' -t arguments 2>/dev/null <"$file" || continue
    [[ "${arguments[*]:-}" == *"$place"* ]] && printf '%s ' "${file//[^0-9]/}"
  done 2>/dev/null
}

clean_up() {
  local status=$?
  trap '' INT TERM
  trap - EXIT
  [[ -n $place ]] || exit "$status"
  stop_vigie
  stop_bucket
  pg_stop
  [[ -z $watchdog_pid ]] || kill "$watchdog_pid" 2>/dev/null
  local left
  left=$(left_over)
  if [[ -n $left ]]; then
    warn "     left over: processes $left"
    status=1
  fi
  if [[ $keep == yes ]]; then
    printf '\nKept: %s (delete it when you are done)\n' "$place"
  else
    rm -rf "$place"
    printf '\nStopped and cleaned: no process and no file is left.\n'
  fi
  exit "$status"
}

# --- the round -----------------------------------------------------------------------------------

trap clean_up EXIT
trap 'exit 130' INT TERM
place=$(make_place demo) || die "no folder for the demo"
install -D -m 755 "${VIGIE_BINARY:-$root/build/release/vigie}" "$place/bin/vigie"
install -m 755 "$root/scripts/radosgw.sh" "$place/bin/"
chown -R "$(pg_user)" "$place/bin"
# Nothing may outlive this script, even when it is killed outright.
place=$place keep=$keep setsid "$root/scripts/demo/watchdog.sh" $$ </dev/null >/dev/null 2>&1 &
watchdog_pid=$!
disown "$watchdog_pid"
printf '%sVigie: backups that can be trusted%s\n%sin %s, as user %s%s\n' "$bold" "$plain" "$dim" "$place" "$(pg_user)" "$plain"

must "A private PostgreSQL 15, on a unix socket only" start_postgres
must "A shop with a past: every kind of column, over a million rows" fill_database
must "A bucket for the copies, and a key for whoever may open them" start_bucket
must "One configuration file, checked before it is used" write_configuration
must "The daemon starts; a job that never succeeded is a failure" start_daemon
prove "What is asked for, and what is proved so far: little" matrix_before
prove "A backup on schedule, sealed, encrypted and verified" first_backup
prove "The source itself is looked at: no table and no index of it is damaged" source_checked
prove "A copy in the bucket, encrypted, read back to its last byte; the status turns" copied
prove "Stock tools and the key open it, and every row is there" restore_by_hand
prove "A drill of the copy: restored into a server of its own, compared; damage is refused" drill
prove "Old backups expire, never the last good ones" old_ones_expire
prove "One byte flips on the disk, and is found" flipped_byte
prove "The next backup is good again" recovery
prove "kill -9 of the whole server under load: what it had acknowledged is there" durability
prove "A restart that nobody told Vigie of: it has seen it, and every row is there" observed_restart
prove "The evidence of all this holds together" evidence
prove "The matrix has filled by itself, and the gate opens" matrix_after
prove "One file for an auditor" auditor_export

if [[ $once == yes ]]; then
  prove "Everything is deleted, and comes back from the bucket and the key alone" lost_host
  finish
fi
summary
printf '\n%sIt goes on, a backup every %s. Ask it from another terminal; Ctrl-C stops and cleans everything.%s\n' "$bold" "$every" "$plain"
printf '  %s status -c %s\n' build/release/vigie "$place/vigie.yaml"
printf '  curl -H @%s %s/backups/status | jq .\n' "$place/header" "$url"
trap 'exit 0' INT TERM
watch_on
