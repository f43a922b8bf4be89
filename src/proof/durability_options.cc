#include "proof/options.h"

#include <algorithm>
#include <array>

namespace vigie::proof {
namespace {

using namespace std::chrono_literals;
using yaml::Need;

constexpr std::array<std::pair<std::string_view, Fault>, 4> kFaults{
    {{"postmaster_kill", Fault::postmaster_kill},
     {"fast_restart", Fault::fast_restart},
     {"immediate_restart", Fault::immediate_restart},
     {"command", Fault::command}}};
constexpr size_t kMostWords = 100;

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

}  // namespace

DurabilityOptions DurabilityOptions::parse(const std::string& name, yaml::Fields& fields) {
  DurabilityOptions options;
  options.name = name;
  options.place = fields.self().place;
  fields.name("database", options.database, Need::required);
  options.database_place = place_of(fields, "database");
  fields.text("user", options.user);
  fields.absolute_path("password_file", options.password_file);
  fields.number("writers", options.writers, 1, 64);
  fields.duration("duration", options.duration, 1s, 1h);
  fields.choice("fault", options.fault, kFaults);
  fields.section("restart", [&](yaml::Fields& below) {
    read_command(below, "start", options.start);
    read_command(below, "command", options.command);
  });
  fields.duration("recovery_timeout", options.recovery_timeout, 1s, 24h);
  fields.text("interrupt", options.interrupt);
  if (options.fault == Fault::command && options.command.empty())
    fields.problems().mistake(options.place, ErrorCode::config_missing_key,
                              "names no command for its fault",
                              "restart: {command: [/usr/bin/systemctl, restart, postgresql]}");
  return options;
}

}  // namespace vigie::proof
