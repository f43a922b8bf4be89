#include "jobs/options.h"

#include <array>

namespace vigie::jobs {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;

constexpr std::array<std::pair<std::string_view, CatchUp>, 2> kCatchUp{
    {{"wait", CatchUp::wait}, {"now", CatchUp::now}}};

void read_schedule(yaml::Fields& fields, TimingOptions& options) {
  std::string text;
  fields.text("schedule", text);
  const yaml::Node* node = fields.self().find("schedule");
  if (node == nullptr || text.empty()) return;
  options.schedule_place = node->place;
  auto schedule = Schedule::parse(text);
  if (schedule) {
    options.schedule = std::move(*schedule);
    return;
  }
  const Problems::Scope scope(fields.problems(), "schedule");
  fields.problems().mistake(
      node->place, ErrorCode::schedule_invalid,
      fmt::format("is not a schedule ({})", schedule.error().parameter("field")),
      std::string(schedule.error().parameter("expected")));
}

void read_zone(yaml::Fields& fields, TimingOptions& options) {
  std::string name;
  fields.text("time_zone", name);
  if (name.empty()) return;
  auto zone = platform::TimeZone::find(name);
  if (zone) {
    options.zone = std::move(*zone);
    return;
  }
  const Problems::Scope scope(fields.problems(), "time_zone");
  fields.problems().mistake(fields.self().find("time_zone")->place, ErrorCode::time_zone_unknown,
                            "is not a time zone of this host", "an IANA name, such as Europe/Paris",
                            std::string(zone.error().parameter("nearest")));
}

}  // namespace

TimingOptions TimingOptions::parse(yaml::Fields& fields) {
  TimingOptions options;
  read_schedule(fields, options);
  read_zone(fields, options);
  Duration window{0};
  fields.duration("window", window, 1min, days{31});
  if (window > Duration{0}) {
    options.window = window;
    options.window_place = fields.self().find("window")->place;
  }
  fields.choice("catch_up", options.catch_up, kCatchUp);
  fields.duration("timeout", options.timeout, 1s, days{7});
  return options;
}

}  // namespace vigie::jobs
