// databases: and backups: in vigie.yaml.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/yaml_fields.h"
#include "platform/postgres.h"
#include "platform/time_zone.h"

namespace vigie::backup {

struct DatabaseOptions {
  std::string name;
  platform::Dsn dsn;   // has the same name, and no password in it
  std::string bindir;  // of this server's own clients; empty: found in /usr/lib/postgresql/*/bin
  Place place;

  static DatabaseOptions parse(const std::string& name, const yaml::Entry& entry,
                               Problems& problems);
};

// The newest of each of the last N hours, days, … that have a good artefact; see retention.h.
struct RetentionOptions {
  int keep_last = 3;
  int hourly = 0;
  int daily = 7;
  int weekly = 5;
  int monthly = 12;
  int yearly = 0;
  int min_good = 3;  // at least 1

  static RetentionOptions parse(yaml::Fields& fields);
};

// How much smaller than the one before a backup may be: 0.5 for "-50%".
struct PlausibilityOptions {
  double rows = 0.5;
  double bytes = 0.5;

  static PlausibilityOptions parse(yaml::Fields& fields);
};

// What is asked of the source itself under the dump's snapshot.
enum class SourceCheck : unsigned char { none, counts, full };
enum class VerifyAfterBackup : unsigned char { none, quick, full };

struct VerifyOptions {
  VerifyAfterBackup after_backup = VerifyAfterBackup::full;
  Duration scrub = std::chrono::days(7);  // each kept artefact again within this; zero: never
};

// Sessions that queue behind the dump's locks longer than `after` make it give way.
struct GiveWayOptions {
  Duration after = std::chrono::seconds(5);  // zero: never gives way
  int retries = 3;
};

// Whom the files of a backup are encrypted for, in the age format; nobody: they are not.
struct EncryptionOptions {
  std::vector<std::string> recipients;  // public keys: age1…, ssh-ed25519 …, ssh-rsa …
  std::string recipients_file;          // one a line, # comments; read at each backup

  bool wanted() const { return !recipients.empty() || !recipients_file.empty(); }
  static EncryptionOptions parse(yaml::Fields& fields);
};

enum class Globals : unsigned char { none, without_passwords, with_passwords };

// A further store that a job's backups are copied into.
struct CopyOptions {
  std::string store;
  std::optional<RetentionOptions> retention;  // of the copies; nothing: as of the job
  Place place;
};

struct BackupJobOptions {
  std::string name;
  std::vector<std::string> databases;  // names of databases:, resolved and never empty
  std::string store;                   // where a backup is written to, and read from
  std::vector<CopyOptions> copies;
  int jobs = 2;
  int compression_level = 1;
  Globals globals = Globals::without_passwords;
  SourceCheck source_check = SourceCheck::counts;
  RetentionOptions retention;
  PlausibilityOptions plausibility;
  VerifyOptions verify;
  GiveWayOptions give_way;
  EncryptionOptions encryption;
  // How old the newest good backup may be. When the file does not say: the longest time between two
  // due times and 2 h more.
  Duration rpo_target = std::chrono::hours(26);
  Duration lock_wait_timeout = std::chrono::seconds(30);
  std::string ping_url_file;  // empty: none
  int large_objects_limit = 100'000;

  bool all_databases = false;   // as written: databases: all
  bool rpo_target_set = false;  // in the file
  Place place;
  std::vector<Place> database_places;  // of each database that the file names; none for all
  Place store_place;
  Place rpo_place;

  // Takes its own keys out of the job's mapping; the schedule's are jobs::TimingOptions's.
  static BackupJobOptions parse(const std::string& name, yaml::Fields& fields);
};

}  // namespace vigie::backup
