#include "proof/observer_state.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/hash.h"

namespace vigie::proof {
namespace {

constexpr std::string_view kSchema = "vigie.observed/1";
constexpr Bytes kMostState = 64_KiB;
constexpr size_t kKeyDigits = 32;
constexpr size_t kNameDigits = 12;
constexpr uint64_t kFarthestGeneration = 10'000;

bool is_key(std::string_view text) {
  return text.size() == kKeyDigits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// Reads what it needs, and knows afterwards whether all of it was there.
class Reader {
 public:
  explicit Reader(const json::object& object) : object_(object) {}

  std::string text(std::string_view key) {
    const json::string* const found = find_string(object_, key);
    good_ = good_ && found != nullptr;
    return found == nullptr ? std::string() : std::string(*found);
  }
  std::string key() {
    std::string key = text("key");
    good_ = good_ && is_key(key);
    return key;
  }
  // What an older release did not write.
  std::string later_text(std::string_view key) {
    return find_value(object_, key) == nullptr ? std::string() : text(key);
  }
  uint64_t later_count(std::string_view key) {
    return find_value(object_, key) == nullptr ? 0 : count(key);
  }
  uint64_t count(std::string_view key) {
    const json::value* const found = find_value(object_, key);
    const bool fits = found != nullptr && found->is_int64() && found->get_int64() >= 0;
    good_ = good_ && fits;
    return fits ? static_cast<uint64_t>(found->get_int64()) : 0;
  }
  bool flag(std::string_view key) {
    const json::value* const found = find_value(object_, key);
    good_ = good_ && found != nullptr && found->is_bool();
    return good_ && found->get_bool();
  }
  SystemTime time(std::string_view key) {
    const auto found = parse_rfc3339(text(key));
    good_ = good_ && found;
    return found.value_or(SystemTime{});
  }
  std::optional<ServerIdentity> server(std::string_view key) {
    const json::object* const found = find_object(object_, key);
    if (found == nullptr) return std::nullopt;
    Reader below(*found);
    ServerIdentity server{{below.text("system_identifier"), below.later_text("timeline")},
                          below.text("postmaster_started_at"),
                          below.text("boot_id"),
                          below.later_text("statistics_began_at"),
                          below.later_text("pod_uid")};
    good_ = good_ && below.good_;
    return server;
  }
  bool good() const { return good_; }
  void must(bool holds) { good_ = good_ && holds; }

 private:
  const json::object& object_;
  bool good_ = true;
};

std::optional<std::vector<RetiredRows>> parse_retired(const json::object& object) {
  std::vector<RetiredRows> all;
  const json::array* const items = find_array(object, "retired");
  if (items == nullptr) return std::nullopt;
  for (const json::value& item : *items) {
    if (!item.is_object()) return std::nullopt;
    Reader reader(item.get_object());
    all.push_back({reader.key(), reader.flag("kept")});
    if (!reader.good()) return std::nullopt;
  }
  return all;
}

std::optional<ObserverState> parse_state(std::string_view text) {
  const auto value = parse_json(text);
  if (!value || !value->is_object()) return std::nullopt;
  const json::object& object = value->get_object();
  Reader reader(object);
  reader.must(reader.text("schema") == kSchema);
  ObserverState state;
  state.key = reader.key();
  state.lineage = reader.later_text("lineage");
  reader.must(state.lineage.empty() || is_key(state.lineage));
  state.generation = reader.later_count("generation");
  state.began_at = reader.time("began_at");
  const auto server = reader.server("server");
  state.previous = reader.server("previous");
  state.before_restart = reader.count("before_restart");
  state.unsafe = reader.text("unsafe");
  const auto retired = parse_retired(object);
  if (!reader.good() || !server || !retired) return std::nullopt;
  state.server = *server;
  state.retired = *retired;
  return state;
}

json::value server_json(const std::optional<ServerIdentity>& server) {
  return server ? json::value(server->to_json()) : json::value(nullptr);
}

}  // namespace

json::object ServerIdentity::to_json() const {
  return {{"system_identifier", cluster.system_identifier}, {"timeline", cluster.timeline},
          {"postmaster_started_at", postmaster_started_at}, {"boot_id", boot_id},
          {"statistics_began_at", statistics_began_at},     {"pod_uid", pod_uid}};
}

std::string observed_table(std::string_view key) {
  return std::string(kObservedTables) + std::string(key.substr(0, kNameDigits));
}

std::string generation_key(std::string_view lineage, uint64_t generation) {
  return sha256_hex(fmt::format("{} {}", lineage, generation)).substr(0, kKeyDigits);
}

std::vector<uint64_t> later_generations(const ObserverState& state,
                                        const std::set<std::string>& tables) {
  std::vector<uint64_t> later;
  if (state.lineage.empty() || tables.empty()) return later;
  for (uint64_t n = state.generation + 1; n <= state.generation + kFarthestGeneration; ++n)
    if (tables.contains(observed_table(generation_key(state.lineage, n)))) later.push_back(n);
  return later;
}

platform::Path ObserverFiles::log(std::string_view key) const {
  return folder_ / (proof_ + "." + std::string(key.substr(0, kNameDigits)) + ".log");
}

Result<> ObserverFiles::make_folder() const {
  TRY(files_.create_folder(folder_, 0700));
  return files_.sync_folder(folder_.parent_path());
}

Result<std::optional<ObserverState>> ObserverFiles::read() const {
  const auto text = platform::read_file(files_, path(), kMostState);
  if (!text && text.error().code() == ErrorCode::file_not_found)
    return std::optional<ObserverState>();
  if (!text) return fail(text.error());
  auto state = parse_state(*text);
  if (state) return state;
  return fail(ErrorCode::file_corrupt,
              {{"path", path().string()}, {"reason", "it is not what an observer writes"}});
}

Result<> ObserverFiles::write(const ObserverState& state) const {
  json::array retired;
  for (const RetiredRows& one : state.retired)
    retired.push_back(json::object{{"key", one.key}, {"kept", one.kept}});
  const json::object object{{"schema", kSchema},
                            {"proof", proof_},
                            {"key", state.key},
                            {"lineage", state.lineage},
                            {"generation", state.generation},
                            {"began_at", format_rfc3339(state.began_at)},
                            {"server", state.server.to_json()},
                            {"previous", server_json(state.previous)},
                            {"before_restart", state.before_restart},
                            {"unsafe", state.unsafe},
                            {"retired", std::move(retired)}};
  return platform::write_file_replace(files_, path(), json_text(object) + "\n");
}

Result<> ObserverFiles::remove_strays(const ObserverState& state) const {
  std::vector<std::string> known{log(state.key).filename()};
  for (const RetiredRows& one : state.retired) known.push_back(log(one.key).filename());
  TRY_ASSIGN(const auto entries, files_.list(folder_));
  for (const platform::Entry& entry : entries) {
    const bool ours = entry.name.starts_with(proof_ + ".") && entry.name.ends_with(".log");
    if (ours && std::ranges::count(known, entry.name) == 0)
      TRY(files_.remove_file(folder_ / entry.name));
  }
  return {};
}

Result<> ObserverFiles::remove_log(std::string_view key) const {
  const auto removed = files_.remove_file(log(key));
  if (!removed && removed.error().code() != ErrorCode::file_not_found) return fail(removed.error());
  return files_.sync_folder(folder_);
}

}  // namespace vigie::proof
