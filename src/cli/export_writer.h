// One file of evidence for somebody who has no Vigie: what the formats share. Each writes as the
// entries come, and keeps none. Pure; one thread. Format: docs/formats/evidence-export-1.md.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/time.h"

namespace vigie::cli {

struct ExportHead {
  std::string from;  // RFC 3339, as asked for; empty: from the beginning
  std::string to;
  std::string kind;  // empty: every kind
  SystemTime generated_at;
  std::string version;
  uint64_t entries = 0;
  std::map<std::pair<std::string, std::string>, uint64_t> counts;  // by kind and result
  uint64_t last_seq = 0;                                           // of the whole ledger
  std::string head;                                                // its hash
  json::value checkpoint;  // the newest up to the last entry of the export; null: none
  std::string public_key;  // PEM; empty: none
  json::value newest;      // the newest of all; null: none
};

class ExportWriter {
 public:
  virtual ~ExportWriter() = default;
  virtual std::string begin(const ExportHead& head) = 0;
  virtual std::string entry(const json::object& entry) = 0;
  virtual std::string end() = 0;
};

std::unique_ptr<ExportWriter> make_csv_writer();
std::unique_ptr<ExportWriter> make_html_writer();
std::unique_ptr<ExportWriter> make_json_writer();

// What an entry says, in words for a reader. Nothing is escaped but control characters.
struct ExportFields {
  std::string seq;
  std::string started_at;
  std::string ended_at;
  std::string what;
  std::string subject;
  std::string duration_s;
  std::string result;
  std::string error_code;
  std::string rto_s, rto_target_s, rpo_s, rpo_target_s;  // empty: it measures none
  uint64_t passed = 0, failed = 0, not_run = 0;          // assertions
  std::string failed_checks;  // those that failed, by name, with what was expected and found
  std::string deviations;
  std::string by, actor, reason, reference;
  std::string follow_up;
  std::string correlation_id;
  std::string entry_hash;
  std::string log_sha256, log_bytes;  // of the log of its run; empty: it names none
};
ExportFields export_fields(const json::object& entry);

std::string words_of_kind(std::string_view kind);
// Control characters but the line feed and the tab as \xNN.
std::string without_controls(std::string_view text);
// The head as pairs, in order, for formats that people read.
std::vector<std::pair<std::string, std::string>> head_lines(const ExportHead& head);

}  // namespace vigie::cli
