// Where each entry lies, in memory, and reading by a filter through it. Derived: made by one pass
// over the files, kept up by whoever appends. 40 bytes an entry.
//
// Thread-safe. Reading takes candidates in small batches under the mutex and the files' bytes
// without it, so that an append never waits for a reader's disk.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "ledger/query.h"
#include "ledger/survey.h"

namespace vigie::ledger {

class Index {
 public:
  // Takes the survey's rows and the names of its segments, and holds its current segment open:
  // when somebody else seals it, we still find what was in it.
  Index(platform::FileSystem& files, platform::Path folder, Survey& survey);

  void add(const Row& row);
  // `rename` gives the current segment its sealed name, and says it (empty: there was nothing to
  // seal); a new current one follows. No reader sees the name and the file disagree.
  Result<std::string> seal(const std::function<Result<std::string>()>& rename);

  // Somebody took the current segment away: what is added from now on lies in this file. Null: in
  // one that does not exist yet.
  void take_up(std::shared_ptr<const platform::ReadableFile> current);

  Result<> for_each(const Filter& filter, const Visit& visit, const std::stop_token& stop) const;
  Result<Page> page(const Filter& filter, const std::stop_token& stop) const;

 private:
  struct Batch {
    std::vector<Row> rows;
    bool more = false;
    size_t next = 0;  // where to look on: index into rows_
  };
  class Lines;
  using VisitLine = std::function<bool(uint64_t seq, json::object entry, size_t bytes)>;

  size_t first_row(const Filter& filter) const;
  Batch batch(const Filter& filter, size_t from) const;
  Result<> walk(const Filter& filter, const VisitLine& visit, const std::stop_token& stop) const;
  Result<std::shared_ptr<const platform::ReadableFile>> open(uint32_t segment) const;

  platform::FileSystem& files_;
  const platform::Path folder_;
  mutable std::mutex mutex_;
  std::shared_ptr<const platform::ReadableFile> held_;  // guarded by mutex_; of held_segment_
  size_t held_segment_;                                 // guarded by mutex_
  std::vector<Row> rows_;                               // guarded by mutex_; by seq
  std::vector<std::string> segments_;                   // guarded by mutex_
};

}  // namespace vigie::ledger
