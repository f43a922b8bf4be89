#include "artefact/row_fingerprint.h"

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <algorithm>
#include <random>

namespace vigie::artefact {
namespace {

FingerprintKey counting_key() {
  FingerprintKey key;
  for (unsigned char i = 0; i < key.size(); ++i) key[i] = i;
  return key;
}

// OpenSSL's SipHash, told to do 1 and 3 rounds and to give 16 bytes.
Fingerprint by_openssl(const FingerprintKey& key, ByteSpan row) {
  EVP_MAC* mac = EVP_MAC_fetch(nullptr, "SIPHASH", nullptr);
  EVP_MAC_CTX* context = EVP_MAC_CTX_new(mac);
  size_t size = 16;
  unsigned int c = 1;
  unsigned int d = 3;
  OSSL_PARAM parameters[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
                             OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_C_ROUNDS, &c),
                             OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_D_ROUNDS, &d),
                             OSSL_PARAM_construct_end()};
  EXPECT_EQ(EVP_MAC_init(context, key.data(), key.size(), parameters), 1);
  EXPECT_EQ(EVP_MAC_update(context, row.data(), row.size()), 1);
  unsigned char out[16];
  size_t written = 0;
  EXPECT_EQ(EVP_MAC_final(context, out, &written, sizeof out), 1);
  EVP_MAC_CTX_free(context);
  EVP_MAC_free(mac);
  Fingerprint hash;
  for (int i = 7; i >= 0; --i) hash.low = hash.low << 8 | out[i];
  for (int i = 15; i >= 8; --i) hash.high = hash.high << 8 | out[i];
  return hash;
}

std::string random_text(std::mt19937& random, size_t length) {
  std::string text(length, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

TEST(RowFingerprint, IsSipHash13With128BitsForEveryLengthUpTo300) {
  std::mt19937 random(1);
  for (size_t length = 0; length <= 300; ++length) {
    const std::string row = random_text(random, length);
    ASSERT_EQ(hash_row(sip_start(counting_key()), as_bytes(row)),
              by_openssl(counting_key(), as_bytes(row)))
        << length;
  }
}

TEST(RowFingerprint, APiecewiseRowHasTheHashOfTheWhole) {
  std::mt19937 random(2);
  const SipState start = sip_start(counting_key());
  RowHash hash(start);
  for (int round = 0; round < 500; ++round) {
    const std::string row = random_text(random, random() % 60);
    for (size_t at = 0; at < row.size();) {
      const size_t length = std::min<size_t>(random() % 20, row.size() - at);
      hash.update(as_bytes(std::string_view(row).substr(at, length)));
      at += length;
    }
    ASSERT_EQ(hash.finish(), hash_row(start, as_bytes(row)));
  }
}

TEST(RowFingerprint, AnotherKeyGivesAnotherHash) {
  FingerprintKey other = counting_key();
  other[15] ^= 0x80;
  EXPECT_NE(hash_row(sip_start(counting_key()), as_bytes("row")),
            hash_row(sip_start(other), as_bytes("row")));
}

TEST(RowFingerprint, KeysAreDrawnAnew) {
  EXPECT_NE(new_fingerprint_key(), new_fingerprint_key());
}

TEST(Fingerprint, SumsModulo2To128) {
  Fingerprint sum{~uint64_t{0}, ~uint64_t{0}};
  sum += {2, 0};
  EXPECT_EQ(sum, (Fingerprint{1, 0}));
}

TEST(Fingerprint, HexGoesThereAndBack) {
  const Fingerprint value{0x0123456789abcdefULL, 0xfedcba9876543210ULL};
  EXPECT_EQ(value.hex(), "fedcba98765432100123456789abcdef");
  EXPECT_EQ(Fingerprint::parse(value.hex()), value);
}

TEST(Fingerprint, RefusesHexOfAnotherForm) {
  EXPECT_FALSE(Fingerprint::parse("fedcba98765432100123456789abcde"));
  EXPECT_FALSE(Fingerprint::parse("FEDCBA98765432100123456789ABCDEF"));
  EXPECT_FALSE(Fingerprint::parse("fedcba98765432100123456789abcdeg"));
}

}  // namespace
}  // namespace vigie::artefact
