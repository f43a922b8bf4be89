#include "daemon/restores.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/encoding.h"
#include "platform/dsn.h"

namespace vigie::daemon {
namespace {

tl::unexpected<Error> invalid(std::string_view argument, std::string expected) {
  return fail(ErrorCode::http_invalid_parameter,
              {{"argument", std::string(argument)}, {"expected", std::move(expected)}});
}

bool fits(const backup::ArtefactView& artefact, std::string_view text) {
  const BackupId& id = artefact.id;
  return text == "latest" || text == id.job || text == id.job + "." + id.database;
}

Result<BackupId> newest_good(const backup::BackupsView& view, std::string_view text) {
  const backup::ArtefactView* newest = nullptr;
  for (const backup::ArtefactView& one : view.artefacts) {
    if (!fits(one, text) || !is_good(view, one)) continue;
    if (newest != nullptr && newest->id.database != one.id.database)
      return invalid("backup", fmt::format("JOB.DATABASE or an id: those of {} and of {} fit",
                                           newest->id.database, one.id.database));
    if (newest == nullptr || newest->id.started_at < one.id.started_at) newest = &one;
  }
  if (newest != nullptr) return newest->id;
  return fail(ErrorCode::backup_not_found,
              {{"backup", "that is good fits " + printable(text, 100)}});
}

std::string name_in(const std::string& dsn) {
  std::string name;
  for (const auto& [keyword, value] : platform::split_dsn(dsn).value_or(platform::DsnWords{}))
    if (keyword == "dbname") name = value;
  return name;
}

}  // namespace

bool is_good(const backup::BackupsView& view, const backup::ArtefactView& artefact) {
  return view.is_good(artefact) && !artefact.is_of_the_future(view.observed_at);
}

Result<BackupId> backup_named(const backup::BackupsView& view, std::string_view text) {
  const auto id = BackupId::parse(text);
  if (!id) return newest_good(view, text);
  if (std::ranges::count(view.artefacts, *id, &backup::ArtefactView::id) > 0) return *id;
  return fail(ErrorCode::backup_not_found, {{"backup", id->str()}});
}

Result<RestoreTarget> target_of(const api::RestoreAsk& ask, const config::Config& config) {
  RestoreTarget target;
  if (ask.database.empty()) {
    if (const auto mistake = platform::check_dsn(ask.dsn)) return invalid("dsn", mistake->expected);
    target.dsn = {name_in(ask.dsn), ask.dsn, ask.password_file};
    for (const backup::DatabaseOptions& one : config.databases)
      if (!one.bindir.empty()) target.other_bindirs.emplace_back(one.bindir);
  } else {
    const auto found =
        std::ranges::find(config.databases, ask.database, &backup::DatabaseOptions::name);
    if (found == config.databases.end())
      return invalid("database", "one of databases: in vigie.yaml");
    target.dsn = found->dsn;
    target.bindir = found->bindir;
  }
  target.database = name_in(target.dsn.text);
  if (target.database.empty()) return invalid("dsn", "dbname=… in it");
  return target;
}

Result<json::object> restore_backup(backup::BackupRoom& backups, proof::ProofRoom& proofs,
                                    const api::RestoreAsk& ask, const RestoreTarget& target,
                                    const BackupId& id, const platform::Path& folder,
                                    const Work& work) {
  const auto reading = backups.read(id, "being restored", work.limits());
  if (!reading) {
    if (!ask.plan) (void)proofs.not_restored({id, {}, {}, target.database}, reading.error(), work);
    return fail(reading.error());
  }
  proof::RestoreRequest request{*reading->source,
                                id,
                                reading->manifest_sha256,
                                target.dsn,
                                target.bindir,
                                static_cast<unsigned>(ask.jobs)};
  request.other_bindirs = target.other_bindirs;
  request.globals = ask.globals;
  request.owners = !ask.no_owner;
  request.overwrite = ask.overwrite;
  request.keep_replaced = ask.keep_replaced;
  request.tables = ask.tables;
  request.identity.file = ask.identity_file;
  request.folder = folder;
  if (ask.plan) return proofs.plan(request, work);
  return proofs.restore(
      request, {id, reading->artefact.store, reading->manifest_sha256, target.database}, work);
}

jobs::RunOutcome restore_outcome(Result<json::object> done) {
  if (done) return jobs::RunOutcome::succeeded(std::move(*done));
  return {proof::verdict_on_backup(done.error()), done.error(), proof::what_stays(done.error())};
}

}  // namespace vigie::daemon
