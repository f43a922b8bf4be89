#include "proof/restore_plan.h"

#include <fmt/format.h>

#include "artefact/unseal.h"
#include "proof/backup_key.h"
#include "proof/restore_judge.h"
#include "proof/sql_script.h"

namespace vigie::proof {
namespace {

using artefact::FileEntry;
using artefact::FileKind;
using artefact::Manifest;

// Those of an encrypted backup need its key.
Result<std::vector<std::string>> roles_of(artefact::ArtefactSource& source,
                                          const Manifest& manifest,
                                          const artefact::Decryption* decryption,
                                          const CallLimits& limits) {
  std::vector<std::string> roles;
  for (const FileEntry& file : manifest.files) {
    if (file.kind != FileKind::globals) continue;
    TRY_ASSIGN(const std::string script,
               artefact::read_unsealed(source, manifest, file, kMaxScript, decryption, limits));
    TRY_ASSIGN(const auto statements, split_statements(script));
    for (const std::string& one : statements)
      if (one.starts_with("CREATE ROLE ")) roles.push_back(name_after(one, "role"));
  }
  return roles;
}

Result<std::vector<std::string>> roles_in(const RestoreRequest& request, const Manifest& manifest,
                                          const RestoreTools& tools, const Work& work) {
  TRY_ASSIGN(const auto key, BackupKey::of(manifest, request.identity, tools.files, tools.processes,
                                           work.limits()));
  return roles_of(request.source, manifest, decryption_of(key), work.limits());
}

platform::Path existing(platform::FileSystem& files, platform::Path folder) {
  while (!files.info(folder) && folder.has_relative_path()) folder = folder.parent_path();
  return folder;
}

json::array texts(const std::vector<std::string>& all) {
  return json::array(all.begin(), all.end());
}

std::string_view what_it_does(const RestorePlan& plan) {
  if (plan.refusal) return "refuse";
  return plan.state == TargetState::missing ? "make" : "replace";
}

}  // namespace

Result<RestorePlan> plan_restore(const RestoreRequest& request, const RestoreTools& tools,
                                 const Work& work) {
  RestorePlan plan;
  TRY_ASSIGN(plan.manifest, stored_manifest(request));
  TRY_ASSIGN(auto target, Target::open(tools.postgres, request.target, work));
  plan.database = target.name();
  plan.server_version = fmt::format("{}", target.server_version());
  TRY_ASSIGN(plan.state, target.look(target.name(), work));
  if (const auto fine = judge_target(target, plan.state, request, &plan.manifest); !fine)
    plan.refusal = fine.error();
  const auto clients = judge_server(target, plan.manifest, request, tools, work);
  if (!clients && !plan.refusal) plan.refusal = clients.error();
  TRY_ASSIGN(const platform::Space space, tools.files.space(existing(tools.files, request.folder)));
  plan.needed = plan.manifest.raw();
  plan.available = space.available;
  const auto roles = roles_in(request, plan.manifest, tools, work);
  if (!roles && !plan.refusal) plan.refusal = roles.error();
  TRY_ASSIGN(const auto there, target.roles(work));
  auto& absent = request.globals ? plan.roles_made : plan.roles_missing;
  for (const std::string& role : roles.value_or(std::vector<std::string>()))
    (there.contains(role) ? plan.roles_kept : absent).push_back(role);
  return plan;
}

json::object to_json(const RestorePlan& plan) {
  json::object out{{"backup", plan.manifest.id.str()},
                   {"database", plan.database},
                   {"will", what_it_does(plan)},
                   {"server_version", plan.server_version},
                   {"tables", plan.manifest.tables.size()},
                   {"rows", plan.manifest.rows()},
                   {"raw_bytes", plan.manifest.raw().count},
                   {"needed_bytes", plan.needed.count},
                   {"available_bytes", plan.available.count},
                   {"roles_to_make", texts(plan.roles_made)},
                   {"roles_missing", texts(plan.roles_missing)},
                   {"roles_that_stay", texts(plan.roles_kept)},
                   {"roles_without_password", texts(plan.manifest.roles_without_password)}};
  if (plan.refusal)
    out["refusal"] = json::object{{"code", plan.refusal->info().name},
                                  {"detail", plan.refusal->detail(Audience::everybody)},
                                  {"next", plan.refusal->remedy(Audience::everybody)}};
  return out;
}

}  // namespace vigie::proof
