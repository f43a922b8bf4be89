#include "backup/options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "artefact/age.h"
#include "artefact/manifest.h"
#include "base/ids.h"
#include "platform/dsn_field.h"

namespace vigie::backup {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;

constexpr size_t kMostCopies = 8;
constexpr int kMostOfEach = 10'000;
constexpr size_t kMostDatabases = 1'000;

constexpr std::array<std::pair<std::string_view, SourceCheck>, 3> kSourceChecks{
    {{"none", SourceCheck::none}, {"counts", SourceCheck::counts}, {"full", SourceCheck::full}}};
constexpr std::array<std::pair<std::string_view, VerifyAfterBackup>, 3> kVerifyModes{
    {{"none", VerifyAfterBackup::none},
     {"quick", VerifyAfterBackup::quick},
     {"full", VerifyAfterBackup::full}}};
constexpr std::array<std::pair<std::string_view, Globals>, 3> kGlobals{
    {{"false", Globals::none},
     {"true", Globals::without_passwords},
     {"with_passwords", Globals::with_passwords}}};

// "-50%": 0.5.
std::optional<double> parse_shrinkage(std::string_view text) {
  if (!text.starts_with('-') || !text.ends_with('%')) return std::nullopt;
  text = text.substr(1, text.size() - 2);
  int percent = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, percent);
  if (error != std::errc() || stopped != end || percent < 1 || percent > 100) return std::nullopt;
  return percent / 100.0;
}

void read_shrinkage(yaml::Fields& fields, std::string_view key, double& target) {
  std::string text;
  fields.text(key, text);
  if (text.empty()) return;
  if (const auto share = parse_shrinkage(text)) {
    target = *share;
    return;
  }
  const Problems::Scope scope(fields.problems(), key);
  fields.problems().wrong_value(fields.self().find(key)->place,
                                "how much it may shrink, from -1% to -100%");
}

// A duration, or 0 for "never".
void read_duration_or_never(yaml::Fields& fields, std::string_view key, Duration& target,
                            Duration min, Duration max) {
  const yaml::Node* node = fields.self().find(key);
  if (node != nullptr && node->is_scalar() && node->text == "0") {
    (void)fields.node(key);
    target = Duration{0};
    return;
  }
  fields.duration(key, target, min, max, "0 (never), or ");
}

void read_database_names(const yaml::Node& list, BackupJobOptions& options, Problems& problems) {
  for (const yaml::Node& item : list.items) {
    if (!item.is_scalar() || !is_name(item.text)) {
      problems.wrong_value(item.place, "a database's name");
    } else if (std::ranges::find(options.databases, item.text) != options.databases.end()) {
      problems.mistake(item.place, ErrorCode::config_duplicate_key, "names a database twice",
                       "each once");
    } else {
      options.databases.push_back(item.text);
      options.database_places.push_back(item.place);
    }
  }
  if (list.items.empty() || list.items.size() > kMostDatabases)
    problems.wrong_value(list.place, "from 1 to 1000 names");
}

void read_databases(yaml::Fields& fields, BackupJobOptions& options) {
  const yaml::Node* node = fields.node("databases");
  if (node == nullptr) return;
  const Problems::Scope scope(fields.problems(), "databases");
  if (node->is_scalar() && node->text == "all")
    options.all_databases = true;
  else if (node->kind == yaml::Kind::sequence)
    read_database_names(*node, options, fields.problems());
  else
    fields.problems().wrong_value(node->place, "all, or a list of names such as [app, crm]");
}

void read_which(yaml::Fields& fields, BackupJobOptions& options) {
  std::string one;
  fields.name("database", one);
  read_databases(fields, options);
  const yaml::Node* single = fields.self().find("database");
  const yaml::Node* several = fields.self().find("databases");
  if (single != nullptr && several != nullptr) {
    fields.problems().mistake(several->place, ErrorCode::config_value,
                              "names its databases in two ways", "database or databases");
  } else if (single == nullptr && several == nullptr) {
    fields.problems().mistake(options.place, ErrorCode::config_missing_key, "names no database",
                              "database: NAME, databases: [NAME, …] or databases: all");
  } else if (single != nullptr && !one.empty()) {
    options.databases = {one};
    options.database_places = {single->place};
  }
}

// A name, or {store: NAME, retention: {…}}.
CopyOptions read_copy(const yaml::Node& item, Problems& problems) {
  CopyOptions copy;
  copy.place = item.place;
  if (item.is_scalar()) {
    if (!is_name(item.text)) problems.wrong_value(item.place, "a store's name");
    copy.store = item.text;
    return copy;
  }
  yaml::Fields fields(item, problems);
  fields.name("store", copy.store, yaml::Need::required);
  fields.section("retention",
                 [&](yaml::Fields& below) { copy.retention = RetentionOptions::parse(below); });
  fields.finish();
  return copy;
}

void read_copies(yaml::Fields& fields, BackupJobOptions& options) {
  const yaml::Node* const node = fields.node("copies");
  if (node == nullptr) return;
  const Problems::Scope scope(fields.problems(), "copies");
  if (node->kind != yaml::Kind::sequence || node->items.size() > kMostCopies)
    return fields.problems().wrong_value(node->place, "a list of at most 8 stores: [offsite]");
  for (const yaml::Node& item : node->items)
    options.copies.push_back(read_copy(item, fields.problems()));
}

// `copies: [local, offsite]` alone: the first is where backups are written to.
void read_store(yaml::Fields& fields, BackupJobOptions& options) {
  read_copies(fields, options);
  const bool first_of_copies = fields.self().find("store") == nullptr && !options.copies.empty();
  if (first_of_copies) {
    options.store = options.copies.front().store;
    options.store_place = options.copies.front().place;
    options.copies.erase(options.copies.begin());
    return;
  }
  fields.name("store", options.store, yaml::Need::required);
  if (!options.store.empty()) options.store_place = fields.self().find("store")->place;
}

void read_verify(yaml::Fields& fields, VerifyOptions& verify) {
  fields.section("verify", [&](yaml::Fields& below) {
    below.choice("after_backup", verify.after_backup, kVerifyModes);
    read_duration_or_never(below, "scrub", verify.scrub, 1h, days{366});
  });
}

void read_give_way(yaml::Fields& fields, GiveWayOptions& give_way) {
  fields.section("give_way", [&](yaml::Fields& below) {
    read_duration_or_never(below, "after", give_way.after, 1s, 1h);
    below.number("retries", give_way.retries, 0, 100);
  });
}

void read_recipients(yaml::Fields& fields, std::vector<std::string>& recipients) {
  const yaml::Node* const node = fields.node("recipients");
  if (node == nullptr) return;
  const Problems::Scope scope(fields.problems(), "recipients");
  if (node->kind != yaml::Kind::sequence || node->items.size() > artefact::kMaxRecipients)
    return fields.problems().wrong_value(node->place, "a list of at most 20 public keys");
  for (const yaml::Node& item : node->items) {
    if (!item.is_scalar() || !artefact::is_recipient(item.text))
      fields.problems().wrong_value(item.place, "a public key of age: age1… or an SSH key's line");
    recipients.push_back(item.text);
  }
}

void read_rpo_target(yaml::Fields& fields, BackupJobOptions& options) {
  fields.duration("rpo_target", options.rpo_target, 1s, days{3660});
  const yaml::Node* node = fields.self().find("rpo_target");
  options.rpo_target_set = node != nullptr;
  options.rpo_place = node == nullptr ? options.place : node->place;
}

}  // namespace

DatabaseOptions DatabaseOptions::parse(const std::string& name, const yaml::Entry& entry,
                                       Problems& problems) {
  DatabaseOptions options;
  options.name = name;
  options.dsn.name = name;
  options.place = entry.place;
  yaml::Fields fields(entry.value, problems);
  platform::read_dsn(fields, options.dsn);
  fields.absolute_path("bindir", options.bindir);
  fields.finish();
  return options;
}

RetentionOptions RetentionOptions::parse(yaml::Fields& fields) {
  RetentionOptions options;
  fields.number("keep_last", options.keep_last, 0, kMostOfEach);
  fields.number("hourly", options.hourly, 0, kMostOfEach);
  fields.number("daily", options.daily, 0, kMostOfEach);
  fields.number("weekly", options.weekly, 0, kMostOfEach);
  fields.number("monthly", options.monthly, 0, kMostOfEach);
  fields.number("yearly", options.yearly, 0, kMostOfEach);
  fields.number("min_good", options.min_good, 1, kMostOfEach);
  return options;
}

PlausibilityOptions PlausibilityOptions::parse(yaml::Fields& fields) {
  PlausibilityOptions options;
  read_shrinkage(fields, "rows", options.rows);
  read_shrinkage(fields, "bytes", options.bytes);
  return options;
}

EncryptionOptions EncryptionOptions::parse(yaml::Fields& fields) {
  EncryptionOptions options;
  read_recipients(fields, options.recipients);
  fields.absolute_path("recipients_file", options.recipients_file);
  if (!options.wanted())
    fields.problems().mistake(fields.self().place, ErrorCode::config_missing_key,
                              "names no recipient", "recipients: [age1…] or recipients_file");
  return options;
}

BackupJobOptions BackupJobOptions::parse(const std::string& name, yaml::Fields& fields) {
  BackupJobOptions options;
  options.name = name;
  options.place = fields.self().place;
  read_which(fields, options);
  read_store(fields, options);
  fields.number("jobs", options.jobs, 1, 64);
  fields.number("compression_level", options.compression_level, 1, 19);
  fields.choice("globals", options.globals, kGlobals);
  fields.choice("source_check", options.source_check, kSourceChecks);
  fields.section("retention",
                 [&](yaml::Fields& below) { options.retention = RetentionOptions::parse(below); });
  fields.section("plausibility", [&](yaml::Fields& below) {
    options.plausibility = PlausibilityOptions::parse(below);
  });
  read_verify(fields, options.verify);
  read_give_way(fields, options.give_way);
  fields.section("encryption", [&](yaml::Fields& below) {
    options.encryption = EncryptionOptions::parse(below);
  });
  read_rpo_target(fields, options);
  fields.duration("lock_wait_timeout", options.lock_wait_timeout, 1s, 24h);
  fields.absolute_path("ping_url_file", options.ping_url_file);
  fields.number("large_objects_limit", options.large_objects_limit, 0, 100'000);
  return options;
}

}  // namespace vigie::backup
