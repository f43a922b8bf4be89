#include "cli/restore_from.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "base/encoding.h"
#include "cli/evidence.h"
#include "cli/numbers.h"
#include "cli/restore_origin.h"
#include "cli/run_wait.h"
#include "jobs/progress_meter.h"
#include "platform/dsn.h"
#include "proof/restore_plan.h"

namespace vigie::cli {
namespace {

using platform::Path;

constexpr size_t kMostJobs = 64;

Error usage(std::string reason) {
  return Error(ErrorCode::usage, {{"reason", std::move(reason)}});
}

bool fits(const BackupId& id, std::string_view wanted) {
  return wanted == "latest" || wanted == id.str() || wanted == id.job ||
         wanted == id.job + "." + id.database;
}

Result<BackupId> chosen(const Origin& origin, std::string_view wanted) {
  TRY_ASSIGN(const auto ids, origin.store->list());
  std::optional<BackupId> newest;
  for (const BackupId& id : ids) {
    if (!fits(id, wanted) || (!origin.job.empty() && id.job != origin.job)) continue;
    if (newest && newest->database != id.database)
      return fail(
          usage(fmt::format("--backup fits those of {} and of {}: say JOB.DATABASE or an id.",
                            newest->database, id.database)));
    if (!newest || newest->started_at < id.started_at) newest = id;
  }
  if (newest) return *newest;
  return fail(ErrorCode::backup_not_found, {{"backup", printable(wanted, 100)}});
}

json::object result_of(const proof::Restored& restored) {
  json::object out = proof::to_json(restored);
  out["backup"] = restored.manifest.id.str();
  out["manifest_sha256"] = restored.manifest_sha256;
  const auto& roles = restored.manifest.roles_without_password;
  out["roles_without_password"] = json::array(roles.begin(), roles.end());
  return out;
}

class FromElsewhere {
 public:
  explicit FromElsewhere(Context& context) : context_(context), words_(context.arguments()) {}

  // What is to be printed.
  Result<json::object> run(FromWhat what) {
    TRY_ASSIGN(const Origin origin, origin_of(context_));
    const std::string wanted = words_.option("--backup").value_or("latest");
    if (origin.id && wanted == "latest") {
      id_ = *origin.id;
    } else {
      TRY_ASSIGN(id_, chosen(origin, wanted));
    }
    TRY_ASSIGN(const auto source, origin.store->open(id_));
    TRY_ASSIGN(const auto request, request_for(*source));
    began_ = true;
    if (what == FromWhat::plan) {
      TRY_ASSIGN(const auto plan, proof::plan_restore(request, tools(), work()));
      return proof::to_json(plan);
    }
    context_.console().words(fmt::format("restoring {} from {}", id_.str(), origin.where));
    const auto restored = proof::restore(request, tools(), work());
    context_.console().transient("");
    TRY(restored);
    for (const Error& warning : restored->warnings)
      context_.console().words("warning: " + warning.detail(Audience::operators));
    return result_of(*restored);
  }

  // Tells why, and ends as the run of a daemon does; what never began ends as its code says.
  int failed(const Error& error) const {
    const int code = context_.report(error);
    if (const auto left = error.parameter("left_behind"); !left.empty())
      context_.console().words(fmt::format("warning: database {} is left on the server", left));
    if (const auto roles = error.parameter("roles"); !roles.empty())
      context_.console().words(
          fmt::format("warning: roles of the backup were made, and stay: {}", roles));
    const bool judged = began_ && error.code() != ErrorCode::cancelled;
    return judged ? exit_code_of(proof::verdict_on_backup(error)) : code;
  }

 private:
  proof::RestoreTools tools() const {
    const Hooks& hooks = context_.hooks();
    return {*hooks.files, *hooks.processes, *hooks.postgres, *hooks.clock};
  }

  Result<proof::RestoreRequest> request_for(artefact::ArtefactSource& source) const {
    const std::string dsn = words_.option("--to").value_or("");
    if (const auto mistake = platform::check_dsn(dsn))
      return fail(usage("--to: " + mistake->expected + "."));
    proof::RestoreRequest request{source, id_};
    request.target = {"the target", dsn, words_.option("--password-file").value_or("")};
    if (const auto bindir = words_.option("--bindir"))
      request.bindir = std::filesystem::absolute(*bindir);
    request.globals = words_.flag("--globals");
    request.owners = !words_.flag("--no-owner");
    request.overwrite = words_.option("--overwrite").value_or("");
    request.keep_replaced = words_.flag("--rename");
    request.tables = words_.all("--table");
    request.identity.file = words_.option("--identity").value_or("");
    request.folder = work_folder();
    if (const auto jobs = words_.option("--jobs")) {
      const auto number = whole_number(*jobs);
      if (!number || *number < 1 || *number > int64_t{kMostJobs})
        return fail(usage("--jobs takes a number from 1 to 64."));
      request.jobs = static_cast<unsigned>(*number);
    }
    return request;
  }

  // Of this run alone; a restore that is killed leaves it.
  Path work_folder() const {
    const Path parent = words_.option("--work-dir").value_or("/var/tmp");
    return std::filesystem::absolute(parent) / ("vigie-restore-" + run_.str().substr(0, 12));
  }

  Work work() {
    Work work;
    work.run = run_;
    work.correlation = new_correlation_id();
    work.trigger.by = "human";
    work.stop = context_.hooks().stop;
    work.progress = [this](const WorkProgress& progress) { tell(progress); };
    work.program_ended = [this](std::string_view program, int status, std::string_view said) {
      const std::lock_guard lock(mutex_);
      if (status != 0) context_.console().words(fmt::format("{} said: {}", program, said));
    };
    return work;
  }
  void tell(const WorkProgress& progress) {
    const platform::Clock& clock = *context_.hooks().clock;
    jobs::RunProgress now{.phase = std::string(progress.phase), .done = progress.done.count};
    if (progress.total) now.total = progress.total->count;
    jobs::RunRow row;
    row.state = jobs::RunState::running;
    const std::lock_guard lock(mutex_);
    (void)meter_.update(std::move(now), clock.monotonic(), clock.now());
    row.progress = meter_.latest();
    context_.console().transient(
        progress_line(jobs::to_json(row, clock.now(), Audience::operators)));
  }

  Context& context_;
  const Arguments& words_;
  const RunId run_ = new_run_id();
  BackupId id_;
  bool began_ = false;  // all that was asked for could be understood, and the backup opened
  std::mutex mutex_;    // progress comes from any thread, and so does what a program said
  jobs::ProgressMeter meter_;
};

}  // namespace

int restore_from(Context& context, FromWhat what) {
  FromElsewhere elsewhere(context);
  const auto done = elsewhere.run(what);
  if (!done) return elsewhere.failed(done.error());
  context.value(*done);
  if (what == FromWhat::restore)
    context.console().words(
        "No ledger is here: nothing was recorded, and the manifest was compared with nothing from "
        "elsewhere. Compare its hash with a copy of the ledger.");
  return 0;
}

}  // namespace vigie::cli
