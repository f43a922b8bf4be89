// The newest evidence of each kind about each subject: what the matrix of requirements is computed
// from. Derived: made in the pass that opens the ledger, kept up by whoever appends. Bounded: of
// more than kMostSubjects the longest silent one is forgotten.
//
// What does not count is left out: what was skipped, rehearsals (subject.rehearsal), which say
// nothing of what is in use, and older backups (subject.older) that were found whole.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "ledger/entry.h"
#include "ledger/line.h"

namespace vigie::ledger {

inline constexpr size_t kMostSubjects = 20'000;

struct Noted {
  uint64_t seq = 0;
  std::string id;  // of the entry
  Outcome result = Outcome::could_not_verify;
  SystemTime at;                             // when it ended
  std::vector<std::string> requirement_ids;  // that it names
};

struct NewestOf {
  Noted last;                          // whatever it found
  std::optional<Noted> deciding{};     // that passed or failed
  std::optional<Noted> last_failed{};  // whatever passed since
};

// What an entry is about, as far as the matrix tells things apart: the drill, the proof or the job,
// and the database, joined by a dot; empty for what is about the program itself.
std::string subject_of(const json::object& subject);

// One of kind::kEvery (entry.h).
bool is_own_kind(std::string_view kind);

class Newest {
 public:
  using Subjects = std::map<std::string, NewestOf, std::less<>>;

  // A later entry takes the place of an earlier one, whatever their clocks said. False: it does not
  // count, and nothing has changed.
  bool note(const LineView& entry);

  // The subjects of a kind that this release writes (entry.h), and what others recorded of it
  // (recorded.h); of any other kind the ids that its entries name: they speak to these alone.
  const Subjects& of(std::string_view kind) const;

 private:
  void put(const std::string& kind, const std::string& subject, const Noted& noted);
  void make_room();

  std::map<std::string, Subjects, std::less<>> kinds_;
  size_t subjects_ = 0;
};

using NewestPtr = std::shared_ptr<const Newest>;

}  // namespace vigie::ledger
