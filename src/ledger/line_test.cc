#include "ledger/line.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "ledger/entry_json.h"
#include "tests/support/ledger_samples.h"

namespace vigie::testing {
namespace {

using namespace ledger;

std::string sealed_text(const Entry& entry, uint64_t seq = 7) {
  auto object = to_json(entry, std::string(32, 'f'));
  EXPECT_TRUE(object);
  std::string text = seal_line(std::move(*object), seq, first_prev_hash()).text;
  text.pop_back();
  return text;
}

TEST(Line, ReadsBackWhatWasSealed) {
  const std::string text = sealed_text(backup_entry(1));
  const auto view = read_line(text);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->seq, 7U);
  EXPECT_EQ(view->version, 1U);
  EXPECT_EQ(view->kind, "backup");
  EXPECT_EQ(view->ended_at, "2026-11-20T00:01:20Z");
  EXPECT_EQ(view->prev_hash, first_prev_hash());
}

TEST(Line, HashIsThatOfTheCanonicalFormWithoutIt) {
  const std::string text = sealed_text(backup_entry(1));
  const auto view = read_line(text);
  Sha256 hash;
  auto value = parse_json(text);
  value->as_object().erase("entry_hash");
  EXPECT_EQ(line_hash(*view, hash), sha256_hex(canonical_json(*value)));
  EXPECT_EQ(line_hash(*view, hash), view->entry_hash);
}

TEST(Line, IsCanonical) {
  const std::string text = sealed_text(backup_entry(1));
  EXPECT_EQ(canonical_json(*parse_json(text)), text);
}

TEST(Line, CutsOnlyTheOutermostHash) {
  Entry entry = backup_entry(1);
  entry.assertions = {{"same", json::object{{"entry_hash", std::string(64, '1')}},
                       "\"entry_hash\":", Outcome::passed}};
  const std::string text = sealed_text(entry);
  const auto view = read_line(text);
  ASSERT_TRUE(view);
  Sha256 hash;
  EXPECT_EQ(line_hash(*view, hash), view->entry_hash);
}

TEST(Line, RefusesWhatIsNoEntry) {
  const std::string good = sealed_text(backup_entry(1));
  for (const std::string& text :
       {std::string(), std::string("{}"), std::string("{"), std::string("null"), good + " ",
        " " + good, good + good, good.substr(0, good.size() - 1), good.substr(1),
        std::string(good.size(), '\0'), std::string(R"({"entry_hash":"","seq":1})"),
        std::string(R"({"a":1,"a":2})"), std::string(R"({"a\)")}) {
    EXPECT_FALSE(read_line(text)) << text;
  }
}

TEST(Line, AnyBeginningOfItIsWhatAnInterruptedAppendLeaves) {
  const std::string text = sealed_text(backup_entry(1));
  for (size_t length = 0; length <= text.size(); ++length)
    ASSERT_TRUE(is_beginning_of_line(text.substr(0, length))) << length;
}

TEST(Line, OtherBytesAreNotWhatAnInterruptedAppendLeaves) {
  const std::string text = sealed_text(backup_entry(1));
  const std::string some = text.substr(0, 200);
  for (const std::string& bytes :
       {std::string(1, '\0'), some + '\0', some + '\x1f', some.substr(1), "x" + some, text + "*",
        text + text, text.substr(0, text.size() - 1) + ",\"a\":1",
        some + std::string(kMaxLine.count, 'x'), std::string("hello"), std::string("{\"seq\":1")}) {
    EXPECT_FALSE(is_beginning_of_line(bytes)) << bytes.substr(0, 300);
  }
}

TEST(Line, ToldVersionEvenWhenTheRestIsForeign) {
  EXPECT_EQ(schema_version(R"({"new":1,"schema":"vigie.evidence/23"})"), 23U);
  EXPECT_EQ(schema_version(R"({"schema":"other/2"})"), 0U);
  EXPECT_EQ(schema_version(""), 0U);
}

RC_GTEST_PROP(LineProperty, AnyTextSurvivesAndAnyOtherByteShows, (const std::string& words)) {
  Entry entry = backup_entry(1);
  entry.reason = words;
  entry.subject[words] = words;
  const std::string text = sealed_text(entry);
  RC_ASSERT(text.find('\n') == std::string::npos);
  RC_ASSERT(canonical_json(*parse_json(text)) == text);
  Sha256 hash;
  const auto at = *rc::gen::inRange<size_t>(0, text.size());
  std::string changed = text;
  changed[at] = static_cast<char>(changed[at] ^ (1 << *rc::gen::inRange(0, 8)));
  const auto view = read_line(changed);
  // Not inside the macro: it takes || apart, and both sides would be looked at.
  const bool shows = !view || line_hash(*view, hash) != view->entry_hash;
  RC_ASSERT(shows);
}

}  // namespace
}  // namespace vigie::testing
