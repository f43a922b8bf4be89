// The copies of ledgers in a bucket: the objects below <prefix>.vigie-evidence/. What each function
// does says store.h. Thread-safe, but for two that put the same object.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "store/s3/client.h"
#include "store/store.h"

namespace vigie::store::s3 {

class EvidenceObjects {
 public:
  // `prefix` with a slash at its end.
  EvidenceObjects(Client client, std::string prefix)
      : client_(std::move(client)), prefix_(std::move(prefix)) {}

  Result<std::vector<EvidenceFile>> list() const;
  Result<std::unique_ptr<platform::ReadableFile>> open(std::string_view name) const;
  Result<EvidenceFile> put(std::string_view name, const platform::ReadableFile& from,
                           Bytes size) const;

 private:
  Result<std::string> key_of(std::string_view name) const;
  Result<Object> write(const std::string& key, const platform::ReadableFile& from,
                       Bytes size) const;

  const Client client_;
  const std::string prefix_;
};

}  // namespace vigie::store::s3
