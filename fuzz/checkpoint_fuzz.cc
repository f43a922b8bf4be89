// Links: vigie_ledger
//
// Any bytes as checkpoints.jsonl, and as an export: judged without a crash. What counts was signed;
// nobody can sign here, so that a file of other keys than those of the corpus holds nothing.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "ledger/checkpoint.h"
#include "ledger/export_verify.h"

namespace {

using namespace vigie;

void require(bool holds) {
  if (!holds) std::abort();
}

template <class Use>
void each_line(std::string_view text, Use use) {
  for (size_t at = 0; at < text.size();) {
    const std::string_view line = text.substr(at, text.find('\n', at) - at);
    use(line);
    at += line.size() + 1;
  }
}

void check_chain(std::string_view text, ledger::Signatures signatures) {
  ledger::CheckpointChain chain(signatures);
  uint64_t size = 0;
  each_line(text, [&](std::string_view line) {
    const auto read = ledger::read_checkpoint(line);
    require(!read || line.size() <= ledger::kMaxCheckpointLine.count);
    (void)ledger::is_beginning_of_checkpoint(line);
    (void)chain.judge(line);
    require(chain.newest().size >= size);
    size = chain.newest().size;
  });
  require(chain.checkpoints() <= chain.lines());
  require(chain.keys().empty() || chain.key(chain.keys().back().id()) != nullptr);
  (void)chain.holds();
}

void check_export(std::string_view text) {
  static const auto key = ledger::PublicKey::from_hex(
      "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  ledger::ExportChecker checker(&*key);
  uint64_t number = 0;
  each_line(text, [&](std::string_view line) { checker.line(++number, line); });
  const auto report = checker.end(!text.ends_with('\n'));
  require(report.vouched <= report.entries && report.gaps <= report.entries);
  require(report.verdict(true) != Verdict::passed || report.signed_by_key);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_chain(text, ledger::Signatures::every);
  check_chain(text, ledger::Signatures::last);
  check_export(text);
  (void)ledger::PublicKey::from_pem(text);
  return 0;
}
