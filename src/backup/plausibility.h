// Does a backup look like the one before it? Pure. A finding is not a failure: it warns, and
// nothing expires until it is acknowledged.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backup/options.h"
#include "base/bytes.h"

namespace vigie::backup {

struct TableSize {
  std::string name;  // schema-qualified, as the manifest has it
  uint64_t rows = 0;
};

// What is compared of a backup.
struct BackupOutline {
  Bytes raw;  // before compression
  std::vector<TableSize> tables;
  uint64_t system_identifier = 0;  // of the server (pg_control_system()); 0: it did not say
};

enum class Oddity : unsigned char {
  rows_shrunk,
  bytes_shrunk,
  table_gone,
  table_emptied,
  other_server
};
std::string_view to_string(Oddity oddity);

struct PlausibilityFinding {
  Oddity oddity;
  std::string
      table;  // of table_gone and table_emptied; comes from the database: for operators only
  uint64_t before = 0;  // rows, bytes, or the system identifier
  uint64_t after = 0;

  std::string text() const;  // one sentence, with the table's name made printable
};

// Empty when nothing is odd. At most 100 findings on tables, in the order of their names.
std::vector<PlausibilityFinding> compare_backups(const BackupOutline& previous,
                                                 const BackupOutline& current,
                                                 const PlausibilityOptions& options);

}  // namespace vigie::backup
