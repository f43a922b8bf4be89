#include "proof/compare.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <stop_token>
#include <thread>
#include <unordered_map>

#include "artefact/table_rows.h"
#include "proof/session_settings.h"
#include "proof/target.h"

namespace vigie::proof {
namespace {

using artefact::RowSummary;
using artefact::TableEntry;

std::string shown_name(const TableEntry& table) {
  return table.schema + "." + table.name;
}

// Where an extension has brought rows of its own, there are at least those of the dump.
bool is_alike(const TableEntry& table, const std::optional<RowSummary>& actual) {
  if (table.part_of_rows) return actual && actual->rows >= table.rows.rows;
  return actual == table.rows;
}

class Comparing {
 public:
  Comparing(platform::PgConnector& connector, const CompareRequest& request, const Work& work)
      : connector_(connector), request_(request), work_(work), tables_(request.tables) {
    for (const artefact::FileEntry& file : request.manifest.files) {
      sizes_[file.name] = file.raw;
    }
    // The largest first, so that no worker is left alone with one at the end.
    std::ranges::stable_sort(tables_, std::greater(),
                             [&](const TableEntry* one) { return size_of(*one).count; });
    for (const TableEntry* one : tables_) total_ += size_of(*one);
  }

  Result<Comparison> run() {
    {
      const std::stop_callback outer(work_.stop, [&] { stop_.request_stop(); });
      std::vector<std::jthread> workers;
      for (unsigned i = 1; i < request_.workers; ++i) workers.emplace_back([this] { take_part(); });
      take_part();
    }
    TRY(std::move(ended_));
    std::ranges::sort(comparison_.differences, {}, &TableDifference::table);
    return std::move(comparison_);
  }

 private:
  Bytes size_of(const TableEntry& table) const {
    const auto found = sizes_.find(table.file);
    return found == sizes_.end() ? Bytes{} : found->second;
  }

  void take_part() {
    if (const auto done = read_some(); !done) {
      const std::lock_guard lock(mutex_);
      if (ended_) ended_ = fail(done.error());
      stop_.request_stop();
    }
  }

  Result<> read_some() {
    const CallLimits limits{work_.deadline, stop_.get_token()};
    TRY_ASSIGN(const auto session,
               connector_.connect(request_.dsn, request_.application_name, limits));
    TRY(free_session(*session, request_.manifest.server, limits));
    for (size_t i = next_++; i < tables_.size(); i = next_++) {
      TRY(read_one(*session, *tables_[i], limits));
    }
    return {};
  }

  Result<> read_one(platform::PgConnection& session, const TableEntry& table,
                    const CallLimits& limits) {
    const std::string name =
        platform::quote_identifier(table.schema) + "." + platform::quote_identifier(table.name);
    const auto rows =
        artefact::read_rows(session, name, table.columns, request_.manifest.server.encoding,
                            request_.manifest.fingerprint_key, limits);
    constexpr std::string_view kUndefinedTable = "42P01";
    constexpr std::string_view kUndefinedSchema = "3F000";
    const bool absent = !rows && (rows.error().parameter("sqlstate") == kUndefinedTable ||
                                  rows.error().parameter("sqlstate") == kUndefinedSchema);
    if (!rows && !absent)
      return fail(as_missing_right(rows.error(), "its role may not read back every row"));
    note(table, rows ? std::optional<RowSummary>(*rows) : std::nullopt);
    return {};
  }

  void note(const TableEntry& table, const std::optional<RowSummary>& actual) {
    const std::lock_guard lock(mutex_);
    ++comparison_.tables;
    comparison_.rows += actual ? actual->rows : 0;
    if (!is_alike(table, actual))
      comparison_.differences.push_back({shown_name(table), table.rows, actual});
    done_ += size_of(table);
    work_.progress({"compare", request_.manifest.id.database, done_, total_});
  }

  platform::PgConnector& connector_;
  const CompareRequest& request_;
  const Work& work_;
  std::vector<const TableEntry*> tables_;
  std::unordered_map<std::string_view, Bytes> sizes_;  // raw, by stored name
  Bytes total_;
  std::stop_source stop_;
  std::atomic<size_t> next_{0};
  std::mutex mutex_;
  Bytes done_;      // guarded by mutex_ while workers run, as all that follows
  Result<> ended_;  // why it cannot go on
  Comparison comparison_;
};

}  // namespace

Result<Comparison> compare_rows(platform::PgConnector& connector, const CompareRequest& request,
                                const Work& work) {
  return Comparing(connector, request, work).run();
}

}  // namespace vigie::proof
