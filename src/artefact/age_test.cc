#include "artefact/age.h"

#include <gtest/gtest.h>

#include "artefact/artefact_for_test.h"
#include "artefact/unseal.h"
#include "artefact/verify.h"
#include "base/json.h"
#include "tests/support/age_keys.h"
#include "tests/support/fake_clock.h"

namespace vigie::artefact {
namespace {

using testing::AgeKeys;

constexpr std::string_view kTable = "dump/3456.dat.zst.age";

struct AgeTest : ::testing::Test {
  std::unique_ptr<platform::ProcessRunner> runner = platform::make_process_runner();
  const AgeKeys keys;
  const AgeKeys others;
  const platform::Path program = find_age(platform::real_file_system()).value();

  Encryption for_recipients(std::vector<std::string> recipients) {
    return {*runner, program, std::move(recipients), no_limits()};
  }
  MemoryArtefact encrypted() {
    const Encryption encryption = for_recipients({keys.recipient()});
    return test_artefact(&encryption);
  }
  VerifyReport check(MemoryArtefact& artefact, const AgeKeys* with) {
    const testing::FakeClock clock;
    VerifyRequest request;
    request.id = test_id();
    if (with == nullptr) return verify(artefact, clock, request).value();
    const Identity identity = Identity::from_file(with->file()).value();
    const Decryption decryption{*runner, program, identity};
    request.decryption = &decryption;
    return verify(artefact, clock, request).value();
  }
};

std::string first_code(const VerifyReport& report) {
  return report.findings.empty() ? "" : std::string(report.findings.front().info().name);
}

TEST_F(AgeTest, EncryptedArtefactPassesWithItsKeyToTheLastRow) {
  MemoryArtefact artefact = encrypted();
  const VerifyReport report = check(artefact, &keys);
  EXPECT_EQ(report.result, Verdict::passed) << first_code(report);
  EXPECT_TRUE(report.contents_opened);
  EXPECT_EQ(report.manifest->fingerprint_key, test_manifest().fingerprint_key);
}

TEST_F(AgeTest, WithoutAKeyTheStoredBytesAreChecked) {
  MemoryArtefact artefact = encrypted();
  const VerifyReport report = check(artefact, nullptr);
  EXPECT_EQ(report.result, Verdict::passed) << first_code(report);
  EXPECT_FALSE(report.contents_opened);
  artefact.files.find(kTable)->second[50] ^= 1;
  EXPECT_EQ(first_code(check(artefact, nullptr)), "artefact_hash");
}

TEST_F(AgeTest, AnotherKeyCouldNotVerify) {
  MemoryArtefact artefact = encrypted();
  const VerifyReport report = check(artefact, &others);
  EXPECT_EQ(report.result, Verdict::could_not_verify);
  EXPECT_EQ(first_code(report), "identity_refused");
}

TEST_F(AgeTest, TablesOfEqualRowsHaveNotEqualFingerprints) {
  Manifest manifest = test_manifest();
  manifest.recipients = {keys.recipient()};
  TableEntry table{16412, "public", "docs", "dump/1.dat.zst.age", {3, {7, 9}}};
  manifest.tables = {table};
  table.oid = 16413;
  manifest.tables.push_back(table);
  const auto tables = parse_json(manifest.to_json()).value().at("tables").as_array();
  EXPECT_NE(tables.at(0).at("fingerprint"), tables.at(1).at("fingerprint"));
  EXPECT_NE(tables.at(0).at("fingerprint"), json::value(table.rows.fingerprint.hex()));
}

// Plain hashes of settings and of functions could be guessed at.
TEST_F(AgeTest, TheInventoryShowsNoHash) {
  Manifest manifest = test_manifest();
  manifest.recipients = {keys.recipient()};
  manifest.files = {{"dump/toc.dat.zst.age", FileKind::toc, Codec::zstd_age, {1}, {}, {1}, {}},
                    {"fingerprint.key.zst.age", FileKind::key, Codec::zstd_age, {1}, {}, {1}, {}}};
  const Sha256Digest digest = sha256(as_bytes("app.jwt_secret = 'x'"));
  manifest.inventory = {{"settings", 1, digest}, {"functions", 1, digest}};
  const std::string text = manifest.to_json();
  EXPECT_EQ(text.find(hex_encode(digest)), std::string::npos);
  Manifest read = Manifest::parse(text, test_id()).value();
  EXPECT_NE(read.inventory[0].digest, read.inventory[1].digest);
  read.unmask(manifest.fingerprint_key);
  EXPECT_EQ(read.inventory, manifest.inventory);
}

TEST_F(AgeTest, TheKeyTakesTheMasksOff) {
  MemoryArtefact artefact = encrypted();
  const std::string& text = artefact.files.find(kManifestName)->second;
  Manifest manifest = Manifest::parse(text, test_id()).value();
  EXPECT_TRUE(manifest.masked);
  const Fingerprint masked = manifest.tables.front().rows.fingerprint;
  const Identity identity = Identity::from_file(keys.file()).value();
  ASSERT_TRUE(read_key(artefact, manifest, {*runner, program, identity}, no_limits()));
  EXPECT_FALSE(manifest.masked);
  EXPECT_NE(manifest.tables.front().rows.fingerprint, masked);
  EXPECT_EQ(manifest.to_json(), text);
}

// Whoever can write into the store could keep a reader busy for ever.
TEST_F(AgeTest, AFileIsNotReadFarBeyondItsSize) {
  MemoryArtefact artefact = encrypted();
  std::string& key = artefact.files.find(kKeyName)->second;
  key += std::string(64 << 20, '\0');
  Manifest manifest =
      Manifest::parse(artefact.files.find(kManifestName)->second, test_id()).value();
  const Identity identity = Identity::from_file(keys.file()).value();
  const auto read = read_key(artefact, manifest, {*runner, program, identity}, no_limits());
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code(), ErrorCode::artefact_size);
  EXPECT_LT(std::stoull(std::string(read.error().parameter("observed"))), 4U << 20);
}

TEST_F(AgeTest, ManifestGivesNothingToGuessBy) {
  const MemoryArtefact artefact = encrypted();
  const std::string& manifest = artefact.files.find(kManifestName)->second;
  EXPECT_EQ(manifest.find(hex_encode(test_manifest().fingerprint_key)), std::string::npos);
  const auto parsed = Manifest::parse(manifest, test_id());
  ASSERT_TRUE(parsed);
  for (const FileEntry& file : parsed->files)
    EXPECT_TRUE(!file.encrypted() || file.raw_sha256 == Sha256Digest{}) << file.name;
}

// The header holds what the key is matched with: damage there must not look like a wrong key.
TEST_F(AgeTest, OneFlippedBitAnywhereIsDamageWhateverTheKeySays) {
  const MemoryArtefact whole = encrypted();
  const size_t size = whole.files.find(kTable)->second.size();
  for (size_t at = 0; at < size; at += 37) {
    MemoryArtefact artefact = whole;
    artefact.files.find(kTable)->second[at] ^= 1;
    const VerifyReport report = check(artefact, &keys);
    EXPECT_EQ(report.result, Verdict::failed) << at;
    EXPECT_EQ(first_code(report), "artefact_hash") << at;
  }
}

// Somebody who can write into the store has made the sums fit.
TEST_F(AgeTest, ChangedFileUnderNewSumsIsNotDecrypted) {
  MemoryArtefact artefact = encrypted();
  Manifest manifest =
      Manifest::parse(artefact.files.find(kManifestName)->second, test_id()).value();
  std::string& bytes = artefact.files.find(kTable)->second;
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  std::erase_if(manifest.files, [](const FileEntry& f) { return f.kind == FileKind::card; });
  for (FileEntry& file : manifest.files)
    if (file.name == kTable) file.stored_sha256 = sha256(as_bytes(bytes));
  cover_with(artefact, manifest);
  const VerifyReport report = check(artefact, &keys);
  EXPECT_EQ(report.result, Verdict::failed);
  EXPECT_EQ(first_code(report), "artefact_decrypt");
}

TEST_F(AgeTest, EachOfSeveralRecipientsOpensIt) {
  const Encryption encryption = for_recipients({keys.recipient(), others.recipient()});
  MemoryArtefact artefact = test_artefact(&encryption);
  EXPECT_EQ(check(artefact, &keys).result, Verdict::passed);
  EXPECT_EQ(check(artefact, &others).result, Verdict::passed);
}

TEST_F(AgeTest, RecipientThatAgeRefusesIsFoundBeforeABackup) {
  EXPECT_TRUE(try_encryption(for_recipients({keys.recipient()})));
  const auto tried = try_encryption(for_recipients({"age1qqqqqq"}));
  ASSERT_FALSE(tried);
  EXPECT_EQ(tried.error().code(), ErrorCode::encryption_failed);
}

TEST_F(AgeTest, ProgramThatIsNotThereIsUnavailable) {
  Encryption encryption = for_recipients({keys.recipient()});
  encryption.program = "/nonexistent/age";
  const auto tried = try_encryption(encryption);
  ASSERT_FALSE(tried);
  EXPECT_EQ(tried.error().code(), ErrorCode::encryption_unavailable);
}

TEST_F(AgeTest, IdentityOfACommandOpensIt) {
  const auto identity =
      Identity::from_command(*runner, {"/bin/cat", keys.file().string()}, no_limits());
  ASSERT_TRUE(identity);
  MemoryArtefact artefact = encrypted();
  Manifest manifest =
      Manifest::parse(artefact.files.find(kManifestName)->second, test_id()).value();
  EXPECT_TRUE(read_key(artefact, manifest, {*runner, program, *identity}, no_limits()));
  EXPECT_EQ(manifest.fingerprint_key, test_manifest().fingerprint_key);
}

TEST_F(AgeTest, IdentityIsReadOnlyFromASecretFile) {
  ::chmod(keys.file().c_str(), 0644);
  const auto identity = Identity::from_file(keys.file());
  ASSERT_FALSE(identity);
  EXPECT_EQ(identity.error().code(), ErrorCode::secret_file_mode);
}

TEST(IsRecipient, KnowsTheForms) {
  EXPECT_TRUE(is_recipient("age1mm3y95ladnpqcrey5m37xwphulssfc97vj3thfykvyqhtg2mj9as0z6hqz"));
  EXPECT_TRUE(is_recipient("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI me@host"));
  for (const std::string_view no :
       {"", "age1", "AGE-SECRET-KEY-1ABC", "age1abc def", "--identity", "ssh-dss AAAA", "age1a\nb"})
    EXPECT_FALSE(is_recipient(no)) << no;
}

}  // namespace
}  // namespace vigie::artefact
