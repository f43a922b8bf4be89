#!/bin/bash
# Random kills of the daemon, of pg_dump and of the postmaster while backups run; after each, what must always be so.
# On demand, not in CI.
#
# usage: scripts/soak.sh SECONDS [BINARY]        (as root; PostgreSQL runs as the user postgres)
set -u
seconds=${1:?usage: scripts/soak.sh SECONDS [BINARY]}
vigie=$(realpath "${2:-build/dev/vigie}")
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
work=$(mktemp -d /tmp/vigie-soak.XXXXXX)
chmod 755 "$work"
install -d -o postgres "$work/pg"
daemon=

as_postgres() { (cd / && setpriv --reuid=postgres --regid=postgres --init-groups "$@"); }
start_postgres() { as_postgres "$bin/pg_ctl" -D "$work/pg/data" -w -l "$work/pg/log" start >/dev/null; }
finish() {
  [ -n "$daemon" ] && kill -9 "$daemon" 2>/dev/null
  as_postgres "$bin/pg_ctl" -D "$work/pg/data" -m immediate stop >/dev/null 2>&1
  [ "${1:-0}" = 0 ] && rm -rf "$work" || echo "left for you: $work"
  exit "${1:-0}"
}
trap 'finish 130' INT TERM

as_postgres "$bin/initdb" -D "$work/pg/data" -A trust -N >/dev/null || finish 1
printf "listen_addresses = ''\nunix_socket_directories = '%s'\n" "$work/pg" >>"$work/pg/data/postgresql.conf"
start_postgres || finish 1
psql=("$bin/psql" -X -q -h "$work/pg" -U postgres)
"${psql[@]}" -c "CREATE TABLE a AS SELECT g, repeat('row ' || g, 50) t FROM generate_series(1, 100000) g"
cat >"$work/vigie.yaml" <<YAML
server: {listen: "unix:$work/http.sock"}
state: {dir: $work/state}
databases: {app: {dsn: "host=$work/pg dbname=postgres user=postgres"}}
stores: {local: {type: local, path: $work/artefacts, reserve: 1MiB}}
backups:
  nightly:
    database: app
    store: local
    retention: {keep_last: 3, daily: 0, weekly: 0, monthly: 0, min_good: 2}
YAML

fail() { echo "soak: BROKEN after $rounds rounds: $*"; tail -5 "$work/log"; finish 1; }
run() { "$vigie" "$@" -c "$work/vigie.yaml"; }
start_daemon() {
  "$vigie" serve -c "$work/vigie.yaml" 2>"$work/log" &
  daemon=$!
  for _ in $(seq 600); do
    grep -q '"daemon.ready"' "$work/log" && return
    kill -0 "$daemon" 2>/dev/null || fail "the daemon did not start"
    read -rt 0.1 <> <(:)
  done
  fail "the daemon does not answer"
}
children() { pgrep -f "pg_dump.*$work" ; pgrep -x pg_dump | while read -r pid; do
  grep -qzF "$work" "/proc/$pid/environ" 2>/dev/null && echo "$pid"; done; }

# Without a daemon: the command opens the state itself, and so recovers first.
check() {
  run backup list -o json >"$work/list" || fail "no list"
  local listed stored
  listed=$(grep -oE '"id": ?"[^"]+"' "$work/list" | sed 's/.*"\([^"]*\)"$/\1/' | sort -u)
  stored=$(find "$work/artefacts" -name manifest.json 2>/dev/null | xargs -r -n1 dirname | xargs -r -n1 basename | sort)
  [ "$listed" = "$stored" ] || fail "listed: $listed; stored: $stored"
  local folders
  folders=$(find "$work/artefacts" -mindepth 2 -maxdepth 2 -type d 2>/dev/null | wc -l)
  [ "$folders" = "$(wc -w <<<"$stored")" ] || fail "debris in the store"
  [ -z "$(ls -A "$work/state/staging")" ] || fail "staging is not empty"
  [ -z "$stored" ] || run backup verify --all >/dev/null || fail "an artefact does not verify"
  run evidence verify >/dev/null || fail "the ledger's chain is broken"
  local now=$(wc -w <<<"$stored")
  [ "$now" -ge "$least" ] || fail "only $now artefacts are left, there were $least"
  [ "$now" -gt 2 ] && now=2
  [ "$now" -gt "$least" ] && least=$now
}

rounds=0
least=0
until=$((SECONDS + seconds))
while [ $SECONDS -lt $until ]; do
  start_daemon
  run backup run nightly --no-wait >/dev/null 2>&1
  read -rt "0.$((RANDOM % 9))" <> <(:)
  case $((RANDOM % 4)) in
    0) for pid in $(children); do kill -9 "$pid" 2>/dev/null; done ;;
    1) kill -9 "$(head -1 "$work/pg/data/postmaster.pid")" ;;
    *) ;;
  esac
  kill -9 "$daemon"
  wait "$daemon" 2>/dev/null
  daemon=
  for _ in $(seq 100); do [ -z "$(children)" ] && break; read -rt 0.1 <> <(:); done
  [ -z "$(children)" ] || fail "pg_dump outlived the daemon"
  "${psql[@]}" -c "select 1" >/dev/null 2>&1 || { rm -f "$work/pg/data/postmaster.pid"; start_postgres; }
  check
  # One that goes well every few rounds, so that expiry has something to do.
  [ $((rounds % 3)) = 2 ] && { run backup run nightly >/dev/null || fail "a quiet backup failed"; check; }
  rounds=$((rounds + 1))
done
echo "soak: $rounds rounds in $seconds s, $(find "$work/artefacts" -name manifest.json | wc -l) artefacts left, all good"
finish 0
