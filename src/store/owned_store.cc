#include "store/owned_store.h"

#include "base/json.h"

namespace vigie::store {
namespace {

constexpr std::string_view kSchema = "vigie.store/1";

std::string text_at(const json::object& object, std::string_view key) {
  const json::string* text = find_string(object, key);
  return text == nullptr ? "" : std::string(*text);
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
                {text_at(*owner, "id"), text_at(*owner, "host"), text_at(*owner, "state_dir")},
                {}};
  if (marker.store_id.empty() || marker.owner.id.empty()) return std::nullopt;
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
  const Owner nobody{"unknown", "unknown", "unknown"};
  TRY_ASSIGN(const auto artefacts, store_->list());
  TRY_ASSIGN(const auto debris, store_->debris());
  if (!artefacts.empty() || !debris.empty())
    return foreign("it holds backups, and no marker says whose", nobody);
  return Standing::unmarked;
}

Result<OwnedStore::Standing> OwnedStore::judge_standing() {
  TRY_ASSIGN(const auto text, store_->marker());
  if (!text) return judge_unmarked();
  const auto marker = Marker::parse(*text);
  if (!marker) return foreign("its marker cannot be understood", {"unknown", "unknown", "unknown"});
  return judge(*marker);
}

// Before the first write. Whoever comes first marks it; the other finds out whose it is.
Result<> OwnedStore::claim() {
  TRY_ASSIGN(const Standing standing, judge_standing());
  if (standing == Standing::ours) return {};
  const auto marked = store_->mark(new_marker(owner_, clock_.now()).text(), false);
  if (!marked && marked.error().code() != ErrorCode::file_exists) return marked;
  TRY(judge_standing());
  return {};
}

Result<std::optional<Owner>> OwnedStore::take_over() {
  TRY_ASSIGN(const auto text, store_->marker());
  const auto before = text ? Marker::parse(*text) : std::nullopt;
  Marker marker = before.value_or(new_marker(owner_, clock_.now()));
  marker.owner = owner_;
  const bool ours = before && before->owner.id == owner_.id;
  if (!ours) TRY(store_->mark(marker.text(), true));
  TRY(memory_.remember(name(), marker.store_id));
  return before && !ours ? std::optional(before->owner) : std::nullopt;
}

Result<std::unique_ptr<ArtefactWriter>> OwnedStore::begin(const BackupId& id) {
  TRY(claim());
  return store_->begin(id);
}

Result<> OwnedStore::probe() {
  TRY(claim());
  return store_->probe();
}

Result<> OwnedStore::look() {
  TRY(judge_standing());
  return store_->look();
}

Result<bool> OwnedStore::exists(const BackupId& id) {
  TRY(judge_standing());
  return store_->exists(id);
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
  return store_->remove(id);
}

Result<platform::Space> OwnedStore::space() {
  TRY(judge_standing());
  return store_->space();
}

}  // namespace vigie::store
