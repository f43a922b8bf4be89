// The entries that this room writes into the ledger.
#pragma once

#include "base/work.h"
#include "ledger/entry.h"
#include "proof/amcheck.h"
#include "proof/drill.h"
#include "proof/durability.h"
#include "proof/observer.h"

namespace vigie::proof::evidence {

// Where the artefact lay.
struct Subject {
  BackupId id;
  std::string store;            // its name in vigie.yaml, or the folder that was named
  std::string manifest_sha256;  // as far as it is known
  std::string target;           // the database's name; of a drill: empty
  bool off_host = false;        // of a drill: the store is not on this host
};

ledger::Entry restored(const Subject& subject, const Restored& restored, const Work& work,
                       SystemTime started_at, SystemTime ended_at);
ledger::Entry not_restored(const Subject& subject, const Error& error, const Work& work,
                           SystemTime started_at, SystemTime ended_at);

ledger::Entry amchecked(const AmcheckOptions& options, const AmcheckReport& report,
                        const Work& work, SystemTime started_at, SystemTime ended_at);

// `options.fault` in its word of vigie.yaml.
ledger::Entry durability_proved(const DurabilityOptions& options, const DurabilityReport& report,
                                const Work& work, SystemTime started_at, SystemTime ended_at);

// What an observer has seen: of a restart of the machine a second entry, of its own kind.
std::vector<ledger::Entry> durability_observed(const DurabilityOptions& options,
                                               const Observation& observation, const Work& work);

ledger::Entry drilled(const Subject& subject, const DrillOptions& options, bool rehearsal,
                      const DrillReport& report, const Work& work, SystemTime started_at,
                      SystemTime ended_at);

}  // namespace vigie::proof::evidence
