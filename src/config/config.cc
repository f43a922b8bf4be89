#include "config/config.h"

#include <algorithm>

#include "base/hash.h"
#include "config/cross_checks.h"
#include "config/requirements_file.h"
#include "config/secrets.h"

namespace vigie::config {
namespace {

template <class T>
const T* named(const std::vector<T>& all, std::string_view name) {
  const auto found = std::ranges::find(all, name, &T::name);
  return found == all.end() ? nullptr : &*found;
}

// Calls `read` with the mapping below `key`, if there is one.
void each_below(yaml::Fields& fields, std::string_view key, yaml::Need need,
                const std::function<void(const std::string&, const yaml::Entry&)>& read) {
  const yaml::Node* node = fields.node(key, need);
  if (node == nullptr) return;
  const Problems::Scope scope(fields.problems(), key);
  if (node->entries.size() > limits::kConfigEntries) {
    fields.problems().mistake(node->place, ErrorCode::limit_exceeded, "has too many entries",
                              fmt::format("at most {}", limits::kConfigEntries));
    return;
  }
  yaml::each_named(*node, fields.problems(), read);
}

void read_server(yaml::Fields& fields, Config& config) {
  const yaml::Node* node = fields.node("server");
  if (node == nullptr) return;
  const Problems::Scope scope(fields.problems(), "server");
  config.server = api::ServerOptions::parse(*node, fields.problems());
}

void read_evidence(yaml::Fields& fields, Config& config) {
  const yaml::Node* node = fields.node("evidence");
  if (node == nullptr) return;
  const Problems::Scope scope(fields.problems(), "evidence");
  config.evidence = ledger::EvidenceOptions::parse(*node, fields.problems());
}

void read_requirements(yaml::Fields& fields, Config& config) {
  const yaml::Node* node = fields.node("requirements");
  if (node == nullptr) return;
  const Problems::Scope scope(fields.problems(), "requirements");
  config.requirements = ledger::RequirementsOptions::parse(*node, fields.problems());
}

// An entry of work that has times of its own.
template <class Timed>
Timed read_timed(const std::string& name, const yaml::Entry& entry, Problems& problems) {
  Timed timed;
  yaml::Fields fields(entry.value, problems);
  timed.timing = jobs::TimingOptions::parse(fields);
  timed.options = decltype(timed.options)::parse(name, fields);
  timed.options.place = entry.place;
  fields.finish();
  return timed;
}

Config read_document(const yaml::Node& document, Problems& problems) {
  using yaml::Need;
  Config config;
  yaml::Fields fields(document, problems);
  read_server(fields, config);
  fields.section("state",
                 [&](yaml::Fields& below) { below.absolute_path("dir", config.state.dir); });
  read_evidence(fields, config);
  read_requirements(fields, config);
  each_below(fields, "databases", Need::required, [&](const auto& name, const auto& entry) {
    config.databases.push_back(backup::DatabaseOptions::parse(name, entry, problems));
  });
  each_below(fields, "stores", Need::required, [&](const auto& name, const auto& entry) {
    config.stores.push_back(store::StoreOptions::parse(name, entry, problems));
  });
  each_below(fields, "backups", Need::required, [&](const auto& name, const auto& entry) {
    config.backups.push_back(read_timed<BackupJob>(name, entry, problems));
  });
  each_below(fields, "drills", Need::optional, [&](const auto& name, const auto& entry) {
    config.drills.push_back(read_timed<Drill>(name, entry, problems));
  });
  each_below(fields, "durability", Need::optional, [&](const auto& name, const auto& entry) {
    config.durability.push_back(read_timed<Durability>(name, entry, problems));
  });
  each_below(fields, "amcheck", Need::optional, [&](const auto& name, const auto& entry) {
    config.amchecks.push_back(read_timed<Amcheck>(name, entry, problems));
  });
  fields.finish();
  return config;
}

Loaded unreadable(const Error& error, std::string file_name) {
  Loaded out{std::nullopt, Problems(std::move(file_name))};
  if (error.code() == ErrorCode::file_not_found) {
    out.problems.mistake({1, 1}, ErrorCode::config_missing, "does not exist",
                         "a configuration: vigie check-config --example prints one");
    return out;
  }
  const std::string_view reason = error.parameter("reason");
  const std::string found =
      reason.empty() ? "cannot be read" : fmt::format("cannot be read: {}", reason);
  out.problems.mistake({1, 1}, error.code(), found,
                       error.code() == ErrorCode::limit_exceeded
                           ? "at most " + format_bytes(limits::kYamlBytes)
                           : "a file that this user can read");
  return out;
}

}  // namespace

const backup::DatabaseOptions* Config::database(std::string_view name) const {
  return named(databases, name);
}
const store::StoreOptions* Config::store(std::string_view name) const {
  return named(stores, name);
}
const BackupJob* Config::backup(std::string_view name) const {
  return named(backups, name);
}
const Drill* Config::drill(std::string_view name) const {
  return named(drills, name);
}
const Durability* Config::proof_of_durability(std::string_view name) const {
  return named(durability, name);
}
const Amcheck* Config::amcheck(std::string_view name) const {
  return named(amchecks, name);
}

Loaded parse(std::string_view text, std::string file_name) {
  Loaded out{std::nullopt, Problems(std::move(file_name))};
  const auto document = yaml::parse(text, out.problems);
  if (!document) return out;
  refuse_secrets(*document, out.problems);
  Config config = read_document(*document, out.problems);
  resolve_databases(config);
  resolve_targets(config);
  cross_check(config, out.problems);
  if (config.requirements.file.empty()) config.requirements.settle(out.problems);
  config.sha256 = sha256_hex(text);
  if (!out.problems.has_mistakes()) out.config = std::move(config);
  return out;
}

Loaded load(platform::FileSystem& files, const platform::Path& path) {
  const auto text = platform::read_file(files, path, limits::kYamlBytes);
  if (!text) return unreadable(text.error(), path.string());
  Loaded loaded = parse(*text, path.string());
  if (!loaded.config || loaded.config->requirements.file.empty()) return loaded;
  read_requirements_file(files, *loaded.config, loaded.problems);
  loaded.config->requirements.settle(loaded.problems);
  if (loaded.problems.has_mistakes()) loaded.config.reset();
  return loaded;
}

Result<Config> load_or_fail(platform::FileSystem& files, const platform::Path& path) {
  Loaded loaded = load(files, path);
  if (loaded.config) return std::move(*loaded.config);
  const std::vector<Problem> all = loaded.problems.sorted();
  if (!all.empty() && all.front().code == ErrorCode::config_missing)
    return fail(ErrorCode::config_missing, {{"path", path.string()}});
  return fail(loaded.problems.as_error());
}

platform::Path default_path(platform::FileSystem& files) {
  const platform::Path system = "/etc/vigie/vigie.yaml";
  const auto info = files.info(system);
  // One that we may not see is the one that is meant: to say so is better than to read another.
  const bool absent = !info && info.error().code() == ErrorCode::file_not_found;
  return absent ? platform::Path("vigie.yaml") : system;
}

}  // namespace vigie::config
