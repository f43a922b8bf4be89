// Links: vigie_proof
//
// The SQL of an archive and the list of its entries: statements, put together again, are split into
// themselves; renaming a database there and back changes nothing but its quotes.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "proof/archive.h"
#include "proof/sql_script.h"

namespace {

using namespace vigie;

void require(bool holds) {
  if (!holds) std::abort();
}

std::string joined(const std::vector<std::string>& statements) {
  std::string out;
  for (const std::string& one : statements) out += one + ";\n";
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const proof::ArchiveEntry& entry : proof::parse_archive_list(text))
    require(entry.line.ends_with(entry.what));
  for (const proof::SequenceValue& value : proof::parse_sequence_values(text))
    require(value.name.size() < size && value.value.size() < size);
  const auto statements = proof::split_statements(text);
  if (!statements) return 0;
  const auto again = proof::split_statements(joined(*statements));
  require(again && *again == *statements);
  for (const std::string& one : *statements) {
    (void)proof::name_after(one, "role");
    const std::string renamed = proof::with_database_renamed(one, "app", "b\"c");
    const auto kept = proof::split_statements(renamed);
    require(kept && kept->size() == 1);
    if (renamed != one)
      require(proof::with_database_renamed(renamed, "b\"c", "app").size() == one.size() + 2 ||
              one.find("\"app\"") != std::string::npos);
  }
  return 0;
}
