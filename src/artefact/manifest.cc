#include "artefact/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "artefact/recovery_card.h"
#include "base/json.h"

namespace vigie::artefact {
namespace {

bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool is_component(std::string_view text) {
  return !text.empty() && text.size() <= 100 && is_name_start(text.front()) &&
         std::ranges::all_of(text, [](char c) { return is_name_start(c) || c == '.' || c == '-'; });
}

// A name from the database may hold any bytes when its encoding is SQL_ASCII.
std::string as_utf8(std::string_view text) {
  return is_utf8(text) ? std::string(text) : printable(text, 4096);
}

json::array names_json(const std::vector<std::string>& names) {
  json::array out;
  for (const std::string& name : names) out.push_back(json::value(as_utf8(name)));
  return out;
}

json::object file_json(const FileEntry& file) {
  json::object out{{"name", file.name},
                   {"kind", to_string(file.kind)},
                   {"codec", to_string(file.codec)},
                   {"raw_bytes", file.raw.count},
                   {"stored_bytes", file.stored.count},
                   {"stored_sha256", hex_encode(file.stored_sha256)}};
  if (!file.encrypted()) out["raw_sha256"] = hex_encode(file.raw_sha256);
  return out;
}

json::object encryption_json(const Manifest& manifest) {
  return {{"format", kAgeFormat}, {"recipients", names_json(manifest.recipients)}};
}

json::object fingerprint_json(const Manifest& manifest) {
  if (manifest.encrypted()) return {{"algorithm", kMaskedFingerprintAlgorithm}};
  return {{"algorithm", kFingerprintAlgorithm}, {"key", hex_encode(manifest.fingerprint_key)}};
}

Fingerprint written_fingerprint(const Manifest& manifest, const TableEntry& table) {
  Fingerprint out = table.rows.fingerprint;
  if (manifest.encrypted() && !manifest.masked)
    out += fingerprint_mask(manifest.fingerprint_key, table.oid);
  return out;
}

json::object plain_table_json(const TableEntry& table, Fingerprint fingerprint) {
  return {
      {"oid", table.oid},   {"schema", as_utf8(table.schema)}, {"name", as_utf8(table.name)},
      {"file", table.file}, {"rows", table.rows.rows},         {"fingerprint", fingerprint.hex()}};
}

json::object table_json(const Manifest& manifest, const TableEntry& table) {
  json::object out = plain_table_json(table, written_fingerprint(manifest, table));
  if (!table.columns.empty()) out["columns"] = names_json(table.columns);
  if (table.part_of_rows) out["part_of_rows"] = true;
  return out;
}

json::object server_json(const Server& server) {
  json::object out{{"version", server.version},
                   {"version_num", server.version_num},
                   {"system_identifier", server.system_identifier},
                   {"database", as_utf8(server.database)},
                   {"encoding", server.encoding},
                   {"collate", as_utf8(server.collate)},
                   {"ctype", as_utf8(server.ctype)},
                   {"locale_provider", server.locale_provider},
                   {"collation_version", server.collation_version},
                   {"lc_monetary", as_utf8(server.lc_monetary)},
                   {"preload_libraries", as_utf8(server.preload)}};
  if (server.database_size.count > 0) out["database_bytes"] = server.database_size.count;
  return out;
}

json::array versioned_json(const std::vector<Versioned>& items) {
  json::array out;
  for (const Versioned& item : items) {
    out.push_back(json::object{{"name", as_utf8(item.name)}, {"version", as_utf8(item.version)}});
  }
  return out;
}

json::array not_included_json(const std::vector<NotIncluded>& items) {
  json::array out;
  for (const NotIncluded& item : items) {
    out.push_back(json::object{
        {"kind", item.kind}, {"object", as_utf8(item.object)}, {"reason", as_utf8(item.reason)}});
  }
  return out;
}

// On or off: they are their own inverse.
Sha256Digest with_mask(const FingerprintKey& key, const ObjectCount& one) {
  Sha256Digest out = mask_of(key, "vigie inventory mask " + one.kind);
  for (size_t i = 0; i < out.size(); ++i) out[i] ^= one.digest[i];
  return out;
}

json::array inventory_json(const Manifest& manifest) {
  const bool mask = manifest.encrypted() && !manifest.masked;
  json::array out;
  for (const ObjectCount& one : manifest.inventory) {
    const Sha256Digest digest = mask ? with_mask(manifest.fingerprint_key, one) : one.digest;
    out.push_back(
        json::object{{"kind", one.kind}, {"count", one.count}, {"sha256", hex_encode(digest)}});
  }
  return out;
}

json::object durations_json(const std::map<std::string, Duration>& durations) {
  json::object out;
  for (const auto& [stage, time] : durations) out[stage] = to_seconds(time);
  return out;
}

json::object totals_json(const Manifest& manifest) {
  return {{"files", manifest.files.size()},
          {"tables", manifest.tables.size()},
          {"rows", manifest.rows()},
          {"raw_bytes", manifest.raw().count},
          {"stored_bytes", manifest.stored().count}};
}

// In the order of one of their members; pointers, since there may be very many.
template <class Item, class Member>
std::vector<const Item*> sorted_by(const std::vector<Item>& items, Member member) {
  std::vector<const Item*> out;
  out.reserve(items.size());
  for (const Item& item : items) out.push_back(&item);
  std::ranges::sort(out, {}, [member](const Item* item) { return item->*member; });
  return out;
}

// About what an entry takes as text, names apart.
constexpr size_t kBytesOfAnEntry = 300;

FileEntry card_entry(std::string_view card) {
  const Sha256Digest digest = sha256(as_bytes(card));
  return {std::string(kCardName), FileKind::card, Codec::none, {card.size()}, digest,
          {card.size()},          digest};
}

}  // namespace

std::string_view to_string(FileKind kind) {
  switch (kind) {
    case FileKind::toc:
      return "toc";
    case FileKind::data:
      return "data";
    case FileKind::blobs_toc:
      return "blobs_toc";
    case FileKind::blob:
      return "blob";
    case FileKind::globals:
      return "globals";
    case FileKind::key:
      return "key";
    case FileKind::card:
      break;
  }
  return "card";
}

std::string_view to_string(Codec codec) {
  switch (codec) {
    case Codec::zstd:
      return "zstd";
    case Codec::zstd_age:
      return "zstd+age";
    case Codec::none:
      break;
  }
  return "none";
}

Bytes Manifest::raw() const {
  Bytes sum;
  for (const FileEntry& file : files) sum += file.raw;
  return sum;
}

void Manifest::unmask(const FingerprintKey& key) {
  fingerprint_key = key;
  if (!std::exchange(masked, false)) return;
  for (TableEntry& table : tables) table.rows.fingerprint -= fingerprint_mask(key, table.oid);
  for (ObjectCount& one : inventory) one.digest = with_mask(key, one);
}

Bytes Manifest::stored() const {
  Bytes sum;
  for (const FileEntry& file : files) sum += file.stored;
  return sum;
}

uint64_t Manifest::rows() const {
  uint64_t sum = 0;
  for (const TableEntry& table : tables) sum += table.rows.rows;
  return sum;
}

const FileEntry* Manifest::file(std::string_view name) const {
  const auto found = std::ranges::find(files, name, &FileEntry::name);
  return found == files.end() ? nullptr : &*found;
}

std::string Manifest::to_json() const {
  CanonicalObject out((files.size() + tables.size()) * kBytesOfAnEntry);
  out.put_text("client_version", client_version);
  out.put("collations", versioned_json(collations));
  out.put_text("correlation_id", correlation_id);
  out.put_text("database", id.database);
  out.put("durations", durations_json(durations));
  if (encrypted()) out.put("encryption", encryption_json(*this));
  out.put("extensions", versioned_json(extensions));
  out.put_each("files", sorted_by(files, &FileEntry::name),
               [](const FileEntry* file) { return file_json(*file); });
  out.put("fingerprint", fingerprint_json(*this));
  out.put_text("id", id.str());
  if (!inventory.empty()) out.put("inventory", inventory_json(*this));
  out.put_text("job", id.job);
  out.put("not_included", not_included_json(not_included));
  if (not_included_more > 0) out.put("not_included_more", not_included_more);
  out.put("roles_without_password", names_json(roles_without_password));
  out.put_text("run_id", run_id);
  out.put_text("schema", "vigie.artefact/1");
  out.put_text("sealed_at", format_rfc3339(sealed_at));
  out.put("server", server_json(server));
  out.put("snapshot", {{"at", format_rfc3339(snapshot.at)}, {"lsn", snapshot.lsn}});
  out.put("source_check", {{"mode", source_check.mode}, {"result", source_check.result}});
  out.put_text("started_at", format_rfc3339(started_at));
  out.put_each("tables", sorted_by(tables, &TableEntry::oid),
               [this](const TableEntry* table) { return table_json(*this, *table); });
  out.put("totals", totals_json(*this));
  out.put_text("vigie_version", vigie_version);
  return std::move(out).finish() + "\n";
}

bool is_stored_name(std::string_view name) {
  if (name == kManifestName || name == kSumsName) return false;
  const size_t slash = name.find('/');
  if (slash == std::string_view::npos) return is_component(name);
  return is_component(name.substr(0, slash)) && is_component(name.substr(slash + 1));
}

std::string sums_text(const Manifest& manifest, std::string_view manifest_text) {
  std::vector<std::pair<std::string_view, Sha256Digest>> lines;
  for (const FileEntry& file : manifest.files) lines.emplace_back(file.name, file.stored_sha256);
  lines.emplace_back(kManifestName, sha256(as_bytes(manifest_text)));
  std::ranges::sort(lines);
  std::string text;
  for (const auto& [name, digest] : lines) {
    text += fmt::format("{}  {}\n", hex_encode(digest), name);
  }
  return text;
}

Cover make_cover(Manifest& manifest) {
  return make_cover(manifest, std::nullopt);
}

Cover make_cover(Manifest& manifest, const std::optional<MeasuredDrill>& drill) {
  Cover cover;
  cover.card = recovery_card(manifest, drill);
  manifest.files.push_back(card_entry(cover.card));
  cover.manifest = manifest.to_json();
  cover.sums = sums_text(manifest, cover.manifest);
  cover.manifest_sha256 = sha256_hex(cover.manifest);
  return cover;
}

}  // namespace vigie::artefact
