// The order-free fingerprint of a table's rows: the sum modulo 2^128 of a keyed hash of each row
// (SipHash-1-3, 128 bits). docs/formats/artefact-1.md is the definition.
//
// Finds lost, added, doubled and changed rows in one pass, whatever the order. Nobody who writes
// rows can aim at a sum while the key is unknown: draw it after the snapshot.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/encoding.h"
#include "base/hash.h"

namespace vigie::artefact {

using FingerprintKey = std::array<unsigned char, 16>;

FingerprintKey new_fingerprint_key();  // from the system's random source

// A number modulo 2^128.
struct Fingerprint {
  uint64_t low = 0;
  uint64_t high = 0;

  Fingerprint& operator+=(Fingerprint other) {
    low += other.low;
    high += other.high + (low < other.low ? 1 : 0);
    return *this;
  }
  Fingerprint& operator-=(Fingerprint other) {
    high -= other.high + (low < other.low ? 1 : 0);
    low -= other.low;
    return *this;
  }
  bool operator==(const Fingerprint&) const = default;

  std::string hex() const;  // 32 digits, the most significant first
  static std::optional<Fingerprint> parse(std::string_view hex);
};

// What hides the sums and hashes of a manifest from whoever has not the key: else tables of equal
// rows would have equal fingerprints, and a setting could be guessed by its hash. HMAC-SHA-256
// (RFC 2104) of `what` under the key; no two things of a backup may have the same mask, nor two
// backups the same key.
Sha256Digest mask_of(const FingerprintKey& key, std::string_view what);
// Of a table's fingerprint: to be added.
Fingerprint fingerprint_mask(const FingerprintKey& key, uint32_t oid);

// The state of SipHash after the key.
struct SipState {
  uint64_t v0, v1, v2, v3;
};
SipState sip_start(const FingerprintKey& key);

// One row, whole. `start` is sip_start of the key, made once.
Fingerprint hash_row(const SipState& start, ByteSpan row);

// One row in any number of pieces. A value type; not for two threads.
class RowHash {
 public:
  explicit RowHash(const SipState& start) : start_(start), state_(start) {}
  void update(ByteSpan piece);
  // The hash of what was given; the object starts afresh after it.
  Fingerprint finish();

 private:
  SipState start_;
  SipState state_;
  uint64_t length_ = 0;
  uint64_t tail_ = 0;  // the last length_ % 8 bytes, little-endian
};

}  // namespace vigie::artefact
