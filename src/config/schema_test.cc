// docs/formats/vigie-yaml.schema.json has exactly the keys that the parser knows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/json.h"
#include "config/config.h"
#include "tests/support/contents.h"

namespace vigie::config {
namespace {

struct Section {
  const char* pointer;  // into the schema
  const char* yaml;     // with the key `zzzzzz` in that section
};

constexpr Section kSections[] = {
    {"", "zzzzzz: 1"},
    {"/properties/server", "server: {zzzzzz: 1}"},
    {"/properties/server/properties/tls", "server: {tls: {zzzzzz: 1}}"},
    {"/properties/server/properties/limits", "server: {limits: {zzzzzz: 1}}"},
    {"/properties/state", "state: {zzzzzz: 1}"},
    {"/properties/evidence", "evidence: {zzzzzz: 1}"},
    {"/properties/requirements", "requirements: {zzzzzz: 1}"},
    {"/properties/requirements/properties/waivers/items", "requirements: {waivers: [{zzzzzz: 1}]}"},
    {"/properties/databases/additionalProperties", "databases: {a: {zzzzzz: 1}}"},
    {"/$defs/local_store", "stores: {a: {zzzzzz: 1}}"},
    {"/$defs/s3_store", "stores: {a: {type: s3, zzzzzz: 1}}"},
    {"/properties/backups/additionalProperties", "backups: {a: {zzzzzz: 1}}"},
    {"/properties/backups/additionalProperties/properties/retention",
     "backups: {a: {retention: {zzzzzz: 1}}}"},
    {"/properties/backups/additionalProperties/properties/plausibility",
     "backups: {a: {plausibility: {zzzzzz: 1}}}"},
    {"/properties/backups/additionalProperties/properties/verify",
     "backups: {a: {verify: {zzzzzz: 1}}}"},
    {"/properties/backups/additionalProperties/properties/give_way",
     "backups: {a: {give_way: {zzzzzz: 1}}}"},
    {"/properties/drills/additionalProperties", "drills: {a: {zzzzzz: 1}}"},
    {"/$defs/local_scratch", "drills: {a: {scratch: {zzzzzz: 1}}}"},
    {"/$defs/server_scratch", "drills: {a: {scratch: {type: server, zzzzzz: 1}}}"},
    {"/properties/backups/additionalProperties/properties/encryption",
     "backups: {a: {encryption: {zzzzzz: 1}}}"},
    {"/properties/drills/additionalProperties/properties/freshness",
     "drills: {a: {freshness: {zzzzzz: 1}}}"},
    {"/properties/drills/additionalProperties/properties/assertions/items",
     "drills: {a: {assertions: [{zzzzzz: 1}]}}"},
    {"/properties/durability/additionalProperties", "durability: {a: {zzzzzz: 1}}"},
    {"/properties/amcheck/additionalProperties", "amcheck: {a: {zzzzzz: 1}}"},
    {"/properties/durability/additionalProperties/properties/restart",
     "durability: {a: {restart: {zzzzzz: 1}}}"},
    {"/properties/durability/additionalProperties/properties/kubernetes",
     "durability: {a: {kubernetes: {zzzzzz: 1}}}"},
};

json::value schema() {
  return *parse_json(testing::contents(VIGIE_SOURCE_DIR "/docs/formats/vigie-yaml.schema.json"));
}

std::string keys_of_schema(const json::value& section) {
  std::vector<std::string> keys;
  for (const auto& property : section.at("properties").as_object())
    keys.emplace_back(property.key());
  std::ranges::sort(keys);
  return fmt::format("{}", fmt::join(keys, ", "));
}

// What the parser itself says it expected in place of the unknown key.
std::string keys_of_parser(const char* yaml) {
  for (const Problem& problem : parse(yaml, "f").problems.sorted()) {
    if (!problem.field.ends_with("zzzzzz")) continue;
    std::string list = problem.expected.substr(std::string_view("one of ").size());
    std::vector<std::string> keys;
    for (size_t at = 0; at < list.size();) {
      const size_t end = std::min(list.find(", ", at), list.size());
      keys.push_back(list.substr(at, end - at));
      at = end + 2;
    }
    std::ranges::sort(keys);
    return fmt::format("{}", fmt::join(keys, ", "));
  }
  return "no such section";
}

size_t sections_in(const json::value& value) {
  size_t count = 0;
  if (const json::object* object = value.if_object()) {
    count += object->contains("properties") ? 1U : 0U;
    for (const auto& member : *object) count += sections_in(member.value());
  }
  return count;
}

TEST(ConfigSchema, HasTheKeysOfTheParser) {
  const json::value whole = schema();
  for (const Section& section : kSections) {
    json::error_code error;
    const json::value* found = whole.find_pointer(section.pointer, error);
    ASSERT_NE(found, nullptr) << section.pointer;
    EXPECT_EQ(keys_of_schema(*found), keys_of_parser(section.yaml)) << section.pointer;
    EXPECT_EQ(found->at("additionalProperties"), json::value(false)) << section.pointer;
  }
}

TEST(ConfigSchema, EverySectionIsCompared) {
  EXPECT_EQ(sections_in(schema()), std::size(kSections));
}

}  // namespace
}  // namespace vigie::config
