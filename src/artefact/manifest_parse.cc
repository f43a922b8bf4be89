// Reading a manifest that anybody may have written.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <unordered_map>

#include "artefact/manifest.h"
#include "base/json.h"

namespace vigie::artefact {
namespace {

constexpr uint64_t kMaxInteger = (uint64_t{1} << 53) - 1;
constexpr size_t kMaxFiles = 250'000;
constexpr size_t kMaxTables = 100'000;
constexpr size_t kMaxOther = 100'000;
constexpr size_t kMaxColumns = 1600;  // MaxHeapAttributeNumber
constexpr size_t kMaxKinds = 100;
constexpr std::string_view kSchema = "vigie.artefact/";

// One object of the document; `where` is its place, for the reason. The reasons name keys and
// places only, never what stood there.
class Fields {
 public:
  Fields(const json::object& object, std::string where)
      : object_(&object), where_(std::move(where)) {}

  tl::unexpected<Error> bad(std::string_view key, std::string_view expected) const {
    return fail(ErrorCode::manifest_invalid,
                {{"reason", fmt::format("{}{}: expected {}", where_, key, expected)}});
  }

  Result<std::string> text(std::string_view key, size_t max = 1000) const {
    const json::string* found = find_string(*object_, key);
    if (found == nullptr || found->size() > max) {
      return bad(key, fmt::format("a string of at most {} bytes", max));
    }
    return std::string(*found);
  }

  Result<uint64_t> number(std::string_view key, uint64_t max = kMaxInteger) const {
    const json::value* found = find_value(*object_, key);
    const bool is_integer = found != nullptr && (found->is_int64() || found->is_uint64());
    json::error_code none;
    const uint64_t value = is_integer ? found->to_number<uint64_t>(none) : 0;
    if (!is_integer || none || value > max) {
      return bad(key, fmt::format("an integer from 0 to {}", max));
    }
    return value;
  }

  template <size_t N>
  Result<std::array<unsigned char, N>> hex(std::string_view key) const {
    TRY_ASSIGN(const std::string digits, text(key));
    const auto bytes = hex_decode(digits);
    if (!bytes || bytes->size() != N || hex_encode(*bytes) != digits) {
      return bad(key, fmt::format("{} lower-case hexadecimal digits", 2 * N));
    }
    std::array<unsigned char, N> out;
    std::ranges::copy(*bytes, out.begin());
    return out;
  }

  Result<SystemTime> time(std::string_view key) const {
    TRY_ASSIGN(const std::string value, text(key));
    const auto parsed = parse_rfc3339(value);
    if (!parsed) return bad(key, "a time in RFC 3339");
    return *parsed;
  }

  Result<Fields> object(std::string_view key) const {
    const json::object* found = find_object(*object_, key);
    if (found == nullptr) return bad(key, "an object");
    return Fields(*found, fmt::format("{}{}.", where_, key));
  }

  const json::object& raw() const { return *object_; }

  // Each element of an array of objects, in order.
  template <class Each>
  Result<> each(std::string_view key, size_t max, Each each) const {
    const json::array* found = find_array(*object_, key);
    if (found == nullptr || found->size() > max) {
      return bad(key, fmt::format("an array of at most {} elements", max));
    }
    for (size_t i = 0; i < found->size(); ++i) {
      const json::object* element = (*found)[i].if_object();
      if (element == nullptr) return bad(key, "an array of objects");
      TRY(each(Fields(*element, fmt::format("{}{}[{}].", where_, key, i))));
    }
    return {};
  }

 private:
  const json::object* object_;
  std::string where_;
};

template <class Enum, size_t N>
Result<Enum> choice(const Fields& fields, std::string_view key, const Enum (&values)[N]) {
  TRY_ASSIGN(const std::string word, fields.text(key));
  for (const Enum value : values) {
    if (to_string(value) == word) return value;
  }
  return fields.bad(key, "a word of the format");
}

Result<FileEntry> parse_file(const Fields& fields) {
  FileEntry file;
  TRY_ASSIGN(file.name, fields.text("name", 201));
  if (!is_stored_name(file.name)) return fields.bad("name", "a stored name");
  TRY_ASSIGN(file.kind, choice(fields, "kind",
                               {FileKind::toc, FileKind::data, FileKind::blobs_toc, FileKind::blob,
                                FileKind::globals, FileKind::card, FileKind::key}));
  TRY_ASSIGN(file.codec, choice(fields, "codec", {Codec::none, Codec::zstd, Codec::zstd_age}));
  TRY_ASSIGN(file.raw.count, fields.number("raw_bytes"));
  if (!file.encrypted()) {
    TRY_ASSIGN(file.raw_sha256, fields.hex<32>("raw_sha256"));
  }
  TRY_ASSIGN(file.stored.count, fields.number("stored_bytes"));
  TRY_ASSIGN(file.stored_sha256, fields.hex<32>("stored_sha256"));
  return file;
}

Result<std::vector<std::string>> parse_names(const Fields& fields, std::string_view key,
                                             size_t max) {
  const json::array* const found = find_array(fields.raw(), key);
  if (found == nullptr || found->size() > max) return fields.bad(key, "an array of strings");
  std::vector<std::string> names;
  for (const json::value& name : *found) {
    if (!name.is_string()) return fields.bad(key, "an array of strings");
    names.emplace_back(name.get_string());
  }
  return names;
}

Result<TableEntry> parse_table(const Fields& fields) {
  TableEntry table;
  TRY_ASSIGN(const uint64_t oid, fields.number("oid", 0xffffffff));
  table.oid = static_cast<uint32_t>(oid);
  TRY_ASSIGN(table.schema, fields.text("schema"));
  TRY_ASSIGN(table.name, fields.text("name"));
  TRY_ASSIGN(table.file, fields.text("file"));
  TRY_ASSIGN(table.rows.rows, fields.number("rows"));
  TRY_ASSIGN(const std::string hex, fields.text("fingerprint"));
  const auto fingerprint = Fingerprint::parse(hex);
  if (!fingerprint) return fields.bad("fingerprint", "32 lower-case hexadecimal digits");
  table.rows.fingerprint = *fingerprint;
  if (find_value(fields.raw(), "columns") != nullptr) {
    TRY_ASSIGN(table.columns, parse_names(fields, "columns", kMaxColumns));
  }
  const json::value* const part = find_value(fields.raw(), "part_of_rows");
  if (part != nullptr && !part->is_bool()) return fields.bad("part_of_rows", "true or false");
  table.part_of_rows = part != nullptr && part->get_bool();
  return table;
}

Result<Server> parse_server(const Fields& fields) {
  Server server;
  TRY_ASSIGN(server.version, fields.text("version"));
  TRY_ASSIGN(const uint64_t number, fields.number("version_num", 10'000'000));
  server.version_num = static_cast<int>(number);
  TRY_ASSIGN(server.system_identifier, fields.text("system_identifier"));
  TRY_ASSIGN(server.database, fields.text("database"));
  TRY_ASSIGN(server.encoding, fields.text("encoding"));
  TRY_ASSIGN(server.collate, fields.text("collate"));
  TRY_ASSIGN(server.ctype, fields.text("ctype"));
  TRY_ASSIGN(server.locale_provider, fields.text("locale_provider"));
  TRY_ASSIGN(server.collation_version, fields.text("collation_version"));
  TRY_ASSIGN(server.lc_monetary, fields.text("lc_monetary"));
  if (find_value(fields.raw(), "preload_libraries") != nullptr) {
    TRY_ASSIGN(server.preload, fields.text("preload_libraries"));
  }
  if (find_value(fields.raw(), "database_bytes") != nullptr) {
    TRY_ASSIGN(server.database_size.count, fields.number("database_bytes"));
  }
  return server;
}

Result<> parse_durations(const Fields& fields, Manifest& manifest) {
  for (const auto& [stage, value] : fields.raw()) {
    json::error_code none;
    const auto seconds = value.is_number() ? value.to_number<double>(none) : -1.0;
    if (none || !(seconds >= 0 && seconds < 1e9) || stage.size() > 100) {
      return fields.bad("", "stages and seconds");
    }
    manifest.durations[std::string(stage)] =
        std::chrono::round<Duration>(std::chrono::duration<double>(seconds));
  }
  return {};
}

Result<> parse_fingerprint(const Fields& fields, Manifest& manifest) {
  TRY_ASSIGN(const std::string algorithm, fields.text("algorithm"));
  manifest.masked = manifest.encrypted();
  const auto expected = manifest.encrypted() ? kMaskedFingerprintAlgorithm : kFingerprintAlgorithm;
  if (algorithm != expected) return fields.bad("algorithm", expected);
  if (manifest.encrypted()) return {};
  TRY_ASSIGN(manifest.fingerprint_key, fields.hex<16>("key"));
  return {};
}

Result<> parse_encryption(const Fields& fields, Manifest& manifest) {
  if (find_value(fields.raw(), "encryption") == nullptr) return {};
  TRY_ASSIGN(const Fields encryption, fields.object("encryption"));
  TRY_ASSIGN(const std::string format, encryption.text("format"));
  if (format != kAgeFormat) return encryption.bad("format", kAgeFormat);
  TRY_ASSIGN(manifest.recipients, parse_names(encryption, "recipients", kMaxRecipients));
  if (manifest.recipients.empty()) return encryption.bad("recipients", "one at least");
  return {};
}

Result<std::vector<Versioned>> parse_versioned(const Fields& fields, std::string_view key) {
  std::vector<Versioned> out;
  TRY(fields.each(key, kMaxOther, [&](const Fields& item) -> Result<> {
    TRY_ASSIGN(std::string name, item.text("name"));
    TRY_ASSIGN(std::string version, item.text("version"));
    out.push_back({std::move(name), std::move(version)});
    return {};
  }));
  return out;
}

Result<> parse_not_included(const Fields& fields, Manifest& manifest) {
  if (find_value(fields.raw(), "not_included_more") != nullptr) {
    TRY_ASSIGN(manifest.not_included_more, fields.number("not_included_more"));
  }
  return fields.each("not_included", kMaxOther, [&](const Fields& item) -> Result<> {
    NotIncluded entry;
    TRY_ASSIGN(entry.kind, item.text("kind"));
    TRY_ASSIGN(entry.object, item.text("object"));
    TRY_ASSIGN(entry.reason, item.text("reason"));
    manifest.not_included.push_back(std::move(entry));
    return {};
  });
}

Result<> parse_inventory(const Fields& fields, Manifest& manifest) {
  if (find_value(fields.raw(), "inventory") == nullptr) return {};
  return fields.each("inventory", kMaxKinds, [&](const Fields& item) -> Result<> {
    ObjectCount one;
    TRY_ASSIGN(one.kind, item.text("kind", 100));
    TRY_ASSIGN(one.count, item.number("count"));
    TRY_ASSIGN(one.digest, item.hex<32>("sha256"));
    manifest.inventory.push_back(std::move(one));
    return {};
  });
}

Result<> parse_head(const Fields& fields, Manifest& manifest) {
  TRY_ASSIGN(manifest.vigie_version, fields.text("vigie_version"));
  TRY_ASSIGN(manifest.run_id, fields.text("run_id"));
  TRY_ASSIGN(manifest.correlation_id, fields.text("correlation_id"));
  TRY_ASSIGN(manifest.started_at, fields.time("started_at"));
  TRY_ASSIGN(manifest.sealed_at, fields.time("sealed_at"));
  TRY_ASSIGN(manifest.client_version, fields.text("client_version"));
  TRY_ASSIGN(const Fields durations, fields.object("durations"));
  TRY(parse_durations(durations, manifest));
  TRY_ASSIGN(const Fields server, fields.object("server"));
  TRY_ASSIGN(manifest.server, parse_server(server));
  TRY_ASSIGN(const Fields snapshot, fields.object("snapshot"));
  TRY_ASSIGN(manifest.snapshot.at, snapshot.time("at"));
  TRY_ASSIGN(manifest.snapshot.lsn, snapshot.text("lsn"));
  TRY(parse_encryption(fields, manifest));
  TRY_ASSIGN(const Fields fingerprint, fields.object("fingerprint"));
  return parse_fingerprint(fingerprint, manifest);
}

Result<> parse_lists(const Fields& fields, Manifest& manifest) {
  TRY(fields.each("files", kMaxFiles, [&](const Fields& item) -> Result<> {
    TRY_ASSIGN(FileEntry file, parse_file(item));
    manifest.files.push_back(std::move(file));
    return {};
  }));
  TRY(fields.each("tables", kMaxTables, [&](const Fields& item) -> Result<> {
    TRY_ASSIGN(TableEntry table, parse_table(item));
    manifest.tables.push_back(std::move(table));
    return {};
  }));
  TRY_ASSIGN(manifest.extensions, parse_versioned(fields, "extensions"));
  TRY_ASSIGN(manifest.collations, parse_versioned(fields, "collations"));
  TRY(parse_not_included(fields, manifest));
  TRY_ASSIGN(manifest.roles_without_password,
             parse_names(fields, "roles_without_password", kMaxOther));
  TRY(parse_inventory(fields, manifest));
  TRY_ASSIGN(const Fields check, fields.object("source_check"));
  TRY_ASSIGN(manifest.source_check.mode, check.text("mode"));
  TRY_ASSIGN(manifest.source_check.result, check.text("result"));
  return {};
}

// Another artefact's manifest in this folder is as wrong as a damaged one.
Result<> check_identity(const Fields& fields, const BackupId& expected) {
  TRY_ASSIGN(const std::string id, fields.text("id"));
  TRY_ASSIGN(const std::string job, fields.text("job"));
  TRY_ASSIGN(const std::string database, fields.text("database"));
  if (id != expected.str()) return fields.bad("id", "the folder's name");
  if (job != expected.job) return fields.bad("job", "the id's job");
  if (database != expected.database) return fields.bad("database", "the id's database");
  return {};
}

// The card can be read by anybody; nothing else of an encrypted artefact can.
bool codec_fits(const FileEntry& file, bool encrypted) {
  if (file.kind == FileKind::card) return file.codec == Codec::none;
  return file.codec == (encrypted ? Codec::zstd_age : Codec::zstd);
}

// Each name once; each data file is one table's, each table has a data file.
Result<> check_references(const Fields& fields, const Manifest& manifest) {
  std::unordered_map<std::string_view, int> tables_of;  // data file -> tables that name it
  std::set<std::string_view> names;
  if (std::ranges::count(manifest.files, FileKind::toc, &FileEntry::kind) != 1)
    return fields.bad("files", "one table of contents");
  if (std::ranges::count(manifest.files, FileKind::key, &FileEntry::kind) !=
      (manifest.encrypted() ? 1 : 0))
    return fields.bad("files", "one key when it is encrypted");
  for (const FileEntry& file : manifest.files) {
    if (!names.insert(file.name).second) return fields.bad("files", "each name once");
    if (file.kind == FileKind::data) tables_of[file.name] = 0;
    if (!codec_fits(file, manifest.encrypted()))
      return fields.bad("files", "one codec for all but the card");
  }
  for (const TableEntry& table : manifest.tables) {
    const auto found = tables_of.find(table.file);
    if (found == tables_of.end() || ++found->second != 1) {
      return fields.bad("tables", "one data file for each table");
    }
  }
  for (const auto& [name, count] : tables_of) {
    if (count != 1) return fields.bad("files", "one table for each data file");
  }
  return {};
}

// Before anything is summed up: sums that wrap around could agree with a lie.
Result<> check_sums_fit(const Fields& fields, const Manifest& manifest) {
  uint64_t raw = 0;
  uint64_t stored = 0;
  uint64_t rows = 0;
  for (const FileEntry& file : manifest.files) {
    raw += file.raw.count;
    stored += file.stored.count;
    if (raw > kMaxInteger || stored > kMaxInteger) return fields.bad("files", "smaller sums");
  }
  for (const TableEntry& table : manifest.tables) {
    rows += table.rows.rows;
    if (rows > kMaxInteger) return fields.bad("tables", "a smaller sum");
  }
  return {};
}

Result<> check_totals(const Fields& fields, const Manifest& manifest) {
  TRY_ASSIGN(const Fields totals, fields.object("totals"));
  const std::pair<std::string_view, uint64_t> sums[] = {{"files", manifest.files.size()},
                                                        {"tables", manifest.tables.size()},
                                                        {"rows", manifest.rows()},
                                                        {"raw_bytes", manifest.raw().count},
                                                        {"stored_bytes", manifest.stored().count}};
  for (const auto& [key, sum] : sums) {
    TRY_ASSIGN(const uint64_t said, totals.number(key));
    if (said != sum) return totals.bad(key, "the sum over the entries");
  }
  return {};
}

Result<> check_schema(const json::object& object) {
  const json::string* schema = find_string(object, "schema");
  const std::string_view text = schema == nullptr ? std::string_view() : std::string_view(*schema);
  unsigned version = 0;
  if (text.starts_with(kSchema)) {
    const std::string_view digits = text.substr(kSchema.size());
    const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), version);
    if (end.ec != std::errc() || end.ptr != digits.data() + digits.size()) version = 0;
  }
  if (version == 0) {
    return fail(ErrorCode::manifest_invalid, {{"reason", "schema: expected vigie.artefact/1"}});
  }
  if (version > 1) {
    return fail(ErrorCode::manifest_newer,
                {{"observed", fmt::format("{}", version)}, {"expected", "1"}});
  }
  return {};
}

Result<Manifest> parse_object(const json::object& object, const BackupId& expected) {
  TRY(check_schema(object));
  const Fields fields(object, "");
  TRY(check_identity(fields, expected));
  Manifest manifest;
  manifest.id = expected;
  TRY(parse_head(fields, manifest));
  TRY(parse_lists(fields, manifest));
  TRY(check_references(fields, manifest));
  TRY(check_sums_fit(fields, manifest));
  TRY(check_totals(fields, manifest));
  return manifest;
}

Result<Manifest> parse_text(std::string_view text, const BackupId& expected) {
  const auto document = parse_json(text, {kMaxManifestBytes.count, 8});
  if (!document) {
    return fail(ErrorCode::manifest_invalid,
                {{"reason", std::string(document.error().parameter("reason"))}});
  }
  const json::object* object = document->if_object();
  if (object == nullptr) {
    return fail(ErrorCode::manifest_invalid, {{"reason", "expected an object"}});
  }
  return parse_object(*object, expected);
}

}  // namespace

Result<Manifest> Manifest::parse(std::string_view text, const BackupId& expected) {
  auto manifest = parse_text(text, expected);
  if (!manifest) {
    manifest.error().with("backup", expected.str()).with("job", expected.job);
  }
  return manifest;
}

}  // namespace vigie::artefact
