// The files of a ledger's folder: their names, their order, and their lines one by one.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "platform/file_system.h"

namespace vigie::ledger {

inline constexpr std::string_view kCurrentSegment = "ledger.jsonl";

// What carries a higher number is no segment, and nothing is sealed under one.
inline constexpr uint64_t kMaxSegment = 999'999'999;

std::string sealed_name(uint64_t number);       // ledger-000001.jsonl
uint64_t sealed_number(std::string_view name);  // 0: not the name of a sealed segment

struct SegmentNames {
  std::vector<std::string> sealed;  // by number
  bool current = false;             // it is there
  uint64_t last_number = 0;
  bool operator==(const SegmentNames&) const = default;
};

Result<SegmentNames> list_segments(platform::FileSystem& files, const platform::Path& folder);

struct RawLine {
  uint64_t number = 0;    // from 1
  uint64_t offset = 0;    // of its first byte
  uint64_t length = 0;    // without its line feed
  std::string_view text;  // empty when it is too long
  bool too_long = false;
};

struct Scanned {
  Bytes whole;            // up to and with the last line feed
  Bytes torn;             // behind it
  std::string torn_text;  // the same as text; empty when it is longer than a line may be
};

// Reads from the start to the end with one buffer of 1 MiB. `cancelled` when stopped.
Result<Scanned> scan_lines(const platform::ReadableFile& file,
                           const std::function<void(const RawLine&)>& visit,
                           std::stop_token stop = {});

}  // namespace vigie::ledger
