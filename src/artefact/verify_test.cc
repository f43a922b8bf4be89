#include "artefact/verify.h"

#include <gtest/gtest.h>
#include <zstd.h>

#include <algorithm>

#include "artefact/artefact_for_test.h"
#include "tests/support/fake_clock.h"

namespace vigie::artefact {
namespace {

VerifyRequest request(VerifyDepth depth = VerifyDepth::full) {
  VerifyRequest out;
  out.id = test_id();
  out.depth = depth;
  return out;
}

VerifyReport check(MemoryArtefact& artefact, const VerifyRequest& what = request()) {
  const testing::FakeClock clock;
  return verify(artefact, clock, what).value();
}

std::vector<std::string> codes(const VerifyReport& report) {
  std::vector<std::string> out;
  for (const Error& error : report.findings) out.emplace_back(error.info().name);
  return out;
}

using Codes = std::vector<std::string>;

TEST(Verify, AnArtefactAsItWasWrittenPasses) {
  MemoryArtefact artefact = test_artefact();
  const VerifyReport report = check(artefact);
  EXPECT_EQ(report.result, Verdict::passed);
  EXPECT_EQ(report.manifest_sha256, sha256_hex(artefact.files.find("manifest.json")->second));
  EXPECT_EQ(report.raw_read, report.manifest->raw());
  EXPECT_EQ(report.stored_read, report.manifest->stored());
}

TEST(Verify, FindsEveryFlippedBitOfEveryFile) {
  MemoryArtefact artefact = test_artefact();
  for (auto& [name, bytes] : artefact.files) {
    for (size_t at = 0; at < bytes.size(); ++at) {
      for (int bit = 0; bit < 8; ++bit) {
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
        ASSERT_EQ(check(artefact).result, Verdict::failed) << name << " " << at << " " << bit;
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
      }
    }
  }
  EXPECT_EQ(check(artefact).result, Verdict::passed);
}

TEST(Verify, FindsEveryTruncationOfEveryFile) {
  const MemoryArtefact whole = test_artefact();
  for (const auto& [name, bytes] : whole.files) {
    for (size_t length = 0; length < bytes.size(); ++length) {
      for (const VerifyDepth depth : {VerifyDepth::quick, VerifyDepth::full}) {
        MemoryArtefact artefact = whole;
        artefact.files[name].resize(length);
        ASSERT_EQ(check(artefact, request(depth)).result, Verdict::failed) << name << " " << length;
      }
    }
  }
}

TEST(Verify, FindsEveryByteTakenOutOfEveryFile) {
  const MemoryArtefact whole = test_artefact();
  for (const auto& [name, bytes] : whole.files) {
    for (size_t at = 0; at < bytes.size(); ++at) {
      MemoryArtefact artefact = whole;
      artefact.files[name].erase(at, 1);
      ASSERT_EQ(check(artefact).result, Verdict::failed) << name << " " << at;
    }
  }
}

TEST(Verify, FindsEveryMissingFile) {
  const MemoryArtefact whole = test_artefact();
  for (const auto& [name, bytes] : whole.files) {
    MemoryArtefact artefact = whole;
    artefact.files.erase(name);
    const VerifyReport report = check(artefact, request(VerifyDepth::quick));
    EXPECT_EQ(codes(report), Codes{"artefact_missing_file"}) << name;
    EXPECT_EQ(report.result, Verdict::failed);
  }
}

TEST(Verify, FindsAFileThatTheManifestDoesNotName) {
  MemoryArtefact artefact = test_artefact();
  artefact.files["dump/9999.dat.zst"] = "x";
  EXPECT_EQ(codes(check(artefact, request(VerifyDepth::quick))), Codes{"artefact_extra_file"});
}

TEST(Verify, FindsAManifestThatTheLedgerDoesNotKnow) {
  MemoryArtefact artefact = test_artefact();
  VerifyRequest what = request(VerifyDepth::quick);
  what.expected_manifest_sha256 = std::string(64, '0');
  EXPECT_EQ(codes(check(artefact, what)), Codes{"manifest_changed"});
}

TEST(Verify, QuickReadsNoContents) {
  MemoryArtefact artefact = test_artefact();
  artefact.files["dump/3456.dat.zst"][20] ^= 1;
  EXPECT_EQ(check(artefact, request(VerifyDepth::quick)).result, Verdict::passed);
}

TEST(Verify, AManifestOfANewerReleaseCouldNotBeVerified) {
  MemoryArtefact artefact = test_artefact();
  std::string& manifest = artefact.files["manifest.json"];
  const std::string before = sha256_hex(manifest);
  manifest.replace(manifest.find("artefact/1"), 10, "artefact/2");
  std::string& sums = artefact.files["SHA256SUMS"];
  sums.replace(sums.find(before), before.size(), sha256_hex(manifest));
  const VerifyReport report = check(artefact);
  EXPECT_EQ(codes(report), Codes{"manifest_newer"});
  EXPECT_EQ(report.result, Verdict::could_not_verify);
}

// Artefacts of somebody who can write all hashes anew: what is left are the contents themselves.
class Forged : public ::testing::Test {
 protected:
  // The stored bytes of the table's file are `stored`; the manifest says what `change` makes of it.
  VerifyReport with(const std::string& stored, const std::function<void(Manifest&)>& change) {
    MemoryArtefact artefact = test_artefact();
    Manifest manifest = Manifest::parse(artefact.files["manifest.json"], test_id()).value();
    std::erase_if(manifest.files, [](const FileEntry& f) { return f.kind == FileKind::card; });
    if (!stored.empty()) {
      artefact.files["dump/3456.dat.zst"] = stored;
      FileEntry& file = entry(manifest);
      file.stored = {stored.size()};
      file.stored_sha256 = sha256(as_bytes(stored));
    }
    change(manifest);
    cover_with(artefact, manifest);
    return check(artefact);
  }
  static FileEntry& entry(Manifest& manifest) {
    return *std::ranges::find(manifest.files, "dump/3456.dat.zst", &FileEntry::name);
  }
  static std::string compressed(const std::string& raw) {
    std::string out(ZSTD_compressBound(raw.size()), '\0');
    out.resize(ZSTD_compress(out.data(), out.size(), raw.data(), raw.size(), 1));
    return out;
  }
};

TEST_F(Forged, AnotherRowCountIsFound) {
  EXPECT_EQ(codes(with("", [](Manifest& m) { ++m.tables[0].rows.rows; })), Codes{"artefact_rows"});
}

TEST_F(Forged, AnotherFingerprintIsFound) {
  EXPECT_EQ(codes(with("", [](Manifest& m) { ++m.tables[0].rows.fingerprint.high; })),
            Codes{"artefact_fingerprint"});
}

TEST_F(Forged, AnotherRawHashIsFound) {
  EXPECT_EQ(codes(with("", [](Manifest& m) { entry(m).raw_sha256[0] ^= 1; })),
            Codes{"artefact_hash"});
}

TEST_F(Forged, ARawSizeThatLiesIsFound) {
  EXPECT_EQ(codes(with("", [](Manifest& m) { ++entry(m).raw.count; })),
            Codes{"artefact_decompress"});
  EXPECT_EQ(codes(with("", [](Manifest& m) { --entry(m).raw.count; })),
            Codes{"artefact_decompress"});
}

TEST_F(Forged, ABombCostsNoMoreThanTheManifestPromises) {
  const std::string bomb = compressed(std::string(size_t{300} << 20, '\0'));
  ASSERT_LT(bomb.size(), size_t{100} << 10);
  const VerifyReport report = with(bomb, [](Manifest&) {});
  EXPECT_EQ(codes(report), Codes{"artefact_decompress"});
  EXPECT_LT(report.raw_read, 1_MiB);
}

TEST_F(Forged, AFrameThatAsksForMuchMemoryIsRefused) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 27);
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  std::string stored(1000, '\0');
  ZSTD_inBuffer in{"row\n\\.\n\n\n", 9, 0};
  ZSTD_outBuffer out{stored.data(), stored.size(), 0};
  ASSERT_EQ(ZSTD_compressStream2(context, &out, &in, ZSTD_e_end), 0U);
  ZSTD_freeCCtx(context);
  stored.resize(out.pos);
  EXPECT_EQ(codes(with(stored, [](Manifest&) {})), Codes{"artefact_decompress"});
}

TEST_F(Forged, RowsWithoutTheTrailerAreFound) {
  const std::string raw = "1\tone\n";
  const auto report = with(compressed(raw), [&](Manifest& m) {
    entry(m).raw = {raw.size()};
    entry(m).raw_sha256 = sha256(as_bytes(raw));
    m.tables[0].rows.rows = 1;
  });
  EXPECT_EQ(codes(report), Codes{"artefact_rows"});
}

TEST(Verify, WorkersFindTheSame) {
  MemoryArtefact artefact;
  Manifest manifest = test_manifest();
  seal_into(artefact, manifest, "dump/toc.dat.zst", FileKind::toc, "PGDMP, not really");
  for (int i = 0; i < 40; ++i) {
    const std::string name = "dump/" + std::to_string(1000 + i) + ".dat.zst";
    const Sealed sealed = seal_into(artefact, manifest, name, FileKind::data,
                                    std::string(static_cast<size_t>(i), 'x') + "\n\\.\n\n\n");
    manifest.tables.push_back({static_cast<uint32_t>(i + 1), "public", "t", name, *sealed.rows});
    if (i % 7 == 0) artefact.files[name][8] ^= 4;
  }
  cover_with(artefact, manifest);
  VerifyRequest one = request();
  VerifyRequest four = request();
  four.workers = 4;
  const VerifyReport alone = check(artefact, one);
  const VerifyReport together = check(artefact, four);
  ASSERT_EQ(alone.findings.size(), 6U);
  EXPECT_EQ(codes(alone), codes(together));
  for (size_t i = 0; i < alone.findings.size(); ++i) {
    EXPECT_EQ(alone.findings[i].parameter("member"), together.findings[i].parameter("member"));
  }
}

TEST(Verify, ProgressEndsAtTheTotal) {
  MemoryArtefact artefact = test_artefact();
  VerifyRequest what = request();
  VerifyProgress last;
  what.progress = [&](const VerifyProgress& progress) { last = progress; };
  (void)check(artefact, what);
  EXPECT_GT(last.total.count, 0U);
  EXPECT_EQ(last.done, last.total);
}

TEST(Verify, StopsWhenItIsTold) {
  MemoryArtefact artefact = test_artefact();
  const testing::FakeClock clock;
  std::stop_source stop;
  VerifyRequest what = request();
  what.stop = stop.get_token();
  what.progress = [&](const VerifyProgress&) { stop.request_stop(); };
  const auto report = verify(artefact, clock, what);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), ErrorCode::cancelled);
}

TEST(Verify, EndsAtItsDeadline) {
  MemoryArtefact artefact = test_artefact();
  testing::FakeClock clock;
  VerifyRequest what = request();
  what.deadline = clock.monotonic() + std::chrono::seconds(1);
  what.progress = [&](const VerifyProgress&) { clock.advance(std::chrono::seconds(2)); };
  const auto report = verify(artefact, clock, what);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), ErrorCode::deadline_exceeded);
}

}  // namespace
}  // namespace vigie::artefact
