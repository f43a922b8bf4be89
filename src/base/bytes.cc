#include "base/bytes.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace vigie {
namespace {

struct Unit {
  std::string_view name;
  double bytes;
};
constexpr std::array<Unit, 10> kUnits{{{"", 1},
                                       {"B", 1},
                                       {"KiB", 1024.0},
                                       {"MiB", 1048576.0},
                                       {"GiB", 1073741824.0},
                                       {"TiB", 1099511627776.0},
                                       {"kB", 1e3},
                                       {"MB", 1e6},
                                       {"GB", 1e9},
                                       {"TB", 1e12}}};

}  // namespace

std::string format_bytes(Bytes bytes) {
  if (bytes.count < 1024) return fmt::format("{} B", bytes.count);
  size_t unit = 1;
  auto value = static_cast<double>(bytes.count);
  // From 1023.95 on, one decimal would print as 1024.0 of the smaller unit.
  while (value >= 1023.95 && unit < 5) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, kUnits[unit].name);
}

Result<Bytes> parse_bytes(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string_view unit(end, text.data() + text.size());
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  for (const Unit& known : kUnits) {
    const double bytes = number * known.bytes;
    if (error == std::errc() && unit == known.name && bytes >= 0 && bytes < 1e18) {
      return Bytes{static_cast<uint64_t>(bytes)};
    }
  }
  return fail(ErrorCode::http_invalid_parameter,
              {{"argument", "size"}, {"expected", "a size like 512, 64KiB or 2GB"}});
}

}  // namespace vigie
