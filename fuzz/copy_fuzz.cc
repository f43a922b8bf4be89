// Links: vigie_artefact
//
// Rows of COPY text: however the bytes are cut, they come to the same rows, fingerprint and state;
// and these are what a slow reader, line by line, finds.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "artefact/copy_rows.h"
#include "base/encoding.h"

namespace {

using namespace vigie;
using artefact::CopyRows;

constexpr artefact::FingerprintKey kKey{7, 1, 2, 3};

void require(bool holds) {
  if (!holds) std::abort();
}

CopyRows read(std::string_view text, size_t step) {
  CopyRows rows(kKey);
  for (size_t at = 0; at < text.size(); at += step) rows.update(as_bytes(text.substr(at, step)));
  return rows;
}

// The definition, as plainly as it can be said: whole lines before the trailer, then two empty
// lines and nothing more.
struct Oracle {
  artefact::RowSummary summary;
  CopyRows::State state = CopyRows::State::rows;
};

CopyRows::State trailer_state(std::string_view rest) {
  constexpr std::string_view kEnd = "\n\n";
  if (rest == kEnd) return CopyRows::State::complete;
  return kEnd.starts_with(rest) ? CopyRows::State::trailer : CopyRows::State::broken;
}

Oracle plainly(std::string_view text) {
  artefact::RowCounter counter(kKey);
  while (true) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return {counter.summary(), CopyRows::State::rows};
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (line == "\\.") return {counter.summary(), trailer_state(text)};
    counter.add(line);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Oracle oracle = plainly(text);
  for (const size_t step : {text.size() + 1, size_t{1}, size_t{1} + data[0]}) {
    const CopyRows rows = read(text, step);
    require(rows.summary() == oracle.summary);
    require(rows.state() == oracle.state);
    require(rows.complete() == (oracle.state == CopyRows::State::complete));
  }
  return 0;
}
