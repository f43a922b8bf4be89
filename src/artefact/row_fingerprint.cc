#include "artefact/row_fingerprint.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <bit>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace vigie::artefact {
namespace {

// SipHash by Aumasson and Bernstein; names and constants are those of the reference.
[[gnu::always_inline]] inline void sip_round(SipState& s) {
  s.v0 += s.v1;
  s.v1 = std::rotl(s.v1, 13) ^ s.v0;
  s.v0 = std::rotl(s.v0, 32);
  s.v2 += s.v3;
  s.v3 = std::rotl(s.v3, 16) ^ s.v2;
  s.v0 += s.v3;
  s.v3 = std::rotl(s.v3, 21) ^ s.v0;
  s.v2 += s.v1;
  s.v1 = std::rotl(s.v1, 17) ^ s.v2;
  s.v2 = std::rotl(s.v2, 32);
}

[[gnu::always_inline]] inline void sip_word(SipState& s, uint64_t word) {
  s.v3 ^= word;
  sip_round(s);
  s.v0 ^= word;
}

[[gnu::always_inline]] inline Fingerprint sip_end(SipState s, uint64_t tail, uint64_t length) {
  sip_word(s, tail | length << 56);
  s.v2 ^= 0xee;
  for (int i = 0; i < 3; ++i) sip_round(s);
  Fingerprint out;
  out.low = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
  s.v1 ^= 0xdd;
  for (int i = 0; i < 3; ++i) sip_round(s);
  out.high = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
  return out;
}

uint64_t load_word(const unsigned char* at) {
  uint64_t word;
  std::memcpy(&word, at, sizeof word);
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  return word;
}

// Up to seven bytes.
uint64_t load_tail(const unsigned char* at, size_t count) {
  uint64_t tail = 0;
  for (size_t i = 0; i < count; ++i) tail |= uint64_t{at[i]} << (8 * i);
  return tail;
}

// The last length % 8 bytes of a row that has eight or more: the end of its last eight.
uint64_t load_last(const unsigned char* end, size_t count) {
  return count == 0 ? 0 : load_word(end - 8) >> (64 - 8 * count);
}

}  // namespace

FingerprintKey new_fingerprint_key() {
  FingerprintKey key;
  if (RAND_bytes(key.data(), static_cast<int>(key.size())) != 1) std::abort();
  return key;
}

Sha256Digest mask_of(const FingerprintKey& key, std::string_view what) {
  Sha256Digest mac;
  const ByteSpan bytes = as_bytes(what);
  unsigned size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes.data(), bytes.size(),
           mac.data(), &size) == nullptr)
    std::abort();
  return mac;
}

Fingerprint fingerprint_mask(const FingerprintKey& key, uint32_t oid) {
  const Sha256Digest mask = mask_of(key, fmt::format("vigie fingerprint mask {}", oid));
  return {load_word(mask.data()), load_word(mask.data() + 8)};
}

std::string Fingerprint::hex() const {
  return fmt::format("{:016x}{:016x}", high, low);
}

std::optional<Fingerprint> Fingerprint::parse(std::string_view hex) {
  if (hex.size() != 32 || hex.find_first_not_of("0123456789abcdef") != std::string_view::npos) {
    return {};
  }
  Fingerprint out;
  std::from_chars(hex.data(), hex.data() + 16, out.high, 16);
  std::from_chars(hex.data() + 16, hex.data() + 32, out.low, 16);
  return out;
}

SipState sip_start(const FingerprintKey& key) {
  const uint64_t k0 = load_word(key.data());
  const uint64_t k1 = load_word(key.data() + 8);
  return {k0 ^ 0x736f6d6570736575ULL, k1 ^ 0x646f72616e646f6dULL ^ 0xee, k0 ^ 0x6c7967656e657261ULL,
          k1 ^ 0x7465646279746573ULL};
}

Fingerprint hash_row(const SipState& start, ByteSpan row) {
  SipState state = start;
  const unsigned char* at = row.data();
  const unsigned char* const end = at + row.size();
  const size_t rest = row.size() % 8;
  if (row.size() < 8) return sip_end(state, load_tail(at, rest), row.size());
  for (; at != end - rest; at += 8) sip_word(state, load_word(at));
  return sip_end(state, load_last(end, rest), row.size());
}

void RowHash::update(ByteSpan piece) {
  const unsigned char* at = piece.data();
  size_t left = piece.size();
  for (; left > 0 && length_ % 8 != 0; --left) {
    tail_ |= uint64_t{*at++} << (8 * (length_ % 8));
    if (++length_ % 8 == 0) sip_word(state_, std::exchange(tail_, 0));
  }
  for (; left >= 8; left -= 8, at += 8, length_ += 8) sip_word(state_, load_word(at));
  for (; left > 0; --left, ++length_) tail_ |= uint64_t{*at++} << (8 * (length_ % 8));
}

Fingerprint RowHash::finish() {
  const Fingerprint out = sip_end(state_, tail_, length_);
  *this = RowHash(start_);
  return out;
}

}  // namespace vigie::artefact
