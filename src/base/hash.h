// SHA-256 (FIPS 180-4) by OpenSSL.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "base/encoding.h"

struct evp_md_ctx_st;

namespace vigie {

using Sha256Digest = std::array<unsigned char, 32>;

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(ByteSpan bytes);
  // The digest of all that was given; the object starts afresh after it.
  Sha256Digest finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

Sha256Digest sha256(ByteSpan bytes);
inline std::string sha256_hex(std::string_view text) {
  return hex_encode(sha256(as_bytes(text)));
}

}  // namespace vigie
