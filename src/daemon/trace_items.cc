#include "daemon/trace_items.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/encoding.h"
#include "daemon/entry_text.h"

namespace vigie::daemon {
namespace {

constexpr size_t kMostDetail = 400;

SystemTime time_of(const json::object& object, std::string_view key, SystemTime otherwise = {}) {
  return parse_rfc3339(text_of(&object, key)).value_or(otherwise);
}

// "human token:7: the disk was full (OPS-12)"
std::string asked_by(const jobs::RunTrigger& who) {
  std::string words = who.by;
  if (!who.actor.empty()) words += " " + who.actor;
  if (!who.reason.empty()) words += ": " + who.reason;
  if (!who.reference.empty()) words += " (" + who.reference + ")";
  return words;
}

// "drill weekly: app-20261120T000000Z-…"
std::string subject_words(const json::object& subject) {
  std::string words;
  for (const char* name : {"drill", "proof", "check"}) {
    const std::string text = text_of(&subject, name);
    if (!text.empty()) words = fmt::format("{} {}: ", name, text);
  }
  for (const char* about : {"backup", "job", "database", "act"}) {
    const std::string text = text_of(&subject, about);
    if (!text.empty()) return words + text;
  }
  if (words.ends_with(": ")) words.resize(words.size() - 2);
  return words;
}

std::string canceller_words(const json::object& subject) {
  const jobs::RunTrigger who{"by", text_of(&subject, "cancelled_by"),
                             text_of(&subject, "cancel_reason"), text_of(&subject, "cancel_ref")};
  return who.actor.empty() ? "" : ", " + asked_by(who);
}

bool is_head(std::string_view key) {
  static constexpr std::array<std::string_view, 5> kHead{"ts", "level", "event", "msg", "service"};
  return std::ranges::find(kHead, key) != kHead.end();
}

// "dump; subject app": the words, then what else the line says.
std::string line_words(const json::object& line) {
  std::string words = text_of(&line, "msg");
  for (const auto& member : line) {
    const std::string_view key = member.key();
    const json::string* text = member.value().if_string();
    if (is_head(key) || member.value().is_null() || (text != nullptr && text->empty())) continue;
    if (!words.empty()) words += "; ";
    words += fmt::format(
        "{} {}", key, text == nullptr ? canonical_json(member.value()) : std::string_view(*text));
  }
  return printable(words, kMostDetail);
}

TraceItem line_item(const RunId& run, std::string_view line, SystemTime before) {
  const auto value = parse_json(line);
  if (!value || !value->is_object()) return {before, "log", run.str(), "", "no line of a log"};
  const json::object& object = value->get_object();
  const std::string level = text_of(&object, "level");
  const bool tells = level == "warn" || level == "error";
  return {time_of(object, "ts", before), "log " + text_of(&object, "event"), run.str(),
          tells ? level : "", line_words(object)};
}

std::vector<std::string_view> lines_of(std::string_view log) {
  std::vector<std::string_view> lines;
  lines.reserve(static_cast<size_t>(std::ranges::count(log, '\n')) + 1);
  while (!log.empty()) {
    const size_t end = std::min(log.find('\n'), log.size());
    if (end > 0) lines.push_back(log.substr(0, end));
    log.remove_prefix(std::min(end + 1, log.size()));
  }
  return lines;
}

}  // namespace

json::object TraceItem::to_json() const {
  return {{"at", format_rfc3339(at)},
          {"what", what},
          {"id", id},
          {"result", result},
          {"detail", detail}};
}

TraceItem request_item(const jobs::RunRow& row) {
  return {row.created_at, "request", row.id.str(), "", asked_by(row.trigger)};
}

TraceItem run_item(const jobs::RunRow& row) {
  return {row.started_at.value_or(row.created_at), "run " + row.kind, row.id.str(),
          std::string(to_string(row.state)),
          row.job + (row.error_code.empty() ? "" : " " + row.error_code)};
}

std::optional<TraceItem> request_item(const json::object& entry) {
  const json::object* trigger = find_object(entry, "trigger");
  if (text_of(trigger, "by") != "human") return std::nullopt;
  const jobs::RunTrigger who{"human", text_of(trigger, "actor"), text_of(&entry, "reason"),
                             text_of(&entry, "ref")};
  return TraceItem{time_of(entry, "started_at"), "request", text_of(trigger, "run_id"), "",
                   asked_by(who)};
}

TraceItem entry_item(const json::object& entry) {
  const json::object* subject = find_object(entry, "subject");
  std::string about = subject == nullptr ? "" : subject_words(*subject);
  const std::string code = text_of(&entry, "error_code");
  if (!code.empty()) about += (about.empty() ? "" : " ") + code;
  if (subject != nullptr) about += canceller_words(*subject);
  return {time_of(entry, "ended_at"), "evidence " + text_of(&entry, "kind"), text_of(&entry, "id"),
          text_of(&entry, "result"), std::move(about)};
}

std::vector<TraceItem> artefact_items(const json::object& entry) {
  const json::array* all = find_array(entry, "artefacts");
  std::vector<TraceItem> items;
  if (all == nullptr) return items;
  items.reserve(all->size());
  const std::string store = text_of(find_object(entry, "subject"), "store");
  const std::string detail = text_of(&entry, "kind") + (store.empty() ? "" : ", store " + store);
  for (const json::value& one : *all) {
    if (!one.is_object()) continue;
    items.push_back({time_of(entry, "ended_at"), "artefact", text_of(&one.get_object(), "name"),
                     text_of(&entry, "result"), detail});
  }
  return items;
}

std::vector<TraceItem> log_items(const RunId& run, std::string_view log, SystemTime began,
                                 size_t most) {
  const auto lines = lines_of(log);
  const size_t left_out = lines.size() - std::min(lines.size(), most);
  std::vector<TraceItem> items;
  items.reserve(lines.size() - left_out + 1);
  SystemTime before = began;
  for (size_t i = left_out; i < lines.size(); ++i) {
    items.push_back(line_item(run, lines[i], before));
    before = items.back().at;
  }
  if (left_out == 0) return items;
  const SystemTime at = items.empty() ? began : items.front().at;
  items.insert(items.begin(),
               TraceItem{at, "log and more", run.str(), "",
                         fmt::format("{} lines before these are left out: vigie run show says "
                                     "where the log lies",
                                     left_out)});
  return items;
}

}  // namespace vigie::daemon
