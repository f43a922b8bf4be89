// Where artefacts lie. A driver is this small set of functions and its features; every driver
// passes tests/support/store_contract.h. The rule of every store: an artefact exists if and only if
// its manifest does; the manifest is written last and removed first (docs/formats/artefact-1.md).
//
// All of it is thread-safe but ArtefactWriter's publish() and discard(), which come once, after all
// FileWriters are closed.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "artefact/source.h"
#include "base/ids.h"
#include "base/work.h"
#include "platform/file_system.h"

namespace vigie::store {

inline constexpr Bytes kMaxMarkerBytes = 4_KiB;

struct Features {
  bool off_host = false;     // a lost host does not take the store with it
  bool knows_space = false;  // space() can answer
  bool local_path = false;   // artefact_path() can answer: stock tools can be pointed at it
};

// One file on its way into the store. One thread at a time. Dropping it without close() leaves
// debris.
class FileWriter {
 public:
  virtual ~FileWriter() = default;
  virtual Result<> append(ByteSpan bytes) = 0;
  // Nothing more comes. The bytes are durable only after the artefact's publish().
  virtual Result<> close() = 0;
};

// One artefact on its way. Dropping it without publish() leaves debris, which no list shows.
class ArtefactWriter {
 public:
  virtual ~ArtefactWriter() = default;
  // `name` as artefact::is_stored_name, or SHA256SUMS. Error: file_exists.
  virtual Result<std::unique_ptr<FileWriter>> create(std::string_view name) = 0;
  // Makes every file durable, then writes the manifest. After it the artefact exists; after an
  // error it may exist only when the very last sync failed: ask exists().
  virtual Result<> publish(std::string_view manifest) = 0;
  // Removes what was written.
  virtual Result<> discard() = 0;
};

// A file of a copy of a ledger, beside the artefacts (docs/formats/store-1.md).
struct EvidenceFile {
  std::string name;  // "<owner>/ledger/ledger-000001.jsonl"
  Bytes size;
  std::string tag;  // another one when it has been written again, as far as the store can tell
};

inline constexpr std::string_view kEvidenceFolder = ".vigie-evidence";
inline constexpr size_t kMostEvidenceFiles = 100'000;
// Up to four parts of [a-z0-9][a-z0-9.-]{0,99}, with a slash between them.
bool is_evidence_name(std::string_view name);

class Store {
 public:
  virtual ~Store() = default;

  virtual const std::string& name() const = 0;  // in vigie.yaml
  virtual Features features() const = 0;
  // The same store for one piece of work: its calls, and those of the writers and sources that it
  // gives out, end with the work (deadline_exceeded, cancelled); what discard() removes is removed
  // all the same. A local store's calls cannot be ended.
  virtual std::shared_ptr<Store> within(const CallLimits& limits) const = 0;

  // Error: file_exists when there is an artefact or debris of that id.
  virtual Result<std::unique_ptr<ArtefactWriter>> begin(const BackupId& id) = 0;

  virtual Result<bool> exists(const BackupId& id) = 0;
  // Those with a manifest, sorted.
  virtual Result<std::vector<BackupId>> list() = 0;
  // Folders that look like an artefact and have no manifest, sorted. What carries any other name is
  // not ours and is never touched.
  virtual Result<std::vector<BackupId>> debris() = 0;
  // For reading and verifying. Error: backup_not_found.
  virtual Result<std::unique_ptr<artefact::ArtefactSource>> open(const BackupId& id) = 0;
  // Manifest first, then the rest. Fine when there is nothing. Also removes debris.
  virtual Result<> remove(const BackupId& id) = 0;

  // The marker that says whose it is (docs/formats/store-1.md), as it lies there; nothing when
  // there is none, and no text when it is longer than kMaxMarkerBytes.
  virtual Result<std::optional<std::string>> marker() = 0;
  // Durable when it returns. Error: file_exists, unless it may `replace`.
  virtual Result<> mark(std::string_view text, bool replace) = 0;

  // Writes, reads back and removes a small file, whatever others do beside it, and looks at the
  // rights of the job's folder when it is there (no job: of none). Errors: store_not_writable for
  // what the rights or a read-only mount refuse; store_refused where a server says no.
  virtual Result<> probe(std::string_view job) = 0;
  // Whether probe() would succeed, as far as the rights say; changes nothing. A root that is not
  // there yet is well when it can be made.
  virtual Result<> look(std::string_view job) = 0;
  // Only with features().knows_space.
  virtual Result<platform::Space> space() = 0;
  // Only with features().local_path.
  virtual platform::Path artefact_path(const BackupId& id) const = 0;

  // Copies of ledgers. Whatever else is done with the store does not touch them.
  // Sorted by name; what has another name is left out. Error: limit_exceeded.
  virtual Result<std::vector<EvidenceFile>> evidence() = 0;
  // Error: file_not_found.
  virtual Result<std::unique_ptr<platform::ReadableFile>> open_evidence(std::string_view name) = 0;
  // The first `size` bytes of `from` take the place of what was there: whole or not at all, and
  // durable when it returns. Error: file_corrupt when `from` is shorter.
  virtual Result<EvidenceFile> put_evidence(std::string_view name,
                                            const platform::ReadableFile& from, Bytes size) = 0;
};

// Whether the store answers; changes nothing.
Result<> answers(Store& store);

// The first `size` bytes of a file, piece by piece. Error: file_corrupt when it is shorter; those
// of `take`.
Result<> each_piece(const platform::ReadableFile& from, Bytes size,
                    const std::function<Result<>(ByteSpan)>& take);

// A small file in one call.
Result<> write_file(ArtefactWriter& writer, std::string_view name, std::string_view text);

// The manifest's bytes. Errors: backup_not_found, limit_exceeded.
Result<std::string> read_manifest(Store& store, const BackupId& id);

}  // namespace vigie::store
