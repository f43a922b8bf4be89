// Verifying what lies in the stores.
#include <thread>

#include "artefact/verify.h"
#include "backup/evidence.h"
#include "backup/room.h"

namespace vigie::backup {
namespace {

Outcome ended_with(const Error& error) {
  return {error.info().verdict, error, {}};
}

// Keeps retention away from an artefact that is being read.
class ReadHold {
 public:
  static Result<ReadHold> take(Catalogue& catalogue, const BackupId& id, SystemTime now) {
    TRY(catalogue.hold(id, {"read", "being verified", now}));
    return ReadHold(catalogue, id);
  }
  ReadHold(ReadHold&& other) noexcept
      : catalogue_(std::exchange(other.catalogue_, nullptr)), id_(std::move(other.id_)) {}
  ReadHold& operator=(ReadHold&&) = delete;
  ~ReadHold() {
    // A hold that cannot be released now is gone at the next start.
    if (catalogue_ != nullptr) (void)catalogue_->release(id_, "read");
  }

 private:
  ReadHold(Catalogue& catalogue, BackupId id) : catalogue_(&catalogue), id_(std::move(id)) {}
  Catalogue* catalogue_;
  BackupId id_;
};

artefact::VerifyRequest request_of(const ArtefactView& artefact, VerifyMode mode,
                                   const Work& work) {
  artefact::VerifyRequest request;
  request.id = artefact.id;
  request.depth =
      mode == VerifyMode::full ? artefact::VerifyDepth::full : artefact::VerifyDepth::quick;
  request.workers = std::clamp(std::thread::hardware_concurrency(), 1U, 4U);
  request.deadline = work.deadline;
  request.stop = work.stop;
  return request;
}

// One that is bad is read again in its turn, not at once: it would keep the others from theirs.
SystemTime last_read(const ArtefactView& artefact) {
  SystemTime last = artefact.fully_verified_at.value_or(artefact.ended_at);
  const auto& verification = artefact.last_verification;
  if (verification && verification->mode == VerifyMode::full)
    last = std::max(last, verification->at);
  return last;
}

}  // namespace

Result<artefact::VerifyReport> BackupRoom::read_again(const ArtefactView& artefact, VerifyMode mode,
                                                      const Work& work) {
  const SetupPtr setup = this->setup();
  const StoreSetup* const store = setup->store(artefact.store);
  if (store == nullptr) return fail(ErrorCode::store_not_found, {{"store", artefact.store}});
  TRY_ASSIGN(const auto source, store->store->open(artefact.id));
  artefact::VerifyRequest request = request_of(artefact, mode, work);
  request.expected_manifest_sha256 = tools_.recorded(artefact.id);
  const std::string subject = artefact.id.str();
  request.progress = [&](const artefact::VerifyProgress& p) {
    work.progress({"verify", subject, p.done, p.total});
  };
  return artefact::verify(*source, tools_.take.clock, request);
}

// However it ends, it leaves an entry; only an artefact that there is not leaves none.
Outcome BackupRoom::verify(const BackupId& id, VerifyMode mode, const Work& work) {
  const SystemTime started_at = tools_.take.clock.now();
  const auto artefact = catalogue_->get(id);
  if (!artefact) return ended_with(artefact.error());
  const auto hold = ReadHold::take(*catalogue_, id, started_at);
  if (!hold) return ended_with(hold.error());
  auto report = read_again(*artefact, mode, work);
  const SystemTime ended_at = tools_.take.clock.now();
  const std::optional<Error> stopped = report ? std::nullopt : std::optional(report.error());
  ledger::Entry entry = evidence::verified(
      *artefact, mode, report ? *report : artefact::VerifyReport{}, work, started_at, ended_at);
  if (stopped) entry.ended_with(*stopped);
  if (const auto recorded = tools_.record(entry); !recorded) return ended_with(recorded.error());
  if (stopped) {
    // Known as read: else the next scrub would be of this one again, and never of another.
    const std::string reason(stopped->info().name);
    if (stopped->code() != ErrorCode::cancelled)
      (void)catalogue_->record(id, {Verdict::could_not_verify, mode, ended_at, reason});
    return ended_with(*stopped);
  }

  Outcome outcome{
      report->result, std::nullopt, {{"backup", id.str()}, {"findings", report->findings_total}}};
  if (!report->findings.empty()) outcome.error = report->findings.front();
  const std::string code = outcome.error ? std::string(outcome.error->info().name) : "";
  if (const auto noted = catalogue_->record(id, {report->result, mode, ended_at, code}); !noted) {
    return ended_with(noted.error());
  }
  publish_view();
  return outcome;
}

std::optional<BackupId> BackupRoom::next_scrub(SystemTime now) const {
  const SetupPtr setup = this->setup();
  std::optional<BackupId> next;
  SystemTime earliest = now;
  for (const ArtefactView& one : catalogue_->all()) {
    const JobSetup* const job = setup->job(one.id.job);
    if (job == nullptr || job->options.verify.scrub == Duration::zero()) continue;
    const SystemTime due = last_read(one) + job->options.verify.scrub;
    if (due > earliest) continue;
    earliest = due;
    next = one.id;
  }
  return next;
}

}  // namespace vigie::backup
