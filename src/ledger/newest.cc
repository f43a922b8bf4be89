#include "ledger/newest.h"

#include <algorithm>

#include "ledger/recorded.h"

namespace vigie::ledger {
namespace {

std::string_view text_at(const json::object& object, std::string_view key) {
  const json::string* const text = find_string(object, key);
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

std::optional<Outcome> parse_outcome(std::string_view text) {
  for (const Outcome one : {Outcome::passed, Outcome::failed, Outcome::could_not_verify})
    if (to_string(one) == text) return one;
  return std::nullopt;  // skipped
}

// A due time that passed is a lapse: nothing of it is left to be verified.
std::optional<Outcome> result_of(const LineView& entry) {
  if (entry.kind == kind::kMissedRun) return Outcome::failed;
  return parse_outcome(entry.result);
}

std::vector<std::string> texts_in(std::string_view list) {
  std::vector<std::string> texts;
  const auto parsed = parse_json(list);
  const json::array* const items = parsed ? parsed->if_array() : nullptr;
  for (size_t i = 0; items != nullptr && i < items->size(); ++i)
    if (const json::string* const text = (*items)[i].if_string()) texts.emplace_back(*text);
  return texts;
}

bool is_marked(const json::object& subject, std::string_view mark) {
  const json::value* const found = find_value(subject, mark);
  return found != nullptr && *found == json::value(true);
}

// That an older backup is whole says nothing of the newest; that it is not is a failure all the
// same.
bool counts(const json::object& subject, Outcome result) {
  if (is_marked(subject, "rehearsal")) return false;
  return !is_marked(subject, "older") || result == Outcome::failed;
}

}  // namespace

std::string subject_of(const json::object& subject) {
  std::string text;
  for (const char* const key : {"drill", "proof", "job"})
    if (text.empty()) text = text_at(subject, key);
  const std::string_view database = text_at(subject, "database");
  if (!text.empty() && !database.empty()) text += '.';
  return text.append(database);
}

bool is_own_kind(std::string_view kind) {
  return std::ranges::find(kind::kEvery, kind) != kind::kEvery.end();
}

bool Newest::note(const LineView& entry) {
  const auto result = result_of(entry);
  const auto at = parse_rfc3339(entry.ended_at);
  const auto subject = parse_json(entry.subject, {.max_bytes = kMaxLine.count});
  if (!result || !at || !subject || !subject->is_object()) return false;
  if (!counts(subject->get_object(), *result)) return false;
  const std::string kind(entry.kind);
  const Noted noted{entry.seq, std::string(entry.id), *result, *at,
                    texts_in(entry.requirement_ids)};
  const bool own = is_own_kind(kind);
  if (own && !is_marked(subject->get_object(), "recorded")) {
    put(kind, subject_of(subject->get_object()), noted);
  } else {
    for (const std::string& id : noted.requirement_ids)
      put(kind, own ? recorded_subject(id) : id, noted);
  }
  return true;
}

void Newest::put(const std::string& kind, const std::string& subject, const Noted& noted) {
  const auto [place, is_new] = kinds_[kind].try_emplace(subject);
  // A line that somebody copied behind a later one.
  if (!is_new && noted.seq <= place->second.last.seq) return;
  place->second.last = noted;
  if (noted.result == Outcome::failed) place->second.last_failed = noted;
  if (noted.result != Outcome::could_not_verify) place->second.deciding = noted;
  if (is_new && ++subjects_ > kMostSubjects) make_room();
}

void Newest::make_room() {
  Subjects* in = nullptr;
  Subjects::iterator oldest;
  for (auto& [kind, subjects] : kinds_) {
    for (auto one = subjects.begin(); one != subjects.end(); ++one) {
      if (in != nullptr && oldest->second.last.seq <= one->second.last.seq) continue;
      in = &subjects;
      oldest = one;
    }
  }
  if (in == nullptr) return;
  in->erase(oldest);
  --subjects_;
}

const Newest::Subjects& Newest::of(std::string_view kind) const {
  static const Subjects kNone;
  const auto found = kinds_.find(kind);
  return found == kinds_.end() ? kNone : found->second;
}

}  // namespace vigie::ledger
