// Artefacts that somebody who means harm has put into the store, and of which the ledger has never
// heard: the real binary looks at them, says what is wrong, and touches nothing else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <zstd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>

#include "artefact/manifest.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/vigie_host.h"

namespace vigie::testing {
namespace {

using artefact::Manifest;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

void write(const platform::Path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

class ArtefactTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = std::make_unique<PgCluster>();
    server_->execute("CREATE TABLE a AS SELECT g, 'row ' || g AS t FROM generate_series(1, 500) g");
    first_ = std::make_unique<VigieHost>();
    first_->configure(server_->dsn(), {});
    ASSERT_EQ(first_->run({"backup", "run", "nightly"}).status, 0);
  }
  static void TearDownTestSuite() {
    first_.reset();
    server_.reset();
  }

  // The first host's store and state, and one artefact more: an older one, good until a test
  // changes it.
  ArtefactTest() {
    host_.configure(server_->dsn(), {"retention: {keep_last: 1, daily: 0, weekly: 0, monthly: 0, "
                                     "min_good: 1}"});
    host_.copy_from(*first_);
    BackupId id = *BackupId::parse(*host_.stored().begin());
    const platform::Path from = host_.store() / "nightly" / id.str();
    Manifest copied = Manifest::parse(contents(from / "manifest.json"), id).value();
    id.started_at -= std::chrono::hours(1);
    copied.id = id;
    id_ = id.str();
    folder_ = host_.store() / "nightly" / id_;
    std::filesystem::copy(from, folder_, std::filesystem::copy_options::recursive);
    cover_with(std::move(copied));
    outside_ = host_.folder() / "outside";
    std::filesystem::create_directory(outside_);
    write(outside_ / "precious", "not Vigie's");
  }

  Manifest manifest() const {
    return Manifest::parse(contents(folder_ / "manifest.json"), *BackupId::parse(id_)).value();
  }
  // All that is beside the sealed files, made anew so that nothing contradicts `changed`.
  void cover_with(Manifest changed) const {
    std::erase_if(changed.files,
                  [](const auto& file) { return file.kind == artefact::FileKind::card; });
    const artefact::Cover cover = make_cover(changed);
    write(folder_ / "RECOVER.md", cover.card);
    write(folder_ / "SHA256SUMS", cover.sums);
    write(folder_ / "manifest.json", cover.manifest);
  }
  static artefact::FileEntry& rows_of(Manifest& manifest) {
    return *std::ranges::find(manifest.files, artefact::FileKind::data, &artefact::FileEntry::kind);
  }
  // In the manifest's own text, what the types would not let through.
  void forge(const std::string& what, const std::string& by) const {
    const Manifest known = manifest();
    std::string text = contents(folder_ / "manifest.json");
    ASSERT_NE(text.find(what), std::string::npos) << what;
    for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
      text.replace(at, what.size(), by);
    write(folder_ / "manifest.json", text);
    write(folder_ / "SHA256SUMS", sums_text(known, text));
  }

  // What the list says of the forged one.
  std::string result_of(const std::string& list) const {
    const auto items = parse_json(list);
    if (!items || !items->is_array()) return "not a list";
    for (const json::value& one : items->get_array()) {
      if (one.as_object().at("id").as_string() == id_)
        return std::string(one.as_object().at("result").as_string());
    }
    return "not listed";
  }

  // Bad in every way of asking, with `code`; the host goes on, and expiry touches nothing outside.
  void expect_refused(const std::string& code, int status = 1) {
    const Ran verified = host_.run({"backup", "verify", id_, "-o", "json"});
    EXPECT_EQ(verified.status, status) << verified.out << verified.err;
    EXPECT_THAT(verified.out + verified.err, HasSubstr(code));
    const Ran list = host_.run({"backup", "list", "-o", "json"});
    EXPECT_EQ(list.status, 0) << list.err;
    EXPECT_NE(result_of(list.out), "passed") << list.out;
    const Ran next = host_.run({"backup", "run", "nightly"});
    EXPECT_EQ(next.status, 0) << next.out << next.err;
    EXPECT_EQ(host_.run({"backup", "prune"}).status, 0);
    EXPECT_THAT(host_.debris(), IsEmpty());
    EXPECT_EQ(contents(outside_ / "precious"), "not Vigie's");
    EXPECT_EQ(host_.run({"evidence", "verify"}).status, 0);
  }

  VigieHost host_;
  std::string id_;
  platform::Path folder_;
  platform::Path outside_;
  static std::unique_ptr<PgCluster> server_;
  static std::unique_ptr<VigieHost> first_;
};

std::unique_ptr<PgCluster> ArtefactTest::server_;
std::unique_ptr<VigieHost> ArtefactTest::first_;

TEST_F(ArtefactTest, OneThatIsGoodIsAdopted) {
  const Ran verified = host_.run({"backup", "verify", id_});
  EXPECT_EQ(verified.status, 0) << verified.out << verified.err;
  EXPECT_EQ(host_.run({"backup", "run", "nightly"}).status, 0);
}

TEST_F(ArtefactTest, WhatIsKnownOfADamagedOneIsShown) {
  write(folder_ / "manifest.json", "no JSON");
  EXPECT_EQ(host_.run({"backup", "verify", id_}).status, 1);
  const Ran shown = host_.run({"backup", "show", id_, "-o", "json"});
  EXPECT_EQ(shown.status, 0) << shown.err;
  const auto backup = parse_json(shown.out);
  ASSERT_TRUE(backup) << shown.out;
  EXPECT_TRUE(backup->as_object().at("manifest").is_null());
  EXPECT_EQ(backup->as_object().at("manifest_error_code").as_string(), "manifest_invalid");
}

TEST_F(ArtefactTest, PathsThatClimb) {
  Manifest good = manifest();
  forge(rows_of(good).name, "../../../outside/precious");
  expect_refused("manifest_invalid");
}

TEST_F(ArtefactTest, PathsThatBeginAtTheRoot) {
  Manifest good = manifest();
  forge(rows_of(good).name, (outside_ / "precious").string());
  expect_refused("manifest_invalid");
}

TEST_F(ArtefactTest, AnIdThatClimbs) {
  forge("\"" + id_ + "\"", "\"../../outside\"");
  expect_refused("manifest_invalid");
}

TEST_F(ArtefactTest, AFileThatIsALinkToOutside) {
  Manifest good = manifest();
  const platform::Path file = folder_ / rows_of(good).name;
  std::filesystem::remove(file);
  std::filesystem::create_symlink(outside_ / "precious", file);
  expect_refused("artefact_");
}

TEST_F(ArtefactTest, AFolderThatIsALinkToOutside) {
  std::filesystem::rename(folder_ / "dump", outside_ / "dump");
  std::filesystem::create_symlink(outside_ / "dump", folder_ / "dump");
  expect_refused("artefact_");
  EXPECT_FALSE(std::filesystem::is_empty(outside_ / "dump"));
}

TEST_F(ArtefactTest, AFileThatIsAPipe) {
  Manifest good = manifest();
  const platform::Path file = folder_ / rows_of(good).name;
  std::filesystem::remove(file);
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  expect_refused("artefact_");
}

TEST_F(ArtefactTest, AManifestThatIsAPipe) {
  std::filesystem::remove(folder_ / "manifest.json");
  ASSERT_EQ(::mkfifo((folder_ / "manifest.json").c_str(), 0600), 0);
  const Ran verified = host_.run({"backup", "verify", id_, "-o", "json"});
  EXPECT_NE(verified.status, 0) << verified.out;
  EXPECT_EQ(host_.run({"backup", "list"}).status, 0);
}

TEST_F(ArtefactTest, StoredSizesThatLie) {
  Manifest lying = manifest();
  rows_of(lying).stored.count += 1;
  cover_with(lying);
  expect_refused("artefact_size");
}

TEST_F(ArtefactTest, RawSizesThatLie) {
  Manifest lying = manifest();
  rows_of(lying).raw.count = UINT64_C(1) << 50;
  cover_with(lying);
  expect_refused("artefact_decompress");
}

TEST_F(ArtefactTest, RowsThatWereNeverThere) {
  Manifest lying = manifest();
  ++lying.tables.front().rows.rows;
  cover_with(lying);
  expect_refused("artefact_rows");
}

// Four gigabytes of zeros in some hundred kilobytes, and a manifest that does or does not admit it.
class BombTest : public ArtefactTest, public ::testing::WithParamInterface<bool> {
 protected:
  static std::string bomb() {
    const std::string zeros(size_t{64} << 20, '\0');
    std::string frame(ZSTD_compressBound(zeros.size()), '\0');
    frame.resize(ZSTD_compress(frame.data(), frame.size(), zeros.data(), zeros.size(), 1));
    std::string out;
    for (int n = 0; n < 64; ++n) out += frame;
    return out;
  }
};

TEST_P(BombTest, CostsNeitherMemoryNorSpace) {
  const std::string bytes = bomb();
  Manifest lying = manifest();
  artefact::FileEntry& file = rows_of(lying);
  write(folder_ / file.name, bytes);
  file.stored = {bytes.size()};
  file.stored_sha256 = sha256(as_bytes(bytes));
  if (GetParam()) file.raw = 4_GiB;
  cover_with(lying);
  const auto free_before = std::filesystem::space(host_.folder()).available;
  expect_refused("artefact_");
  rusage children{};
  ASSERT_EQ(::getrusage(RUSAGE_CHILDREN, &children), 0);
  EXPECT_LT(children.ru_maxrss, 1 << 20) << "KiB, AddressSanitizer's own among them";
  EXPECT_LT(free_before, std::filesystem::space(host_.folder()).available + (1U << 30));
}

INSTANTIATE_TEST_SUITE_P(Admitted, BombTest, ::testing::Bool());

TEST_F(ArtefactTest, OneOfANewerRelease) {
  forge("vigie.artefact/1", "vigie.artefact/2");
  expect_refused("manifest_newer", 3);
}

TEST_F(ArtefactTest, AManifestThatIsNoJsonOrTooLarge) {
  write(folder_ / "manifest.json", std::string(1 << 20, '['));
  expect_refused("manifest_invalid");
  if (!std::filesystem::exists(folder_)) return;
  std::filesystem::resize_file(folder_ / "manifest.json", uintmax_t{1} << 33);  // sparse
  EXPECT_NE(host_.run({"backup", "verify", id_}).status, 0);
}

}  // namespace
}  // namespace vigie::testing
