// Encryption of sealed files in the age format (age-encryption.org/v1), by the stock `age` program
// in the pipe: a file of the artefact opens with `age -d` and the private key of any recipient.
// Whoever writes needs only public keys.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/work.h"
#include "platform/filter.h"
#include "platform/memory_file.h"
#include "platform/process.h"

namespace vigie::artefact {

// The form of a recipient that age takes: age1… (X25519) or a line of an SSH public key (ed25519,
// rsa). Only age itself knows whether it is a key.
bool is_recipient(std::string_view text);

// Where Debian and others have it. Error: encryption_unavailable.
Result<platform::Path> find_age(platform::FileSystem& files);

// For whom a backup is encrypted, and by what.
struct Encryption {
  platform::ProcessRunner& runner;
  platform::Path program;
  std::vector<std::string> recipients;
  CallLimits limits;
};

// A private key, or several: what `age -i` takes. It lies in this process's memory alone.
class Identity {
 public:
  // Read by the rules of secret files (platform/secret_file.h), with their errors.
  static Result<Identity> from_file(const platform::Path& path);
  // What a command writes to its stdout. Errors: of processes.
  static Result<Identity> from_command(platform::ProcessRunner& runner,
                                       const std::vector<std::string>& command,
                                       const CallLimits& limits);
  platform::Path path() const { return file_.path(); }

 private:
  explicit Identity(platform::MemoryFile file) : file_(std::move(file)) {}
  platform::MemoryFile file_;
};

// What opens encrypted files. The identity must outlive it.
struct Decryption {
  platform::ProcessRunner& runner;
  platform::Path program;
  const Identity& identity;
};

// One file on its way through age. One thread.
class AgePipe {
 public:
  using Sink = platform::Filter::Sink;

  // Errors: encryption_unavailable, cancelled.
  static Result<AgePipe> encrypt(const Encryption& encryption);
  // `backup` and `member` are for the errors.
  static Result<AgePipe> decrypt(const Decryption& decryption, const CallLimits& limits,
                                 const BackupId& backup, std::string member);

  // Errors: encrypting: encryption_failed. Decrypting: identity_refused (also when age was
  // killed, or did not say why), artefact_decrypt. Both: those of the sink,
  // cancelled, deadline_exceeded.
  Result<> push(ByteSpan bytes, const Sink& sink);
  Result<> finish(const Sink& sink);

 private:
  using Judge = std::function<Error(const platform::ProcessEnd&)>;
  AgePipe(std::unique_ptr<platform::Filter> filter, Judge judge)
      : filter_(std::move(filter)), judge_(std::move(judge)) {}
  static Result<AgePipe> start(platform::ProcessRunner& runner, platform::Command command,
                               const CallLimits& limits, Judge judge);

  std::unique_ptr<platform::Filter> filter_;
  Judge judge_;
};

// Whether age takes these recipients: a probe without bytes. Errors: as of encrypt().
Result<> try_encryption(const Encryption& encryption);

}  // namespace vigie::artefact
