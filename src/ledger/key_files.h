// The files of the key that signs: in the state folder, beside the ledger's. One thread. Format and
// order of a rotation: docs/formats/checkpoint-1.md.
#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"
#include "ledger/signing.h"
#include "platform/file_system.h"

namespace vigie::ledger {

inline constexpr std::string_view kKeyName = "ledger.key";
inline constexpr std::string_view kPublicKeyName = "ledger.pub";

class KeyFiles {
 public:
  // `files` must outlive it.
  KeyFiles(platform::FileSystem& files, platform::Path folder)
      : files_(files), folder_(std::move(folder)) {}

  // Nothing when there is none. signing_key_invalid: no such key, or others may read it.
  Result<std::optional<SigningKey>> current() const;
  Result<std::optional<SigningKey>> next() const;
  // A new one, durable when it returns. The first: never in the place of another.
  Result<SigningKey> make_first();
  Result<SigningKey> make_next();
  // The next becomes the current one. Durable when it returns.
  Result<> promote();
  Result<> drop_next();
  // ledger.pub, when it says anything else.
  Result<> publish(const PublicKey& key);

 private:
  Result<std::optional<SigningKey>> read(std::string_view name) const;

  platform::FileSystem& files_;
  const platform::Path folder_;
};

}  // namespace vigie::ledger
