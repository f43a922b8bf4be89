#include <algorithm>

#include "api/backup_json.h"
#include "api/route_support.h"
#include "api/routes.h"

namespace vigie::api {
namespace {

using backup::ArtefactView;

constexpr size_t kDefaultLimit = 100;
constexpr size_t kMostLimit = 500;

struct BackupFilter {
  std::optional<std::string> job;
  std::optional<std::string> database;
  std::optional<std::string> result;
  std::optional<SystemTime> from;
  std::optional<SystemTime> to;
  std::optional<BackupId> after;
  size_t limit = kDefaultLimit;
};

// The newest first; of equal times, by job and database.
bool comes_before(const BackupId& a, const BackupId& b) {
  if (a.started_at != b.started_at) return a.started_at > b.started_at;
  return a < b;
}

Result<std::optional<BackupId>> cursor_parameter(const Request& request) {
  TRY_ASSIGN(const auto text, text_parameter(request, "cursor"));
  if (!text) return std::optional<BackupId>();
  auto id = BackupId::parse(*text);
  if (!id) return invalid("cursor", "what next_cursor said");
  return std::optional(*std::move(id));
}

Result<BackupFilter> read_filter(const Request& request) {
  TRY(only_parameters(request, {"job", "database", "result", "from", "to", "cursor", "limit"}));
  BackupFilter filter;
  TRY_ASSIGN(filter.job, text_parameter(request, "job"));
  TRY_ASSIGN(filter.database, text_parameter(request, "database"));
  TRY_ASSIGN(filter.result, text_parameter(request, "result"));
  if (filter.result && *filter.result != "passed" && *filter.result != "failed" &&
      *filter.result != "could_not_verify")
    return invalid("result", "passed, failed or could_not_verify");
  TRY_ASSIGN(filter.from, time_parameter(request, "from"));
  TRY_ASSIGN(filter.to, time_parameter(request, "to"));
  TRY_ASSIGN(filter.after, cursor_parameter(request));
  TRY_ASSIGN(filter.limit, limit_parameter(request, "limit", kDefaultLimit, kMostLimit));
  return filter;
}

bool fits(const BackupFilter& filter, const ArtefactView& artefact) {
  const auto& id = artefact.id;
  return (!filter.job || *filter.job == id.job) &&
         (!filter.database || *filter.database == id.database) &&
         (!filter.result || *filter.result == to_string(artefact.verdict())) &&
         (!filter.from || id.started_at >= *filter.from) &&
         (!filter.to || id.started_at < *filter.to) &&
         (!filter.after || comes_before(*filter.after, id));
}

Result<backup::BackupsViewPtr> backups_view(const Services& services) {
  auto view = services.views().backups;
  if (!view)
    return fail(ErrorCode::store_unreachable,
                {{"store", "-"}, {"reason", "the catalogue is not read yet"}});
  return view;
}

Result<Response> list_backups(const Services& services, const Call& call) {
  TRY_ASSIGN(const auto filter, read_filter(call.request));
  TRY_ASSIGN(const auto view, backups_view(services));
  std::vector<const ArtefactView*> found;
  for (const auto& artefact : view->artefacts)
    if (fits(filter, artefact)) found.push_back(&artefact);
  const size_t shown = std::min(filter.limit, found.size());
  std::ranges::partial_sort(found, found.begin() + ptrdiff_t(shown), comes_before,
                            [](const ArtefactView* one) -> const BackupId& { return one->id; });
  json::array items;
  for (size_t i = 0; i < shown; ++i) items.push_back(backup_json(*found[i]));
  const bool more = found.size() > shown;
  json::value cursor = nullptr;
  if (more) cursor = json::value(found[shown - 1]->id.str());
  return json_response(json::object{{"items", std::move(items)}, {"next_cursor", cursor}});
}

Result<const ArtefactView*> find_backup(const backup::BackupsView& view, std::string_view text) {
  const auto id = BackupId::parse(text);
  if (id) {
    const auto found = std::ranges::find(view.artefacts, *id, &ArtefactView::id);
    if (found != view.artefacts.end()) return &*found;
  }
  return fail(ErrorCode::backup_not_found,
              {{"backup", id ? id->str() : std::string("of that name")}});
}

bool has_alarm(const backup::BackupsView& view, const BackupId& id) {
  return std::ranges::any_of(view.jobs, [&](const backup::BackupJobView& job) {
    return std::ranges::any_of(job.databases, [&](const backup::DatabaseView& database) {
      return database.alarm && database.alarm->backup == id;
    });
  });
}

// Also one that was lost, which is in no list any more.
Result<BackupId> acknowledged_backup(const Services& services, const Call& call) {
  TRY_ASSIGN(const auto view, backups_view(services));
  const auto id = BackupId::parse(call.arguments.at(0));
  const bool lost = id && std::ranges::count(view->losses, *id, &backup::LossView::id) > 0;
  if (lost || (id && (has_alarm(*view, *id) || view->has_copy(*id)))) return *id;
  TRY_ASSIGN(const auto* artefact, find_backup(*view, call.arguments.at(0)));
  return artefact->id;
}

Result<BackupId> known_backup(const Services& services, const Call& call) {
  TRY_ASSIGN(const auto view, backups_view(services));
  TRY_ASSIGN(const auto* artefact, find_backup(*view, call.arguments.at(0)));
  return artefact->id;
}

Result<Response> show_backup(const Services& services, const Call& call) {
  TRY(only_parameters(call.request, {}));
  TRY_ASSIGN(const auto view, backups_view(services));
  TRY_ASSIGN(const auto* artefact, find_backup(*view, call.arguments.at(0)));
  auto document = backup_json(*artefact);
  document["manifest"] = nullptr;
  document["manifest_error_code"] = nullptr;
  if (!services.manifest) return json_response(std::move(document));
  // Of a damaged one, and of one whose store does not answer, what is known is wanted the more.
  auto manifest = services.manifest(artefact->id, call.context);
  if (manifest) {
    document["manifest"] = std::move(*manifest);
  } else {
    document["manifest_error_code"] = manifest.error().info().name;
  }
  return json_response(std::move(document));
}

using StartFn = std::function<Result<RunId>(const std::string& job, const CallContext&)>;

Result<Response> start_of_job(const StartFn& start, const Call& call) {
  const auto& job = call.arguments.at(0);
  if (!is_name(job)) return fail(ErrorCode::backup_job_not_found, {{"job", "of that name"}});
  TRY_ASSIGN(const auto body, command_body(call.request, {"reason", "ref"}));
  TRY_ASSIGN(const auto context, with_reason(call, body));
  TRY_ASSIGN(const auto run, start(job, context));
  return accepted_run(run);
}

Result<Response> start_verification(const Services& services, const Call& call) {
  TRY_ASSIGN(const auto body, command_body(call.request, {"mode", "reason", "ref"}));
  TRY_ASSIGN(const auto context, with_reason(call, body));
  TRY_ASSIGN(const auto mode, body_text(body, "mode", 10));
  if (mode && *mode != "quick" && *mode != "full") return invalid("mode", "quick or full");
  TRY_ASSIGN(const auto id, known_backup(services, call));
  const bool quick = mode && *mode == "quick";
  TRY_ASSIGN(const auto run,
             services.start_verification(
                 id, quick ? backup::VerifyMode::quick : backup::VerifyMode::full, context));
  return accepted_run(run);
}

using HoldFn = std::function<Result<>(const BackupId&, const CallContext&)>;
using FindFn = Result<BackupId> (*)(const Services&, const Call&);

Result<Response> change_hold(const Services& services, const HoldFn& change, FindFn find,
                             const Call& call) {
  TRY_ASSIGN(const auto body, command_body(call.request, {"reason", "ref"}));
  TRY_ASSIGN(const auto context, with_reason(call, body));
  if (context.reason.empty()) return invalid("reason", "the words of whoever asks");
  TRY_ASSIGN(const auto id, find(services, call));
  TRY(change(id, context));
  return json_response(json::object{{"id", id.str()}});
}

Result<Response> adopt_store(const Services& services, const Call& call) {
  const auto& store = call.arguments.at(0);
  TRY_ASSIGN(const auto body, command_body(call.request, {"reason", "ref"}));
  TRY_ASSIGN(const auto context, with_reason(call, body));
  if (context.reason.empty()) return invalid("reason", "the words of whoever asks");
  if (!is_name(store)) return fail(ErrorCode::store_not_found, {{"store", "of that name"}});
  TRY(services.adopt_store(store, context));
  return json_response(json::object{{"store", store}, {"adopted", true}});
}

Result<Response> show_plan(const Services& services, const Call& call) {
  TRY(only_parameters(call.request, {"job"}));
  TRY_ASSIGN(auto job, text_parameter(call.request, "job"));
  TRY_ASSIGN(auto plan, services.prune_plan(std::move(job), call.context));
  return json_response(plan);
}

Result<Response> start_prune(const Services& services, const Call& call) {
  TRY_ASSIGN(const auto body, command_body(call.request, {"job", "reason", "ref"}));
  TRY_ASSIGN(const auto context, with_reason(call, body));
  TRY_ASSIGN(auto job, body_text(body, "job", 63));
  TRY_ASSIGN(const auto run, services.start_prune(std::move(job), context));
  return accepted_run(run);
}

class Adder {
 public:
  Adder(Router& router, const Services& services) : router_(router), services_(services) {}

  template <class Function>
  void add(std::string method, std::string pattern, Scope scope, Function endpoint) {
    router_.add({.method = std::move(method),
                 .pattern = std::move(pattern),
                 .scope = scope,
                 .kind = RequestClass::query,
                 .endpoint = [&services = services_, endpoint](const Call& call) {
                   return endpoint(services, call);
                 }});
  }
  void add_hold(const char* method, const char* pattern, const HoldFn& change,
                FindFn find = known_backup) {
    if (!change) return;
    add(method, pattern, Scope::operate,
        [&change, find](const Services& services, const Call& call) {
          return change_hold(services, change, find, call);
        });
  }

 private:
  Router& router_;
  const Services& services_;
};

}  // namespace

void add_backup_routes(Router& router, const RouteHost& host) {
  const auto& services = host.services;
  Adder routes(router, services);
  routes.add("GET", "/v1/backups", Scope::read, list_backups);
  routes.add("GET", "/v1/backups/{backup}", Scope::read, show_backup);
  if (services.start_backup)
    routes.add(
        "POST", "/v1/backups/{job}/runs", Scope::operate,
        [](const Services& all, const Call& call) { return start_of_job(all.start_backup, call); });
  if (services.start_copy)
    routes.add(
        "POST", "/v1/backups/{job}/copies", Scope::operate,
        [](const Services& all, const Call& call) { return start_of_job(all.start_copy, call); });
  if (services.start_verification)
    routes.add("POST", "/v1/backups/{backup}/verifications", Scope::operate, start_verification);
  routes.add_hold("PUT", "/v1/backups/{backup}/pin", services.pin);
  routes.add_hold("DELETE", "/v1/backups/{backup}/pin", services.unpin);
  routes.add_hold("POST", "/v1/backups/{backup}/acknowledgement", services.acknowledge_backup,
                  acknowledged_backup);
  routes.add_hold("POST", "/v1/backups/{backup}/loss", services.give_up_backup,
                  acknowledged_backup);
  if (services.adopt_store)
    routes.add("POST", "/v1/stores/{store}/adoption", Scope::admin, adopt_store);
  if (services.prune_plan) routes.add("GET", "/v1/retention/plan", Scope::read, show_plan);
  if (services.start_prune) routes.add("POST", "/v1/retention/runs", Scope::operate, start_prune);
}

}  // namespace vigie::api
