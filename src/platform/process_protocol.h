// What a ProcessRunner, its fork server and the supervisors say to each other. All are the same
// program, so this is no durable format. Both channels are SOCK_SEQPACKET pairs, and both are
// descriptor 3 of whoever is below.
//
//   to the fork server   the four descriptors of a Launch; it answers nothing
//   to a supervisor      Order                          one a packet
//   from a supervisor    Report; after Report{ended} the packets of stderr, and end of file
//
// End of file at either of them means that the parent is gone.
#pragma once

#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "platform/descriptor.h"

namespace vigie::platform::supervision {

// What a terminal or a service manager sends to everybody is not for a fork server or a supervisor:
// the parent decides.
inline constexpr std::array kIgnored{SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE};

inline constexpr int kControl = 3;
inline constexpr size_t kTextPacket = 16 << 10;
inline constexpr std::chrono::seconds kGrace{5};  // from TERM to KILL

enum class OrderKind : int { signal, terminate, kill };
struct Order {
  OrderKind kind;
  int signal;
};

// `here` is a supervisor's first word; its value is the pid of the supervisor itself.
enum class ReportKind : int { here, started, not_started, ended };
struct Report {
  ReportKind kind;
  int value;  // pid, errno, or what waitpid said
};

// A program to start. No string holds a NUL.
struct Program {
  size_t keep_stderr = 0;
  std::string folder;
  std::string path;
  std::vector<std::string> arguments;  // from argv[0] on
  std::vector<std::string> environment;
};

// The text of a Program in a file without a name, or an empty Descriptor with errno. Read from its
// start whatever its offset is.
Descriptor write_program(const Program& program);
std::optional<Program> read_program(int fd);

// What becomes of a supervisor's standard descriptors and its control.
struct Launch {
  Descriptor input;
  Descriptor output;
  Descriptor control;
  Descriptor program;  // as write_program made it
};

// 0, or an errno: EAGAIN when the fork server has not taken the last ones yet, EPIPE when it is
// gone.
int send_launch(int fork_server, const Launch& launch);
// Waits. Empty: the parent is gone.
std::optional<Launch> receive_launch(int parent);

// The body of a supervisor, in a process of its own: input, output and control are in their places.
// Returns its exit status.
int supervise(Program program);

}  // namespace vigie::platform::supervision
