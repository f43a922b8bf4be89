#include "proof/witness_writers.h"

namespace vigie::proof {
namespace {

using namespace std::chrono_literals;

constexpr auto kOneRow = 30s;  // a server that hangs is one that is gone
constexpr auto kBetweenTries = 50ms;

}  // namespace

WitnessWriters::WitnessWriters(Setup setup, WitnessLog& log) : setup_(std::move(setup)), log_(log) {
  record_.key = setup_.key;
  for (uint32_t writer = 1; writer <= setup_.count; ++writer)
    threads_.emplace_back([this, writer](const std::stop_token& stop) { write_as(writer, stop); });
}

WitnessWriters::~WitnessWriters() {
  stop();
}

void WitnessWriters::stop() {
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();
}

std::string WitnessWriters::unsafe() const {
  const std::lock_guard lock(mutex_);
  return unsafe_;
}

uint64_t WitnessWriters::acknowledged() const {
  const std::lock_guard lock(mutex_);
  return acknowledged_;
}

Result<WitnessRecord> WitnessWriters::record() const {
  const std::lock_guard lock(mutex_);
  TRY(logged_);
  return record_;
}

// Whatever ends a session, the next one goes on with the next row: what was in flight is not sent
// again, or nobody could tell which of the two is there.
void WitnessWriters::write_as(uint32_t writer, const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const CallLimits limits{setup_.clock.monotonic() + kOneRow, stop};
    const auto session = setup_.postgres.connect(setup_.dsn, "vigie witness", limits);
    if (session && write_some(**session, writer, stop)) return;
    setup_.clock.sleep_until(setup_.clock.monotonic() + kBetweenTries, stop);
  }
}

// Nothing more is to be sent, or an error of the session.
Result<> WitnessWriters::write_some(platform::PgConnection& session, uint32_t writer,
                                    const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const auto row = next(writer);
    if (!row) return {};
    const auto inserted =
        setup_.table.insert(session, setup_.key, *row, {setup_.clock.monotonic() + kOneRow, stop});
    const auto logged = inserted ? log_.acknowledge(*row) : log_.unanswered(*row);
    const std::lock_guard lock(mutex_);
    if (!logged) logged_ = logged;
    if (!logged_) return {};
    TRY(inserted);
    if (unsafe_.empty()) unsafe_ = *inserted;
    record_.acknowledged[writer].insert(row->seq);
    ++acknowledged_;
  }
  return {};
}

std::optional<WitnessRow> WitnessWriters::next(uint32_t writer) {
  const std::lock_guard lock(mutex_);
  if (sent_ == kMostWitnessRows || !logged_) return std::nullopt;
  ++sent_;
  return WitnessRow{writer, ++record_.sent[writer]};
}

}  // namespace vigie::proof
