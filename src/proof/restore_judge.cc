#include "proof/restore_judge.h"

#include <fmt/format.h>

#include <algorithm>

namespace vigie::proof {
namespace {

int major_of(int version_num) {
  return version_num / 10000;
}

bool is_source(const Target& target, const artefact::Server& source) {
  return source.system_identifier == target.system_identifier() && source.database == target.name();
}

// A name that is mistyped would leave an empty table where rows are meant to be.
Result<> check_tables(const artefact::Manifest& manifest, const RestoreRequest& request) {
  for (const std::string& name : request.tables) {
    const auto named = [&](const artefact::TableEntry& one) { return is_named(one, {name}); };
    if (std::ranges::any_of(manifest.tables, named)) continue;
    return fail(ErrorCode::restore_table_unknown, {{"backup", request.id.str()}, {"object", name}});
  }
  return {};
}

}  // namespace

bool is_named(const artefact::TableEntry& table, const std::vector<std::string>& names) {
  return std::ranges::count(names, table.schema + "." + table.name) > 0;
}

bool may_overwrite(const Target& target, const RestoreRequest& request) {
  return request.overwrite == target.name();
}

Result<artefact::Manifest> stored_manifest(const RestoreRequest& request) {
  TRY_ASSIGN(const std::string text, artefact::read_stored(request.source, artefact::kManifestName,
                                                           artefact::kMaxManifestBytes));
  return artefact::Manifest::parse(text, request.id);
}

// A source that is gone cannot be harmed: that is what backups are for.
Result<> judge_target(const Target& target, TargetState state, const RestoreRequest& request,
                      const artefact::Manifest* manifest) {
  if (state == TargetState::missing || may_overwrite(target, request)) return {};
  if (manifest != nullptr && is_source(target, manifest->server))
    return fail(ErrorCode::restore_target_is_source,
                {{"name", target.name()}, {"backup", request.id.str()}});
  if (state == TargetState::empty) return {};
  return fail(ErrorCode::restore_target_in_use, {{"name", target.name()}});
}

namespace {

Result<platform::Clients> clients_in(const platform::Path& folder, int major,
                                     const RestoreTools& tools, const Work& work) {
  TRY_ASSIGN(auto clients, platform::find_clients(tools.files, major, folder));
  TRY_ASSIGN(const int found, platform::client_major(tools.processes, clients, work.limits()));
  if (found == major) return clients;
  return fail(ErrorCode::client_missing, {{"version", fmt::format("{}", major)},
                                          {"command", "pg_restore"},
                                          {"package", platform::client_package(major)}});
}

// Where Debian has none, one of the configuration's folders may hold them.
Result<platform::Clients> clients_of(int major, const RestoreRequest& request,
                                     const RestoreTools& tools, const Work& work) {
  if (!request.bindir.empty()) return clients_in(request.bindir, major, tools, work);
  auto clients = platform::find_clients(tools.files, major, {});
  for (const platform::Path& folder : request.other_bindirs) {
    if (clients) break;
    if (auto others = clients_in(folder, major, tools, work)) clients = std::move(others);
  }
  return clients;
}

}  // namespace

Result<platform::Clients> judge_server(Target& target, const artefact::Manifest& manifest,
                                       const RestoreRequest& request, const RestoreTools& tools,
                                       const Work& work) {
  TRY(check_tables(manifest, request));
  const int major = major_of(target.server_version());
  if (major < major_of(manifest.server.version_num)) {
    return fail(ErrorCode::restore_major,
                {{"expected", fmt::format("{}", major_of(manifest.server.version_num))},
                 {"version", fmt::format("{}", major)}});
  }
  TRY_ASSIGN(const TargetState state, target.look(target.name(), work));
  TRY(judge_target(target, state, request, &manifest));
  // Else it would be found when all is done but the name.
  TRY_ASSIGN(const bool replaceable, target.may_replace(work));
  if (!replaceable)
    return fail(ErrorCode::restore_rights,
                {{"database", target.dsn().name},
                 {"reason", fmt::format("its role does not own the database {}, which is there",
                                        target.name())}});
  TRY(target.check_extensions(manifest.extensions, work));
  return clients_of(major, request, tools, work);
}

}  // namespace vigie::proof
