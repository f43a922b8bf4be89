// A server that is broken, or hostile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <numeric>

#include "platform/http_client.h"
#include "store/s3/client.h"
#include "store/s3/object_file.h"
#include "store/s3/object_writer.h"
#include "store/s3/s3_store.h"
#include "tests/support/http_imposter.h"
#include "tests/support/instant_clock.h"
#include "tests/support/temp_folder.h"

namespace vigie::testing {
namespace {

using namespace std::chrono_literals;
using store::s3::Client;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr const char* kCanary = "canary-of-the-secret-key";

// Answers one after the other; the last for ever.
class S3Faults : public ::testing::Test {
 protected:
  void answers(std::vector<std::string> all) { answers_ = std::move(all); }

  store::S3Options options() const {
    store::S3Options options;
    options.endpoint = "http://127.0.0.1:" + std::to_string(server_.port());
    options.bucket = "backups";
    options.credentials_file = (folder_ / "key").string();
    return options;
  }
  Client client(CallLimits limits = {MonoTime::max(), {}}) {
    return {std::make_shared<store::s3::Exchange>("offsite", options(),
                                                  platform::make_http_client(), clock_),
            std::move(limits)};
  }
  std::unique_ptr<store::Store> store() {
    return store::make_s3_store("offsite", options(), platform::make_http_client(), clock_);
  }

  static std::string error(int status, const std::string& code) {
    return HttpImposter::response(status, "<?xml version=\"1.0\"?><Error><Code>" + code +
                                              "</Code><Message>" + kCanary + "</Message></Error>");
  }
  static std::string listed(const std::string& inside) {
    return HttpImposter::response(200, "<ListBucketResult>" + inside + "</ListBucketResult>");
  }
  static std::string begun() {
    return HttpImposter::response(200,
                                  "<InitiateMultipartUploadResult><UploadId>u1</UploadId>"
                                  "</InitiateMultipartUploadResult>");
  }
  static std::string stored() { return HttpImposter::response(200, "", "ETag: \"e1\"\r\n"); }
  static std::string piece(const std::string& body, const std::string& range) {
    return HttpImposter::response(206, body,
                                  "ETag: \"e1\"\r\nContent-Range: bytes " + range + "\r\n");
  }
  static store::s3::Body body(const std::string& text) {
    return std::make_shared<const std::string>(text);
  }
  size_t asked() const { return server_.requests().size(); }

  // Whoever reads the error, on whatever way.
  static void expect_no_secret(const Error& error) {
    EXPECT_THAT(error.detail(Audience::operators), Not(HasSubstr(kCanary)));
    EXPECT_THAT(error.remedy(Audience::operators), Not(HasSubstr(kCanary)));
    for (const auto& [name, value] : error.parameters())
      EXPECT_THAT(value, Not(HasSubstr(kCanary))) << name;
  }

  void SetUp() override {
    std::ofstream(folder_ / "key") << "ACCESSKEY\n" << kCanary << "\n";
    std::filesystem::permissions(folder_ / "key", std::filesystem::perms(0600));
  }

  TempFolder folder_;
  InstantClock clock_;
  std::vector<std::string> answers_;
  std::atomic<size_t> given_ = 0;
  HttpImposter server_{
      [this](const std::string&) { return answers_.at(std::min(given_++, answers_.size() - 1)); }};
};

TEST_F(S3Faults, AServerAtItsWitsEndIsAskedAgain) {
  answers({error(503, "SlowDown"), error(500, "InternalError"), stored()});
  EXPECT_TRUE(client().put("a", body("x")));
  EXPECT_EQ(asked(), 3U);
}

TEST_F(S3Faults, BytesThatChangedOnTheirWayAreSentAgain) {
  answers({error(400, "BadDigest"), error(400, "XAmzContentSHA256Mismatch"), stored()});
  EXPECT_TRUE(client().put("a", body("x")));
  EXPECT_EQ(asked(), 3U);
}

TEST_F(S3Faults, ABucketWithALockHasTheChecksumThatItAsksForOnce) {
  answers({error(400, "InvalidRequest"), stored()});
  const auto client = this->client();
  EXPECT_TRUE(client.put("a", body("x")));
  EXPECT_TRUE(client.put_part({"a", "upload"}, 1, body("x")));
  const auto requests = server_.requests();
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_THAT(requests[0], Not(HasSubstr("content-md5")));
  for (const size_t with_it : {1, 2}) {
    EXPECT_THAT(requests[with_it], HasSubstr("content-md5: ndTkYSaMgDT1yFZOFVxnpg==\r\n"));
    EXPECT_THAT(requests[with_it], HasSubstr("SignedHeaders=content-md5;host;"));
  }
}

TEST_F(S3Faults, ARequestThatNoChecksumMendsIsRefused) {
  answers({error(400, "InvalidRequest")});
  const auto put = client().put("a", body("x"));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code(), ErrorCode::store_refused);
  EXPECT_EQ(asked(), 2U);
}

TEST_F(S3Faults, ThePausesGrowAndEnd) {
  answers({error(503, "SlowDown")});
  const auto put = client().put("a", body("x"));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code(), ErrorCode::store_unreachable);
  EXPECT_EQ(put.error().parameter("reason"), "it answers 503 SlowDown");
  const auto slept = clock_.slept();
  EXPECT_EQ(slept.size(), 7U);
  EXPECT_GT(slept.back(), slept.front() * 4);
  EXPECT_LT(std::accumulate(slept.begin(), slept.end(), Duration{}), 25s);
}

TEST_F(S3Faults, ARefusalIsNotAskedAgain) {
  answers({error(403, "AccessDenied")});
  const auto put = client().put("a", body("x"));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code(), ErrorCode::store_refused);
  EXPECT_EQ(put.error().parameter("code"), "403 AccessDenied");
  EXPECT_EQ(asked(), 1U);
  expect_no_secret(put.error());
}

TEST_F(S3Faults, ADeleteThatIsRefusedMentionsTheLock) {
  answers({error(403, "AccessDenied")});
  const auto removed = client().remove("a");
  ASSERT_FALSE(removed);
  EXPECT_THAT(std::string(removed.error().parameter("reason")), HasSubstr("object lock"));
}

// Its words end on a terminal.
TEST_F(S3Faults, ACodeThatIsNoWordIsNotShown) {
  answers({error(403, std::string("no word: ") + kCanary)});
  const auto put = client().put("a", body("x"));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().parameter("code"), "403 Error");
  expect_no_secret(put.error());
}

TEST_F(S3Faults, AnotherRegionIsToldAndNotFollowed) {
  answers({HttpImposter::response(301, "<Error><Code>PermanentRedirect</Code></Error>",
                                  "Location: " + server_.url("/stolen") + "\r\n")});
  const auto listed = client().first("");
  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().parameter("code"), "301 PermanentRedirect");
  EXPECT_EQ(asked(), 1U);
}

TEST_F(S3Faults, NobodyThereIsUnreachable) {
  auto options = this->options();
  options.endpoint = "http://127.0.0.1:1";
  const auto store = store::make_s3_store("offsite", options, platform::make_http_client(), clock_);
  const auto looked = store->look("");
  ASSERT_FALSE(looked);
  EXPECT_EQ(looked.error().code(), ErrorCode::store_unreachable);
  EXPECT_EQ(clock_.slept().size(), 3U);
  expect_no_secret(looked.error());
}

TEST_F(S3Faults, AnAnswerThatIsCutIsAskedForAgain) {
  std::string cut = piece("0123456789", "0-9/10");
  cut.resize(cut.size() - 4);
  answers({cut, piece("0123456789", "0-9/10")});
  const auto got = client().get("a", 0, 10_MiB, "");
  ASSERT_TRUE(got) << got.error().detail(Audience::operators);
  EXPECT_EQ((*got)->bytes, "0123456789");
  EXPECT_EQ(asked(), 2U);
}

TEST_F(S3Faults, AServerThatHangsEndsWithTheWork) {
  answers({""});
  const auto put = client({clock_.monotonic() + 100ms, {}}).put("a", body("x"));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code(), ErrorCode::deadline_exceeded);
  expect_no_secret(put.error());
}

TEST_F(S3Faults, AServerThatHangsEndsWhenItIsStopped) {
  answers({""});
  std::stop_source stop;
  const std::jthread stopper([&] {
    while (asked() == 0) std::this_thread::yield();
    stop.request_stop();
  });
  const auto put = client({MonoTime::max(), stop.get_token()}).put("a", body("x"));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code(), ErrorCode::cancelled);
}

// The next part is filled meanwhile.
TEST_F(S3Faults, APartThatIsRefusedOnItsWayEndsTheFile) {
  answers({begun(), error(403, "AccessDenied")});
  store::s3::ObjectWriter writer(client(), "a",
                                 [](const auto&) { FAIL() << "nothing lies there"; });
  const std::string part(store::s3::kPartBytes, 'x');
  ASSERT_TRUE(writer.append(as_bytes(part)));
  ASSERT_TRUE(writer.append(as_bytes(part)));
  const auto closed = writer.close();
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().parameter("code"), "403 AccessDenied");
}

TEST_F(S3Faults, AFileThatIsGivenUpDoesNotWaitForAServerThatHangs) {
  answers({begun(), ""});
  const auto began = std::chrono::steady_clock::now();
  {
    store::s3::ObjectWriter writer(client(), "a", [](const auto&) {});
    ASSERT_TRUE(writer.append(as_bytes(std::string(store::s3::kPartBytes + 1, 'x'))));
    while (asked() < 2) std::this_thread::yield();
  }
  EXPECT_LT(std::chrono::steady_clock::now() - began, 30s);
}

TEST_F(S3Faults, NothingIsWaitedForBeyondTheDeadline) {
  answers({error(503, "SlowDown")});
  const auto put = client({clock_.monotonic() + 150ms, {}}).put("a", body("x"));
  ASSERT_FALSE(put);
  for (const Duration pause : clock_.slept()) EXPECT_LT(pause, 150ms);
}

TEST_F(S3Faults, AnotherPartThanWasAskedForIsAnError) {
  for (const auto& answer :
       {piece("01234", "5-9/10"), piece("0123", "0-3/10"), piece("0123456789", "0-9/*"),
        HttpImposter::response(200, "0123456789", "ETag: \"e1\"\r\n"),
        HttpImposter::response(206, "0123456789", "Content-Range: bytes 0-9/10\r\n")}) {
    given_ = 0;
    answers({answer});
    const auto got = client().get("a", 0, 10_MiB, "");
    ASSERT_FALSE(got) << answer;
    EXPECT_EQ(got.error().code(), ErrorCode::store_unreachable) << answer;
  }
}

TEST_F(S3Faults, MoreThanWasAskedForIsCutOff) {
  answers({piece(std::string(20'000, 'x'), "0-9/20000")});
  const auto got = client().get("a", 0, {10}, "");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code(), ErrorCode::store_unreachable) << "no word of what is stored there";
}

TEST_F(S3Faults, AFileWhoseSizeChangesWhileItIsReadIsAnError) {
  const std::string first(store::s3::kWindow.count, 'x');
  answers({piece(first, "0-8388607/8388610"), piece("xyz12", "8388608-8388612/8388613")});
  const auto file = store::s3::open_object(client(), "a");
  ASSERT_TRUE(file);
  std::vector<unsigned char> into(2);
  const auto read = (*file)->read_at(store::s3::kWindow.count, into);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code(), ErrorCode::file_io);
}

TEST_F(S3Faults, AWriteThatIsAnsweredWithoutAnEtagIsAnError) {
  answers({HttpImposter::response(200, "")});
  EXPECT_EQ(client().put("a", body("x")).error().code(), ErrorCode::store_unreachable);
}

TEST_F(S3Faults, AnErrorBehindA200IsAnError) {
  answers({HttpImposter::response(200,
                                  "<?xml version=\"1.0\"?>\n<Error><Code>InvalidPart</Code>"
                                  "</Error>")});
  const auto done = client().finish_upload({"a", "u1"}, {"e1"}, {1});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().parameter("code"), "200 InvalidPart");
}

TEST_F(S3Faults, AnObjectThatReadsLikeAnErrorIsNone) {
  const std::string text = "<Error><Code>AccessDenied</Code></Error>";
  answers({piece(text, "0-39/40")});
  const auto got = client().get("a", 0, 10_MiB, "");
  ASSERT_TRUE(got) << got.error().detail(Audience::operators);
  EXPECT_EQ((*got)->bytes, text);
}

// It was carried out, and the answer was lost.
TEST_F(S3Faults, AnUploadThatIsGoneIsFinishedWhenItsObjectIsThere) {
  const std::string object = "<Contents><Key>a</Key><Size>9</Size><ETag>e-1</ETag></Contents>";
  answers({error(404, "NoSuchUpload"), listed(object)});
  EXPECT_EQ(*client().finish_upload({"a", "u1"}, {"e1"}, {9}), "e-1");
}

TEST_F(S3Faults, AnUploadThatIsGoneAndLeftAnotherSizeIsAnError) {
  const std::string object = "<Contents><Key>a</Key><Size>8</Size><ETag>e-1</ETag></Contents>";
  answers({error(404, "NoSuchUpload"), listed(object)});
  EXPECT_FALSE(client().finish_upload({"a", "u1"}, {"e1"}, {9}));
}

TEST_F(S3Faults, ADeleteOfManyThatLeavesSomeIsARefusal) {
  answers({HttpImposter::response(
      200, "<DeleteResult><Error><Key>a</Key><Code>AccessDenied</Code></Error></DeleteResult>")});
  const auto removed = client().remove_all({"a", "b"});
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code(), ErrorCode::store_refused);
  EXPECT_THAT(std::string(removed.error().parameter("reason")), HasSubstr("object lock"));
}

TEST_F(S3Faults, AListThatDoesNotEndIsAnError) {
  answers(
      {listed("<IsTruncated>true</IsTruncated>"
              "<NextContinuationToken>same</NextContinuationToken>")});
  EXPECT_EQ(client().each("", [](const auto&) {}).error().code(), ErrorCode::store_unreachable);
  EXPECT_EQ(asked(), 2U);
}

TEST_F(S3Faults, HostileXmlIsAnErrorAndNothingElse) {
  const std::string bomb =
      "<!DOCTYPE a [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\">]>"
      "<ListBucketResult>&b;</ListBucketResult>";
  const std::string deep = "<a><a><a><a><a><a><a><a><a><a/></a></a></a></a></a></a></a></a></a>";
  const std::string climbing =
      "<ListBucketResult><Contents><Key>../../etc</Key></Contents></ListBucketResult>";
  for (const std::string& text : {bomb, deep, climbing, std::string(), std::string("\x01\x02")}) {
    given_ = 0;
    answers({HttpImposter::response(200, text)});
    const auto listed = store()->list();
    ASSERT_FALSE(listed) << text;
    EXPECT_EQ(listed.error().code(), ErrorCode::store_unreachable) << text;
  }
}

// An artefact is there, or it is not, or nobody knows: a server that fails says nothing of it.
TEST_F(S3Faults, AServerThatFailsIsNoMissingArtefact) {
  answers({error(500, "InternalError")});
  const BackupId id{"nightly", "app", SystemTime{}};
  EXPECT_EQ(store()->exists(id).error().code(), ErrorCode::store_unreachable);
  EXPECT_EQ(store()->open(id).error().code(), ErrorCode::store_unreachable);
  EXPECT_EQ(store()->marker().error().code(), ErrorCode::store_unreachable);
}

TEST_F(S3Faults, ABucketThatIsNotThereIsNoMissingArtefact) {
  answers({error(404, "NoSuchBucket")});
  const BackupId id{"nightly", "app", SystemTime{}};
  EXPECT_EQ(store()->exists(id).error().code(), ErrorCode::store_refused);
  EXPECT_EQ(store()->marker().error().code(), ErrorCode::store_refused);
}

TEST_F(S3Faults, AServerThatListsOtherSizesKeepsTheManifestOut) {
  const BackupId id{"nightly", "app", SystemTime{}};
  const std::string key = "nightly/" + id.str() + "/RECOVER.md";
  answers({listed(""), HttpImposter::response(200, "<ListMultipartUploadsResult/>"), stored(),
           listed("<Contents><Key>" + key + "</Key><Size>3</Size><ETag>e1</ETag></Contents>")});
  const auto writer = store()->begin(id);
  ASSERT_TRUE(writer);
  ASSERT_TRUE(store::write_file(**writer, "RECOVER.md", "card"));
  const auto published = (*writer)->publish("{}\n");
  ASSERT_FALSE(published);
  EXPECT_EQ(published.error().code(), ErrorCode::store_unreachable);
  EXPECT_EQ(asked(), 4U);
}

// localhost is this host, whatever stands before it.
TEST_F(S3Faults, ABucketMayBeNamedByItsHost) {
  auto options = this->options();
  options.endpoint = "http://localhost:" + std::to_string(server_.port());
  options.path_style = false;
  answers({stored()});
  const auto exchange = std::make_shared<store::s3::Exchange>("offsite", options,
                                                              platform::make_http_client(), clock_);
  ASSERT_TRUE(Client(exchange, {MonoTime::max(), {}}).put("a/b", body("x")));
  const std::string request = server_.requests().at(0);
  EXPECT_THAT(request, StartsWith("PUT /a/b HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr("Host: backups.localhost:"));
}

TEST_F(S3Faults, TheServerIsAskedToEncrypt) {
  auto options = this->options();
  options.server_side_encryption = store::ServerSideEncryption::kms;
  options.kms_key = "alias/backups";
  answers({stored()});
  const auto exchange = std::make_shared<store::s3::Exchange>("offsite", options,
                                                              platform::make_http_client(), clock_);
  ASSERT_TRUE(Client(exchange, {MonoTime::max(), {}}).put("a", body("x")));
  const std::string request = server_.requests().at(0);
  EXPECT_THAT(request, HasSubstr("x-amz-server-side-encryption: aws:kms\r\n"));
  EXPECT_THAT(request, HasSubstr("x-amz-server-side-encryption-aws-kms-key-id: alias/backups\r\n"));
}

TEST_F(S3Faults, TheSecretIsInNoRequest) {
  answers({stored()});
  ASSERT_TRUE(client().put("a", body("x")));
  for (const std::string& request : server_.requests()) {
    EXPECT_THAT(request, Not(HasSubstr(kCanary)));
    EXPECT_THAT(request, HasSubstr("ACCESSKEY"));
  }
}

TEST_F(S3Faults, AKeyFileThatIsGoneIsToldBeforeAnythingIsAsked) {
  std::filesystem::remove(folder_ / "key");
  answers({stored()});
  EXPECT_EQ(client().put("a", body("x")).error().code(), ErrorCode::secret_file_missing);
  EXPECT_EQ(asked(), 0U);
}

// As `install` does it: for a moment the file is not there.
TEST_F(S3Faults, AKeyFileThatIsBeingReplacedIsReadAgain) {
  const platform::Path key = folder_ / "key";
  const platform::Path aside = folder_ / "aside";
  std::filesystem::rename(key, aside);
  answers({stored()});
  clock_.at_sleep([&] { std::filesystem::rename(aside, key); });
  EXPECT_TRUE(client().put("a", body("x")));
}

}  // namespace
}  // namespace vigie::testing
