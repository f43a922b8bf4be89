# A PostgreSQL 15 of our own in one folder: unix socket only, run by an unprivileged user, gone with its folder.
# Sourced. The caller sets `place` (the folder, see make_place) and calls the rest.
# shellcheck shell=bash disable=SC2154

readonly pg_bin=/usr/lib/postgresql/15/bin

# PostgreSQL refuses to run as root; its package brings the system user `postgres`.
pg_user() { if ((EUID == 0)); then echo postgres; else id -un; fi; }

# Everything that is not ours to do as root is done by that user, without root's rights and environment.
as_user() {
  if ((EUID == 0)); then
    setpriv --reuid=postgres --regid=postgres --init-groups --inh-caps=-all env -i -C "$place" \
      PATH="$PATH" LC_ALL=C.UTF-8 HOME="$place" TERM="${TERM:-dumb}" NO_COLOR="${NO_COLOR:-}" "$@"
  else
    (cd "$place" && "$@")
  fi
}

# A folder that this user owns, outside the tree: the tree may lie where only root can go.
make_place() {
  local new
  new=$(mktemp -d "${TMPDIR:-/var/tmp}/vigie-$1.XXXXXX")
  chown "$(pg_user)" "$new"
  chmod 700 "$new"
  echo "$new"
}

pg_start() {
  as_user mkdir -p "$place/run"
  as_user "$pg_bin/initdb" -D "$place/pgdata" -U postgres -A trust -E UTF8 --locale=C.UTF-8 >"$place/initdb.log" 2>&1 || {
    tail -n 20 "$place/initdb.log" >&2
    return 1
  }
  {
    echo "listen_addresses = ''"
    echo "unix_socket_directories = '$place/run'"
    echo "dynamic_shared_memory_type = mmap" # in its folder: killed outright it leaves nothing in /dev/shm
    echo "shared_buffers = 256MB"
    echo "max_wal_size = 4GB"
    printf '%s\n' "$@"
  } | as_user tee -a "$place/pgdata/postgresql.conf" >/dev/null
  pg_start_again
}

pg_start_again() {
  as_user "$pg_bin/pg_ctl" -D "$place/pgdata" -l "$place/postgresql.log" -w -t 60 start >/dev/null 2>&1 || {
    tail -n 20 "$place/postgresql.log" >&2
    return 1
  }
}

pg_stop() {
  [[ -s $place/pgdata/postmaster.pid ]] || return 0
  as_user "$pg_bin/pg_ctl" -D "$place/pgdata" -m immediate -w -t 30 stop >/dev/null 2>&1
}

pg_psql() { as_user "$pg_bin/psql" -h "$place/run" -U postgres -X -q -v ON_ERROR_STOP=1 "$@"; }
