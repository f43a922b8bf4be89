#include "base/yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/yaml_fields.h"

namespace vigie::yaml {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Read {
  Problems problems{"f.yaml"};
  std::optional<Node> node;

  explicit Read(std::string_view text, Limits limits = {}) {
    node = yaml::parse(text, problems, limits);
  }
  std::vector<std::string> messages() const {
    std::vector<std::string> out;
    for (const Problem& problem : problems.sorted()) out.push_back(problem.text("f"));
    return out;
  }
};

std::string repeat(std::string_view text, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST(Yaml, KnowsThePlaceOfKeysAndValues) {
  const Read read("a: 1\nb:\n  c: [x, 'y']\n");
  const Node* c = read.node->find("b")->find("c");
  EXPECT_EQ(c->place, (Place{3, 6}));
  EXPECT_EQ(c->items[1].place, (Place{3, 10}));
  EXPECT_EQ(read.node->find("b")->entries[0].place, (Place{3, 3}));
}
TEST(Yaml, ColumnsCountCharactersNotBytes) {
  EXPECT_EQ(Read("{é: ü, b: 1}").node->find("b")->place, (Place{1, 11}));
}
TEST(Yaml, QuotedTextIsTextWhateverItLooksLike) {
  const Read read("a: 'null'\nb: null\nc: ~\nd:\ne: ''\n");
  EXPECT_EQ(read.node->find("a")->kind, Kind::scalar);
  for (const char* key : {"b", "c", "d"}) EXPECT_EQ(read.node->find(key)->kind, Kind::null) << key;
  EXPECT_EQ(read.node->find("e")->kind, Kind::scalar);
}
TEST(Yaml, BlockTextKeepsItsLines) {
  EXPECT_EQ(Read("a: |\n  one\n  two\n").node->find("a")->text, "one\ntwo\n");
}
TEST(Yaml, EmptyTextIsNull) {
  EXPECT_EQ(Read("").node->kind, Kind::null);
  EXPECT_EQ(Read(std::string_view()).node->kind, Kind::null);
  EXPECT_EQ(Read("# only a comment\n").node->kind, Kind::null);
}
TEST(Yaml, ByteOrderMarkIsSkipped) {
  EXPECT_EQ(Read("\xEF\xBB\xBF"
                 "a: 1\n")
                .node->find("a")
                ->text,
            "1");
}
TEST(Yaml, AliasIsACopyAtItsOwnPlace) {
  const Read read("a: &x {k: v}\nb: *x\n");
  EXPECT_EQ(read.node->find("b")->find("k")->text, "v");
  EXPECT_EQ(read.node->find("b")->place, (Place{2, 4}));
}
TEST(Yaml, DuplicateKeyIsAMistakeAndTheFirstCounts) {
  const Read read("a: 1\nb: 2\na: 3\n");
  EXPECT_THAT(read.messages(),
              ElementsAre("f:3:1: a stands here a second time; expected each key once"));
  EXPECT_EQ(read.node->find("a")->text, "1");
}
TEST(Yaml, GoesOnAfterALesserMistake) {
  EXPECT_EQ(Read("a: !!int 1\nb: !x 2\na: 3\n").problems.mistakes(), 3U);
}
TEST(Yaml, RefusesWhatIsNotOneDocument) {
  for (const char* text :
       {"a: 1\n---\nb: 2\n", "a: [1", "a: b: c", "\t- x", "a: \"x", "%YAML 9.9\n---\n",
        "a: *unknown", "&a [*a]", "a: \x01", "{a: 1}}", "- a\nb: 1"}) {
    const Read read(text);
    EXPECT_FALSE(read.node) << text;
    EXPECT_TRUE(read.problems.has_mistakes()) << text;
  }
}
TEST(Yaml, RefusesWhatIsNotUtf8WithItsLine) {
  EXPECT_THAT(Read("a: 1\nb: \xC3(\n").messages(), ElementsAre(HasSubstr("f:2:1: is not UTF-8")));
  EXPECT_FALSE(Read(std::string_view("\xFF\xFE"
                                     "a\0",
                                     4))
                   .node);
}
TEST(Yaml, RefusesNulInText) {
  EXPECT_TRUE(Read("a: \"x\\0y\"").problems.has_mistakes());
  EXPECT_FALSE(Read(std::string_view("a: x\0y", 6)).node);
}
TEST(Yaml, KeyThatIsNotTextIsAMistake) {
  for (const char* text : {"[a]: 1", "? {a: b}\n: 1", "? \n: 1", "~: 1"})
    EXPECT_TRUE(Read(text).problems.has_mistakes()) << text;
}

TEST(YamlLimits, Size) {
  EXPECT_THAT(Read(std::string((1 << 20) + 1, '#')).messages(),
              ElementsAre(HasSubstr("is too large; expected at most 1.0 MiB")));
  EXPECT_TRUE(Read(std::string(1 << 20, '#')).node);
}
TEST(YamlLimits, DepthOfFlowAndOfBlock) {
  EXPECT_TRUE(Read(repeat("[", 32) + repeat("]", 32)).node);
  for (const std::string& text : {repeat("[", 33) + repeat("]", 33), repeat("[", 500'000),
                                  repeat("{a: ", 100'000), repeat("- ", 500'000)}) {
    EXPECT_THAT(Read(text).messages(), ElementsAre(HasSubstr("nested too deeply")));
  }
}
TEST(YamlLimits, NumberOfValues) {
  EXPECT_THAT(Read("[" + repeat("a,", 100'000) + "]").messages(),
              ElementsAre(HasSubstr("too many values")));
}
TEST(YamlLimits, BillionLaughs) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string below = "*a" + std::to_string(i - 1);
    text += fmt::format("a{0}: &a{0} [{1}{2}]\n", i, below, repeat(", " + below, 9));
  }
  EXPECT_THAT(Read(text).messages(), ElementsAre(HasSubstr("too many")));
}
TEST(YamlLimits, LongTextThroughAliases) {
  const std::string text =
      "a: &a " + std::string(100'000, 'x') + "\nb: [*a" + repeat(", *a", 20) + "]\n";
  EXPECT_THAT(Read(text).messages(), ElementsAre(HasSubstr("grows too large through aliases")));
}
TEST(YamlLimits, AliasesDoNotNestDeeperThanText) {
  std::string text = "a0: &a0 [x]\n";
  for (int i = 1; i < 60; ++i) text += fmt::format("a{0}: &a{0} [*a{1}]\n", i, i - 1);
  EXPECT_THAT(Read(text).messages(), ElementsAre(HasSubstr("nested too deeply")));
}
TEST(YamlLimits, NumberOfAliases) {
  EXPECT_THAT(Read("a: &a 1\nb: [" + repeat("*a, ", 65) + "]").messages(),
              ElementsAre(HasSubstr("too many aliases")));
}

struct Options {
  std::string text;
  int number = 7;
  bool flag = false;
  Duration duration{0};
};

TEST(Problems, WarningsDoNotHideAMistake) {
  Problems problems("f", 2);
  for (size_t line = 1; line <= 3; ++line) problems.warning({line, 1}, "is odd", "less");
  problems.wrong_value({9, 1}, "more");
  const auto listed = problems.sorted();
  ASSERT_EQ(listed.size(), 2U);
  EXPECT_EQ(listed.back().severity, Severity::mistake);
  EXPECT_FALSE(problems.as_error().parameter("reason").empty());
}

Options read_options(std::string_view text, Problems& problems) {
  const auto node = yaml::parse(text, problems);
  Options options;
  Fields fields(*node, problems);
  fields.text("text", options.text, Need::required);
  fields.number("number", options.number, 1, 9);
  fields.flag("flag", options.flag);
  fields.duration("duration", options.duration, std::chrono::seconds(1), std::chrono::hours(1));
  fields.finish();
  return options;
}

TEST(YamlFields, ReadsWhatIsThereAndKeepsTheRest) {
  Problems problems("f");
  const Options options = read_options("text: a b\nflag: true\nduration: 1m30s\n", problems);
  EXPECT_EQ(options.text, "a b");
  EXPECT_EQ(options.number, 7);
  EXPECT_TRUE(options.flag);
  EXPECT_EQ(options.duration, std::chrono::seconds(90));
  EXPECT_FALSE(problems.has_mistakes());
}
TEST(YamlFields, WrongValueLeavesTheTarget) {
  Problems problems("f");
  EXPECT_EQ(read_options("text: a\nnumber: 10\n", problems).number, 7);
  EXPECT_EQ(problems.mistakes(), 1U);
}
TEST(YamlFields, FindsAllMistakesInOneLook) {
  Problems problems("f");
  read_options("number: 1.5\nflag: yes\nduration: 2h\nnumbr: 1\n", problems);
  std::vector<std::string> fields;
  for (const Problem& problem : problems.sorted()) fields.push_back(problem.field);
  EXPECT_THAT(fields, ElementsAre("text", "number", "flag", "duration", "numbr"));
}
TEST(YamlFields, UnknownKeyIsMadePrintable) {
  Problems problems("f");
  read_options("text: a\n\"a\\nb\\e[31m\": 1\n", problems);
  const std::string field = problems.sorted().front().field;
  EXPECT_EQ(field.find_first_of("\n\x1b"), std::string::npos);
}
TEST(YamlFields, KeyThatWouldHoldASecretIsRefusedAsSuch) {
  for (const char* key : {"password", "api_token", "client_secret", "tls_passphrase"})
    EXPECT_TRUE(is_secret_key(key)) << key;
  for (const char* key : {"password_file", "schedule", "passwordfile"})
    EXPECT_FALSE(is_secret_key(key)) << key;
}

}  // namespace
}  // namespace vigie::yaml
