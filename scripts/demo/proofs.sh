# The steps of the demo: each does one thing, says what it saw, and returns whether that is what must be seen.
# Sourced by scripts/demo.sh.
# shellcheck shell=bash disable=SC2154

start_postgres() {
  pg_start "log_min_messages = fatal" || return 1
  detail "PostgreSQL $("$pg_bin/postgres" --version | awk '{print $3}'); no TCP port, and only its own user can reach its socket"
}

fill_database() {
  pg_psql -d postgres -c "CREATE DATABASE shop" || return 1
  { echo "SET demo.rows = $rows;"; cat "$root/scripts/demo/schema.sql"; } | pg_psql -d shop >/dev/null || return 1
  detail "$(rows_of shop) rows in $(pg_psql -d shop -Atc "SELECT pg_size_pretty(pg_database_size('shop'))"): partitions, jsonb, bytea, numeric, arrays, an enum,"
  detail "generated and dropped columns, sequences, foreign keys, views, an extension, large objects, roles, row-level security"
}

# Every row of every table of a database, counted one by one.
rows_of() {
  pg_psql -d "$1" -At <<'SQL'
SELECT sum((xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM ONLY %s', oid::regclass), false, true, '')))[1]::text::bigint)
FROM pg_class WHERE relkind = 'r' AND relnamespace IN ('shop'::regnamespace, 'audit'::regnamespace)
SQL
}

# In place of this shell: as the demo's user. Ctrl-C in this terminal is ours to pass on.
in_own_session() {
  is_root || exec setsid "$@"
  exec setsid setpriv --reuid=postgres --regid=postgres --init-groups --inh-caps=-all env -i PATH="$PATH" LC_ALL=C.UTF-8 "$@"
}

free_port() { /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# A bucket of a real S3 server, on loopback, in memory. What listens there is killed with its session.
start_bucket() {
  local monitor
  monitor=$(free_port) && bucket_port=$(free_port) || return 1
  as_user mkdir -m 700 "$place/ceph" || return 1
  as_user /usr/bin/python3 -c 'import secrets; print(secrets.token_hex(10)); print(secrets.token_hex(20))' >"$place/bucket.key" || return 1
  chmod 600 "$place/bucket.key" && chown "$(pg_user)" "$place/bucket.key" || return 1
  mapfile -t keys <"$place/bucket.key"
  in_own_session "$place/bin/radosgw.sh" "$place/ceph" "$monitor" "$bucket_port" "${keys[0]}" "${keys[1]}" vigie >"$place/ceph.log" 2>&1 </dev/null &
  bucket_pid=$!
  echo "$bucket_pid" >"$place/bucket.pid"
  wait_until 90 "the bucket to answer" test -e "$place/ceph/ready" || { tail -n 20 "$place/ceph.log" >&2; return 1; }
  as_user age-keygen -o "$place/key.txt" 2>/dev/null || return 1
  recipient=$(as_user age-keygen -y "$place/key.txt") || return 1
  detail "radosgw on 127.0.0.1:$bucket_port, which checks every signature; the bucket is empty"
  detail "age-keygen: who has key.txt can open the backups, and nobody else; Vigie gets $(cut -c 1-16 <<<"$recipient")…"
}

stop_bucket() {
  [[ -n $bucket_pid ]] || return 0
  kill -TERM -- "-$bucket_pid" 2>/dev/null
  wait "$bucket_pid" 2>/dev/null
  bucket_pid=''
}

configuration() {
  cat <<END
# Written by ./run demo. Everything that is not said here has a default; vigie check-config knows every key.
server:
  listen: $1                          # only this machine
state:
  dir: $place/state                   # evidence, due times, tokens
databases:
  shop:
    dsn: "host=$place/run dbname=shop user=vigie"   # no password: the socket's folder is private
stores:
  local: {type: local, path: $place/store, reserve: 1%}
  offsite:
    type: s3
    endpoint: http://127.0.0.1:$bucket_port      # in earnest https, on another host
    off_host: true                               # so that the status is as with one
    bucket: vigie
    prefix: shop-host
    credentials_file: $place/bucket.key          # the access key and its secret, mode 0600
backups:
  shop:
    database: shop
    schedule: "every $every"                # in earnest: "0 2 * * *" with a time_zone
    store: local
    copies: [offsite]                     # each good one, read back from there
    encryption: {recipients: [$recipient]}
    jobs: 2
    globals: true                         # roles too, without their passwords
    source_check: counts                  # the dump must hold the rows that the source holds
    retention: {keep_last: 3, hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0, min_good: 2}
    verify: {after_backup: full}          # read back, unpacked, counted, compared
    rpo_target: 1m
drills:
  shop:
    backup: shop                          # its newest good one; in earnest with a schedule: "30 4 * * 0"
    from: offsite                         # the copy in the bucket, which is what a fire leaves
    identity_file: $place/key.txt         # only a drill needs it
    scratch: {dir: $place/scratch}        # a PostgreSQL of its own, made for the drill and thrown away
    rto_target: 10m
    rpo_target: 10m
    freshness: {table: shop.orders, column: placed_at, within: 3650d}
    assertions:
      - {name: no line without its order, sql: "select count(*) from shop.order_line l where not exists (select from shop.orders o where o.id = l.order_id and o.placed_at = l.placed_at)", equals: 0}
amcheck:
  shop: {database: shop}                  # is the database itself damaged? in earnest weekly: "0 5 * * 6"
durability:
  shop:
    database: shop
    user: vigie_witness                   # owns a database of its own, which is in no backup
    duration: 3s                          # in earnest: 20s
    fault: postmaster_kill                # kill -9 of every process of the server
  shop-observed:
    database: shop
    mode: observe                         # interrupts nobody: it waits for a restart by somebody else
    user: vigie_witness
    rate: 5/s                             # in earnest: 1/s
requirements:
  waivers:                                # what cannot be met for a while: somebody answers for it
    - {id: REQ-DUR-2, by: the demo, why: this machine is not restarted for it, until: $(date -u -d tomorrow +%F)}
END
}

write_configuration() {
  local listen
  listen=127.0.0.1:$(free_port) || return 1
  url=http://$listen
  configuration "$listen" | as_user tee "$place/vigie.yaml" >/dev/null
  as_user mkdir -m 700 "$place/state" "$place/store"
  vigie check-config >"$place/check-config.out" 2>&1 || { cat "$place/check-config.out" >&2; return 1; }
  vigie grants --role dump >"$place/grants.sql" || return 1
  pg_psql -d shop -c "CREATE EXTENSION IF NOT EXISTS amcheck" >/dev/null || return 1
  pg_psql -d shop <"$place/grants.sql" >/dev/null || return 1
  vigie grants --role witness --name vigie_witness | pg_psql -d shop >/dev/null || return 1
  detail "vigie check-config: no mistakes"
  detail "vigie grants --role dump | psql: the least rights that can read everything"
}

# GET a path of the daemon with the demo's token; the token is never on a command line.
api() { curl --noproxy '*' -sS -m 10 -H "@$place/header" "$url$1"; }

status_of() { api "$1" 2>/dev/null | jq -r .status 2>/dev/null; }

is_ready() { [[ $(curl --noproxy '*' -s -m 2 -o /dev/null -w '%{http_code}' "$url/readiness") == 200 ]]; }

# What is not well, the worst first, as "reason (check)".
complaints() {
  api "$1" | jq -r '[.checks[] | select(.status != "pass")] | sort_by({fail: 0, unknown: 1, warn: 2}[.status]) | .[] | "\(.reason_code) (\(.id))"'
}

# Nothing is wrong with the backups themselves. That the first store lies beside the data stays a warning: it is one.
all_but_their_place() {
  case $(status_of /backups/status) in
    pass) ;;
    warn) ! complaints /backups/status | grep -vE '^store_beside_data ' ;;
    *) return 1 ;;
  esac
}
say_status() { detail "GET /backups/status: $bold$(status_of /backups/status)$plain, $(complaints /backups/status | head -n 1)"; }

make_token() {
  (
    umask 077
    vigie token create --scope operate --expires 1d --output json >"$place/token.json" || exit 1
    printf 'Authorization: Bearer %s\n' "$(jq -r .token "$place/token.json")" >"$place/header"
    rm "$place/token.json"
    chown "$(pg_user)" "$place/header"
  )
}

start_daemon() {
  local began
  began=$(now_ms)
  in_own_session "$place/bin/vigie" serve -c "$place/vigie.yaml" >"$place/vigie.log" 2>&1 </dev/null &
  vigie_pid=$!
  wait_until 10 "/readiness to answer 200" is_ready || return 1
  detail "ready after $(seconds_since "$began"), $(awk '/^VmRSS/ {printf "%.0f MiB resident", $2 / 1024}' "/proc/$vigie_pid/status")"
  make_token || return 1
  say_status
}

backups() { vigie backup list --output json 2>/dev/null; }
good_backups() { backups | jq -r 'map(select(.result == "passed" and .verified_at != null)) | sort_by(.started_at) | .[].id'; }
have_good() { (($(good_backups | wc -l) >= $1)); }
newest_good() { good_backups | tail -n 1; }
newer_than() { local newest; newest=$(newest_good); [[ -n $newest && $newest > $1 ]]; }

describe() {
  backups | jq -r --arg id "$1" '.[] | select(.id == $id) |
    "\(.id): \((.raw_bytes / 1048576) | floor) MiB in \((.stored_bytes / 1048576) | floor) MiB, \((.duration_s * 10 | floor) / 10) s, verified at \(.verified_at[11:19])"'
}

first_backup() {
  wait_until 60 "a scheduled backup that is verified" have_good 1 || return 1
  detail "$(describe "$(newest_good)")"
}

newest_copy() { api /backups/status | jq -r '.data.jobs[0].databases[0].copies[0].newest_verified // ""'; }
copy_newer_than() { local newest; newest=$(newest_copy); [[ -n $newest && $newest > $1 ]]; }

# A dump reads no index, and a restore makes them anew: neither would see damage there.
source_checked() {
  vigie amcheck run shop >"$place/amcheck.out" 2>&1 || { cat "$place/amcheck.out" >&2; return 1; }
  vigie amcheck show shop --output json |
    jq -r '"\(.measures.tables) tables and \(.measures.indexes) indexes read by pg_amcheck: \(.measures.damaged) damaged"' | sed 's/^/     /'
}

copied() {
  wait_until 60 "a copy in the bucket that was read back" copy_newer_than "" || { complaints /backups/status >&2; return 1; }
  api /backups/status | jq -r '.data.jobs[0].databases[0].copies[0] | "\(.newest_verified): in the bucket, every byte read back at \(.verified_at[11:19])"' | sed 's/^/     /'
  detail "$(vigie evidence list --kind copy_verify --output jsonl | head -n 1 | jq -r '"entry \(.seq), \(.requirement_ids | join(", ")): \(.result)"')"
  wait_until 30 "/backups/status to turn" all_but_their_place || { complaints /backups/status >&2; return 1; }
  say_status
  detail "All is well but one thing, and Vigie keeps saying so: the first store lies beside the data."
}

artefact_folder() { echo "$place/store/shop/$1"; }

# What RECOVER.md says under "Under another name", in short: sums, unpack, restore. No Vigie in it. The pin keeps it from expiring meanwhile.
restore_by_hand() {
  local id
  id=$(newest_good)
  vigie backup pin "$id" --reason "restored by hand in the demo" >"$place/pin.out" 2>&1 || return 1
  as_user cp -r "$(artefact_folder "$id")" "$place/restore" || return 1
  as_user bash -eo pipefail -c '
    cd restore
    sha256sum --quiet -c SHA256SUMS
    for file in dump/*.age; do age -d -i "$3" "$file" | zstd -q -d -o "${file%.zst.age}"; rm "$file"; done
    "$1/createdb" -h "$2" -U postgres --template=template0 restored
    "$1/pg_restore" -h "$2" -U postgres --exit-on-error --no-tablespaces --jobs=2 -d restored dump
  ' _ "$pg_bin" "$place/run" "$place/key.txt" || return 1
  vigie backup unpin "$id" --reason "restored, and compared" >"$place/pin.out" 2>&1 || { cat "$place/pin.out" >&2; return 1; }
  local restored source
  restored=$(rows_of restored) source=$(rows_of shop)
  pg_psql -d postgres -c "DROP DATABASE restored"
  rm -rf "$place/restore"
  detail "sha256sum, age, zstd, pg_restore: $restored rows restored, $source in the source"
  [[ $restored == "$source" ]]
}

# The same by Vigie, into a server that nobody else sees; then it is shown that the checks can fail.
drill() {
  vigie drill run shop >"$place/drill.out" 2>&1 || { cat "$place/drill.out" >&2; vigie drill show shop >&2; return 1; }
  vigie drill show shop --output json | jq '.databases[0].last' >"$place/drill.json" || return 1
  jq -r '"\(.measures.rows) rows in \(.measures.tables) tables read back and equal, and \([.assertions[] | select(.id | startswith("objects."))] | length) kinds of objects, owners, rights and settings",
    "RTO \(.measures.rto_s * 10 | floor / 10) s, the data was \(.measures.rpo_s | floor) s old",
    "damage put there on purpose and refused: \([.assertions[] | select(.id | startswith("canary.")) | .id[7:] | gsub("_"; " ")] | join(", "))"' \
    "$place/drill.json" | sed 's/^/     /'
  jq -e '[.assertions[] | select(.id | startswith("canary."))] | length == 6 and all(.result == "passed")' "$place/drill.json" >/dev/null ||
    { detail "a canary is missing or was not refused"; return 1; }
  drilled=$(jq -r .subject.backup "$place/drill.json")
  [[ -z $(find "$place/scratch" -mindepth 1 ! -name '*.lock') ]] || { detail "the scratch server left something"; return 1; }
}

server_is_gone() { ! kill -0 "$1" 2>/dev/null; }

# What a service manager does: starts the server again when it has died.
keep_postgres() {
  wait_until 60 "the server to die" server_is_gone "$1" && pg_start_again
}

durability() {
  local status=0
  keep_postgres "$(head -n 1 "$place/pgdata/postmaster.pid")" &
  vigie durability run shop --yes-interrupt shop --output json >"$place/durability.json" 2>"$place/durability.out" || status=$?
  ((status == 0)) || kill $! 2>/dev/null
  wait $!
  ((status == 0)) || { cat "$place/durability.out" >&2; vigie durability show shop >&2; return 1; }
  jq -r '.result | "kill -9 under load: \(.acknowledged) rows were acknowledged, \(.present) are there, \(.lost) lost; \(.indeterminate) were in flight",
    "the server was away for \(.down_s * 10 | floor / 10) s"' "$place/durability.json" | sed 's/^/     /'
  detail "what it shows: $(jq -r .result.shows "$place/durability.json" | fold -s -w 100 | sed '2,$s/^/       /')"
  # The proof that only observes has seen the same restart.
  wait_until 60 "/restore/status to pass" restore_passes || { complaints /restore/status >&2; return 1; }
  detail "GET /restore/status: $bold$(status_of /restore/status)$plain"
}
restore_passes() { [[ $(status_of /restore/status) == pass ]]; }

# By us, not by Vigie, and nobody tells it.
observed_restart() {
  local before
  before=$(observations | jq length)
  as_user "$pg_bin/pg_ctl" -D "$place/pgdata" -l "$place/postgresql.log" -m fast -w -t 60 restart >/dev/null 2>&1 || return 1
  detail "pg_ctl restart, by hand: nobody has asked Vigie"
  wait_until 60 "evidence of the restart" more_observations_than "$before" || { vigie durability list >&2; return 1; }
  observations | jq -r 'max_by(.seq) | "\(.environment.before.postmaster_started_at[11:19]) was the start of the server before, \(.environment.after.postmaster_started_at[11:19]) is now: for \(.measures.down_s * 10 | floor / 10) s at most it took no row",
    "\(.measures.acknowledged) rows had been acknowledged, \(.measures.present) are there, \(.measures.lost) lost (entry \(.seq), \(.requirement_ids | join(", ")))"' |
    sed 's/^/     /'
}
observations() { vigie evidence list --kind durability_proof --output json 2>/dev/null | jq '[.[] | select(.subject.proof == "shop-observed" and .result == "passed")]'; }
more_observations_than() { (($(observations | jq length) > $1)); }

# What a server holds, as lines: each table's rows, counted and with the sum of their hashes, in whatever order they lie; large objects; roles.
contents_of() {
  pg_psql -d "$1" -AtF ' ' <<'SQL'
SET TimeZone = 'UTC';
SELECT format('SELECT %L, %L, count(*), sum(hashtextextended(t::text, 0)) FROM ONLY %s t', 'table', oid::regclass, oid::regclass)
FROM pg_class WHERE relkind = 'r' AND relnamespace IN ('shop'::regnamespace, 'audit'::regnamespace)
ORDER BY oid::regclass::text COLLATE "C"
\gexec
SELECT 'large object', oid, length(lo_get(oid)), md5(lo_get(oid)) FROM pg_largeobject_metadata ORDER BY oid;
SELECT 'role', rolname, rolsuper, rolcanlogin, rolcreatedb, rolbypassrls FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY rolname;
SQL
}
count_of() { grep -c "^$1 " "$2"; }

# The loss of the host: the server's data folder, every backup, the configuration and the state with the daemon's own key.
lose_host() {
  stop_vigie
  pg_stop || return 1
  as_user rm -rf "$place/pgdata" "$place/state" "$place/store" "$place/scratch" "$place/vigie.yaml" || return 1
  detail "deleted: PostgreSQL's data folder, every backup of this host, the configuration and the state"
  detail "left: the bucket, its access key, key.txt, and the programs"
}

# As on another machine: an empty server that knows neither the database nor its roles.
lost_host() {
  local known before=$place/contents.before after=$place/contents.after
  # The crash has emptied the unlogged table: a copy of after it is wanted.
  known=$(newest_good)
  wait_until 90 "a copy of after the crash" copy_newer_than "$known" || return 1
  contents_of shop >"$before" || return 1
  lose_host || return 1
  pg_start "log_min_messages = fatal" || return 1
  detail "initdb: a new server, with the role postgres alone"
  as_user "$place/bin/vigie" restore run --from s3://vigie/shop-host --s3-endpoint "http://127.0.0.1:$bucket_port" --s3-credentials "$place/bucket.key" \
    --identity "$place/key.txt" --globals --work-dir "$place" --to "host=$place/run dbname=shop user=postgres" >"$place/lost.out" 2>&1 || { cat "$place/lost.out" >&2; return 1; }
  contents_of shop >"$after" || return 1
  diff "$before" "$after" >"$place/contents.diff" || { head -n 12 "$place/contents.diff" >&2; return 1; }
  detail "vigie restore run --from s3://… --identity key.txt --globals, and nothing else"
  detail "equal to before: $(rows_of shop) rows of $(count_of table "$after") tables, by number and by hash; $(count_of "large object" "$after") large objects; $(count_of role "$after") roles"
}

old_ones_expire() {
  local first
  first=$(good_backups | grep -vxF "$drilled" | head -n 1) # that one is held: the last that a drill restored
  wait_until 120 "an old backup to expire" is_gone "$first" || return 1
  detail "$first has expired"
  vigie backup prune --dry-run 2>&1 | head -n 12 | sed 's/^/     /'
  have_good 2 || { detail "fewer than min_good are left"; return 1; }
}
is_gone() { [[ ! -e $(artefact_folder "$1") ]]; }

# Turns one bit in the middle of the largest data file.
flip_a_byte() {
  as_user /usr/bin/python3 - "$1" <<'PYTHON'
import os, sys
data = os.path.join(sys.argv[1], "dump")
victim = max((os.path.join(data, name) for name in os.listdir(data)), key=os.path.getsize)
with open(victim, "r+b") as file:
    place = os.path.getsize(victim) // 2
    file.seek(place)
    byte = file.read(1)[0]
    file.seek(place)
    file.write(bytes([byte ^ 1]))
print(f"one bit of byte {place} of {os.path.basename(victim)}")
PYTHON
}

flipped_byte() {
  local status=0
  victim=$(newest_good)
  vigie backup pin "$victim" --reason "the demo damages this one" >"$place/pin.out" 2>&1 || return 1
  detail "flipped $(flip_a_byte "$(artefact_folder "$victim")") in $victim"
  vigie backup verify "$victim" >"$place/verify.out" 2>&1 || status=$?
  head -n 6 "$place/verify.out" | sed 's/^/     /'
  detail "vigie backup verify: exit status $status"
  ((status == 1)) || return 1
  is_bad "$victim" || { detail "the list still calls it good"; return 1; }
  [[ $(status_of /backups/status) == fail ]] || { detail "the status does not fail"; return 1; }
  say_status
}
is_bad() { ! good_backups | grep -qx "$1"; }

recovery() {
  wait_until 60 "a newer backup that is verified" newer_than "$victim" || return 1
  detail "$(describe "$(newest_good)")"
  vigie backup unpin "$victim" --reason "the demo is done with it" >"$place/pin.out" 2>&1 || { cat "$place/pin.out" >&2; return 1; }
  vigie backup verify "$(newest_good)" >/dev/null 2>&1 || { detail "vigie backup verify refuses it"; return 1; }
}

evidence() {
  vigie evidence verify >"$place/evidence.out" 2>&1 || { cat "$place/evidence.out"; return 1; }
  head -n 3 "$place/evidence.out" | sed 's/^/     /'
  detail "entries: $(vigie evidence list --output json | jq -r 'group_by(.kind) | map("\(length) \(.[0].kind)") | join(", ")')"
}

# Until Ctrl-C: says what comes and what goes.
watch_on() {
  local known current status=''
  known=$(good_backups)
  while kill -0 "$vigie_pid" 2>/dev/null; do
    current=$(good_backups)
    comm -13 <(sort <<<"$known") <(sort <<<"$current") | while read -r id; do [[ -z $id ]] || printf '  %s  + %s\n' "$(date +%T)" "$(describe "$id")"; done
    comm -23 <(sort <<<"$known") <(sort <<<"$current") | while read -r id; do [[ -z $id ]] || printf '  %s  - %s %s\n' "$(date +%T)" "$id" "$(is_gone "$id" && echo expired || echo "is not good any more")"; done
    if [[ $status != "$(status_of /backups/status)" ]]; then
      status=$(status_of /backups/status)
      printf '  %s    status: %s, %s\n' "$(date +%T)" "$status" "$(complaints /backups/status | head -n 1)"
    fi
    known=$current
    sleep 1
  done
  detail "vigie serve has ended"
  return 1
}
