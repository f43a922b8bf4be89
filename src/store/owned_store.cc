#include "store/owned_store.h"

#include <algorithm>
#include <mutex>

#include "base/encoding.h"
#include "base/json.h"

namespace vigie::store {
namespace {

constexpr std::string_view kSchemas = "vigie.store/";  // and a number
constexpr std::string_view kSchema = "vigie.store/1";
constexpr size_t kMaxWords = 200;  // bytes of a host or a path that somebody else wrote

std::string text_at(const json::object& object, std::string_view key) {
  const json::string* text = find_string(object, key);
  return text == nullptr ? "" : std::string(*text);
}

// 32 hexadecimal digits, as new_run_id() draws them.
bool is_drawn_id(std::string_view text) {
  return text.size() == 32 && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

// Words of whoever wrote the marker: they end on a terminal.
std::string words_at(const json::object& object, std::string_view key) {
  return printable(text_at(object, key), kMaxWords);
}

bool is_of_another_release(std::string_view text) {
  const auto value = parse_json(text);
  if (!value || !value->is_object()) return false;
  const std::string schema = text_at(value->get_object(), "schema");
  return schema.starts_with(kSchemas) && schema != kSchema;
}

const Owner& nobody() {
  static const Owner owner{"unknown", "unknown", "unknown"};
  return owner;
}

Marker new_marker(const Owner& owner, SystemTime now) {
  return {new_run_id().str(), owner, now};
}

}  // namespace

std::string Marker::text() const {
  return canonical_json(json::object{{"schema", kSchema},
                                     {"store_id", store_id},
                                     {"owner", json::object{{"id", owner.id},
                                                            {"host", owner.host},
                                                            {"state_dir", owner.state_folder}}},
                                     {"created_at", format_rfc3339(created_at)}}) +
         "\n";
}

std::optional<Marker> Marker::parse(std::string_view text) {
  const auto value = parse_json(text);
  if (!value || !value->is_object()) return std::nullopt;
  const json::object& object = value->get_object();
  const json::object* owner = find_object(object, "owner");
  if (text_at(object, "schema") != kSchema || owner == nullptr) return std::nullopt;
  Marker marker{text_at(object, "store_id"),
                {text_at(*owner, "id"), words_at(*owner, "host"), words_at(*owner, "state_dir")},
                {}};
  if (!is_drawn_id(marker.store_id) || !is_drawn_id(marker.owner.id)) return std::nullopt;
  if (const auto at = parse_rfc3339(text_at(object, "created_at"))) marker.created_at = *at;
  return marker;
}

tl::unexpected<Error> OwnedStore::foreign(std::string reason, const Owner& owner) const {
  return fail(ErrorCode::store_foreign, {{"store", name()},
                                         {"reason", std::move(reason)},
                                         {"observed", owner.id},
                                         {"path", owner.state_folder},
                                         {"host", owner.host}});
}

Result<OwnedStore::Standing> OwnedStore::judge(const Marker& marker) {
  if (marker.owner.id != owner_.id)
    return foreign("another state folder marked it as its own", marker.owner);
  const auto remembered = memory_.store_id(name());
  if (remembered && *remembered != marker.store_id) {
    return fail(ErrorCode::store_unreachable,
                {{"store", name()}, {"reason", "another of our stores lies in its place"}});
  }
  if (!remembered) TRY(memory_.remember(name(), marker.store_id));
  return Standing::ours;
}

// New, when nothing lies there and nothing is remembered of it.
Result<OwnedStore::Standing> OwnedStore::judge_unmarked() {
  if (memory_.store_id(name())) {
    return fail(
        ErrorCode::store_unreachable,
        {{"store", name()},
         {"reason", "its marker is not there: the disk is not mounted, or it is another one"}});
  }
  TRY_ASSIGN(const auto artefacts, store_->list());
  TRY_ASSIGN(const auto debris, store_->debris());
  if (!artefacts.empty() || !debris.empty())
    return foreign("it holds backups, and no marker says whose", nobody());
  return Standing::unmarked;
}

Result<OwnedStore::Standing> OwnedStore::judge_text(const std::string& text) {
  const auto marker = Marker::parse(text);
  if (!marker) return foreign("its marker cannot be understood", nobody());
  return judge(*marker);
}

Result<OwnedStore::Standing> OwnedStore::judge_standing() {
  TRY_ASSIGN(const auto text, store_->marker());
  if (text) return judge_text(*text);
  auto standing = judge_unmarked();
  if (standing) return standing;
  // A run beside this one may have marked it since, and begun to write.
  TRY_ASSIGN(const auto again, store_->marker());
  return again ? judge_text(*again) : standing;
}

// Before the first write. One at a time in this process; when another process comes first, it is
// found out whose it is.
Result<> OwnedStore::claim() {
  TRY_ASSIGN(const Standing standing, judge_standing());
  if (standing == Standing::ours) return {};
  static std::mutex claiming;
  const std::lock_guard lock(claiming);
  TRY_ASSIGN(const Standing now, judge_standing());
  if (now == Standing::ours) return {};
  const auto marked = store_->mark(new_marker(owner_, clock_.now()).text(), false);
  if (!marked && marked.error().code() != ErrorCode::file_exists) return marked;
  TRY_ASSIGN(const Standing after, judge_standing());
  if (after == Standing::ours) return {};
  return fail(ErrorCode::store_unreachable,
              {{"store", name()}, {"reason", "its marker was written, and is not there"}});
}

// Nothing: there is none, or none that can be understood. What a newer release wrote may say more
// than this one knows.
Result<std::optional<Marker>> OwnedStore::replaceable_marker() {
  TRY_ASSIGN(const auto text, store_->marker());
  if (text && is_of_another_release(*text))
    return foreign("another release of Vigie marked it: install that one", nobody());
  return text ? Marker::parse(*text) : std::nullopt;
}

Result<std::optional<Owner>> OwnedStore::other_owner() {
  TRY_ASSIGN(const auto marker, replaceable_marker());
  const bool other = marker && marker->owner.id != owner_.id;
  return other ? std::optional(marker->owner) : std::nullopt;
}

Result<> OwnedStore::take_over() {
  TRY_ASSIGN(const auto before, replaceable_marker());
  Marker marker = before.value_or(new_marker(owner_, clock_.now()));
  marker.owner = owner_;
  const bool ours = before && before->owner.id == owner_.id;
  if (!ours) TRY(store_->mark(marker.text(), true));
  return memory_.remember(name(), marker.store_id);
}

Result<std::unique_ptr<ArtefactWriter>> OwnedStore::begin(const BackupId& id) {
  TRY(claim());
  return store_->begin(id);
}

Result<> OwnedStore::probe(std::string_view job) {
  TRY(claim());
  return store_->probe(job);
}

Result<> OwnedStore::look(std::string_view job) {
  TRY(judge_standing());
  return store_->look(job);
}

Result<bool> OwnedStore::exists(const BackupId& id) {
  TRY(judge_standing());
  TRY_ASSIGN(const bool there, store_->exists(id));
  // What is not there says something only when the store still is.
  if (!there) TRY(judge_standing());
  return there;
}

Result<std::vector<BackupId>> OwnedStore::list() {
  TRY(judge_standing());
  return store_->list();
}

Result<std::vector<BackupId>> OwnedStore::debris() {
  TRY(judge_standing());
  return store_->debris();
}

Result<std::unique_ptr<artefact::ArtefactSource>> OwnedStore::open(const BackupId& id) {
  TRY(judge_standing());
  return store_->open(id);
}

Result<> OwnedStore::remove(const BackupId& id) {
  TRY(judge_standing());
  TRY(store_->remove(id));
  // Else what was removed is what lies beneath a mount that has gone: nothing.
  TRY(judge_standing());
  return {};
}

Result<bool> OwnedStore::is_ours(const CallLimits& limits) {
  OwnedStore limited(store_->within(limits), owner_, memory_, clock_);
  TRY_ASSIGN(const Standing standing, limited.judge_standing());
  return standing == Standing::ours;
}

Result<std::vector<EvidenceFile>> OwnedStore::evidence() {
  TRY(judge_standing());
  TRY_ASSIGN(auto all, store_->evidence());
  const std::string prefix = own_name("");
  std::erase_if(all, [&](const EvidenceFile& one) { return !one.name.starts_with(prefix); });
  for (EvidenceFile& one : all) one.name.erase(0, prefix.size());
  return all;
}

Result<std::unique_ptr<platform::ReadableFile>> OwnedStore::open_evidence(std::string_view name) {
  TRY(judge_standing());
  return store_->open_evidence(own_name(name));
}

Result<EvidenceFile> OwnedStore::put_evidence(std::string_view name,
                                              const platform::ReadableFile& from, Bytes size) {
  TRY_ASSIGN(const bool ours, is_ours());
  if (!ours)
    return fail(ErrorCode::store_unreachable,
                {{"store", this->name()}, {"reason", "nobody has marked it yet"}});
  TRY_ASSIGN(EvidenceFile file, store_->put_evidence(own_name(name), from, size));
  file.name = name;
  return file;
}

Result<platform::Space> OwnedStore::space() {
  TRY(judge_standing());
  return store_->space();
}

}  // namespace vigie::store
