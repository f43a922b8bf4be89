#include "cli/doctor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "backup/catalogue.h"
#include "backup/take.h"
#include "cli/cells.h"
#include "cli/context.h"
#include "config/off_host.h"
#include "platform/http_client.h"
#include "platform/secret_file.h"
#include "platform/system_info.h"
#include "proof/marked_server.h"
#include "proof/pod_rights.h"
#include "proof/pods.h"
#include "store/make_store.h"
#include "store/owned_store.h"

namespace vigie::cli {
namespace {

using namespace std::chrono_literals;

struct Examination {
  std::string id;
  std::string_view status;  // pass, warn, fail, unknown
  std::string detail;
  std::string code;
  std::string next;
};

Examination good(std::string id, std::string detail) {
  return {std::move(id), "pass", std::move(detail), "", ""};
}

constexpr std::string_view kGrant =
    "vigie grants --role dump | sudo -u postgres psql -v ON_ERROR_STOP=1";

// The registry sends to the doctor, or to a run that there is none of here; the doctor must know
// more.
std::string mended_by(const Error& error) {
  switch (error.code()) {
    case ErrorCode::database_unreachable:
    case ErrorCode::database_timeout:
      return "systemctl status postgresql; correct dsn: in vigie.yaml";
    case ErrorCode::database_query:
      return std::string(kGrant);
    default:
      break;
  }
  const std::string remedy = error.remedy(Audience::operators);
  const bool vague = remedy == "vigie doctor" || remedy.starts_with("vigie run show");
  return vague ? fmt::format("docs/runbooks/{}.md", error.info().runbook) : remedy;
}

Examination judged(std::string id, const Error& error, bool blocks) {
  const bool unclear = error.info().verdict == Verdict::could_not_verify;
  return {std::move(id),
          !blocks   ? "warn"
          : unclear ? "unknown"
                    : "fail",
          error.detail(Audience::operators), std::string(error.info().name), mended_by(error)};
}

class Doctor {
 public:
  Doctor(Context& context, const config::Config& config)
      : files_(*context.hooks().files), context_(context), config_(config) {}

  std::vector<Examination> examine();

 private:
  void state();
  void clock();
  void secrets();
  void schedules();
  void remembered();
  std::shared_ptr<store::Store> store_of(const store::StoreOptions& options);
  std::string who_works();
  std::string make_folder(const std::string& path);
  std::optional<Examination> unusable_folder(const store::StoreOptions& options);
  void stores();
  void store(const store::StoreOptions& options);
  void local_store(const store::StoreOptions& options, store::Store& store, const Result<>& looked);
  CallLimits limits() const;
  void jobs();
  bool copies_off_host(const config::BackupJob& job) const;
  void pods();
  Examination pod_rights(const proof::DurabilityOptions& options);
  void database(const config::BackupJob& job, const backup::DatabaseOptions& database);
  void scratch_servers();
  void scratch_server(const config::Drill& drill);
  void add(Examination one) { found_.push_back(std::move(one)); }

  platform::FileSystem& files_;
  Context& context_;
  const config::Config& config_;
  store::Owner owner_;                            // this state folder; without an id: not there yet
  std::unique_ptr<backup::Catalogue> catalogue_;  // a copy of what state.db knows; may be nothing
  std::vector<Examination> found_;
};

std::vector<Examination> Doctor::examine() {
  add(good("configuration", context_.config_path().string()));
  state();
  clock();
  secrets();
  schedules();
  remembered();
  stores();
  jobs();
  pods();
  scratch_servers();
  return std::move(found_);
}

void Doctor::state() {
  const std::string& folder = config_.state.dir;
  const auto info = files_.info(folder);
  if (!info) {
    if (info.error().code() == ErrorCode::file_not_found) {
      return add({"state", "warn", folder + " is not there yet; it is made at the first start", "",
                  make_folder(folder)});
    }
    return add(judged("state", info.error(), true));
  }
  if (info->owner != platform::effective_user())
    return add(judged("state",
                      Error(ErrorCode::state_owner,
                            {{"path", folder}, {"name", platform::user_name(info->owner)}}),
                      true));
  if ((info->mode & 077U) != 0) {
    return add({"state", "fail", fmt::format("{} can be read by others", folder), "file_permission",
                fmt::format("chmod 700 {}", folder)});
  }
  add(good("state", folder));
}

void Doctor::clock() {
  const auto synchronised = context_.hooks().clock_synchronised();
  if (!synchronised)
    return add({"clock", "unknown", "the kernel does not say whether it is synchronised", "",
                "timedatectl status"});
  if (!*synchronised) return add(judged("clock", Error(ErrorCode::clock_unsynchronised), false));
  add(good("clock", "synchronised"));
}

void Doctor::secrets() {
  const auto look = [&](const std::string& id, const std::string& path) {
    if (path.empty()) return;
    const auto checked = platform::check_secret_file(path);
    add(checked ? good(id, path) : judged(id, checked.error(), true));
  };
  for (const auto& database : config_.databases)
    look("secret." + database.name, database.dsn.password_file);
  for (const auto& store : config_.stores)
    look("credentials." + store.name, store.s3.credentials_file);
  for (const auto& job : config_.backups) look("ping." + job.name(), job.options.ping_url_file);
  for (const auto& drill : config_.drills)
    look("secret.scratch." + drill.name(), drill.options.scratch.dsn.password_file);
}

void Doctor::schedules() {
  for (const config::BackupJob& job : config_.backups) {
    const std::string id = "schedule." + job.name();
    if (!job.timing.schedule) {
      add({id, "warn", "runs only by hand", "", "add schedule: to the job"});
      continue;
    }
    const auto next =
        job.timing.schedule->next_after(job.timing.zone, context_.hooks().clock->now());
    add(good(id, next ? "next " + format_rfc3339(*next) : "never"));
  }
}

// What the state folder knows of its stores: who it is for them, and which ones it marked.
void Doctor::remembered() {
  const platform::Path folder = config_.state.dir;
  owner_ = {"", platform::host_name(), folder.string()};
  const auto id = platform::read_file(files_, folder / "owner", 1_KiB);
  if (id && id->size() > 1) owner_.id = id->substr(0, id->size() - 1);
  if (!files_.info(folder / "state.db")) return;
  auto catalogue = backup::Catalogue::open(folder / "state.db", {.copy = true});
  if (!catalogue) return add(judged("state", catalogue.error(), true));
  catalogue_ = std::move(*catalogue);
}

// Behind its marker, as the daemon has it; and it is only looked at.
std::shared_ptr<store::Store> Doctor::store_of(const store::StoreOptions& options) {
  const store::StoreMemory memory{
      [this](const std::string& name) {
        return catalogue_ ? catalogue_->store_id(name) : std::nullopt;
      },
      [](const std::string&, const std::string&) { return Result<>(); }};
  const platform::Clock& clock = *context_.hooks().clock;
  const auto store = store::make_store(options, files_, clock)->within(limits());
  return std::make_shared<store::OwnedStore>(store, owner_, memory, clock);
}

CallLimits Doctor::limits() const {
  return {context_.hooks().clock->monotonic() + 30s, context_.hooks().stop};
}

// The user whose state it is; who asks may be another.
std::string Doctor::who_works() {
  const auto state = files_.info(config_.state.dir);
  return platform::user_name(state ? state->owner : platform::effective_user());
}

// Root may have to make it, for another.
std::string Doctor::make_folder(const std::string& path) {
  return fmt::format("install -d -o {} -m 700 {}", who_works(), path);
}

// The first folder that cannot be used: the store's own, or one that a job of it has there.
std::optional<Examination> Doctor::unusable_folder(const store::StoreOptions& options) {
  std::vector<std::string> jobs{""};
  for (const config::BackupJob& job : config_.backups)
    if (job.options.store == options.name) jobs.push_back(job.name());
  const auto local = store::make_store(options, files_, *context_.hooks().clock);
  for (const std::string& job : jobs) {
    const auto looked = local->look(job);
    if (looked) continue;
    Examination one = judged("store." + options.name, looked.error(), true);
    const std::string folder = job.empty() ? options.path : options.path + "/" + job;
    // A parent that is not there may be a mount that is gone: it is not made.
    const bool read_only = looked.error().parameter("reason") == std::strerror(EROFS);
    if (looked.error().code() == ErrorCode::file_not_found)
      one.next = "mount what stores: path: names";
    else if (!read_only)
      one.next = fmt::format("chown {} {}", who_works(), folder);
    return one;
  }
  return std::nullopt;
}

void Doctor::stores() {
  for (const store::StoreOptions& options : config_.stores) store(options);
}

void Doctor::store(const store::StoreOptions& options) {
  const std::string id = "store." + options.name;
  const auto store = store_of(options);
  const auto looked = store->look("");
  // Whose rights are wrong is no question before it is the store at all.
  if (!looked && (looked.error().code() == ErrorCode::store_unreachable ||
                  looked.error().code() == ErrorCode::store_foreign))
    return add(judged(id, looked.error(), true));
  if (options.type == store::StoreType::local) return local_store(options, *store, looked);
  if (!looked) return add(judged(id, looked.error(), true));
  add(good(id, fmt::format("answers at {}; what its key may write shows in a backup",
                           options.s3.endpoint)));
}

void Doctor::local_store(const store::StoreOptions& options, store::Store& store,
                         const Result<>& looked) {
  const std::string id = "store." + options.name;
  if (auto unusable = unusable_folder(options)) return add(std::move(*unusable));
  if (!looked) return add(judged(id, looked.error(), true));
  if (!files_.info(options.path))
    return add({id, "warn", options.path + " is not there yet; it is made at the first backup", "",
                make_folder(options.path)});
  const auto space = store.space();
  add(space ? good(id, fmt::format("{} of {} free", format_bytes(space->available),
                                   format_bytes(space->total)))
            : judged(id, space.error(), true));
}

// Only what is configured: the status says whether a verified copy is there.
bool Doctor::copies_off_host(const config::BackupJob& job) const {
  const auto is_off_host = [this](const std::string& name) {
    return config::is_off_host(config_, name);
  };
  return is_off_host(job.options.store) ||
         std::ranges::any_of(job.options.copies, is_off_host, &backup::CopyOptions::store);
}

void Doctor::jobs() {
  for (const config::BackupJob& job : config_.backups) {
    for (const std::string& name : job.options.databases) database(job, *config_.database(name));
    const std::string id = "copies." + job.name();
    add(copies_off_host(job)
            ? good(id, "a store of its backups is on another host")
            : judged(id, Error(ErrorCode::no_copy_off_host, {{"job", job.name()}}), false));
  }
}

void Doctor::database(const config::BackupJob& job, const backup::DatabaseOptions& database) {
  const std::string id = fmt::format("backup.{}.{}", job.name(), database.name);
  const store::StoreOptions& options = *config_.store(job.options.store);
  const auto store = store_of(options);
  const Hooks& hooks = context_.hooks();
  const backup::TakeTools tools{files_, *hooks.processes, *hooks.postgres, *hooks.clock,
                                hooks.version};
  const backup::TakeRequest request{database,        job.options,  *store,
                                    options.reserve, std::nullopt, {}};
  Work work;
  work.deadline = hooks.clock->monotonic() + 60s;
  work.stop = hooks.stop;
  const auto findings = backup::preflight(request, tools, work);
  if (!findings) return add(judged(id, findings.error(), true));
  if (findings->empty()) add(good(id, "reachable, readable, clients of its major"));
  for (const backup::Finding& one : *findings) add(judged(id, one.error, one.blocks));
}

void Doctor::pods() {
  for (const config::Durability& proof : config_.durability)
    if (proof.options.kubernetes.names_one()) add(pod_rights(proof.options));
}

Examination Doctor::pod_rights(const proof::DurabilityOptions& options) {
  const std::string id = "kubernetes." + options.name;
  const auto http = platform::make_http_client(1);
  platform::KubernetesApi api(*http, proof::kubernetes_access(options.kubernetes, files_));
  const auto missing = proof::missing_rights(api, options, limits());
  // Who only looks at a pod observes without it as well.
  const bool deletes = options.mode == proof::DurabilityMode::fault;
  if (!missing) return judged(id, missing.error(), deletes);
  const bool blocks = deletes && !missing->needed.empty();
  if (missing->needed.empty() && missing->helpful.empty())
    return good(id, fmt::format("answers; it may {} the pod", deletes ? "delete" : "look at"));
  const auto& rights = missing->needed.empty() ? missing->helpful : missing->needed;
  return {id, blocks ? "fail" : "warn", fmt::format("may not {}", fmt::join(rights, ", ")), "",
          "kubectl apply -f /usr/share/doc/vigie/manual/kubernetes-rbac.yaml"};
}

void Doctor::scratch_servers() {
  for (const config::Drill& drill : config_.drills)
    if (drill.options.scratch.type == proof::ScratchType::server) scratch_server(drill);
}

// Its locks and databases are left alone.
void Doctor::scratch_server(const config::Drill& drill) {
  proof::MarkedServerRequest request;
  request.drill = drill.name();
  request.dsn = drill.options.scratch.dsn;
  request.marker = drill.options.scratch.marker_database;
  for (const auto& database : config_.databases) request.sources.push_back(database.dsn);
  const std::string id = "scratch." + drill.name();
  const auto not_compared =
      proof::MarkedServer::examine(*context_.hooks().postgres, request, limits());
  if (!not_compared) return add(judged(id, not_compared.error(), true));
  if (not_compared->empty()) return add(good(id, "marked, and nothing is backed up from it"));
  add({id, "unknown",
       fmt::format("marked; whether it is the server of {} could not be told: no answer from there",
                   fmt::join(*not_compared, ", ")),
       "", ""});
}

json::value to_json(const Examination& one) {
  const auto text = [](const std::string& words) {
    return words.empty() ? json::value(nullptr) : json::value(words);
  };
  return json::object{{"id", one.id},
                      {"status", one.status},
                      {"detail", one.detail},
                      {"code", text(one.code)},
                      {"next", text(one.next)}};
}

int exit_code(const std::vector<Examination>& all) {
  const auto any = [&](std::string_view status) {
    return std::ranges::find(all, status, &Examination::status) != all.end();
  };
  if (any("fail")) return 1;
  return any("unknown") ? 3 : 0;
}

}  // namespace

int doctor(Context& context) {
  const auto config = context.config();
  if (!config) return context.report(config.error());
  const auto all = Doctor(context, **config).examine();
  json::array items;
  for (const Examination& one : all) items.push_back(to_json(one));
  context.list(items,
               {{{"CHECK"}, [](const json::object& o) { return text_cell(o, "id"); }},
                {{"STATUS"}, [](const json::object& o) { return verdict_cell(o, "status"); }},
                {{"FOUND"}, [](const json::object& o) { return text_cell(o, "detail"); }},
                {{"NEXT"}, [&](const json::object& o) {
                   Cell next = text_cell(o, "next");
                   next.text = context.with_our_file(next.text);
                   return next;
                 }}});
  return exit_code(all);
}

}  // namespace vigie::cli
