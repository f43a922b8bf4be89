// How far pg_restore has come, which says nothing of it itself: how large the database has grown
// that it fills.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "artefact/manifest.h"
#include "platform/clock.h"
#include "platform/postgres.h"
#include "proof/target.h"

namespace vigie::proof {

// By how much a database that takes `empty` will grow when the rows of `tables` come into it. A
// guess: from what the source took, dead rows and all; where that is not known, from the bytes of
// the dump.
Bytes expected_growth(const artefact::Manifest& manifest,
                      const std::vector<const artefact::TableEntry*>& tables, Bytes empty);

// Looks from construction to destruction, in a session of its own. What it cannot see it does not
// tell, and looks again, ever later: nothing else comes of it.
class FillWatch {
 public:
  // By how much the database has grown, and about how much that will be; nothing when it is more
  // already than was guessed. First from the caller's thread, then from the object's own.
  using Report = std::function<void(Bytes grown, std::optional<Bytes> of)>;
  using Guess = std::function<Bytes(Bytes empty)>;  // asked once

  // `database` is there, and empty: so the first look is taken here, for ten seconds at most. All
  // that is given outlives the object; `stop` ends that look alone.
  FillWatch(const Target& target, std::string database, const platform::Clock& clock, Guess guess,
            Report report, const std::stop_token& stop);

 private:
  void watch(const std::stop_token& stop);
  bool look(const std::stop_token& stop);
  Duration look_and_rest(Duration rested, const std::stop_token& stop);
  void take(Bytes size);

  const Target& target_;
  const std::string database_;
  const platform::Clock& clock_;
  const Guess guess_;
  const Report report_;
  std::unique_ptr<platform::PgConnection> session_;  // of the thread once it runs, as all below
  std::optional<Bytes> empty_;
  Bytes grown_;
  Bytes guessed_;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace vigie::proof
