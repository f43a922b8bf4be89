// The table that witnesses are written into, in a database of its own on the server that is proved:
// it is in nobody's dump.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "platform/postgres.h"
#include "proof/options.h"
#include "proof/witness.h"

namespace vigie::proof {

// The witness's session with the server of `server`, which names any database of it.
platform::Dsn witness_dsn(const platform::Dsn& server, const DurabilityOptions& options);

class WitnessTable {
 public:
  explicit WitnessTable(std::string_view name);  // in the schema public

  const std::string& sql() const { return sql_; }  // qualified, quoted

  // Fine when it is there. Errors: witness_missing, with the database that the configuration names;
  // those of PgConnection.
  Result<> create(platform::PgConnection& session, const DurabilityOptions& options,
                  const CallLimits& limits) const;
  Result<bool> exists(platform::PgConnection& session, const CallLimits& limits) const;
  // Acknowledged when it returns, with the setting under which that need not mean durable; empty:
  // none (unsafe_setting). Errors: those of PgConnection.
  Result<std::string> insert(platform::PgConnection& session, std::string_view key, WitnessRow row,
                             const CallLimits& limits) const;
  // All that is there; none when the table is gone, which is as good as its rows. What is no row of
  // ours is one of writer 0. Errors: cancelled beyond `most`; those of PgConnection.
  Result<std::vector<FoundRow>> rows(platform::PgConnection& session, uint64_t most,
                                     const CallLimits& limits) const;
  // Fine when it is gone. Waits for nobody who holds it longer than a second.
  Result<> drop(platform::PgConnection& session, const CallLimits& limits) const;

 private:
  std::string sql_;
};

// The names of the tables of the schema public that begin so: the first thousand.
Result<std::set<std::string>> tables_named(platform::PgConnection& session, std::string_view prefix,
                                           const CallLimits& limits);

}  // namespace vigie::proof
