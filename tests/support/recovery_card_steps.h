// RECOVER.md at its word: its commands, and nothing else.
#pragma once

#include <string>

#include "tests/support/pg_cluster.h"

namespace vigie::testing {

// Runs the commands of the card that lies in `artefact`, in that folder, with the programs of
// `target` and against it. Empty when all went well, else what they said, and the card.
// `key`: of an encrypted one.
std::string follow_recovery_card(const platform::Path& artefact, const PgCluster& target,
                                 const platform::Path& key = {});
// The same for its section "Under another name": into the database `restored`.
std::string follow_other_name(const platform::Path& artefact, const PgCluster& target);

// What pg_dump writes of a database as SQL: equal for two databases that are equal, since their
// objects come in the order of their names and their rows in the order in which they were loaded.
std::string dump_as_sql(const PgCluster& server, const std::string& database);

}  // namespace vigie::testing
