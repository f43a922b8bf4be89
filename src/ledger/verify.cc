#include "ledger/verify.h"

#include "ledger/survey.h"

namespace vigie::ledger {

std::optional<Error> VerifyReport::finding() const {
  if (problem_count == 0 || acknowledged || problems.empty()) return std::nullopt;
  const Problem& first = problems.front();
  return Error(
      ErrorCode::ledger_damaged,
      {{"file", first.segment}, {"line", std::to_string(first.line)}, {"reason", first.what}});
}

Result<VerifyReport> verify(platform::FileSystem& files, const platform::Path& folder,
                            std::stop_token stop) {
  const Mark mark = read_mark(files, folder);  // first: appends may go on
  TRY_ASSIGN(auto found, survey(files, folder, Rows::no, mark, std::move(stop)));
  return report_of(found);
}

}  // namespace vigie::ledger
