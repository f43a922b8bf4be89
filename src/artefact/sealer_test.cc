#include "artefact/sealer.h"

#include <gtest/gtest.h>
#include <zstd.h>

#include <random>

#include "artefact/artefact_for_test.h"

namespace vigie::artefact {
namespace {

struct Outcome {
  Sealed sealed;
  std::string stored;
};

Outcome seal(Sealer& sealer, std::string_view raw, size_t piece) {
  Outcome out;
  (void)sealer.begin(
      [&](ByteSpan bytes) -> Result<> {
        out.stored.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        return {};
      },
      std::nullopt);
  for (size_t at = 0; at < raw.size(); at += piece) {
    EXPECT_TRUE(sealer.update(as_bytes(raw.substr(at, piece))));
  }
  out.sealed = sealer.finish().value();
  return out;
}

std::vector<std::string> frames_of(std::string_view stored) {
  std::vector<std::string> frames;
  while (!stored.empty()) {
    const size_t size = ZSTD_findFrameCompressedSize(stored.data(), stored.size());
    if (ZSTD_isError(size) != 0) break;
    std::string raw(ZSTD_getFrameContentSize(stored.data(), size), '\0');
    EXPECT_EQ(ZSTD_decompress(raw.data(), raw.size(), stored.data(), size), raw.size());
    frames.push_back(raw);
    stored.remove_prefix(size);
  }
  return frames;
}

std::string noise(size_t size) {
  std::mt19937 random(5);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

TEST(Sealer, CutsFramesBySizeAndSaysTheirContentSize) {
  Sealer sealer(1, 1000);
  const std::string raw = noise(2500);
  const std::vector<std::string> frames = frames_of(seal(sealer, raw, 77).stored);
  ASSERT_EQ(frames.size(), 3U);
  EXPECT_EQ(frames[0].size(), 1000U);
  EXPECT_EQ(frames[2].size(), 500U);
  EXPECT_EQ(frames[0] + frames[1] + frames[2], raw);
}

TEST(Sealer, HashesAndSizesAreThoseOfTheBytes) {
  Sealer sealer(3, 1000);
  const std::string raw = noise(2500);
  const Outcome out = seal(sealer, raw, 2500);
  EXPECT_EQ(out.sealed.raw.count, raw.size());
  EXPECT_EQ(out.sealed.raw_sha256, sha256(as_bytes(raw)));
  EXPECT_EQ(out.sealed.stored.count, out.stored.size());
  EXPECT_EQ(out.sealed.stored_sha256, sha256(as_bytes(out.stored)));
}

TEST(Sealer, AnEmptyFileIsOneFrame) {
  Sealer sealer(1);
  const Outcome out = seal(sealer, "", 1);
  EXPECT_EQ(frames_of(out.stored), std::vector<std::string>{""});
  EXPECT_EQ(out.sealed.raw.count, 0U);
}

TEST(Sealer, AFullLastFrameIsNotFollowedByAnEmptyOne) {
  Sealer sealer(1, 100);
  EXPECT_EQ(frames_of(seal(sealer, noise(200), 50).stored).size(), 2U);
}

TEST(Sealer, TheSizeOfThePiecesMakesNoDifference) {
  Sealer sealer(1, 1000);
  const std::string raw = noise(3333);
  const std::string once = seal(sealer, raw, raw.size()).stored;
  for (const size_t piece : {1, 7, 999, 1000, 1001}) {
    EXPECT_EQ(seal(sealer, raw, piece).stored, once) << piece;
  }
}

TEST(Sealer, EachFrameHasAChecksum) {
  Sealer sealer(1, 1000);
  std::string stored = seal(sealer, noise(900), 900).stored;
  stored[500] = static_cast<char>(stored[500] ^ 1);  // noise is stored as it is: only the sum knows
  std::string raw(2000, '\0');
  EXPECT_NE(ZSTD_isError(ZSTD_decompress(raw.data(), raw.size(), stored.data(), stored.size())),
            0U);
}

TEST(Sealer, StartsAfreshAfterAFileThatWasGivenUp) {
  Sealer sealer(1, 1000);
  const std::string expected = seal(sealer, "abc", 3).stored;
  (void)sealer.begin([](ByteSpan) -> Result<> { return fail(ErrorCode::disk_full, {}); },
                     std::nullopt);
  EXPECT_FALSE(sealer.update(as_bytes(noise(1500))));
  const Outcome out = seal(sealer, "abc", 3);
  EXPECT_EQ(out.stored, expected);
  EXPECT_EQ(out.sealed.raw_sha256, sha256(as_bytes("abc")));
}

TEST(Sealer, CountsTheRowsOfATable) {
  Manifest manifest = test_manifest();
  MemoryArtefact artefact;
  const Sealed sealed =
      seal_into(artefact, manifest, "dump/1.dat.zst", FileKind::data, "one\ntwo\n\\.\n\n\n", 5);
  ASSERT_TRUE(sealed.rows);
  EXPECT_EQ(sealed.rows->rows, 2U);
}

}  // namespace
}  // namespace vigie::artefact
