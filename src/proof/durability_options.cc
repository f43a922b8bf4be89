#include "proof/options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace vigie::proof {
namespace {

using namespace std::chrono_literals;
using yaml::Need;

constexpr std::array<std::pair<std::string_view, Fault>, 8> kFaults{
    {{"postmaster_kill", Fault::postmaster_kill},
     {"fast_restart", Fault::fast_restart},
     {"immediate_restart", Fault::immediate_restart},
     {"service_restart", Fault::service_restart},
     {"container_restart", Fault::container_restart},
     {"command", Fault::command},
     {"pod_delete", Fault::pod_delete},
     {"node_reboot", Fault::node_reboot}}};
constexpr std::array<std::pair<std::string_view, DurabilityMode>, 2> kModes{
    {{"fault", DurabilityMode::fault}, {"observe", DurabilityMode::observe}}};
constexpr size_t kMostWords = 100;
constexpr Duration kShortestInterval = 100ms;
constexpr Duration kLongestInterval = 1min;

Place place_of(const yaml::Fields& fields, std::string_view key) {
  const yaml::Node* const node = fields.self().find(key);
  return node == nullptr ? fields.self().place : node->place;
}

// A program by its path and its arguments; no shell sees them.
void read_command(yaml::Fields& fields, std::string_view key, std::vector<std::string>& words) {
  const yaml::Node* const node = fields.node(key);
  if (node == nullptr) return;
  const Problems::Scope scope(fields.problems(), key);
  bool fits = node->kind == yaml::Kind::sequence && !node->items.empty() &&
              node->items.size() <= kMostWords && node->items.front().text.starts_with('/');
  for (const yaml::Node& item : node->items) {
    fits = fits && item.is_scalar();
    words.push_back(item.text);
  }
  // Vigie ends what a command leaves behind: a server that it starts itself would end with it.
  constexpr std::array<std::string_view, 4> kStartThemselves{"pg_ctl", "pg_ctlcluster", "postgres",
                                                             "postmaster"};
  const std::string& program = node->items.empty() ? std::string() : node->items.front().text;
  if (std::ranges::count(kStartThemselves,
                         std::string_view(program).substr(program.rfind('/') + 1)) > 0)
    fields.problems().wrong_value(node->place,
                                  "a command that asks a service manager, such as systemctl: what "
                                  "it starts itself would end with it");
  if (!fits)
    fields.problems().wrong_value(node->place,
                                  "a list of words, the first an absolute path: "
                                  "[/usr/bin/systemctl, restart, postgresql]");
}

// "1/s", "10/m"
std::optional<Duration> parse_rate(std::string_view text) {
  int count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  if (error != std::errc() || count <= 0 || (text != "/s" && text != "/m")) return std::nullopt;
  const Duration interval = (text == "/s" ? Duration(1s) : Duration(1min)) / count;
  const bool fits = interval >= kShortestInterval && interval <= kLongestInterval;
  return fits ? std::optional(interval) : std::nullopt;
}

void read_rate(yaml::Fields& fields, Duration& interval) {
  std::string text;
  fields.text("rate", text);
  if (text.empty()) return;
  if (const auto found = parse_rate(text)) {
    interval = *found;
    return;
  }
  const Problems::Scope scope(fields.problems(), "rate");
  fields.problems().wrong_value(place_of(fields, "rate"), "rows in a time, 1/m to 10/s: 1/s, 30/m");
}

// A key that the mode does not look at would be a wish that nobody hears.
void refuse_keys_of_other_mode(const yaml::Fields& fields, DurabilityMode mode,
                               Problems& problems) {
  constexpr std::array<std::string_view, 1> kObserving{"rate"};
  constexpr std::array<std::string_view, 11> kFaulting{
      "writers",  "duration",  "fault",  "restart",  "recovery_timeout", "interrupt",
      "schedule", "time_zone", "window", "catch_up", "timeout"};
  const bool observes = mode == DurabilityMode::observe;
  const auto refuse = [&](std::string_view key) {
    if (fields.self().find(key) == nullptr) return;
    const Problems::Scope scope(problems, key);
    problems.mistake(place_of(fields, key), ErrorCode::config_value,
                     observes ? "means nothing with mode: observe" : "is for mode: observe",
                     observes ? "no such key: it observes all the time, and interrupts nobody"
                              : "mode: observe");
  };
  if (observes)
    std::ranges::for_each(kFaulting, refuse);
  else
    std::ranges::for_each(kObserving, refuse);
}

// An observer deletes no pod, and has no patience with one.
void refuse_grace(yaml::Fields& kubernetes, DurabilityMode mode) {
  const yaml::Node* const grace = kubernetes.self().find("grace");
  if (mode != DurabilityMode::observe || grace == nullptr) return;
  const Problems::Scope scope(kubernetes.problems(), "grace");
  kubernetes.problems().mistake(grace->place, ErrorCode::config_value,
                                "means nothing with mode: observe",
                                "no such key: the pod is looked at, and not deleted");
}

// Who brings a pod back is known, and what is said of pods is for no other fault.
void check_kubernetes(const yaml::Fields& fields, Fault fault, Problems& problems) {
  const bool pods = fault == Fault::pod_delete;
  const bool told = fields.self().find("kubernetes") != nullptr;
  if (pods && !told)
    problems.mistake(fields.self().place, ErrorCode::config_missing_key,
                     "names no pod for its fault", "kubernetes: {selector: app=postgres}");
  const std::string_view idle = pods ? "restart" : "kubernetes";
  if (fields.self().find(idle) == nullptr) return;
  const Problems::Scope scope(problems, idle);
  problems.mistake(place_of(fields, idle), ErrorCode::config_value,
                   pods ? "means nothing with fault: pod_delete" : "is for fault: pod_delete",
                   pods ? "no such key: the pod's owner brings it back" : "fault: pod_delete");
}

}  // namespace

DurabilityOptions DurabilityOptions::parse(const std::string& name, yaml::Fields& fields) {
  DurabilityOptions options;
  options.name = name;
  options.place = fields.self().place;
  fields.name("database", options.database, Need::required);
  options.database_place = place_of(fields, "database");
  fields.text("user", options.user);
  fields.absolute_path("password_file", options.password_file);
  fields.choice("mode", options.mode, kModes);
  read_rate(fields, options.interval);
  fields.number("writers", options.writers, 1, kMostWriters);
  fields.duration("duration", options.duration, 1s, 1h);
  fields.choice("fault", options.fault, kFaults);
  fields.section("restart", [&](yaml::Fields& below) {
    read_command(below, "start", options.start);
    read_command(below, "command", options.command);
    read_command(below, "reboot", options.reboot);
  });
  fields.section("kubernetes", [&](yaml::Fields& below) {
    options.kubernetes = KubernetesOptions::parse(below);
    refuse_grace(below, options.mode);
  });
  fields.duration("recovery_timeout", options.recovery_timeout, 1s, 24h);
  fields.text("interrupt", options.interrupt);
  refuse_keys_of_other_mode(fields, options.mode, fields.problems());
  if (options.mode == DurabilityMode::fault)
    check_kubernetes(fields, options.fault, fields.problems());
  if (is_by_command(options.fault) && options.command.empty())
    fields.problems().mistake(options.place, ErrorCode::config_missing_key,
                              "names no command for its fault",
                              "restart: {command: [/usr/bin/systemctl, restart, postgresql]}");
  if (options.fault == Fault::node_reboot && options.reboot.empty())
    fields.problems().mistake(options.place, ErrorCode::config_missing_key,
                              "names no command that restarts the machine",
                              "restart: {reboot: [/usr/bin/systemctl, reboot]}");
  return options;
}

}  // namespace vigie::proof
