// One pass over the whole ledger: what is in it, where each entry lies, and what is wrong. The base
// of Ledger::open and verify.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "ledger/chain.h"
#include "ledger/mark.h"
#include "ledger/newest.h"
#include "ledger/verify.h"
#include "ledger/view.h"
#include "platform/file_system.h"

namespace vigie::ledger {

// Where one whole entry lies, and what filters ask first. 40 bytes for each entry of the ledger.
struct Row {
  uint64_t seq = 0;
  uint64_t offset = 0;
  SystemTime ended_at;
  uint32_t length = 0;
  uint32_t segment = 0;      // index into Survey::segments
  uint32_t correlation = 0;  // tag of the correlation id; see tag_of
  uint32_t kind = 0;         // tag of the kind
};

// A hash for a first, cheap look; 32 bits. Equal texts have equal tags.
uint32_t tag_of(std::string_view text);
Row row_of(const LineView& entry);

// A ledger_damage entry's word about one segment.
struct DamageRecord {
  std::string segment;
  uint64_t line = 0;
  uint64_t problems = 0;
  uint64_t bytes = 0;
  std::string sha256;
  uint64_t seq = 0;  // of the entry
};

struct Survey {
  std::vector<SegmentView> segments;  // oldest first; the current one last, also when not there
  std::vector<Row> rows;              // empty when they were not asked for, as is `newest`
  Newest newest;
  Chain chain;
  SystemTime last_at;
  uint64_t entries = 0;
  std::vector<Problem> problems;  // the first 1,000
  uint64_t problem_count = 0;
  std::vector<DamageView> damages;  // one for each damaged segment
  std::vector<DamageRecord> recorded;
  uint64_t acknowledged_seq = 0;  // of the last acknowledgement of the ledger's damage
  std::optional<VerificationView> verification;  // the last
  uint64_t verification_seq = 0;
  Bytes torn;
  // The current segment, open: it stays the same file when a writer seals it. Null: there is none.
  std::shared_ptr<const platform::ReadableFile> current;
  uint64_t last_number = 0;  // of the sealed segments
};

enum class Rows : bool { no, yes };

// Each whole entry as it passes.
using SeeEntry = std::function<void(const LineView& entry)>;

// `mark` must have been read before: an entry that is missing up to it is a problem. ledger_newer;
// file_not_found without a folder; the error of the current segment when it cannot be opened. A
// segment whose bytes cannot be read is damaged.
Result<Survey> survey(platform::FileSystem& files, const platform::Path& folder, Rows rows,
                      const Mark& mark, std::stop_token stop = {}, const SeeEntry& see = {});

// Of a folder that is not there.
Survey empty_survey();

// All of it but what only the writer knows: observed_at, the reserve, a failure, a proof.
LedgerView view_of(const Survey& survey);
// Takes its problems.
VerifyReport report_of(Survey& survey);

}  // namespace vigie::ledger
