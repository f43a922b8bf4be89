// A server that was hurt on purpose is owed its start, also when this process ends before it could
// give it. Format: docs/formats/owed-start-1.md.
#pragma once

#include <string>
#include <vector>

#include "proof/durability.h"
#include "proof/notes.h"

namespace vigie::proof {

struct OwedStart {
  std::string proof;
  RunId run;
  SystemTime at;
};

class OwedStarts {
 public:
  OwedStarts(platform::FileSystem& files, platform::Path folder);

  // Durable when it returns. Errors: file_*.
  Result<> note(const OwedStart& owed) const;
  // Fine when there is none.
  Result<> settle(const std::string& proof) const { return notes_.remove(proof); }
  // The proofs that have a note.
  Result<std::vector<std::string>> proofs() const { return notes_.proofs(); }
  // Errors: file_*, file_corrupt.
  Result<OwedStart> read(const std::string& proof) const;

 private:
  ProofNotes notes_;
};

// A program of the configuration that stops or starts the server, to its end: at most two minutes.
// Errors: durability_fault, cancelled, deadline_exceeded, process_*.
Result<> run_restart(const DurabilityTools& tools, const std::string& proof,
                     const std::vector<std::string>& words, const std::stop_token& stop);

// Whether the server answers a query before the deadline; asked again and again.
bool answers(const DurabilityTools& tools, const platform::Dsn& server, MonoTime deadline,
             const std::stop_token& stop);

// Runs restart.start, and waits until the server answers: what the report says is that, and why.
// Precondition: the proof has a start.
DurabilityReport give_owed_start(const DurabilityRequest& request, const OwedStart& owed,
                                 const DurabilityTools& tools, const Work& work);

}  // namespace vigie::proof
