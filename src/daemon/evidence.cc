// What the daemon does about its evidence: verifies it, signs it, has it copied.
#include "daemon/convert.h"
#include "daemon/ledger_times.h"
#include "daemon/store_place.h"
#include "daemon/wiring.h"
#include "jobs/kept_logs.h"
#include "ledger/named_log.h"

namespace vigie::daemon {
namespace {

using platform::LogLevel;

constexpr auto kVerifyTimeout = std::chrono::hours(24);

ledger::Entry rotation_entry(const ledger::KeyChange& change, SystemTime now) {
  ledger::Entry entry;
  entry.kind = ledger::kind::kSigningKey;
  entry.started_at = entry.ended_at = now;
  entry.result = ledger::Outcome::passed;
  entry.trigger = {"daemon", "", new_correlation_id(), {}};
  entry.subject = {{"act", "rotate"}, {"old_key_id", change.old_id}, {"new_key_id", change.new_id}};
  return entry;
}

std::vector<std::string> names_of_stores(const config::Config& config) {
  std::vector<std::string> names;
  for (const store::StoreOptions& one : config.stores) names.push_back(one.name);
  return names;
}

}  // namespace

// Without it evidence is written all the same; status tells.
void Wiring::open_checkpoints() {
  const platform::Path folder = platform::Path(config_->state.dir) / "ledger";
  checkpoints_ =
      std::make_unique<ledger::Checkpoints>(world_.files, folder, world_.clock, reads_only());
  const auto warn = [this](std::string_view event, const Result<>& done) {
    if (!done) world_.log.write(LogLevel::warn, event, done.error());
  };
  const std::vector<std::string> none;
  copies_ = std::make_unique<Copies>(
      world_.files, folder, reads_only() ? none : config_->evidence.copy_to,
      [this](const std::string& store) {
        return store_place([this] { return backups_->setup(); }, store, world_.clock);
      },
      world_.clock, world_.log);
  if (!reads_only()) copies_->set_stores(names_of_stores(*config_));
  const auto opened = checkpoints_->open();
  if (reads_only()) return;  // status tells
  warn("checkpoints.open", opened);
  warn("ledger.compare", ledger_->compare_end(checkpoints_->newest()));
  warn("checkpoints.record", record_rotations());
}

// A rotation whose process ended before its entry was written.
Result<> Wiring::record_rotations() {
  auto changes = checkpoints_->rotations();
  if (changes.empty()) return {};
  ledger::Filter filter;
  filter.kind = std::string(ledger::kind::kSigningKey);
  TRY(ledger_->for_each(filter, [&](const json::object& entry) {
    const json::object* subject = find_object(entry, "subject");
    const json::string* id = subject == nullptr ? nullptr : find_string(*subject, "new_key_id");
    std::erase_if(changes, [&](const ledger::KeyChange& change) {
      return id != nullptr && std::string_view(*id) == change.new_id;
    });
    return !changes.empty();
  }));
  for (const ledger::KeyChange& change : changes) {
    ledger::Entry entry = rotation_entry(change, world_.clock.now());
    entry.deviations.emplace_back("the process that did it ended before it was recorded");
    TRY(ledger_->append(entry));
  }
  return {};
}

Result<json::value> Wiring::rotate_key(const api::CallContext& context) {
  TRY_ASSIGN(const ledger::KeyChange change, checkpoints_->rotate());
  ledger::Entry entry = rotation_entry(change, world_.clock.now());
  entry.trigger = ledger_trigger_of(context);
  entry.reason = context.reason;
  entry.reference = context.reference;
  TRY(shown(ledger_->append(entry).map([](const ledger::Recorded&) {})));
  return json::value(json::object{{"old_key_id", change.old_id}, {"new_key_id", change.new_id}});
}

Result<json::value> Wiring::checkpoint_up_to(uint64_t seq, const std::stop_token& stop) const {
  const auto view = ledger_->view();
  TRY_ASSIGN(auto answer, checkpoint_answer({view->last_seq, view->head}, seq, stop));
  return json::value(std::move(answer));
}

// Up to what is signed: entries may come meanwhile. Of a ledger that has lost its end, up to that.
Result<json::value> Wiring::make_checkpoint(const std::stop_token& stop) {
  TRY(checkpoints_->make(*ledger_->view()));
  const ledger::Mark newest = checkpoints_->newest();
  if (newest.seq > ledger_->view()->last_seq) return checkpoint_up_to(UINT64_MAX, stop);
  TRY_ASSIGN(auto answer, checkpoint_answer(newest, newest.seq, stop));
  return json::value(std::move(answer));
}

Result<json::object> Wiring::checkpoint_answer(const ledger::Mark& end, uint64_t seq,
                                               const std::stop_token& stop) const {
  const platform::Path path = platform::Path(config()->state.dir) / ledger::kCheckpointsName;
  TRY_ASSIGN(auto found, ledger::find_checkpoint(world_.files, path, seq, stop));
  const json::value head =
      end.entry_hash.empty() ? json::value(nullptr) : json::value(end.entry_hash);
  json::object answer{{"checkpoint", nullptr},
                      {"public_key", nullptr},
                      {"ledger", json::object{{"last_seq", end.seq}, {"head", head}}}};
  if (found) {
    answer["checkpoint"] = std::move(found->line);
    answer["public_key"] = found->public_key;
  }
  return answer;
}

void Wiring::prove_writable() {
  if (const auto proven = executor_->prove_state(); !proven)
    world_.log.write(LogLevel::warn, "state.prove", proven.error());
  if (const auto kept = ledger_->maintain(); !kept)
    world_.log.write(LogLevel::warn, "ledger.maintain", kept.error());
  if (const auto made = checkpoints_->make_when_due(*ledger_->view()); !made)
    world_.log.write(LogLevel::warn, "checkpoints.make", made.error());
}

// It leaves its own entry. A claim on nothing: entries are appended meanwhile.
jobs::RunRequest Wiring::ledger_verify_request() {
  jobs::RunRequest request;
  request.job = kLedgerJob;
  request.kind = kLedgerVerify;
  request.trigger.by = "schedule";
  request.correlation_id = new_correlation_id();
  request.timeout = kVerifyTimeout;
  request.work = [this](jobs::RunContext& context) {
    const ledger::Trigger trigger{context.trigger().by, "", context.correlation_id(), context.id()};
    auto fit = checkpoints_->verify(*ledger_, context.stop_token());
    if (fit) fit = compare_with_copies(context.stop_token());
    if (fit) fit = check_run_logs(context.stop_token());
    const auto also = fit ? std::nullopt : std::optional(fit.error());
    const auto report = ledger_->verify(trigger, context.stop_token(), also);
    if (!report) return jobs::RunOutcome::of(report.error());
    if (const auto finding = report->finding()) return jobs::RunOutcome::of(*finding);
    if (also) return jobs::RunOutcome::of(*also);
    return jobs::RunOutcome::succeeded({{"entries", report->entries}});
  };
  return request;
}

void Wiring::verify_ledger_when_due() {
  const auto jobs = executor_->view();
  const auto* const runs = jobs->find(kLedgerJob, kLedgerVerify);
  if (!ledger_verification_due(*ledger_->view(), runs, world_.clock.now())) return;
  if (const auto started = executor_->submit(ledger_verify_request()); !started)
    world_.log.write(LogLevel::warn, "ledger.verify", started.error());
}

// By what was last seen there: nobody waits for a store. An end that is lost is recorded as damage,
// which the verification then finds.
Result<> Wiring::compare_with_copies(const std::stop_token& stop) {
  for (const ledger::CopyStanding& copy : copies_->standings()) {
    TRY(ledger_->compare_end(copy.newest, stop));
    if (copy.missing_here)
      return fail(ErrorCode::checkpoint_invalid,
                  {{"size", std::to_string(copy.newest.seq)},
                   {"reason", "a copy holds it, and here it was removed"}});
  }
  return {};
}

// Of what is there: older ones have made room.
Result<> Wiring::check_run_logs(const std::stop_token& stop) const {
  const auto folders = jobs::LogFolders::of(config()->state.dir);
  Result<> done;
  const auto look = [&](const json::object& entry) {
    const auto named = ledger::named_log(entry);
    if (!named) return true;
    const auto standing =
        jobs::check_run_log(world_.files, folders, named->run, named->log.bytes, named->log.sha256);
    if (standing && *standing == jobs::LogStanding::changed)
      done = fail(ErrorCode::file_corrupt, {{"path", "the log of run " + named->run.str()},
                                            {"reason", "it is not what the ledger says of it"}});
    return done.has_value();
  };
  TRY(ledger_->for_each({}, look, stop));
  return done;
}

void Wiring::follow_stores() {
  if (!reads_only()) copies_->set_stores(names_of_stores(*config()));
}

void Wiring::start_copies() {
  copies_->start(*ledger_, *checkpoints_);
}

void Wiring::copy_evidence(std::stop_token stop) {
  copies_->once(*ledger_, *checkpoints_, std::move(stop));
}

// After the last entry. What is too late for the copies goes there at the next start.
void Wiring::seal_evidence() {
  if (reads_only() || !checkpoints_) return;
  if (const auto made = checkpoints_->make(*ledger_->view()); !made)
    world_.log.write(LogLevel::warn, "checkpoints.make", made.error());
}

}  // namespace vigie::daemon
