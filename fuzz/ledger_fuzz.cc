// Links: vigie_ledger
//
// Any bytes as a ledger: judged without a crash; the parts of a line lie in it; the hash of a line
// in canonical form is that of the canonical form without entry_hash; and what may begin a line may
// also begin it when it is shorter.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "ledger/chain.h"
#include "ledger/redact.h"

namespace {

using namespace vigie;

void require(bool holds) {
  if (!holds) std::abort();
}

// The parts of a line lie in it, and its hash covers all but the outermost entry_hash.
void check_view(std::string_view line) {
  const auto view = ledger::read_line(line);
  if (!view) return;
  const auto inside = [&](std::string_view part) {
    return part.data() >= line.data() && part.data() + part.size() <= line.data() + line.size();
  };
  require(inside(view->kind) && inside(view->trigger) && inside(view->entry_hash));
  const size_t cut = line.size() - view->before.size() - view->behind.size();
  require(cut == view->entry_hash.size() + std::string_view(R"(,"entry_hash":"")").size());
}

void check_hash(std::string_view line) {
  const auto view = ledger::read_line(line);
  auto parsed = parse_json(line, {.max_bytes = ledger::kMaxLine.count});
  if (!view || !parsed || !parsed->is_object() || canonical_json(*parsed) != line) return;
  parsed->as_object().erase("entry_hash");
  Sha256 hash;
  require(ledger::line_hash(*view, hash) == sha256_hex(canonical_json(*parsed)));
}

void check_beginning(std::string_view line) {
  if (!ledger::is_beginning_of_line(line)) return;
  require(ledger::is_beginning_of_line(line.substr(0, line.size() / 2)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  ledger::Chain chain;
  uint64_t last = 0;
  for (size_t at = 0; at < text.size();) {
    const std::string_view line = text.substr(at, text.find('\n', at) - at);
    check_view(line);
    check_hash(line);
    check_beginning(line);
    const auto judged = chain.judge(line);
    require(judged.entry.has_value() || !judged.problem.empty());
    require(chain.last_seq() >= last && chain.next_seq() > chain.last_seq());
    last = chain.last_seq();
    at += line.size() + 1;
  }
  (void)ledger::redacted(text);
  return 0;
}
