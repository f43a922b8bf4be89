#include "backup/copy_room.h"

#include <fmt/format.h>

#include <algorithm>

#include "backup/copy_plan.h"
#include "backup/copy_run.h"

namespace vigie::backup {
namespace {

// After an attempt that did not bring all there.
constexpr Duration kCopyAgain = std::chrono::minutes(15);

std::string copying_place(const std::string& job, const std::string& database,
                          const std::string& store) {
  return job + "." + database + " in " + store;
}

// In words for whoever started the run; the attempt keeps the code of the cause.
Error as_copy_failed(const Error& error, const JobSetup& job, const std::string& database,
                     const std::string& store) {
  if (error.code() == ErrorCode::copy_failed || error.code() == ErrorCode::run_conflict)
    return error;
  return Error(ErrorCode::copy_failed, {{"backup", job.options.name + "." + database},
                                        {"job", job.options.name},
                                        {"store", store},
                                        {"reason", std::string(error.info().title)}});
}

bool is_waiting_for_a_person(const CopyView& copy) {
  return copy.is_damaged() && !copy.given_up && !copy.expiring;
}

// How many there are, and which of them only a person can do something about.
json::object counted(const std::vector<CopyView>& copies, const std::string& job,
                     const Catalogue& catalogue) {
  json::array damaged;
  int64_t count = 0;
  for (const CopyView& one : copies) {
    if (one.id.job != job) continue;
    ++count;
    if (is_waiting_for_a_person(one) && !catalogue.find(one.id))
      damaged.emplace_back(
          fmt::format("{} in {}: its original is gone; vigie backup ack {} "
                      "--reason … gives it up",
                      one.id.str(), one.store, one.id.str()));
  }
  json::object result{{"copies", count}};
  if (!damaged.empty()) result["damaged"] = std::move(damaged);
  return result;
}

Error already_copying(const std::string& job, const std::string& database,
                      const std::string& store) {
  return Error(ErrorCode::run_conflict, {{"name", copying_place(job, database, store)},
                                         {"run", "another"},
                                         {"state", "copies there"}});
}

}  // namespace

// The one that copies there, as long as it lives.
class CopyRoom::Alone {
 public:
  Alone(CopyRoom& room, std::string place) : room_(room), place_(std::move(place)) {
    const std::lock_guard lock(room_.mutex_);
    is_ = room_.copying_.insert(place_).second;
  }
  Alone(const Alone&) = delete;
  Alone& operator=(const Alone&) = delete;
  ~Alone() {
    const std::lock_guard lock(room_.mutex_);
    if (is_) room_.copying_.erase(place_);
  }
  explicit operator bool() const { return is_; }

 private:
  CopyRoom& room_;
  const std::string place_;
  bool is_ = false;
};

CopyRoom::CopyRoom(Originals originals, std::unique_ptr<CopyBook> book)
    : originals_(std::move(originals)), book_(std::move(book)) {}

Result<> CopyRoom::copy_into(const JobSetup& job, const CopyOptions& options,
                             const StoreSetup& target, const std::string& database,
                             const Work& work) {
  const std::string& name = job.options.name;
  const Alone alone(*this, copying_place(name, database, options.store));
  if (!alone) return fail(already_copying(name, database, options.store));
  CopyRun run(originals_, *book_, {job, options, target, database}, work);
  const auto done = run.run();
  const std::string code = done ? std::string() : std::string(done.error().info().name);
  TRY(book_->note_attempt(
      {name, database, options.store, originals_.clock.now(), code, run.newest()}));
  if (!done) return fail(as_copy_failed(done.error(), job, database, options.store));
  return {};
}

Outcome CopyRoom::copy_database(const JobSetup& job, const std::string& database,
                                const Work& work) {
  Outcome outcome;
  for (const CopyOptions& one : job.options.copies) {
    // Another configuration may be in force by now.
    const SetupPtr setup = originals_.setup();
    const JobSetup* const now = setup->job(job.options.name);
    const StoreSetup* const target = setup->store(one.store);
    if (now == nullptr || target == nullptr || now->options.store == one.store) continue;
    const auto wanted = std::ranges::find(now->options.copies, one.store, &CopyOptions::store);
    if (wanted == now->options.copies.end()) continue;
    const auto done = copy_into(*now, *wanted, *target, database, work);
    if (!done) outcome.note(done.error().info().verdict, done.error());
    originals_.changed();
  }
  return outcome;
}

Outcome CopyRoom::copy(const std::string& job, const Work& work) {
  const SetupPtr setup = originals_.setup();
  const auto found = setup->get_job(job);
  if (!found) return Outcome::of(found.error());
  Outcome outcome;
  for (const std::string& database : (*found)->options.databases) {
    if (work.stop.stop_requested()) break;
    const Outcome one = copy_database(**found, database, work);
    if (one.error) outcome.note(one.verdict, one.error);
  }
  if (work.stop.stop_requested() && !outcome.error) {
    const Error error(ErrorCode::cancelled, {{"reason", "asked for"}});
    outcome.note(error.info().verdict, error);
  }
  outcome.result = counted(book_->all(), job, originals_.catalogue);
  return outcome;
}

bool CopyRoom::is_copying(const std::string& job, const std::string& database,
                          const std::string& store) const {
  const std::lock_guard lock(mutex_);
  return copying_.contains(copying_place(job, database, store));
}

bool CopyRoom::is_due(const JobSetup& job, const std::string& database,
                      const std::string& store) const {
  const std::string& name = job.options.name;
  if (is_copying(name, database, store)) return false;
  const auto attempt = book_->attempt(name, database, store);
  const SystemTime now = originals_.clock.now();
  if (attempt && !attempt->error_code.empty()) {
    // A clock that went backwards does not stop it.
    return attempt->at + kCopyAgain <= now || attempt->at > now;
  }
  const auto good =
      good_originals(originals_.catalogue, *originals_.setup(), job.options, database, store);
  const bool newer = !good.empty() && !book_->has(store, good.back().id);
  if (newer && (!attempt || attempt->newest != good.back().id)) return true;
  const bool rested = !attempt || attempt->at + kCopyLookAgain <= now || attempt->at > now;
  return rested && std::ranges::any_of(book_->of(store, name, database), [&](const CopyView& one) {
           return one.given_up || is_to_be_read(one, now);
         });
}

std::vector<std::string> CopyRoom::due() const {
  const SetupPtr setup = originals_.setup();
  std::vector<std::string> jobs;
  for (const JobSetup& job : setup->jobs) {
    const bool due = std::ranges::any_of(job.options.copies, [&](const CopyOptions& one) {
      return setup->store(one.store) != nullptr &&
             std::ranges::any_of(job.options.databases, [&](const std::string& database) {
               return is_due(job, database, one.store);
             });
    });
    if (due) jobs.push_back(job.options.name);
  }
  return jobs;
}

Result<Reading> CopyRoom::read(const BackupId& id, const std::string& store,
                               const CallLimits& limits) {
  const SetupPtr setup = originals_.setup();
  const StoreSetup* const found = setup->store(store);
  if (found == nullptr) return fail(ErrorCode::store_not_found, {{"store", store}});
  TRY_ASSIGN(auto hold, CopyHold::take(*book_, store, id));
  const auto copy = book_->find(store, id);
  if (!copy) return fail(ErrorCode::backup_not_found, {{"backup", id.str()}});
  TRY_ASSIGN(const auto recorded, originals_.recorded(id));
  TRY_ASSIGN(auto source, found->within(limits).store->open(id));
  return Reading{std::move(hold), as_artefact(*copy), recorded.value_or(copy->manifest_sha256),
                 std::move(source)};
}

std::optional<ArtefactView> CopyRoom::newest(const JobSetup& job, const std::string& database,
                                             const CallLimits& limits) const {
  const SetupPtr setup = originals_.setup();
  std::optional<CopyView> newest;
  for (const CopyOptions& one : job.options.copies) {
    const StoreSetup* const store = setup->store(one.store);
    const auto listed = store ? store->within(limits).store->list()
                              : Result<std::vector<BackupId>>(std::vector<BackupId>());
    if (!listed) originals_.warn("backup.earlier", listed.error());
    for (const BackupId& id : listed.value_or(std::vector<BackupId>())) {
      const bool newer = !newest || newest->id < id;
      if (id.job != job.options.name || id.database != database || !newer) continue;
      newest.emplace();
      newest->id = id;
      newest->store = one.store;
    }
  }
  return newest ? std::optional(as_artefact(*newest)) : std::nullopt;
}

bool CopyRoom::is_ours(const BackupId& id, const std::string& store) const {
  return originals_.setup()->is_copy(id, store) || book_->has(store, id) ||
         is_copying(id.job, id.database, store);
}

bool CopyRoom::stays_ours(const BackupId& id, const std::string& store) {
  const SetupPtr setup = originals_.setup();
  if (setup->is_copy(id, store)) return true;
  if (!book_->has(store, id)) return false;
  const JobSetup* const job = setup->job_of(id);
  if (job == nullptr || job->options.store != store) return true;
  if (const auto dropped = book_->remove(store, id); !dropped)
    originals_.warn("backup.reconcile", dropped.error());
  return false;
}

std::vector<std::string> CopyRoom::of_no_use(const BackupId& id) const {
  std::vector<std::string> stores;
  for (const CopyView& one : book_->all())
    if (one.id == id && is_waiting_for_a_person(one)) stores.push_back(one.store);
  for (const StoreSetup& one : originals_.setup()->stores)
    if (book_->has_remains(one.options.name, id)) stores.push_back(one.options.name);
  return stores;
}

Result<> CopyRoom::give_up(const BackupId& id, const std::vector<std::string>& stores) {
  for (const std::string& one : stores) TRY(book_->give_up(one, id));
  originals_.changed();
  return {};
}

Result<> CopyRoom::verify(const BackupId& id, const std::string& store, const Work& work) {
  const SetupPtr setup = originals_.setup();
  const JobSetup* const job = setup->job_of(id);
  const StoreSetup* const target = setup->store(store);
  if (job == nullptr || target == nullptr)
    return fail(ErrorCode::store_not_found, {{"store", store}});
  const Alone alone(*this, copying_place(id.job, id.database, store));
  if (!alone) return fail(already_copying(id.job, id.database, store));
  CopyOptions options;
  options.store = store;
  CopyRun run(originals_, *book_, {*job, options, *target, id.database}, work);
  const auto read = run.read(id);
  originals_.changed();
  return read;
}

bool CopyRoom::any(const BackupId& id) const {
  return std::ranges::any_of(book_->all(), [&](const CopyView& one) { return one.id == id; });
}

}  // namespace vigie::backup
