// The driver on a real server.
#include "store/s3/s3_store.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "platform/http_client.h"
#include "store/s3/client.h"
#include "store/s3/object_file.h"
#include "store/s3/object_writer.h"
#include "tests/support/cutting_proxy.h"
#include "tests/support/radosgw.h"
#include "tests/support/store_contract.h"
#include "tests/support/temp_folder.h"

namespace vigie::testing {
namespace {

store::S3Options options_below(const std::string& prefix) {
  const Radosgw& server = Radosgw::shared();
  store::S3Options options;
  options.endpoint = server.endpoint();
  options.bucket = server.bucket();
  options.prefix = prefix;
  options.credentials_file = server.credentials_file().string();
  return options;
}

const platform::Clock& real_clock() {
  static const platform::RealClock clock;
  return clock;
}

std::unique_ptr<store::Store> store_below(const std::string& prefix) {
  return store::make_s3_store("offsite", options_below(prefix), platform::make_http_client(8),
                              real_clock());
}

store::s3::Client client() {
  const auto exchange = std::make_shared<store::s3::Exchange>(
      "offsite", options_below(""), platform::make_http_client(8), real_clock());
  return {exchange, {MonoTime::max(), {}}};
}

class S3Fixture final : public StoreFixture {
 public:
  store::Store& store() override { return *store_; }

 private:
  std::unique_ptr<store::Store> store_ = store_below(Radosgw::new_prefix());
};

INSTANTIATE_TEST_SUITE_P(S3, StoreContract,
                         ::testing::Values([] { return std::make_unique<S3Fixture>(); }));

const BackupId kId{"nightly", "app",
                   SystemTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 20))};

std::string noise(size_t size) {
  std::string out(size, '\0');
  std::minstd_rand random(1);
  for (size_t at = 0; at + 4 <= size; at += 4) {
    const auto word = static_cast<uint32_t>(random());
    std::memcpy(out.data() + at, &word, 4);
  }
  return out;
}

std::string key_of(const std::string& prefix, const std::string& name) {
  return prefix + "/nightly/" + kId.str() + "/" + name;
}

std::vector<std::string> keys_below(const std::string& prefix) {
  std::vector<std::string> keys;
  EXPECT_TRUE(
      client().each(prefix + "/", [&](const store::s3::Object& one) { keys.push_back(one.key); }));
  return keys;
}

TEST(S3Store, ALargeFileGoesInPartsAndComesBackWhole) {
  const auto store = store_below(Radosgw::new_prefix());
  const std::string text = noise((size_t{20} << 20) + 12345);
  const auto writer = store->begin(kId);
  ASSERT_TRUE(writer);
  const auto written = store::write_file(**writer, "dump/1.dat.zst", text);
  ASSERT_TRUE(written) << written.error().detail(Audience::operators);
  ASSERT_TRUE((*writer)->publish("{}\n"));
  const auto source = store->open(kId);
  ASSERT_TRUE(source);
  const auto read = artefact::read_stored(**source, "dump/1.dat.zst", 64_MiB);
  ASSERT_TRUE(read) << read.error().detail(Audience::operators);
  EXPECT_TRUE(*read == text);
}

TEST(S3Store, ReadsFromTheMiddleAndUpToTheEnd) {
  const std::string prefix = Radosgw::new_prefix();
  const std::string text = noise(size_t{9} << 20);
  ASSERT_TRUE(client().put(prefix + "/x", std::make_shared<const std::string>(text)));
  const auto file = store::s3::open_object(client(), prefix + "/x");
  ASSERT_TRUE(file);
  std::vector<unsigned char> into(100);
  const uint64_t near_end = text.size() - 40;
  ASSERT_EQ(*(*file)->read_at(near_end, into), 40U);
  EXPECT_EQ(std::memcmp(into.data(), text.data() + near_end, 40), 0);
  ASSERT_EQ(*(*file)->read_at(5, into), 100U);
  EXPECT_EQ(std::memcmp(into.data(), text.data() + 5, 100), 0);
  EXPECT_EQ(*(*file)->read_at(text.size(), into), 0U);
}

TEST(S3Store, AnEmptyFileIsAFile) {
  const auto store = store_below(Radosgw::new_prefix());
  const auto writer = store->begin(kId);
  ASSERT_TRUE(writer);
  ASSERT_TRUE(store::write_file(**writer, "dump/1.dat.zst", ""));
  ASSERT_TRUE((*writer)->publish("{}\n"));
  const auto source = store->open(kId);
  ASSERT_TRUE(source);
  EXPECT_EQ(*artefact::read_stored(**source, "dump/1.dat.zst", 1_KiB), "");
}

TEST(S3Store, AnObjectThatIsReplacedWhileItIsReadIsAnError) {
  const std::string key = Radosgw::new_prefix() + "/x";
  ASSERT_TRUE(client().put(key, std::make_shared<const std::string>(noise(size_t{9} << 20))));
  const auto file = store::s3::open_object(client(), key);
  ASSERT_TRUE(file);
  ASSERT_TRUE(client().put(key, std::make_shared<const std::string>(size_t{9} << 20, 'x')));
  std::vector<unsigned char> into(100);
  const auto read = (*file)->read_at(size_t{8} << 20, into);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code(), ErrorCode::store_unreachable);
}

// As a crash in the middle of a large file leaves it.
TEST(S3Store, AnUnfinishedUploadIsDebrisAndRefusesItsIdUntilItIsRemoved) {
  const std::string prefix = Radosgw::new_prefix();
  const auto store = store_below(prefix);
  ASSERT_TRUE(client().begin_upload(key_of(prefix, "dump/1.dat.zst")));
  EXPECT_EQ(*store->debris(), std::vector{kId});
  EXPECT_TRUE(store->list()->empty());
  EXPECT_EQ(store->begin(kId).error().code(), ErrorCode::file_exists);
  ASSERT_TRUE(store->remove(kId));
  EXPECT_TRUE(store->debris()->empty());
  EXPECT_TRUE(client().uploads(prefix + "/")->empty());
}

TEST(S3Store, PublishingLeavesNoUploadBehind) {
  const std::string prefix = Radosgw::new_prefix();
  const auto store = store_below(prefix);
  const auto writer = store->begin(kId);
  ASSERT_TRUE(writer);
  ASSERT_TRUE(store::write_file(**writer, "dump/1.dat.zst", "rows"));
  ASSERT_TRUE(client().begin_upload(key_of(prefix, "dump/1.dat.zst")));  // its answer was lost
  ASSERT_TRUE((*writer)->publish("{}\n"));
  EXPECT_TRUE(client().uploads(prefix + "/")->empty());
}

TEST(S3Store, DiscardingEndsTheUploadsToo) {
  const std::string prefix = Radosgw::new_prefix();
  const auto store = store_below(prefix);
  const auto writer = store->begin(kId);
  ASSERT_TRUE(writer);
  const auto file = (*writer)->create("dump/1.dat.zst");
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->append(as_bytes(noise(size_t{10} << 20))));
  ASSERT_EQ(client().uploads(prefix + "/")->size(), 1U);
  ASSERT_TRUE((*writer)->discard());
  EXPECT_TRUE(client().uploads(prefix + "/")->empty());
  EXPECT_TRUE(keys_below(prefix).empty());
}

TEST(S3Store, WorkThatWasStoppedIsStillDiscarded) {
  const std::string prefix = Radosgw::new_prefix();
  std::stop_source stop;
  const auto store = store_below(prefix)->within({MonoTime::max(), stop.get_token()});
  const auto writer = store->begin(kId);
  ASSERT_TRUE(writer);
  ASSERT_TRUE(store::write_file(**writer, "RECOVER.md", "card"));
  stop.request_stop();
  EXPECT_EQ(store::write_file(**writer, "SHA256SUMS", "sums").error().code(), ErrorCode::cancelled);
  ASSERT_TRUE((*writer)->discard());
  EXPECT_TRUE(keys_below(prefix).empty());
}

TEST(S3Store, WhatWasChangedBeforeThePublicationKeepsTheManifestOut) {
  const std::string prefix = Radosgw::new_prefix();
  const auto store = store_below(prefix);
  const auto writer = store->begin(kId);
  ASSERT_TRUE(writer);
  ASSERT_TRUE(store::write_file(**writer, "RECOVER.md", "card"));
  ASSERT_TRUE(
      client().put(key_of(prefix, "RECOVER.md"), std::make_shared<const std::string>("cart")));
  const auto published = (*writer)->publish("{}\n");
  ASSERT_FALSE(published);
  EXPECT_EQ(published.error().code(), ErrorCode::store_unreachable);
  EXPECT_FALSE(*store->exists(kId));
}

TEST(S3Store, ListsMoreThanOnePage) {
  const std::string prefix = Radosgw::new_prefix();
  const auto store = store_below(prefix);
  const auto writer = store->begin(kId);
  ASSERT_TRUE(writer);
  for (int i = 0; i < 1'030; ++i)
    ASSERT_TRUE(store::write_file(**writer, "dump/" + std::to_string(i) + ".dat.zst", "x"));
  ASSERT_TRUE((*writer)->publish("{}\n"));
  const auto source = store->open(kId);
  ASSERT_TRUE(source);
  EXPECT_EQ((*source)->list()->size(), 1'031U);
  ASSERT_TRUE(store->remove(kId));
  EXPECT_TRUE(keys_below(prefix).empty());
}

TEST(S3Store, StrangeKeysBesideOursAreNotOurs) {
  const std::string prefix = Radosgw::new_prefix();
  const auto store = store_below(prefix);
  const auto text = std::make_shared<const std::string>("x");
  for (const char* name : {"notes.txt", "nightly/readme", "a b/c+d/e=f:g", "nightly/x/<&>\x01/y"})
    ASSERT_TRUE(client().put(prefix + "/" + name, text)) << name;
  EXPECT_TRUE(store->list()->empty());
  EXPECT_TRUE(store->debris()->empty());
  EXPECT_EQ(keys_below(prefix).size(), 4U);
}

TEST(S3Store, AStrangeFileInAnArtefactIsListedAndGoesWithIt) {
  const std::string prefix = Radosgw::new_prefix();
  const auto store = store_below(prefix);
  const auto text = std::make_shared<const std::string>("x");
  for (const char* name : {"manifest.json", "a b+c=d:e%20f", "x\x01y", "<&>"})
    ASSERT_TRUE(client().put(key_of(prefix, name), text)) << name;
  const auto source = store->open(kId);
  ASSERT_TRUE(source);
  EXPECT_EQ((*source)->list()->size(), 4U);
  ASSERT_TRUE(store->remove(kId));
  EXPECT_TRUE(keys_below(prefix).empty());
}

TEST(S3Store, AStoreMayBeAWholeBucket) {
  auto options = options_below("");
  options.bucket = Radosgw::shared().other_bucket();
  const auto store =
      store::make_s3_store("whole", options, platform::make_http_client(8), real_clock());
  ASSERT_TRUE(store->probe(""));
  const auto writer = store->begin(kId);
  ASSERT_TRUE(writer);
  ASSERT_TRUE(store::write_file(**writer, "RECOVER.md", "card"));
  ASSERT_TRUE((*writer)->publish("{}\n"));
  EXPECT_EQ(*store->list(), std::vector{kId});
  ASSERT_TRUE(store->remove(kId));
}

TEST(S3Store, RequestsOneAfterTheOtherShareAConnection) {
  CuttingProxy line(Radosgw::shared().port());
  auto options = options_below(Radosgw::new_prefix());
  options.endpoint = line.endpoint();
  const auto store =
      store::make_s3_store("offsite", options, platform::make_http_client(8), real_clock());
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(store->probe(""));
  EXPECT_EQ(line.connections(), 1);
}

// In the middle of a part, and of the request that ends the upload.
TEST(S3Store, AConnectionThatBreaksInTheMiddleOfAPartCostsThatPartAlone) {
  CuttingProxy line(Radosgw::shared().port());
  const std::string prefix = Radosgw::new_prefix();
  auto options = options_below(prefix);
  options.endpoint = line.endpoint();
  const auto store =
      store::make_s3_store("offsite", options, platform::make_http_client(8), real_clock());
  const std::string text = noise(size_t{20} << 20);
  const auto writer = store->begin(kId);
  ASSERT_TRUE(writer);
  line.cut(2, size_t{3} << 20);
  const auto written = store::write_file(**writer, "dump/1.dat.zst", text);
  ASSERT_TRUE(written) << written.error().detail(Audience::operators);
  EXPECT_EQ(line.left(), 0);
  ASSERT_TRUE((*writer)->publish("{}\n"));
  EXPECT_TRUE(client().uploads(prefix + "/")->empty());
  const auto source = store_below(prefix)->open(kId);
  ASSERT_TRUE(source);
  EXPECT_TRUE(*artefact::read_stored(**source, "dump/1.dat.zst", 64_MiB) == text);
}

Error refused(const store::S3Options& options) {
  const auto store =
      store::make_s3_store("offsite", options, platform::make_http_client(8), real_clock());
  const auto looked = store->look("");
  EXPECT_FALSE(looked);
  return looked ? Error(ErrorCode::internal_error) : looked.error();
}

TEST(S3Store, AKeyThatMayOnlyReadReadsAndIsRefusedTheRest) {
  const std::string prefix = Radosgw::new_prefix();
  const auto writer = store_below(prefix)->begin(kId);
  ASSERT_TRUE(writer);
  ASSERT_TRUE(store::write_file(**writer, "RECOVER.md", "card"));
  ASSERT_TRUE((*writer)->publish("{}\n"));
  auto options = options_below(prefix);
  options.credentials_file = Radosgw::shared().reader_file().string();
  const auto reader =
      store::make_s3_store("offsite", options, platform::make_http_client(8), real_clock());
  EXPECT_EQ(*reader->list(), std::vector{kId});
  EXPECT_EQ(*store::read_manifest(*reader, kId), "{}\n");
  EXPECT_EQ(reader->probe("").error().parameter("code"), "403 AccessDenied");
  const auto removed = reader->remove(kId);
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code(), ErrorCode::store_refused);
  EXPECT_TRUE(*reader->exists(kId));
}

TEST(S3Store, ABucketThatIsNotThereIsNamed) {
  auto options = options_below("");
  options.bucket = "not-there";
  const Error error = refused(options);
  EXPECT_EQ(error.code(), ErrorCode::store_refused);
  EXPECT_EQ(error.parameter("code"), "404 NoSuchBucket");
  EXPECT_EQ(error.parameter("reason"), "there is no such bucket");
}

TEST(S3Store, AWrongSecretIsRefusedAndNotTold) {
  const TempFolder folder;
  const std::string canary = "canary/secret+key=0123456789";
  const platform::Path file = folder / "credentials";
  ASSERT_TRUE(platform::write_file_new(platform::real_file_system(), file,
                                       Radosgw::shared().access_key() + "\n" + canary + "\n"));
  auto options = options_below("");
  options.credentials_file = file.string();
  const Error error = refused(options);
  EXPECT_EQ(error.code(), ErrorCode::store_refused);
  EXPECT_EQ(error.parameter("code"), "403 SignatureDoesNotMatch");
  EXPECT_EQ(error.detail(Audience::operators).find("canary"), std::string::npos);
  for (const auto& [name, value] : error.parameters())
    EXPECT_EQ(value.find("canary"), std::string::npos) << name;
}

// The key is read anew at each request.
TEST(S3Store, AKeyThatWasMendedIsUsedAtOnce) {
  const TempFolder folder;
  auto& files = platform::real_file_system();
  const platform::Path file = folder / "credentials";
  const std::string access = Radosgw::shared().access_key() + "\n";
  ASSERT_TRUE(platform::write_file_new(files, file, access + "wrong-secret-key\n"));
  auto options = options_below("");
  options.credentials_file = file.string();
  const auto store =
      store::make_s3_store("offsite", options, platform::make_http_client(8), real_clock());
  ASSERT_FALSE(store->look(""));
  ASSERT_TRUE(
      platform::write_file_replace(files, file, access + Radosgw::shared().secret_key() + "\n"));
  EXPECT_TRUE(store->look(""));
}

TEST(S3Store, UploadsKeepToTheirRate) {
  auto options = options_below(Radosgw::new_prefix());
  options.max_upload_rate = 1_MiB;
  const auto store =
      store::make_s3_store("offsite", options, platform::make_http_client(8), real_clock());
  const auto writer = store->begin(kId);
  ASSERT_TRUE(writer);
  const auto began = MonoTime::clock::now();
  {
    const auto write = [&](const char* name) {
      ASSERT_TRUE(store::write_file(**writer, name, noise(size_t{1} << 20)));
    };
    const std::jthread other(write, "dump/1.dat.zst");
    write("dump/2.dat.zst");
  }
  EXPECT_GT(MonoTime::clock::now() - began, std::chrono::milliseconds(1200));
}

}  // namespace
}  // namespace vigie::testing
