// Whether a restore may begin: looked at before anything is made, by a restore and by its plan.
#pragma once

#include "platform/postgres_clients.h"
#include "proof/restore.h"
#include "proof/target.h"

namespace vigie::proof {

// The database that is named may be replaced.
bool may_overwrite(const Target& target, const RestoreRequest& request);
// As it lies in the store, not verified: only a restore reads every byte. Errors: manifest_*,
// artefact_*, store_*.
Result<artefact::Manifest> stored_manifest(const RestoreRequest& request);
// `manifest`: nullptr when it is not known; then nothing is said of the source. Errors:
// restore_target_in_use, restore_target_is_source.
Result<> judge_target(const Target& target, TargetState state, const RestoreRequest& request,
                      const artefact::Manifest* manifest);
// Of one table: "public.orders".
bool is_named(const artefact::TableEntry& table, const std::vector<std::string>& names);

// The programs to restore with. Errors: restore_major, restore_target_is_source, restore_extension,
// restore_table_unknown, client_missing, database_*.
Result<platform::Clients> judge_server(Target& target, const artefact::Manifest& manifest,
                                       const RestoreRequest& request, const RestoreTools& tools,
                                       const Work& work);

}  // namespace vigie::proof
