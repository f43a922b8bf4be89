#include "daemon/convert.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <mutex>

#include "platform/log.h"
#include "store/make_store.h"

namespace vigie::daemon {
namespace {

struct Due {
  SystemTime at;
  const std::string* name;
  std::string_view kind;
  const jobs::TimingOptions* timing;
};

// Progress is told by several threads, and far more often than there are steps.
class Steps {
 public:
  bool is_new(const WorkProgress& progress) {
    const std::lock_guard lock(mutex_);
    if (phase_ == progress.phase && subject_ == progress.subject) return false;
    phase_ = progress.phase;
    subject_ = progress.subject;
    return true;
  }

 private:
  std::mutex mutex_;
  std::string phase_;    // guarded by mutex_
  std::string subject_;  // guarded by mutex_
};

// People's words are kept in places that nothing redacts any more.
std::string said(const std::string& words) {
  return platform::known_secrets().scrub(words);
}

std::string local_text(const platform::TimeZone& zone, SystemTime time) {
  const auto local = std::chrono::floor<std::chrono::minutes>(zone.to_local(time));
  // A local time printed as if it were UTC, with the zone's own abbreviation in place of the Z.
  std::string text = format_rfc3339(SystemTime(local.time_since_epoch()));
  std::ranges::replace(text, 'T', ' ');
  return text.substr(0, 16) + " " + zone.abbreviation(time);
}

std::vector<Due> next_due(const config::Config& config, SystemTime now, size_t count) {
  std::vector<Due> all;
  const auto add = [&](const auto& entries, std::string_view kind) {
    for (const auto& job : entries) {
      if (!job.timing.schedule) continue;
      for (const SystemTime at :
           jobs::next_times(*job.timing.schedule, job.timing.zone, now, count))
        all.push_back({at, &job.name(), kind, &job.timing});
    }
  };
  add(config.backups, "backup");
  add(config.drills, "drill");
  add(config.durability, "durability");
  add(config.amchecks, "amcheck");
  std::ranges::sort(all, {}, &Due::at);
  all.resize(std::min(all.size(), count));
  return all;
}

}  // namespace

backup::SetupPtr setup_of(const config::Config& config, platform::FileSystem& files,
                          const platform::Clock& clock) {
  auto setup = std::make_shared<backup::Setup>();
  for (const config::BackupJob& job : config.backups)
    setup->jobs.push_back({job.options, job.timing.zone});
  setup->databases = config.databases;
  for (const store::StoreOptions& one : config.stores)
    setup->stores.push_back({one, store::make_store(one, files, clock)});
  return setup;
}

Work work_of(jobs::RunContext& context, jobs::RunLogs& logs) {
  const jobs::RunTrigger& trigger = context.trigger();
  Work work;
  work.run = context.id();
  work.correlation = context.correlation_id();
  work.trigger = {trigger.by, trigger.actor, trigger.reason, trigger.reference};
  work.deadline = context.deadline();
  work.stop = context.stop_token();
  work.program_ended = [&logs, run = context.id()](std::string_view program, int status,
                                                   std::string_view said) {
    logs.write(run, status == 0 ? platform::LogLevel::info : platform::LogLevel::error, "program",
               said, {{"program", program}, {"status", status}});
  };
  auto steps = std::make_shared<Steps>();
  work.progress = [&context, &logs, steps](const WorkProgress& progress) {
    if (steps->is_new(progress)) {
      logs.write(context.id(), platform::LogLevel::info, "step", progress.phase,
                 {{"subject", progress.subject}});
    }
    jobs::RunProgress out;
    out.phase = progress.phase;
    out.subject = progress.subject;
    out.done = progress.done.count;
    if (progress.total) out.total = progress.total->count;
    context.progress(std::move(out));
  };
  return work;
}

Work work_of(const api::CallContext& context) {
  Work work;
  work.correlation = context.correlation_id;
  work.trigger = {"human", context.actor, said(context.reason), said(context.reference)};
  work.deadline = context.deadline;
  work.stop = context.stop;
  return work;
}

Work work_of_daemon(std::stop_token stop) {
  Work work;
  work.correlation = new_correlation_id();
  work.trigger.by = "daemon";
  work.stop = std::move(stop);
  return work;
}

jobs::RunTrigger trigger_of(const api::CallContext& context) {
  return {"human", context.actor, said(context.reason), said(context.reference)};
}

ledger::Trigger ledger_trigger_of(const api::CallContext& context) {
  return {"human", context.actor, context.correlation_id, {}};
}

jobs::RunOutcome outcome_of(backup::Outcome outcome) {
  return {outcome.verdict, std::move(outcome.error), std::move(outcome.result)};
}

json::object plan_json(const std::vector<backup::PrunePlan>& plans) {
  json::array items;
  for (const backup::PrunePlan& plan : plans) {
    for (const backup::PruneDecision& one : plan.decisions) {
      items.push_back(json::object{
          {"id", one.id.str()},
          {"job", plan.job},
          {"database", plan.database},
          {"decision", one.keep ? "keep" : "expire"},
          {"stored_bytes", one.stored ? json::value(one.stored->count) : json::value(nullptr)},
          {"reasons", json::array(one.reasons.begin(), one.reasons.end())}});
    }
  }
  return {{"items", std::move(items)}, {"next_cursor", nullptr}};
}

json::object schedule_json(const config::Config& config, SystemTime now, size_t count) {
  json::array items;
  for (const Due& due : next_due(config, now, count)) {
    const auto& timing = *due.timing;
    items.push_back(json::object{{"due_at", format_rfc3339(due.at)},
                                 {"local", local_text(timing.zone, due.at)},
                                 {"job", *due.name},
                                 {"kind", due.kind},
                                 {"schedule", timing.schedule->text()},
                                 {"time_zone", timing.zone.name()}});
  }
  return {{"items", std::move(items)}, {"next_cursor", nullptr}};
}

}  // namespace vigie::daemon
