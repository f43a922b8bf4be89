// Ed25519 (RFC 8032) by OpenSSL: the keys that sign checkpoints. Pure. Format:
// docs/formats/checkpoint-1.md.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/encoding.h"
#include "base/secret.h"

struct evp_pkey_st;

namespace vigie::ledger {

// A value; it can be shared between threads.
class PublicKey {
 public:
  // Nothing when the text is not the PEM of an Ed25519 public key.
  static std::optional<PublicKey> from_pem(std::string_view text);
  static std::optional<PublicKey> from_hex(std::string_view text);  // 64 digits

  std::string pem() const;
  std::string hex() const { return hex_encode(bytes_); }
  std::string id() const;  // 16 hexadecimal digits
  bool verify(std::string_view message, std::string_view signature_hex) const;
  bool operator==(const PublicKey&) const = default;

 private:
  friend class SigningKey;
  std::array<unsigned char, 32> bytes_{};
};

// Cannot be copied or printed; its memory is cleared by OpenSSL.
class SigningKey {
 public:
  static SigningKey generate();
  // Nothing when the text is not the PEM of an Ed25519 private key without a password.
  static std::optional<SigningKey> from_pem(std::string_view text);

  Secret pem() const;
  const PublicKey& public_key() const { return public_; }
  std::string sign(std::string_view message) const;  // 128 hexadecimal digits

 private:
  struct Free {
    void operator()(evp_pkey_st* key) const;
  };
  using Handle = std::unique_ptr<evp_pkey_st, Free>;
  explicit SigningKey(Handle key);

  Handle key_;
  PublicKey public_;
};

}  // namespace vigie::ledger
