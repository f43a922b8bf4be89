#include "daemon/trace.h"

#include <algorithm>

#include "daemon/run_evidence.h"

namespace vigie::daemon {
namespace {

constexpr size_t kMostItems = 1000;

struct Item {
  std::string at;  // RFC 3339 in UTC: sorts as text
  json::object json;
};

std::string text_of(const json::object& object, std::string_view key) {
  const json::string* text = find_string(object, key);
  return text == nullptr ? std::string() : std::string(*text);
}

Item item(std::string at, std::string what, std::string id, std::string result,
          const std::string& detail) {
  json::object object{
      {"at", at}, {"what", std::move(what)}, {"id", std::move(id)}, {"result", std::move(result)}};
  object["detail"] = detail;
  return {std::move(at), std::move(object)};
}

void add_run(std::vector<Item>& items, const jobs::RunRow& row) {
  items.push_back(item(format_rfc3339(row.created_at), "run " + row.kind, row.id.str(),
                       std::string(to_string(row.state)),
                       row.job + (row.error_code.empty() ? "" : " " + row.error_code)));
}

Item entry_item(const json::object& entry) {
  const json::object* subject = find_object(entry, "subject");
  std::string about = subject == nullptr ? "" : text_of(*subject, "backup");
  if (about.empty() && subject != nullptr) about = text_of(*subject, "job");
  const std::string code = text_of(entry, "error_code");
  if (!code.empty()) about += " " + code;
  return item(text_of(entry, "ended_at"), "evidence " + text_of(entry, "kind"),
              text_of(entry, "id"), text_of(entry, "result"), about);
}

// The ends of runs that this id only cancelled, each with its run: their chain is another one.
Result<> add_cancelled(std::vector<Item>& items, const CorrelationId& id,
                       const jobs::Executor& executor, const ledger::Ledger& ledger,
                       std::stop_token stop) {
  ledger::Filter filter;
  filter.kind = std::string(ledger::kind::kRunEnded);
  return ledger.for_each(
      filter,
      [&](const json::object& entry) {
        const json::object* subject = find_object(entry, "subject");
        const json::object* trigger = find_object(entry, "trigger");
        if (subject == nullptr || text_of(*subject, kCancelCorrelationId) != id.str()) return true;
        if (trigger == nullptr || text_of(*trigger, "correlation_id") == id.str()) return true;
        if (const auto row = executor.find(RunId(text_of(*trigger, "run_id"))))
          add_run(items, *row);
        items.push_back(entry_item(entry));
        return items.size() < kMostItems;
      },
      stop);
}

// A run's own id stands for its correlation id.
Result<std::vector<jobs::RunRow>> runs_of(const CorrelationId& id, const jobs::Executor& executor) {
  TRY_ASSIGN(auto rows, executor.of_correlation(id));
  if (!rows.empty()) return rows;
  if (const auto row = executor.find(RunId(id.str())))
    return executor.of_correlation(row->correlation_id);
  return rows;
}

}  // namespace

Result<json::object> trace_of(const CorrelationId& id, const jobs::Executor& executor,
                              const ledger::Ledger& ledger, std::stop_token stop) {
  TRY_ASSIGN(const auto rows, runs_of(id, executor));
  std::vector<Item> items;
  for (const jobs::RunRow& row : rows) add_run(items, row);
  bool cut = false;
  ledger::Filter filter;
  filter.correlation_id = rows.empty() ? id.str() : rows.front().correlation_id.str();
  TRY(add_cancelled(items, id, executor, ledger, stop));
  TRY(ledger.for_each(
      filter,
      [&](const json::object& entry) {
        cut = items.size() >= kMostItems;
        if (!cut) items.push_back(entry_item(entry));
        return !cut;
      },
      stop));
  if (items.empty()) return fail(ErrorCode::trace_not_found, {{"name", id.str()}});
  std::ranges::stable_sort(items, {}, &Item::at);
  if (cut)
    items.push_back(item(items.back().at, "and more", "", "",
                         "cut here: vigie evidence list has all of the entries"));
  json::array out;
  for (Item& one : items) out.emplace_back(std::move(one.json));
  return json::object{{"items", std::move(out)}, {"next_cursor", nullptr}};
}

}  // namespace vigie::daemon
