#include "platform/resolve.h"

#include <netdb.h>
#include <sys/socket.h>

#include <array>

#include "platform/detached.h"

namespace vigie::platform {
namespace {

constexpr size_t kMostAddresses = 8;
constexpr int kMostLookups = 8;

struct Lookup {
  std::string name;
  std::vector<std::string> addresses;
};

std::string numeric(const addrinfo& one) {
  std::array<char, NI_MAXHOST> text{};
  const int failed = ::getnameinfo(one.ai_addr, one.ai_addrlen, text.data(), text.size(), nullptr,
                                   0, NI_NUMERICHOST);
  return failed == 0 ? text.data() : "";
}

void look_up(Lookup& lookup) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* first = nullptr;
  if (::getaddrinfo(lookup.name.c_str(), nullptr, &hints, &first) != 0) return;
  for (const addrinfo* one = first; one != nullptr; one = one->ai_next) {
    if (lookup.addresses.size() < kMostAddresses) lookup.addresses.push_back(numeric(*one));
  }
  ::freeaddrinfo(first);
}

}  // namespace

Resolved resolve_host(const std::string& name, MonoTime deadline, const StopSignal& stop) {
  static DetachedSlots slots(kMostLookups);
  const auto lookup = std::make_shared<Lookup>(Lookup{name, {}});
  switch (run_detached(lookup, look_up, slots, deadline, stop)) {
    case WaitEnd::deadline:
      return {Resolved::End::deadline, {}};
    case WaitEnd::stopped:
      return {Resolved::End::stopped, {}};
    case WaitEnd::ready:
      break;
  }
  if (lookup->addresses.empty()) return {};
  return {Resolved::End::found, lookup->addresses};
}

}  // namespace vigie::platform
