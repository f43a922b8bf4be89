// Verifying what lies in the stores.
#include <thread>

#include "artefact/verify.h"
#include "backup/evidence.h"
#include "backup/room.h"
#include "backup/scrub.h"

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

// Whole, but nobody knows whether it is the one that was published.
void doubt_origin(const BackupId& id, artefact::VerifyReport& report) {
  if (report.result == Verdict::passed) report.result = Verdict::could_not_verify;
  report.findings.emplace_back(
      ErrorCode::ledger_unreadable,
      Parameters{{"backup", id.str()}, {"reason", "no hash of its manifest is recorded"}});
  ++report.findings_total;
}

// The finding that the verdict comes from.
std::optional<Error> reason_of(const artefact::VerifyReport& report) {
  if (report.findings.empty()) return std::nullopt;
  const auto worst = std::ranges::find_if(report.findings, [&](const Error& one) {
    return (one.info().error_class == "integrity") == (report.result == Verdict::failed);
  });
  return worst == report.findings.end() ? report.findings.front() : *worst;
}

// Work that ended early says nothing about the artefact, unless it is gone.
Error stopped_by(const ArtefactView& artefact, const Error& error) {
  return error.code() == ErrorCode::backup_not_found ? evidence::lost(artefact) : error;
}

}  // namespace

Result<artefact::VerifyReport> BackupRoom::read_again(const ArtefactView& artefact, VerifyMode mode,
                                                      const Work& work) {
  const SetupPtr setup = this->setup();
  const StoreSetup* const store = setup->store(artefact.store);
  if (store == nullptr) return fail(ErrorCode::store_not_found, {{"store", artefact.store}});
  TRY_ASSIGN(const auto source, store->store->open(artefact.id));
  artefact::VerifyRequest request = request_of(artefact, mode, work);
  TRY_ASSIGN(const auto recorded, this->recorded(artefact.id));
  // A ledger that lost its entry: the catalogue still knows what was published.
  request.expected_manifest_sha256 = recorded.value_or(artefact.manifest_sha256);
  const std::string subject = artefact.id.str();
  request.progress = [&](const artefact::VerifyProgress& p) {
    work.progress({"verify", subject, p.done, p.total});
  };
  TRY_ASSIGN(auto report, artefact::verify(*source, tools_.take.clock, request));
  if (request.expected_manifest_sha256.empty()) doubt_origin(artefact.id, report);
  return report;
}

// Known as read: else the next scrub would be of this one again, and never of another.
Outcome BackupRoom::not_verified(const ArtefactView& artefact, VerifyMode mode, const Error& error,
                                 const Work& work) {
  const bool gone = error.code() == ErrorCode::backup_lost;
  Outcome outcome{gone ? Verdict::failed : Verdict::could_not_verify, error, {}};
  if (gone) {
    if (const auto missed = miss(artefact, work); !missed) doubt();
  } else if (error.code() != ErrorCode::cancelled) {
    (void)catalogue_->record(artefact.id, {Verdict::could_not_verify, mode, tools_.take.clock.now(),
                                           std::string(error.info().name)});
  }
  return outcome;
}

Outcome BackupRoom::verify(const BackupId& id, VerifyMode mode, const Work& work) {
  auto outcome = read_and_record(id, mode, ledger::kind::kBackupVerify, work);
  publish_view();
  return outcome;
}

Outcome BackupRoom::scrub(const BackupId& id, const Work& work) {
  auto outcome = read_and_record(id, VerifyMode::full, ledger::kind::kScrub, work);
  publish_view();
  return outcome;
}

// However it ends, it leaves an entry; only an artefact that there is not leaves none.
Outcome BackupRoom::read_and_record(const BackupId& id, VerifyMode mode, std::string_view kind,
                                    const Work& work) {
  const SystemTime started_at = tools_.take.clock.now();
  const auto artefact = catalogue_->get(id);
  if (!artefact) return ended_with(artefact.error());
  const auto hold = ReadHold::take(*catalogue_, id, started_at);
  if (!hold) return ended_with(hold.error());
  const auto report = read_again(*artefact, mode, work);
  const SystemTime ended_at = tools_.take.clock.now();
  ledger::Entry entry = evidence::verified(
      *artefact, mode, report ? *report : artefact::VerifyReport{}, work, started_at, ended_at);
  entry.kind = kind;
  const auto reason = report ? reason_of(*report) : stopped_by(*artefact, report.error());
  if (reason) entry.error_code = reason->info().name;
  if (!report && reason->code() == ErrorCode::backup_lost) entry.ended_with(*reason);
  if (const auto recorded = tools_.record(entry); !recorded) return ended_with(recorded.error());
  if (!report) return not_verified(*artefact, mode, *reason, work);

  Outcome outcome{report->result,
                  report->result == Verdict::passed ? std::nullopt : reason,
                  {{"backup", id.str()}, {"findings", report->findings_total}}};
  const std::string code = reason ? std::string(reason->info().name) : "";
  if (const auto noted = catalogue_->record(id, {report->result, mode, ended_at, code}); !noted) {
    return ended_with(noted.error());
  }
  return outcome;
}

std::optional<BackupId> BackupRoom::next_scrub() {
  const SetupPtr setup = this->setup();
  std::vector<ScrubCandidate> candidates;
  for (const ArtefactView& one : catalogue_->all()) {
    if (setup->store(one.store) == nullptr) continue;  // it cannot be read
    // What its job leaves behind is kept, and read like the rest.
    const JobSetup* const job = setup->job(one.id.job);
    const Duration period = job ? job->options.verify.scrub : VerifyOptions().scrub;
    if (period > Duration::zero())
      candidates.push_back(
          {one.id, last_read(one), period, job ? job->zone : platform::TimeZone()});
  }
  const SystemTime now = tools_.take.clock.now();
  const std::lock_guard lock(mutex_);
  auto next = due_scrub(candidates, now, last_scrub_);
  if (next) last_scrub_ = now;
  return next;
}

}  // namespace vigie::backup
