// vigie.yaml: read whole, every mistake found at once, into each room's options.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/options.h"
#include "backup/options.h"
#include "base/problems.h"
#include "jobs/options.h"
#include "ledger/options.h"
#include "platform/file_system.h"
#include "proof/options.h"
#include "store/options.h"

namespace vigie::config {

struct StateOptions {
  std::string dir = "/var/lib/vigie";
};

// One entry of backups:.
struct BackupJob {
  jobs::TimingOptions timing;
  backup::BackupJobOptions options;
  const std::string& name() const { return options.name; }
};

// One entry of drills:.
struct Drill {
  jobs::TimingOptions timing;
  proof::DrillOptions options;
  Duration max_age{};  // how old its newest result may be: the schedule's longest gap and the run
  const std::string& name() const { return options.name; }
};

// One entry of durability:.
struct Durability {
  jobs::TimingOptions timing;
  proof::DurabilityOptions options;
  const std::string& name() const { return options.name; }
};

// One entry of amcheck:.
struct Amcheck {
  jobs::TimingOptions timing;
  proof::AmcheckOptions options;
  Duration max_age{};  // as of a drill
  const std::string& name() const { return options.name; }
};

// An immutable value once it is loaded. Lists are in the file's order; names are unique.
struct Config {
  api::ServerOptions server;
  StateOptions state;
  ledger::EvidenceOptions evidence;
  ledger::RequirementsOptions requirements;
  std::vector<backup::DatabaseOptions> databases;
  std::vector<store::StoreOptions> stores;
  std::vector<BackupJob> backups;
  std::vector<Drill> drills;
  std::vector<Durability> durability;
  std::string sha256;  // of the file's bytes: tells two configurations apart
  std::vector<Amcheck> amchecks;

  // nullptr when there is none of that name.
  const backup::DatabaseOptions* database(std::string_view name) const;
  const store::StoreOptions* store(std::string_view name) const;
  const BackupJob* backup(std::string_view name) const;
  const Drill* drill(std::string_view name) const;
  const Durability* proof_of_durability(std::string_view name) const;
  const Amcheck* amcheck(std::string_view name) const;
};

struct Loaded {
  std::optional<Config> config;  // nothing when there is a mistake
  Problems problems;             // mistakes and warnings
};

// Looks only at the text (and at the time zones), not at the files and servers that it names: where
// it names a file of requirements, those that the program carries stand in for it.
Loaded parse(std::string_view text, std::string file_name);
// The same for a file, with the requirements that it names. One that cannot be read is a mistake as
// well.
Loaded load(platform::FileSystem& files, const platform::Path& path);
// For whoever needs no list: config_invalid with the number of mistakes and the first.
Result<Config> load_or_fail(platform::FileSystem& files, const platform::Path& path);

// Where the configuration is when nobody says: /etc/vigie/vigie.yaml, else ./vigie.yaml.
platform::Path default_path(platform::FileSystem& files);

// The commented example that packages install: valid, and it names every key.
std::string_view example();

}  // namespace vigie::config
