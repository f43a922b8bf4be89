#include <boost/json/serialize.hpp>
#include <mutex>

#include "api/accept.h"
#include "api/route_support.h"
#include "api/routes.h"
#include "status/status.h"

namespace vigie::api {
namespace {

using status::Kind;

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kHealthJson = "application/health+json";

// The public form of /health, made once a second: it depends on nothing but the second and the
// correlation id, and it is what probes ask for most.
class HealthText {
 public:
  std::string render(const Services& services, SystemTime now, const CorrelationId& id) {
    const auto second = std::chrono::floor<std::chrono::seconds>(now);
    const std::lock_guard lock(mutex_);
    if (before_.empty() || second != second_) refresh(services, second);
    std::string text;
    text.reserve(before_.size() + id.str().size() + after_.size());
    return text.append(before_).append(id.str()).append(after_);
  }

 private:
  void refresh(const Services& services, SystemTime second) {
    constexpr std::string_view kMark = "\"correlation_id\":\"";
    const auto report = status::make_report(Kind::health, services.views(), second);
    const auto text = json_text(status::public_document(report, second, CorrelationId("")));
    const auto cut = text.find(kMark) + kMark.size();
    before_ = text.substr(0, cut);
    after_ = text.substr(cut);
    second_ = second;
  }

  std::mutex mutex_;
  SystemTime second_{};  // guarded by mutex_, as all below
  std::string before_;
  std::string after_;
};

bool is_probe(Kind kind) {
  return kind == Kind::health || kind == Kind::readiness;
}

std::string_view choose_json(const Request& request, Kind kind) {
  static constexpr std::string_view kOffers[] = {kJson, kHealthJson};
  return is_probe(kind) ? choose_type(request, kOffers) : kJson;
}

Result<Response> answer_status(Kind kind, const Services& services, const Call& call) {
  TRY(only_parameters(call.request, {"strict"}));
  TRY_ASSIGN(const bool strict, flag_parameter(call.request, "strict"));
  const auto views = services.views();
  const auto report = status::make_report(kind, views, call.now);
  const auto& id = call.context.correlation_id;
  auto response = json_response(call.principal ? status::full_document(report, views, call.now, id)
                                               : status::public_document(report, call.now, id),
                                status::http_status(report, strict));
  response.content_type = choose_json(call.request, kind);
  return response;
}

Result<Response> answer_health(HealthText& text, const Services& services, const Call& call) {
  if (call.principal || !call.request.query.empty())
    return answer_status(Kind::health, services, call);
  Response response;
  response.content_type = choose_json(call.request, Kind::health);
  response.body = text.render(services, call.now, call.context.correlation_id);
  return response;
}

Result<Response> answer_metrics(const RouteHost& host, const Call& call) {
  using status::MetricsFormat;
  static constexpr std::string_view kOffers[] = {"text/plain", "application/openmetrics-text"};
  TRY(only_parameters(call.request, {}));
  const auto format = choose_type(call.request, kOffers) == kOffers[1] ? MetricsFormat::open_metrics
                                                                       : MetricsFormat::prometheus;
  Response response;
  response.content_type = status::content_type(format);
  response.body = status::render_metrics(host.services.views(), host.figures(), call.now, format);
  return response;
}

void add_status_route(Router& router, const Services& services, std::string pattern, Kind kind) {
  router.add({.method = "GET",
              .pattern = std::move(pattern),
              .scope = std::nullopt,
              .kind = RequestClass::view,
              .endpoint = [kind, &services](const Call& call) {
                return answer_status(kind, services, call);
              }});
}

}  // namespace

void add_status_routes(Router& router, const RouteHost& host) {
  const auto& services = host.services;
  router.add({.method = "GET",
              .pattern = "/health",
              .scope = std::nullopt,
              .kind = RequestClass::view,
              .endpoint = [text = std::make_shared<HealthText>(), &services](const Call& call) {
                return answer_health(*text, services, call);
              }});
  add_status_route(router, services, "/readiness", Kind::readiness);
  add_status_route(router, services, "/backups/status", Kind::backups);
  add_status_route(router, services, "/restore/status", Kind::restore);
  router.add({.method = "GET",
              .pattern = "/metrics",
              .scope = host.options.metrics_open ? std::nullopt : std::optional(Scope::read),
              .kind = RequestClass::view,
              .endpoint = [host](const Call& call) { return answer_metrics(host, call); }});
}

}  // namespace vigie::api
