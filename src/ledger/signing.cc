#include "ledger/signing.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <cstdlib>

#include "base/hash.h"

namespace vigie::ledger {
namespace {

constexpr size_t kSignature = 64;
constexpr size_t kId = 16;  // hexadecimal digits

template <class T, void (*free_it)(T*)>
struct Freed {
  void operator()(T* it) const { free_it(it); }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, EVP_PKEY_free>>;
using Digest = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX, EVP_MD_CTX_free>>;
struct FreeBio {
  void operator()(BIO* it) const { BIO_free_all(it); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;

// These calls fail only without memory; a wrong signature must never come out instead.
void must(bool ok) {
  if (!ok) std::abort();
}

Bio reading(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string written(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(size)};
}

// Nobody is asked for one.
int no_password(char*, int, int, void*) {
  return 0;
}

bool is_ed25519(const EVP_PKEY* key) {
  return key != nullptr && EVP_PKEY_get_id(key) == EVP_PKEY_ED25519;
}

Key public_handle(const std::array<unsigned char, 32>& bytes) {
  return Key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes.data(), bytes.size()));
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

std::optional<PublicKey> PublicKey::from_pem(std::string_view text) {
  const Bio bio = reading(text);
  const Key key(PEM_read_bio_PUBKEY(bio.get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  PublicKey out;
  size_t size = out.bytes_.size();
  if (!is_ed25519(key.get())) return std::nullopt;
  must(EVP_PKEY_get_raw_public_key(key.get(), out.bytes_.data(), &size) == 1);
  return out;
}

std::optional<PublicKey> PublicKey::from_hex(std::string_view text) {
  const auto bytes = hex_decode(text);
  PublicKey out;
  if (!bytes || bytes->size() != out.bytes_.size()) return std::nullopt;
  std::ranges::copy(*bytes, out.bytes_.begin());
  return out;
}

std::string PublicKey::pem() const {
  const Key key = public_handle(bytes_);
  const Bio bio(BIO_new(BIO_s_mem()));
  must(key && bio && PEM_write_bio_PUBKEY(bio.get(), key.get()) == 1);
  return written(bio.get());
}

std::string PublicKey::id() const {
  return hex_encode(sha256(bytes_)).substr(0, kId);
}

bool PublicKey::verify(std::string_view message, std::string_view signature_hex) const {
  const auto signature = hex_decode(signature_hex);
  if (!signature || signature->size() != kSignature) return false;
  const Key key = public_handle(bytes_);
  const Digest context(EVP_MD_CTX_new());
  must(key && context);
  const bool ready = EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1;
  const bool fits = ready && EVP_DigestVerify(context.get(), signature->data(), signature->size(),
                                              bytes_of(message), message.size()) == 1;
  ERR_clear_error();
  return fits;
}

void SigningKey::Free::operator()(evp_pkey_st* key) const {
  EVP_PKEY_free(key);
}

SigningKey::SigningKey(Handle key) : key_(std::move(key)) {
  size_t size = public_.bytes_.size();
  must(EVP_PKEY_get_raw_public_key(key_.get(), public_.bytes_.data(), &size) == 1);
}

SigningKey SigningKey::generate() {
  Handle key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  must(key != nullptr);
  return SigningKey(std::move(key));
}

std::optional<SigningKey> SigningKey::from_pem(std::string_view text) {
  const Bio bio = reading(text);
  Handle key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  if (!is_ed25519(key.get())) return std::nullopt;
  return SigningKey(std::move(key));
}

Secret SigningKey::pem() const {
  const Bio bio(BIO_new(BIO_s_secmem()));
  must(bio && PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr,
                                            nullptr) == 1);
  return Secret(written(bio.get()));
}

std::string SigningKey::sign(std::string_view message) const {
  const Digest context(EVP_MD_CTX_new());
  std::array<unsigned char, kSignature> signature{};
  size_t size = signature.size();
  must(context && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1);
  must(EVP_DigestSign(context.get(), signature.data(), &size, bytes_of(message), message.size()) ==
       1);
  return hex_encode(signature);
}

}  // namespace vigie::ledger
