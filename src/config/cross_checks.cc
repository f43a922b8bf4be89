#include "config/cross_checks.h"

#include <algorithm>
#include <filesystem>

#include "base/nearest.h"

namespace vigie::config {
namespace {

using std::chrono::sys_days;
using std::chrono::year;

// Schedules are judged over the years from here, so that the same file always gets the same answer.
constexpr SystemTime kReference = sys_days{year{2026} / 1 / 1};
constexpr auto kSummerTime = std::chrono::hours(1);
constexpr auto kForTheRun = std::chrono::hours(2);
constexpr auto kDrilledByHand = std::chrono::days(8);  // as REQ-RST-1 asks for
constexpr auto kAmcheckedByHand = std::chrono::days(35);

template <class T>
std::vector<std::string> names_of(const std::vector<T>& all) {
  std::vector<std::string> names;
  names.reserve(all.size());
  for (const T& one : all) names.push_back(one.name);
  return names;
}

void check_reference(const std::string& name, Place place, std::string_view key,
                     const std::vector<std::string>& defined, Problems& problems) {
  if (name.empty() || std::ranges::find(defined, name) != defined.end()) return;
  const Problems::Scope scope(problems, key);
  problems.mistake(place, ErrorCode::config_reference, "names nothing that is defined",
                   defined.empty() ? "a name that is defined"
                                   : fmt::format("one of {}", fmt::join(defined, ", ")),
                   nearest_name(name, defined));
}

// Each in a store of its own.
void check_copies(const Config& config, const BackupJob& job, Problems& problems) {
  const Problems::Scope scope(problems, "copies");
  std::vector<std::string> taken{job.options.store};
  for (const backup::CopyOptions& copy : job.options.copies) {
    check_reference(copy.store, copy.place, "store", names_of(config.stores), problems);
    if (std::ranges::count(taken, copy.store) > 0)
      problems.mistake(copy.place, ErrorCode::config_duplicate_key, "names a store a second time",
                       "each store once");
    taken.push_back(copy.store);
  }
}

void check_references(const Config& config, const BackupJob& job, Problems& problems) {
  const std::vector<std::string> databases = names_of(config.databases);
  // It would succeed, every night, with nothing.
  if (job.options.all_databases && databases.empty())
    problems.mistake(job.options.place, ErrorCode::config_reference,
                     "takes all databases, and there are none", "at least one below databases:");
  for (size_t i = 0; i < job.options.database_places.size(); ++i)
    check_reference(job.options.databases[i], job.options.database_places[i], "databases",
                    databases, problems);
  check_reference(job.options.store, job.options.store_place, "store", names_of(config.stores),
                  problems);
  check_copies(config, job, problems);
}

std::optional<jobs::Gaps> gaps_of(const jobs::TimingOptions& timing,
                                  const platform::TimeZone& zone) {
  if (!timing.schedule) return std::nullopt;
  return jobs::gaps(*timing.schedule, zone, kReference);
}

void check_rpo(const BackupJob& job, const jobs::Gaps& gaps, Problems& problems) {
  const Duration target = job.options.rpo_target;
  const Problems::Scope scope(problems, "rpo_target");
  const std::string longest = format_duration(gaps.longest);
  if (gaps.longest - kSummerTime > target || gaps.shortest > target)
    problems.mistake(job.options.rpo_place, ErrorCode::config_unreachable,
                     "can never be met by this schedule",
                     fmt::format("more than {}, the longest time between two runs", longest));
  else if (gaps.longest >= target)
    problems.warning(job.options.rpo_place, "leaves no time for the run itself",
                     fmt::format("more than {}, the longest time between two runs", longest));
}

void check_window(const BackupJob& job, const jobs::Gaps& gaps, Problems& problems) {
  if (!job.timing.window || *job.timing.window <= gaps.shortest) return;
  const Problems::Scope scope(problems, "window");
  problems.warning(job.timing.window_place, "is longer than the time between two runs",
                   fmt::format("at most {}", format_duration(gaps.shortest)));
}

void check_timing(const BackupJob& job, Problems& problems) {
  const auto found = gaps_of(job.timing, job.timing.zone);
  if (!found) return;
  check_rpo(job, *found, problems);
  check_window(job, *found, problems);
}

bool inside(const std::filesystem::path& inner, const std::filesystem::path& outer) {
  const auto a = (inner / "").lexically_normal();
  const auto b = (outer / "").lexically_normal();
  // Both end with an empty component, after their last slash.
  const auto rest = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).second;
  return rest == b.end() || rest == std::prev(b.end());
}

// A prefix is a folder as a path is: a store in another's would take its objects for its own.
bool overlap(const store::S3Options& a, const store::S3Options& b) {
  if (a.bucket.empty() || a.endpoint != b.endpoint || a.bucket != b.bucket) return false;
  const std::filesystem::path root("/");
  return inside(root / a.prefix, root / b.prefix) || inside(root / b.prefix, root / a.prefix);
}

void check_bucket(const Config& config, size_t index, Problems& problems) {
  const store::StoreOptions& store = config.stores[index];
  for (size_t j = 0; j < index; ++j) {
    if (overlap(store.s3, config.stores[j].s3))
      problems.mistake(store.place, ErrorCode::config_value, "lies in another store's prefix",
                       "a prefix of its own");
  }
}

// A store below staging/ would be emptied at the next start, and so would one around the state
// folder for a job of that name.
void check_store_paths(const Config& config, Problems& problems) {
  for (size_t i = 0; i < config.stores.size(); ++i) {
    const store::StoreOptions& store = config.stores[i];
    const Problems::Scope stores(problems, "stores");
    const Problems::Scope scope(problems, store.name);
    check_bucket(config, i, problems);
    for (const char* own : {"staging", "ledger", "runs"}) {
      if (!store.path.empty() && inside(store.path, std::filesystem::path(config.state.dir) / own))
        problems.mistake(store.place, ErrorCode::config_value,
                         "lies in a folder that Vigie keeps for itself",
                         "a folder of its own, such as artefacts");
    }
    if (!store.path.empty() && inside(config.state.dir, store.path))
      problems.mistake(store.place, ErrorCode::config_value, "holds the state folder",
                       "a folder of its own, such as artefacts");
    for (size_t j = 0; j < i; ++j) {
      const std::string& other = config.stores[j].path;
      if (!store.path.empty() && !other.empty() &&
          (inside(store.path, other) || inside(other, store.path)))
        problems.mistake(store.place, ErrorCode::config_value, "lies in another store's folder",
                         "a folder of its own");
    }
  }
}

void check_drill(const Config& config, const Drill& drill, Problems& problems) {
  const auto& options = drill.options;
  std::vector<std::string> jobs;
  for (const BackupJob& job : config.backups) jobs.push_back(job.name());
  check_reference(options.job, options.job_place, "backup", jobs, problems);
  if (options.pick == proof::Pick::oldest && options.rpo_target > Duration(0))
    problems.warning(options.place, "has an rpo_target, which is not judged of the oldest backup",
                     "pick: newest, or the rpo_target of the job");
  const BackupJob* const job = config.backup(options.job);
  if (job == nullptr) return;
  check_reference(options.database, options.database_place, "database", job->options.databases,
                  problems);
  std::vector<std::string> stores{job->options.store};
  for (const backup::CopyOptions& copy : job->options.copies) stores.push_back(copy.store);
  check_reference(options.from, options.from_place, "from", stores, problems);
}

// A scratch folder is emptied: it must not hold, or lie in, what is kept.
void check_scratch(const Config& config, const Drill& drill, Problems& problems) {
  const std::string& dir = drill.options.scratch.dir;
  const auto overlaps = [&](const std::filesystem::path& kept) {
    return !dir.empty() && !kept.empty() && (inside(dir, kept) || inside(kept, dir));
  };
  const std::filesystem::path state = config.state.dir;
  const bool holds_state = !dir.empty() && inside(state, dir);
  const bool in_store = std::ranges::any_of(
      config.stores, [&](const store::StoreOptions& store) { return overlaps(store.path); });
  const bool in_state =
      overlaps(state / "staging") || overlaps(state / "ledger") || overlaps(state / "runs");
  if (holds_state || in_store || in_state)
    problems.mistake(drill.options.place, ErrorCode::config_value,
                     "has its scratch folder where something is kept", "a folder of its own");
}

void check_drills(const Config& config, Problems& problems) {
  const Problems::Scope drills(problems, "drills");
  for (const Drill& drill : config.drills) {
    const Problems::Scope scope(problems, drill.name());
    check_drill(config, drill, problems);
    check_scratch(config, drill, problems);
  }
}

// A fault on a schedule needs the word that a person would have to give.
void check_durability(const Config& config, Problems& problems) {
  const Problems::Scope proofs(problems, "durability");
  for (const Durability& proof : config.durability) {
    const Problems::Scope scope(problems, proof.name());
    const auto& options = proof.options;
    check_reference(options.database, options.database_place, "database",
                    names_of(config.databases), problems);
    if (proof.timing.schedule && options.interrupt != options.database)
      problems.mistake(options.place, ErrorCode::config_missing_key,
                       "has a schedule and does not say whom it may interrupt",
                       "interrupt: " + options.database);
  }
}

void check_amchecks(const Config& config, Problems& problems) {
  const Problems::Scope amchecks(problems, "amcheck");
  for (const Amcheck& amcheck : config.amchecks) {
    const Problems::Scope scope(problems, amcheck.name());
    check_reference(amcheck.options.database, amcheck.options.database_place, "database",
                    names_of(config.databases), problems);
  }
}

// A copy beside the original falls with it, and one in its folder would be read as it.
void check_copies(const Config& config, Problems& problems) {
  const Problems::Scope evidence(problems, "evidence");
  const Problems::Scope scope(problems, "copy_to");
  const auto& folders = config.evidence.copy_to;
  for (size_t i = 0; i < folders.size(); ++i) {
    if (inside(folders[i], config.state.dir) || inside(config.state.dir, folders[i]))
      problems.mistake(config.evidence.places[i], ErrorCode::config_value,
                       "lies in the state folder, or holds it", "a folder on another disk");
  }
}

}  // namespace

void resolve_databases(Config& config) {
  for (BackupJob& job : config.backups) {
    if (job.options.all_databases) job.options.databases = names_of(config.databases);
  }
}

void resolve_targets(Config& config) {
  for (BackupJob& job : config.backups) {
    if (job.options.rpo_target_set) continue;
    // In UTC: a day of 25 hours does not change what the target is.
    if (const auto gaps = gaps_of(job.timing, {}))
      job.options.rpo_target = gaps->longest + kForTheRun;
  }
  for (Drill& drill : config.drills) {
    const auto gaps = gaps_of(drill.timing, {});
    drill.max_age = gaps ? gaps->longest + kForTheRun : Duration(kDrilledByHand);
  }
  for (Amcheck& amcheck : config.amchecks) {
    const auto gaps = gaps_of(amcheck.timing, {});
    amcheck.max_age = gaps ? gaps->longest + amcheck.timing.timeout : Duration(kAmcheckedByHand);
  }
}

void cross_check(const Config& config, Problems& problems) {
  check_store_paths(config, problems);
  check_drills(config, problems);
  check_durability(config, problems);
  check_amchecks(config, problems);
  check_copies(config, problems);
  const Problems::Scope backups(problems, "backups");
  for (const BackupJob& job : config.backups) {
    const Problems::Scope scope(problems, job.name());
    check_references(config, job, problems);
    check_timing(job, problems);
  }
}

}  // namespace vigie::config
