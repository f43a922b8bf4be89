#include "proof/pod_fault.h"

#include <fmt/format.h>

#include <algorithm>

#include "proof/server_settings.h"

namespace vigie::proof {
namespace {

using namespace std::chrono_literals;

constexpr auto kBetweenLooks = 500ms;
constexpr auto kLook = 30s;  // all calls of one step

// Where the data lies, when that is not a claim: then the pod's end is its end as well.
std::string data_words(const PodVolume* data) {
  if (data == nullptr)
    return "the data lies on no volume: the container's own file system ends with the pod";
  if (!data->claim.empty()) return "";
  return fmt::format("the data lies on volume {}, which is no claim but {}", data->name,
                     data->kind);
}

// Whether the data would be gone with the pod: to interrupt a server is not to destroy it.
bool ends_with_pod(const Pod& pod, const PodVolume* data, bool known) {
  if (known) return data == nullptr || (data->claim.empty() && data->kind != "hostPath");
  return std::ranges::all_of(pod.volumes, &std::string::empty, &PodVolume::claim);
}

// One sentence for each claim of the first pod that the second has not, or not the same.
void compare_claims(const Pod& before, const Pod& after, std::vector<std::string>& deviations) {
  for (const PodVolume& one : before.volumes) {
    if (one.claim.empty()) continue;
    const PodVolume* const same = after.find_claim(one.claim);
    if (same == nullptr)
      deviations.push_back(fmt::format("the pod afterwards does not have the claim {}", one.claim));
    else if (differ(same->claim_uid, one.claim_uid) || differ(same->volume, one.volume))
      deviations.push_back(fmt::format("the claim {} is another one afterwards", one.claim));
  }
}

void add_all(std::vector<std::string>& to, const std::vector<std::string>& more) {
  for (const std::string& one : more)
    if (std::ranges::count(to, one) == 0) to.push_back(one);
}

}  // namespace

json::object PodChange::to_json() const {
  return {{"namespace", name_space},
          {"grace_s", to_seconds(grace)},
          {"before", before.to_json()},
          {"after", after ? json::value(after->to_json()) : json::value(nullptr)}};
}

PodFault::PodFault(Pods pods, const DurabilityOptions& options, const platform::Clock& clock,
                   const Work& work)
    : pods_(std::move(pods)), options_(options), clock_(clock), work_(work) {}

CallLimits PodFault::limits() const {
  return {std::min<MonoTime>(work_.deadline, clock_.monotonic() + kLook), work_.stop};
}

Error PodFault::could_not(std::string reason) const {
  return Error(ErrorCode::durability_fault,
               {{"name", options_.name}, {"reason", std::move(reason)}});
}

// An API that does not answer says nothing of the server.
Error PodFault::explained(const Error& error) const {
  const bool stays =
      error.code() == ErrorCode::cancelled || error.info().verdict == Verdict::could_not_verify;
  if (stays) return error;
  std::string words = error.detail(Audience::everybody);
  if (words.ends_with('.')) words.pop_back();
  return could_not(std::move(words));
}

Result<> PodFault::strike(const ServerPlace& server) {
  auto found = find();
  if (!found) return fail(explained(found.error()));
  TRY(check(*found, server));
  if (const auto noted = note(std::move(*found), server); !noted)
    return fail(explained(noted.error()));
  return remove();
}

Result<Pod> PodFault::find() const {
  TRY_ASSIGN(auto all, pods_.named(limits()));
  const size_t there = all.size();
  std::vector<Pod> running = running_ones(std::move(all));
  if (running.size() == 1) return std::move(running.front());
  return fail(could_not(fmt::format("{} of {} pods are running, and it must be exactly one ({})",
                                    running.size(), there, pods_.words())));
}

// A selector may match a database that nobody wants to be hurt: only the pod that answers us.
Result<> PodFault::check(const Pod& pod, const ServerPlace& server) const {
  if (server.address.empty()) return fail(could_not(std::string(kNoAddress)));
  if (pod.has_address(server.address)) return {};
  return fail(could_not("the server that answers is not the pod's: it has another address"));
}

Result<> PodFault::note(Pod pod, const ServerPlace& server) {
  std::vector<std::string> deviations;
  data_directory_ = server.data_directory;
  const bool known = !data_directory_.empty();
  const PodVolume* const data = known ? pod.find_data(data_directory_) : nullptr;
  if (!known)
    deviations.emplace_back(
        "which volume holds the data is not known: the role may not read data_directory");
  else if (std::string words = data_words(data); !words.empty())
    deviations.push_back(std::move(words));
  if (ends_with_pod(pod, data, known))
    return fail(could_not("the data would end with the pod, and nothing was deleted; " +
                          fmt::format("{}", fmt::join(deviations, "; "))));
  if (pod.owner.empty())
    return fail(could_not("nothing owns the pod that would bring it back: it was not deleted"));
  TRY_ASSIGN(const auto unknown, pods_.read_claims(pod, limits()));
  add_all(deviations, unknown);
  for (const PodVolume& one : pod.volumes)
    if (one.reclaim_policy == "Delete")
      deviations.push_back(
          fmt::format("the reclaim policy of volume {} is Delete: it goes with the claim {}",
                      one.volume, one.claim));
  change_ = PodChange{
      pods_.name_space(), options_.kubernetes.grace, std::move(pod), {}, std::move(deviations)};
  return {};
}

Result<> PodFault::remove() const {
  const auto sent = pods_.remove(change_->before, options_.kubernetes.grace, limits());
  if (sent) return {};
  const bool heard_perhaps = sent.error().code() == ErrorCode::peer_unreachable ||
                             sent.error().code() == ErrorCode::deadline_exceeded;
  if (heard_perhaps && befell().value_or(false)) return {};
  return fail(explained(sent.error()));
}

// Whether the pod is gone or ends, whoever wanted it.
Result<bool> PodFault::befell() const {
  TRY_ASSIGN(const auto pods, pods_.named(limits()));
  return std::ranges::none_of(
      pods, [&](const Pod& one) { return one.uid == change_->before.uid && !one.ending; });
}

Result<> PodFault::wait_for_another(MonoTime until) {
  while (clock_.monotonic() < until && !work_.stop.stop_requested()) {
    const CallLimits look{std::min(until, limits().deadline), work_.stop};
    if (auto found = another_ready(look)) return note_after(std::move(*found));
    clock_.sleep_until(std::min<MonoTime>(until, clock_.monotonic() + kBetweenLooks), work_.stop);
  }
  if (work_.stop.stop_requested()) return fail(ErrorCode::cancelled, {{"reason", "asked for"}});
  change_->deviations.emplace_back("no other pod was ready in time");
  return fail(ErrorCode::durability_no_recovery,
              {{"name", options_.name}, {"limit", format_duration(options_.recovery_timeout)}});
}

// An API that is away for a moment does not end the wait.
std::optional<Pod> PodFault::another_ready(const CallLimits& limits) const {
  auto all = pods_.named(limits);
  if (!all) return std::nullopt;
  std::vector<Pod> running = running_ones(std::move(*all));
  if (running.size() != 1) return std::nullopt;
  Pod& one = running.front();
  const bool other = one.uid != change_->before.uid;
  return other && one.ready ? std::optional(std::move(one)) : std::nullopt;
}

Result<> PodFault::note_after(Pod pod) {
  if (!data_directory_.empty()) pod.find_data(data_directory_);
  const auto unknown = pods_.read_claims(pod, limits());
  if (!unknown) return fail(explained(unknown.error()));
  add_all(change_->deviations, *unknown);
  compare_claims(change_->before, pod, change_->deviations);
  change_->after = std::move(pod);
  return {};
}

}  // namespace vigie::proof
