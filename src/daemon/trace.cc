#include "daemon/trace.h"

#include <algorithm>
#include <set>

#include "daemon/entry_text.h"
#include "daemon/run_evidence.h"
#include "daemon/trace_items.h"
#include "jobs/kept_logs.h"

namespace vigie::daemon {
namespace {

constexpr size_t kMostItems = 2000;
constexpr size_t kMostLogLines = 500;  // of all runs together

class Tracing {
 public:
  Tracing(const TraceSources& sources, const std::stop_token& stop)
      : sources_(sources), stop_(stop) {}

  Result<json::object> trace(const CorrelationId& id) {
    TRY_ASSIGN(const auto rows, runs_of(id));
    for (const jobs::RunRow& row : rows) add_run(row);
    for (const jobs::RunRow& row : rows)
      add_log(row.id, row.started_at.value_or(row.created_at), kMostLogLines / rows.size());
    TRY(add_cancelled(id));
    TRY(add_entries(rows.empty() ? id : rows.front().correlation_id));
    if (items_.empty()) return fail(ErrorCode::trace_not_found, {{"name", id.str()}});
    return in_order();
  }

 private:
  // A run's own id stands for its correlation id.
  Result<std::vector<jobs::RunRow>> runs_of(const CorrelationId& id) const {
    TRY_ASSIGN(auto rows, sources_.executor.of_correlation(id));
    if (!rows.empty()) return rows;
    if (const auto row = sources_.executor.find(RunId(id.str())))
      return sources_.executor.of_correlation(row->correlation_id);
    return rows;
  }

  void add_run(const jobs::RunRow& row) {
    known_.insert(row.id.str());
    items_.push_back(request_item(row));
    items_.push_back(run_item(row));
  }

  // One that is not there has made room.
  void add_log(const RunId& run, SystemTime began, size_t most) {
    most = std::min(most, log_room_);
    if (sources_.audience != Audience::operators || stop_.stop_requested() || most == 0) return;
    const auto log = jobs::read_run_log(sources_.files, jobs::LogFolders::of(sources_.state), run);
    if (!log) items_.push_back({began, "log", run.str(), "", std::string(log.error().info().name)});
    if (!log || !*log) return;
    auto lines = log_items(run, **log, began, most);
    log_room_ -= std::min(lines.size(), log_room_);
    std::ranges::move(lines, std::back_inserter(items_));
  }

  // The ends of runs that this id only cancelled, each with its run: their chain is another one.
  Result<> add_cancelled(const CorrelationId& id) {
    ledger::Filter filter;
    filter.kind = std::string(ledger::kind::kRunEnded);
    return sources_.ledger.for_each(
        filter,
        [&](const json::object& entry) {
          const json::object* trigger = find_object(entry, "trigger");
          const bool was_cancelled =
              text_of(find_object(entry, "subject"), kCancelCorrelationId) == id.str();
          if (!was_cancelled || text_of(trigger, "correlation_id") == id.str()) return true;
          if (const auto row = sources_.executor.find(RunId(text_of(trigger, "run_id"))))
            items_.push_back(run_item(*row));
          items_.push_back(entry_item(entry));
          return items_.size() < kMostItems;
        },
        stop_);
  }

  Result<> add_entries(const CorrelationId& id) {
    ledger::Filter filter;
    filter.correlation_id = id.str();
    return sources_.ledger.for_each(
        filter,
        [&](const json::object& entry) {
          cut_ = items_.size() >= kMostItems;
          if (!cut_) add_entry(entry);
          return !cut_;
        },
        stop_);
  }

  void add_entry(const json::object& entry) {
    add_origin(entry);
    std::ranges::move(artefact_items(entry), std::back_inserter(items_));
    items_.push_back(entry_item(entry));
  }

  // Of what is no run, and of a run whose row is gone: its first entry tells who asked for it.
  void add_origin(const json::object& entry) {
    const std::string run = text_of(find_object(entry, "trigger"), "run_id");
    auto request = request_item(entry);
    if ((!request && run.empty()) || !known_.insert(run).second) return;
    const SystemTime began = parse_rfc3339(text_of(&entry, "started_at")).value_or(SystemTime());
    if (request) items_.push_back(std::move(*request));
    if (!run.empty()) add_log(RunId(run), began, log_room_);
  }

  json::object in_order() {
    std::ranges::stable_sort(items_, {}, &TraceItem::at);
    cut_ = cut_ || items_.size() > kMostItems;  // an entry may name many artefacts
    items_.resize(std::min(items_.size(), kMostItems));
    if (cut_)
      items_.push_back({items_.back().at, "and more", "", "",
                        "cut here: vigie evidence list has all of the entries"});
    json::array out;
    for (const TraceItem& one : items_) out.emplace_back(one.to_json());
    return {{"items", std::move(out)}, {"next_cursor", nullptr}};
  }

  const TraceSources& sources_;
  const std::stop_token& stop_;
  std::set<std::string> known_;  // the runs that are told; empty: a request for what is no run
  std::vector<TraceItem> items_;
  size_t log_room_ = kMostLogLines;
  bool cut_ = false;
};

}  // namespace

Result<json::object> trace_of(const CorrelationId& id, const TraceSources& sources,
                              const std::stop_token& stop) {
  return Tracing(sources, stop).trace(id);
}

}  // namespace vigie::daemon
