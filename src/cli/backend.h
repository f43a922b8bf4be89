// Whom a verb asks. The daemon over its socket, or the same routes in this process when no daemon
// runs: the verbs do not know which.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "platform/file_system.h"

namespace vigie::cli {

struct Ask {
  std::string method = "GET";
  std::string target;          // "/v1/backups?limit=500"
  json::value body = nullptr;  // sent when it is not null
};

struct Answer {
  int status = 0;
  json::value body;  // null when there is none, or it is no JSON
  bool good() const { return status >= 200 && status < 300; }
};

// What a command may do in this process.
enum class Access : unsigned char {
  write,
  read,         // nothing is written, and no lock is needed
  read_beside,  // the same, while another process owns the state folder
};

// One thread.
class Backend {
 public:
  virtual ~Backend() = default;
  // Errors: those of the way to the other side; what the other side refuses is an Answer.
  virtual Result<Answer> ask(const Ask& ask) = 0;
  // The configuration in force on the other side; empty when it is this process, or does not answer
  // within two seconds.
  virtual std::string configuration_sha256() { return ""; }
};

// Over the unix socket of a daemon.
std::unique_ptr<Backend> make_socket_backend(const platform::Path& socket);

// What a problem document (RFC 9457) says.
struct Refusal {
  const ErrorInfo* info = nullptr;
  std::string detail;
  std::string next;
};
// Nothing when the answer is none, or its code is unknown here.
std::optional<Refusal> refusal_of(const Answer& answer);

}  // namespace vigie::cli
