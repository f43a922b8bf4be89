// Is an artefact what was written? One flipped bit or one missing byte anywhere is found, always.
//
// quick: the manifest is valid, SHA256SUMS is the manifest's, every file is there with its size,
// nothing else is. full: also every file is read once: SHA-256 of stored and raw bytes, zstd
// frames with their checksums, COPY's trailer, rows, fingerprints. Of an encrypted artefact that is
// seen with its private key alone; without it the stored bytes are read and compared.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "artefact/age.h"
#include "artefact/manifest.h"
#include "artefact/source.h"
#include "base/verdict.h"
#include "platform/clock.h"

namespace vigie::artefact {

enum class VerifyDepth : unsigned char { quick, full };

struct VerifyProgress {
  Bytes done;   // stored bytes read
  Bytes total;  // as the manifest says
};

// Where the raw bytes of a file go while they are checked; no file: nowhere. What was written
// counts only when the report has passed. From any worker.
using UnpackTo =
    std::function<Result<std::unique_ptr<platform::WritableFile>>(const FileEntry& entry)>;

struct VerifyRequest {
  BackupId id;
  VerifyDepth depth = VerifyDepth::full;
  std::string expected_manifest_sha256;  // from the ledger; empty: not known
  unsigned workers = 1;                  // threads for full
  bool first_finding_ends = false;       // whoever refuses it needs no more
  MonoTime deadline = MonoTime::max();
  std::stop_token stop;
  std::function<void(const VerifyProgress&)>
      progress;                            // from any worker, one at a time; may be empty
  UnpackTo unpack_to{};                    // for full, of what can be opened; may be empty
  const Decryption* decryption = nullptr;  // nullptr: none; must outlive the call
};

struct VerifyReport {
  Verdict result = Verdict::could_not_verify;
  std::vector<Error> findings;  // the first kMaxFindings, sorted by file
  uint64_t findings_total = 0;
  std::optional<Manifest> manifest;  // when it could be read
  std::string manifest_sha256;
  bool contents_opened = false;  // by full: what is within was looked at too
  Bytes stored_read;
  Bytes raw_read;
};
inline constexpr size_t kMaxFindings = 100;

// An Error only when the work itself ended early: cancelled, deadline_exceeded. What is wrong with
// the artefact stands in the report; an artefact that cannot be read, or not be unpacked, is
// could_not_verify.
Result<VerifyReport> verify(ArtefactSource& source, const platform::Clock& clock,
                            const VerifyRequest& request);

}  // namespace vigie::artefact
