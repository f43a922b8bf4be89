// Whether a restore may begin: looked at before anything is made, by a restore and by its plan.
#pragma once

#include "platform/postgres_clients.h"
#include "proof/restore.h"
#include "proof/target.h"

namespace vigie::proof {

// The database that is named may be replaced.
bool may_overwrite(const Target& target, const RestoreRequest& request);
// Error: restore_target_in_use.
Result<> judge_target(const Target& target, TargetState state, const RestoreRequest& request);
// Of one table: "public.orders".
bool is_named(const artefact::TableEntry& table, const std::vector<std::string>& names);

// The programs to restore with. Errors: restore_major, restore_target_is_source, restore_extension,
// restore_table_unknown, client_missing, database_*.
Result<platform::Clients> judge_server(Target& target, const artefact::Manifest& manifest,
                                       const RestoreRequest& request, const RestoreTools& tools,
                                       const Work& work);

}  // namespace vigie::proof
