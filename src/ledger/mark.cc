#include "ledger/mark.h"

#include "base/json.h"
#include "ledger/line.h"
#include "platform/failpoint.h"

namespace vigie::ledger {
namespace {

constexpr std::string_view kMarkSchema = "vigie.ledger-mark/1";
constexpr Bytes kMaxMark = 4_KiB;

platform::Path path_of(const platform::Path& folder) {
  return folder.string() + ".mark";
}

}  // namespace

Mark read_mark(platform::FileSystem& files, const platform::Path& folder) {
  const auto text = platform::read_file(files, path_of(folder), kMaxMark);
  const auto parsed = text ? parse_json(*text, {.max_bytes = kMaxMark.count}) : fail(text.error());
  const json::object* object = parsed ? parsed->if_object() : nullptr;
  if (!object) return {};
  const json::string* schema = find_string(*object, "schema");
  const json::string* hash = find_string(*object, "entry_hash");
  const json::value* seq = find_value(*object, "seq");
  if (!schema || *schema != kMarkSchema || !hash || !seq) return {};
  json::error_code error;
  const auto number = seq->to_number<uint64_t>(error);
  if (error || number > kMaxSeq) return {};
  return {number, std::string(*hash)};
}

Result<> write_mark(platform::FileSystem& files, const platform::Path& folder, const Mark& mark) {
  const json::object object{
      {"schema", kMarkSchema}, {"seq", mark.seq}, {"entry_hash", mark.entry_hash}};
  platform::failpoint("ledger.mark.write");
  TRY(platform::write_file_replace(files, path_of(folder), canonical_json(object) + "\n"));
  platform::failpoint("ledger.mark.written");
  return {};
}

}  // namespace vigie::ledger
