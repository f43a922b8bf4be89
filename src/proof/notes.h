// Notes about a proof that outlive what has written them: one JSON object for each proof and kind.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "platform/file_system.h"

namespace vigie::proof {

class ProofNotes {
 public:
  // `<folder>/<proof><ending>`; `schema` is the value of that key in each.
  ProofNotes(platform::FileSystem& files, platform::Path folder, std::string_view ending,
             std::string_view schema)
      : files_(files), folder_(std::move(folder)), ending_(ending), schema_(schema) {}

  // Adds `schema` and `proof`. Durable when it returns. Errors: file_*.
  Result<> write(const std::string& proof, json::object note) const;
  // Fine when there is none.
  Result<> remove(const std::string& proof) const;
  // The proofs that have a note.
  Result<std::vector<std::string>> proofs() const;
  // Errors: file_*, file_corrupt.
  Result<json::object> read(const std::string& proof) const;
  // What read() fails with when the note lacks something.
  Error damaged(const std::string& proof) const;

 private:
  platform::Path path(const std::string& proof) const { return folder_ / (proof + ending_); }
  platform::FileSystem& files_;
  const platform::Path folder_;
  const std::string ending_;
  const std::string schema_;
};

// Empty when it is no text. Also of entries.
std::string text_of(const json::object& object, std::string_view key);

}  // namespace vigie::proof
