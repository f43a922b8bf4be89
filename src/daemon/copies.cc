#include "daemon/copies.h"

#include <algorithm>

namespace vigie::daemon {
namespace {

using namespace std::chrono_literals;
using platform::LogLevel;

constexpr Duration kLook = 15s;
constexpr Duration kTryAgain = 5min;
constexpr Duration kLookAtLeast = 24h;
constexpr Duration kHangs = 10min;

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

bool copy_is_due(const ledger::CopyStanding& seen, uint64_t newest_checkpoint, SystemTime now) {
  const auto within = [now](const std::optional<SystemTime>& at, Duration period) {
    return at && *at <= now && now - *at < period;
  };
  if (within(seen.view.failed_at, kTryAgain)) return false;
  if (seen.view.failed_at || !seen.looked_at) return true;
  if (seen.waits) return !within(seen.looked_at, kTryAgain);
  return seen.view.size < newest_checkpoint || !within(seen.looked_at, kLookAtLeast);
}

Copies::Copies(platform::FileSystem& files, platform::Path ledger_folder,
               const std::vector<std::string>& folders, PlaceOf places,
               const platform::Clock& clock, platform::Logger& log)
    : files_(files),
      ledger_folder_(std::move(ledger_folder)),
      places_(std::move(places)),
      clock_(clock),
      log_(log) {
  for (const std::string& folder : folders) {
    auto one = std::make_unique<One>();
    one->copy = std::make_unique<ledger::LedgerCopy>(files_, ledger_folder_, folder, clock_);
    all_.push_back(std::move(one));
  }
}

void Copies::set_stores(const std::vector<std::string>& names) {
  const std::lock_guard lock(mutex_);
  retire(names);
  for (const std::string& name : names) {
    if (std::ranges::any_of(all_, [&](const auto& one) { return one->store == name; })) continue;
    auto one = std::make_unique<One>();
    one->store = name;
    one->copy = std::make_unique<ledger::StoreCopy>(files_, ledger_folder_, "store " + name,
                                                    places_(name), clock_);
    all_.push_back(std::move(one));
    if (source_) begin(*all_.back(), *source_);
  }
}

void Copies::retire(const std::vector<std::string>& names) {
  std::erase_if(retired_, [](const auto& one) { return one->thread.ended(); });
  const auto stays = [&](const auto& one) {
    return one->store.empty() || contains(names, one->store);
  };
  const auto gone = std::stable_partition(all_.begin(), all_.end(), stays);
  for (auto one = gone; one != all_.end(); ++one) {
    (*one)->thread.request_stop();
    retired_.push_back(std::move(*one));
  }
  all_.erase(gone, all_.end());
}

void Copies::update(ledger::EvidenceCopy& copy, const Source& source, const std::stop_token& stop) {
  const auto updated = copy.update(*source.ledger, *source.checkpoints, stop);
  if (!updated && !stop.stop_requested())
    log_.write(LogLevel::warn, "evidence.copy", updated.error(),
               {{"copy", copy.standing().view.folder}});
}

void Copies::begin(One& one, const Source& source) {
  one.thread.start([this, &copy = *one.copy, source](const std::stop_token& stop) {
    do {
      if (copy_is_due(copy.standing(), source.checkpoints->newest().seq, clock_.now()))
        update(copy, source, stop);
    } while (clock_.sleep_until(clock_.monotonic() + kLook, stop));
  });
}

void Copies::start(ledger::Ledger& ledger, const ledger::Checkpoints& checkpoints) {
  const std::lock_guard lock(mutex_);
  source_ = Source{&ledger, &checkpoints};
  for (const auto& one : all_) begin(*one, *source_);
}

void Copies::once(ledger::Ledger& ledger, const ledger::Checkpoints& checkpoints,
                  std::stop_token stop) {
  const std::lock_guard lock(mutex_);
  for (const auto& one : all_) update(*one->copy, {&ledger, &checkpoints}, stop);
}

bool Copies::stop(std::chrono::milliseconds patience) {
  const std::lock_guard lock(mutex_);
  bool ended = true;
  for (const auto& one : all_) one->thread.request_stop();
  for (const auto* list : {&all_, &retired_})
    for (const auto& one : *list) ended = one->thread.ends_within(patience) && ended;
  return ended;
}

std::vector<ledger::CopyStanding> Copies::standings() const {
  const std::lock_guard lock(mutex_);
  std::vector<ledger::CopyStanding> standings;
  for (const auto& one : all_) standings.push_back(one->copy->standing());
  return standings;
}

// One that hangs at its first look is told.
std::vector<ledger::CopyView> Copies::view() const {
  std::vector<ledger::CopyView> views;
  auto all = standings();
  for (ledger::CopyStanding& one : all) {
    const auto since = one.view.busy_since;
    if (!one.waits || (since && clock_.now() - *since > kHangs))
      views.push_back(std::move(one.view));
  }
  return views;
}

}  // namespace vigie::daemon
