// The sealing threads of a dump: each takes a file of the staging folder, follows it while pg_dump
// writes it, and puts it sealed into the artefact. What was sealed is punched out of the staging
// file at once; at its end the file is emptied (toc.dat and the lists of large objects stay: they
// are read once more).
#pragma once

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "artefact/manifest.h"
#include "artefact/sealer.h"
#include "backup/seal_queue.h"
#include "platform/file_system.h"
#include "store/store.h"

namespace vigie::backup {

struct SealSettings {
  platform::Path folder;  // where pg_dump writes
  int level = 1;
  artefact::FingerprintKey key{};
  std::string database;                              // for errors
  const artefact::Encryption* encryption = nullptr;  // nullptr: none
};

// Seals one small file from what `feed` puts into the sealer.
Result<artefact::FileEntry> seal_one(store::ArtefactWriter& out, const SealSettings& settings,
                                     std::string_view name, artefact::FileKind kind,
                                     const std::function<Result<>(artefact::Sealer&)>& feed);

// Runs from the constructor on. Join before taking the results.
class SealThreads {
 public:
  SealThreads(SealQueue& queue, SealSettings settings, store::ArtefactWriter& out,
              unsigned threads);
  // Gives up what is still running.
  ~SealThreads();

  void join();
  // After join(): what was sealed, with the rows of the data files.
  struct Done {
    artefact::FileEntry entry;
    artefact::RowSummary rows;
    std::string dump_name;  // "3456.dat"
  };
  std::vector<Done> take();

  Bytes stored() const { return {stored_.load(std::memory_order_relaxed)}; }
  bool punches() const { return punches_.load(std::memory_order_relaxed); }

 private:
  class Worker;
  void run();

  SealQueue& queue_;
  const SealSettings settings_;
  store::ArtefactWriter& out_;
  std::atomic<uint64_t> stored_{0};
  std::atomic<bool> punches_{true};
  std::mutex mutex_;
  std::vector<Done> done_;             // guarded by mutex_
  std::vector<std::jthread> threads_;  // last: they use all of the above
};

}  // namespace vigie::backup
