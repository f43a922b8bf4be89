#include "jobs/run.h"

#include <algorithm>
#include <array>

namespace vigie::jobs {
namespace {

constexpr std::array<std::pair<RunState, std::string_view>, 7> kStates{
    {{RunState::queued, "queued"},
     {RunState::running, "running"},
     {RunState::succeeded, "succeeded"},
     {RunState::failed, "failed"},
     {RunState::could_not_verify, "could_not_verify"},
     {RunState::cancelled, "cancelled"},
     {RunState::interrupted, "interrupted"}}};

json::value time_or_null(const std::optional<SystemTime>& time) {
  if (!time) return nullptr;
  return json::string(format_rfc3339(*time));
}

json::value remaining(const RunProgress& progress) {
  if (!progress.total || progress.rate.value_or(0) <= 0) return nullptr;
  if (*progress.total <= progress.done) return 0;
  return static_cast<double>(*progress.total - progress.done) / *progress.rate;
}

json::value progress_json(const std::optional<RunProgress>& progress) {
  if (!progress) return nullptr;
  return json::object{
      {"phase", progress->phase},
      {"subject", progress->subject},
      {"done", progress->done},
      {"total", progress->total ? json::value(*progress->total) : json::value(nullptr)},
      {"unit", progress->unit},
      {"rate_per_s", progress->rate ? json::value(*progress->rate) : json::value(nullptr)},
      {"remaining_s", remaining(*progress)},
      {"at", format_rfc3339(progress->at)}};
}

json::value error_json(const RunRow& row, Audience audience) {
  if (row.error_code.empty()) return nullptr;
  const auto error = row.error();
  return json::object{
      {"code", row.error_code},
      {"detail", error ? json::value(error->detail(audience)) : json::value(nullptr)},
      {"next", error ? json::value(error->remedy(audience)) : json::value(nullptr)}};
}

}  // namespace

std::string_view to_string(RunState state) {
  return std::ranges::find(kStates, state, &decltype(kStates)::value_type::first)->second;
}

std::optional<RunState> parse_run_state(std::string_view text) {
  const auto* found = std::ranges::find(kStates, text, &decltype(kStates)::value_type::second);
  if (found == kStates.end()) return std::nullopt;
  return found->first;
}

std::optional<Error> RunRow::error() const {
  const ErrorInfo* info = find_error_info(error_code);
  if (info == nullptr) return std::nullopt;
  return Error(info->code, error_parameters);
}

Duration RunRow::duration(SystemTime now) const {
  if (!started_at) return Duration{0};
  return std::max(Duration{0}, ended_at.value_or(now) - *started_at);
}

json::object to_json(const RunRow& row, SystemTime now, Audience audience) {
  return {{"id", row.id.str()},
          {"job", row.job},
          {"kind", row.kind},
          {"state", to_string(row.state)},
          {"trigger", json::object{{"by", row.trigger.by},
                                   {"actor", row.trigger.actor},
                                   {"reason", row.trigger.reason},
                                   {"reference", row.trigger.reference}}},
          {"correlation_id", row.correlation_id.str()},
          {"created_at", format_rfc3339(row.created_at)},
          {"due_at", time_or_null(row.due_at)},
          {"started_at", time_or_null(row.started_at)},
          {"ended_at", time_or_null(row.ended_at)},
          {"duration_s",
           row.started_at ? json::value(to_seconds(row.duration(now))) : json::value(nullptr)},
          {"deadline_at", time_or_null(row.deadline_at)},
          {"progress", progress_json(row.progress)},
          {"error", error_json(row, audience)},
          {"result", row.result},
          {"end_unrecorded_since", time_or_null(row.end_unrecorded_since)}};
}

}  // namespace vigie::jobs
