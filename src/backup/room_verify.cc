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
      : catalogue_(std::exchange(other.catalogue_, nullptr)), id_(other.id_) {}
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

}  // namespace

Outcome BackupRoom::verify(const BackupId& id, VerifyMode mode, const Work& work) {
  const SystemTime started_at = tools_.take.clock.now();
  const auto artefact = catalogue_->get(id);
  if (!artefact) return ended_with(artefact.error());
  const auto hold = ReadHold::take(*catalogue_, id, started_at);
  if (!hold) return ended_with(hold.error());
  const SetupPtr setup = this->setup();
  const StoreSetup* const store = setup->store(artefact->store);
  if (store == nullptr)
    return ended_with(Error(ErrorCode::store_not_found, {{"store", artefact->store}}));
  const auto source = store->store->open(id);
  if (!source) return ended_with(source.error());

  artefact::VerifyRequest request = request_of(*artefact, mode, work);
  request.expected_manifest_sha256 = tools_.recorded(id);
  const std::string subject = id.str();
  request.progress = [&](const artefact::VerifyProgress& p) {
    work.progress({"verify", subject, p.done, p.total});
  };
  const auto report = artefact::verify(**source, tools_.take.clock, request);
  if (!report) return ended_with(report.error());

  const SystemTime ended_at = tools_.take.clock.now();
  if (const auto recorded =
          tools_.record(evidence::verified(*artefact, mode, *report, work, started_at, ended_at));
      !recorded) {
    return ended_with(recorded.error());
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
    const SystemTime due = one.fully_verified_at.value_or(one.ended_at) + job->options.verify.scrub;
    if (due > earliest) continue;
    earliest = due;
    next = one.id;
  }
  return next;
}

}  // namespace vigie::backup
