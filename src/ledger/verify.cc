#include "ledger/verify.h"

#include <algorithm>

#include "ledger/survey.h"

namespace vigie::ledger {

Result<VerifyReport> verify(platform::FileSystem& files, const platform::Path& folder,
                            std::stop_token stop) {
  TRY_ASSIGN(auto found, survey(files, folder, Rows::no, std::move(stop)));
  const LedgerView view = view_of(found);
  VerifyReport report;
  report.entries = view.entries;
  report.segments = view.segments.size() - (found.current ? 0 : 1);
  report.size = view.size;
  report.last_seq = view.last_seq;
  report.head = view.head;
  report.problems = std::move(found.problems);
  report.problem_count = found.problem_count;
  report.acknowledged = !view.damages.empty() && !view.damaged();
  report.torn = view.torn;
  return report;
}

}  // namespace vigie::ledger
