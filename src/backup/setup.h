// What the room works on: jobs, databases, stores. An immutable value; a reload makes a new one,
// and a run keeps the one that it began with.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "backup/options.h"
#include "platform/time_zone.h"
#include "store/options.h"
#include "store/owned_store.h"
#include "store/store.h"

namespace vigie::backup {

struct JobSetup {
  BackupJobOptions options;
  platform::TimeZone zone;  // in which retention counts days
};

struct StoreSetup {
  store::StoreOptions options;
  std::shared_ptr<store::Store> store;
  std::shared_ptr<store::OwnedStore> owned{};  // the same, once the room has taken it into its care

  bool off_host() const { return options.off_host; }
  // The same, for one piece of work.
  StoreSetup within(const CallLimits& limits) const {
    return {options, store->within(limits), owned};
  }
};

struct Setup {
  std::vector<JobSetup> jobs;
  std::vector<DatabaseOptions> databases;
  std::vector<StoreSetup> stores;

  // nullptr when there is none of that name. What a job names is there: the configuration was
  // checked.
  const JobSetup* job(std::string_view name) const;
  // Errors: backup_job_not_found.
  Result<const JobSetup*> get_job(std::string_view name) const;
  // The job that decides about an artefact; nullptr when none does: the job, or its database, is
  // not in the configuration any more.
  const JobSetup* job_of(const BackupId& id) const;
  const DatabaseOptions* database(std::string_view name) const;
  const StoreSetup* store(std::string_view name) const;
  // What lies in that store is a copy: its job writes into another one, and copies into this.
  bool is_copy(const BackupId& id, std::string_view store) const;
};

using SetupPtr = std::shared_ptr<const Setup>;

}  // namespace vigie::backup
