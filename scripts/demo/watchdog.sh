#!/bin/bash
# Ends what the demo started, when the demo itself was killed and cannot. Runs in a session of its own.
# usage: place=FOLDER keep=yes|no watchdog.sh PID
# The folder is not an argument: the demo looks for processes that name it.
set -uo pipefail
: "${place:?}" "${keep:?}"

tail --pid="$1" -s 0.2 -f /dev/null

# Ours are those that run the demo's own copy of the program, and the PostgreSQL of its folder.
ours() {
  local link
  for link in /proc/[0-9]*/exe; do
    [[ $(readlink "$link") != "$place/bin/vigie"* ]] || basename "${link%/exe}"
  done 2>/dev/null
}
postmaster() { head -n 1 "$place/pgdata/postmaster.pid" 2>/dev/null; }

stop() {
  local pids
  mapfile -t pids < <(ours)
  ((${#pids[@]} == 0)) || kill "-$1" "${pids[@]}" 2>/dev/null
}

# SIGQUIT is PostgreSQL's immediate shutdown.
postgres=$(postmaster)
stop TERM
for ((tries = 0; tries < 100; tries++)); do
  [[ -n $(ours) ]] || break
  sleep 0.1
done
stop KILL
[[ ! -s $place/bucket.pid ]] || kill -KILL -- "-$(cat "$place/bucket.pid")" 2>/dev/null
[[ -z $postgres ]] || kill -QUIT "$postgres" 2>/dev/null
[[ -z $postgres ]] || tail --pid="$postgres" -s 0.1 -f /dev/null
[[ $keep == yes ]] || rm -rf "$place"
