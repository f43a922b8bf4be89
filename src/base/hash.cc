#include "base/hash.h"

#include <openssl/evp.h>

#include <cstdlib>
#include <new>

namespace vigie {
namespace {

// Fetched once: the implicit fetch of EVP_sha256() takes a lock and a table lookup at each start
// (OpenSSL 3).
const EVP_MD* algorithm() {
  static const EVP_MD* const md = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return md;
}

// These calls fail only without memory or without the algorithm; a wrong digest must never come out
// instead.
void must(int ok) {
  if (ok != 1) std::abort();
}

}  // namespace

void Sha256::Free::operator()(evp_md_ctx_st* context) const {
  EVP_MD_CTX_free(context);
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  if (!context_) throw std::bad_alloc();
  must(EVP_DigestInit_ex2(context_.get(), algorithm(), nullptr));
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(ByteSpan bytes) {
  must(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
}

Sha256Digest Sha256::finish() {
  Sha256Digest digest;
  must(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr));
  must(EVP_DigestInit_ex2(context_.get(), algorithm(), nullptr));
  return digest;
}

Sha256Digest sha256(ByteSpan bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

}  // namespace vigie
