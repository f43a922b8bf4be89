// What a ProcessRunner and its supervisor say to each other, over a SOCK_SEQPACKET pair whose
// supervisor's end is descriptor 3. Both are the same program, so this is no durable format.
//
//   to the supervisor    Order                          one a packet
//   to the parent        Report; after Report{ended} the packets of stderr, and end of file
//
// End of file at the supervisor means that the parent is gone.
#pragma once

#include <chrono>
#include <cstddef>

namespace vigie::platform::supervision {

inline constexpr int kControl = 3;
inline constexpr size_t kTextPacket = 16 << 10;
inline constexpr std::chrono::seconds kGrace{5};  // from TERM to KILL

enum class OrderKind : int { signal, terminate, kill };
struct Order {
  OrderKind kind;
  int signal;
};

enum class ReportKind : int { started, not_started, ended };
struct Report {
  ReportKind kind;
  int value;  // pid, errno, or what waitpid said
};

}  // namespace vigie::platform::supervision
