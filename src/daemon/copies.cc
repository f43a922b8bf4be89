#include "daemon/copies.h"

namespace vigie::daemon {
namespace {

using namespace std::chrono_literals;
using platform::LogLevel;

constexpr Duration kLook = 15s;
constexpr Duration kTryAgain = 5min;

}  // namespace

Copies::Copies(platform::FileSystem& files, const platform::Path& ledger_folder,
               const std::vector<std::string>& folders, const platform::Clock& clock,
               platform::Logger& log)
    : clock_(clock), log_(log) {
  for (const std::string& folder : folders) {
    auto one = std::make_unique<One>();
    one->copy = std::make_unique<ledger::LedgerCopy>(files, ledger_folder, folder, clock);
    all_.push_back(std::move(one));
  }
}

void Copies::update(ledger::LedgerCopy& copy, ledger::Ledger& ledger,
                    const ledger::Checkpoints& checkpoints, const std::stop_token& stop) {
  const auto updated = copy.update(ledger, checkpoints, stop);
  if (!updated && !stop.stop_requested())
    log_.write(LogLevel::warn, "evidence.copy", updated.error());
}

void Copies::start(ledger::Ledger& ledger, const ledger::Checkpoints& checkpoints) {
  for (const auto& one : all_) {
    one->thread.start([this, &one = *one, &ledger, &checkpoints](const std::stop_token& stop) {
      do {
        const ledger::CopyView seen = one.copy->view();
        const bool behind = !seen.copied_at || seen.size < checkpoints.newest().seq;
        const bool waits = seen.failed_at && clock_.now() - *seen.failed_at < kTryAgain &&
                           clock_.now() >= *seen.failed_at;
        if (behind && !waits) update(*one.copy, ledger, checkpoints, stop);
      } while (clock_.sleep_until(clock_.monotonic() + kLook, stop));
    });
  }
}

void Copies::once(ledger::Ledger& ledger, const ledger::Checkpoints& checkpoints,
                  std::stop_token stop) {
  for (const auto& one : all_) update(*one->copy, ledger, checkpoints, stop);
}

bool Copies::stop(std::chrono::milliseconds patience) {
  bool ended = true;
  for (const auto& one : all_) one->thread.request_stop();
  for (const auto& one : all_) ended = one->thread.ends_within(patience) && ended;
  return ended;
}

std::vector<ledger::CopyView> Copies::view() const {
  std::vector<ledger::CopyView> views;
  for (const auto& one : all_) views.push_back(one->copy->view());
  return views;
}

}  // namespace vigie::daemon
