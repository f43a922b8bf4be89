#include "config/config.h"

namespace vigie::config {

namespace {

constexpr std::string_view kExample =
    R"(# Vigie's configuration. `vigie check-config` finds every mistake at once; `systemctl reload vigie` puts it in force.
# No secret stands here: a key that ends in _file names a file of mode 0600 that holds it.

server:
  listen: 127.0.0.1:8480          # or unix:/run/vigie/http.sock; beyond this host only with tls
  # tls: {certificate: /etc/vigie/tls.crt, key: /etc/vigie/tls.key}
  metrics_open: false             # true: /metrics without a token
  allow_plain_http: false         # true: beyond this host without tls, behind a proxy that has it
  limits:
    connections: 1000
    header: 16KiB
    target: 8KiB
    body: 64KiB
    request_timeout: 10s
    idle_timeout: 60s

state:
  dir: /var/lib/vigie             # on a local disk, mode 0700, owned by the user vigie

# evidence:
#   copy_to: /mnt/elsewhere/vigie-evidence    # the ledger and its signed checkpoints, copied there; or a list

# requirements:                     # what `vigie matrix` shows, and what its gate asks for
#   file: /etc/vigie/requirements.yaml          # in the place of those that the program carries
#   gate: [REQ-BAK-1, REQ-BAK-2, REQ-BAK-3, REQ-RST-1]
#   waivers:
#     - {id: REQ-DUR-1, by: "head of operations", why: "no window before May", until: 2027-05-31}

databases:
  app:
    dsn: "host=/run/postgresql dbname=app user=vigie"
    # password_file: /etc/vigie/app.password
    # bindir: /usr/lib/postgresql/15/bin      # the clients of this server's own major

stores:
  local:
    type: local
    path: /var/lib/vigie/artefacts
    # off_host: true              # what is mounted there lies on another host
    reserve: 15%                  # of the file system stays free; or a size such as 20GiB
  # offsite:
  #   type: s3                    # a bucket of a server that speaks S3
  #   endpoint: https://s3.example.org
  #   allow_http: false
  #   bucket: backups
  #   prefix: vigie
  #   region: eu-west-1
  #   path_style: true
  #   credentials_file: /etc/vigie/offsite.credentials    # the access key and its secret, on a line each
  #   ca_file: /etc/vigie/offsite-ca.pem
  #   server_side_encryption: none                        # AES256; aws:kms
  #   kms_key: alias/backups
  #   max_upload_rate: 20MiB                              # a second

backups:
  nightly:
    database: app                 # or databases: [app, crm], or databases: all
    schedule: "0 2 * * *"         # five cron fields, @daily and the like, or "every 10m"
    time_zone: Europe/Paris       # of the schedule and of the retention; UTC when left out
    window: 4h                    # a run that would start later waits for the next due time
    catch_up: wait                # now: it starts at once instead
    timeout: 4h
    store: local
    # copies: [offsite]           # further stores; or {store: offsite, retention: {daily: 30}}
    jobs: 2                       # of pg_dump
    compression_level: 1          # of zstd
    globals: true                 # roles and tablespaces, without passwords; with_passwords; false
    source_check: counts          # the source's own row counts; full: fingerprints; none
    retention:                    # the newest of each of the last N that have one
      keep_last: 3
      hourly: 0
      daily: 7
      weekly: 5
      monthly: 12
      yearly: 0
      min_good: 3                 # never fewer good ones than this
    plausibility:                 # shrunk by more than this: a warning, and nothing expires
      rows: -50%
      bytes: -50%
    verify:
      after_backup: full          # quick, none
      scrub: 7d                   # each kept artefact again within this; 0: never
    rpo_target: 26h               # how old the newest good backup may be
    lock_wait_timeout: 30s
    give_way:                     # to sessions that wait behind the dump's locks
      after: 5s                   # 0: never
      retries: 3
    # encryption:                 # in the age format; whoever has a private key of one of these can restore
    #   recipients: [age1…]
    #   recipients_file: /etc/vigie/recipients.txt
    # ping_url_file: /etc/vigie/ping          # a dead-man's switch outside: start, success, failure
    large_objects_limit: 100000

drills:
  weekly:
    backup: nightly               # its newest good backup, of each of its databases
    # database: app               # of one of them
    pick: newest                  # oldest, random
    # from: offsite               # a store of the job's copies
    schedule: "30 4 * * 0"
    time_zone: Europe/Paris
    window: 4h
    catch_up: wait
    timeout: 4h
    scratch:                      # a server of its own, made for the drill and removed after it
      type: local
      dir: /var/lib/vigie/scratch
      jobs: 2
      user: postgres              # whom it runs as where Vigie runs as root
    # scratch:                    # a server that is there already, with a superuser
    #   type: server
    #   dsn: "host=scratch.internal dbname=postgres user=vigie_drill"
    #   password_file: /etc/vigie/scratch.password
    #   marker_database: vigie_may_wipe_this      # the server must have it: whoever made it gave the server away
    #   jobs: 2
    rto_target: 30m               # beyond it: a warning
    rpo_target: 26h
    checks: [rows, fingerprints, objects, constraints, sequences, settings, freshness]
    # freshness: {table: public.orders, column: created_at, within: 26h}
    # assertions:                 # queries of one value
    #   - {name: no orphan lines, sql: "select count(*) from public.lines where order_id is null", equals: 0}
    # identity_file: /etc/vigie/drill.key     # the private key of encrypted backups
    # identity_command: [/usr/local/bin/fetch-key]
    canary: every                 # damaged copies must be refused, each time; never: none are made

amcheck:                          # is the database itself damaged? by hand: vigie amcheck run app
  app:
    database: app
    schedule: "0 5 * * 6"
    # user: vigie_amcheck         # needs the grants of vigie grants --role dump, and the extension amcheck
    # password_file: /etc/vigie/amcheck.password
    heapallindexed: true          # also: is every row in every index? reads each table once more
    jobs: 1                       # of pg_amcheck

durability:                       # interrupts PostgreSQL; by hand: vigie durability run app --yes-interrupt app
  app:
    database: app
    user: vigie_witness           # vigie grants --role witness --name vigie_witness
    # password_file: /etc/vigie/witness.password
    writers: 4
    duration: 20s
    fault: postmaster_kill        # fast_restart, immediate_restart; service_restart, container_restart, command: restart.command; pod_delete; node_reboot
    # restart: {start: [/usr/bin/systemctl, start, postgresql]}
    # kubernetes: {namespace: db, selector: app=postgres}     # of pod_delete; kubeconfig: where Vigie is in no pod
    recovery_timeout: 5m
    # schedule: "0 5 1 */3 *"     # needs interrupt: app
  app-observed:                   # interrupts nobody: a row a second, compared when the server has restarted
    database: app
    mode: observe
    user: vigie_witness
    rate: 1/s
    # kubernetes: {namespace: db, selector: app=postgres}     # tells which pod the server was in, and is in
)";

}  // namespace

std::string_view example() {
  return kExample;
}

}  // namespace vigie::config
