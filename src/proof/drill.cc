#include "proof/drill.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>

#include "base/hash.h"
#include "proof/canary.h"
#include "proof/drill_checks.h"
#include "proof/scratch.h"

namespace vigie::proof {
namespace {

using artefact::Manifest;
using ledger::Assertion;
using ledger::Outcome;

class Drilling {
 public:
  Drilling(const DrillRequest& request, const RestoreTools& tools, const Work& work)
      : request_(request), tools_(tools), work_(work) {
    report_.newest = request.newest;
  }

  DrillReport run() {
    if (const auto done = all_steps(); !done) report_.error = done.error();
    end_scratch();
    (void)platform::remove_tree(tools_.files, request_.folder);
    // What was found to be bad outweighs what kept the rest from being looked at.
    const auto judged = judge();
    const auto is_bad = [](const std::optional<Error>& error) {
      return error && error->info().verdict == Verdict::failed;
    };
    if (!report_.error || (is_bad(judged) && !is_bad(report_.error))) report_.error = judged;
    return std::move(report_);
  }

 private:
  Result<> all_steps() {
    TRY(read_manifest());
    scratch_ = make_scratch({request_, manifest_, major(), bindir()}, tools_);
    TRY(scratch_->prepare(work_));
    TRY(start_server_and_unpack());
    TRY(timed("restore", [&] { return restore_all(); }));
    TRY(timed("checks", [&] { return check(); }));
    if (!request_.options.canary) return {};
    return timed("canary", [&] { return look_at_canaries(); });
  }

  // What could not be removed is told, and found by the next drill.
  void end_scratch() {
    if (!scratch_) return;
    for (std::string& one : scratch_->deviations()) report_.deviations.push_back(std::move(one));
    if (const auto ended = scratch_->end(); !ended)
      report_.deviations.push_back(ended.error().detail(Audience::everybody));
  }

  template <class Step>
  Result<> timed(const char* name, Step step) {
    const MonoTime began = tools_.clock.monotonic();
    auto done = step();
    report_.durations[name] =
        std::chrono::duration_cast<Duration>(tools_.clock.monotonic() - began);
    return done;
  }
  void phase(std::string_view name) const {
    work_.progress({name, request_.id.str(), {}, std::nullopt});
  }

  // What a server is started with must not come from a manifest that somebody has changed.
  Result<> read_manifest() {
    TRY_ASSIGN(const std::string text,
               artefact::read_stored(request_.source, artefact::kManifestName,
                                     artefact::kMaxManifestBytes));
    if (!request_.manifest_sha256.empty() && sha256_hex(text) != request_.manifest_sha256)
      return fail(ErrorCode::manifest_changed, {{"backup", request_.id.str()},
                                                {"member", std::string(artefact::kManifestName)}});
    TRY_ASSIGN(manifest_, Manifest::parse(text, request_.id));
    report_.data_age =
        std::max(Duration{0},
                 std::chrono::duration_cast<Duration>(tools_.clock.now() - manifest_.snapshot.at));
    return {};
  }

  int major() const {
    return request_.into_major != 0 ? request_.into_major : manifest_.server.version_num / 10000;
  }
  bool same_major() const { return major() == manifest_.server.version_num / 10000; }

  platform::Path bindir() const { return same_major() ? request_.bindir : platform::Path(); }

  // initdb waits for its files most of the time. When one of the two fails, the other is stopped:
  // what the backup has to say goes first.
  Result<> start_server_and_unpack() {
    phase("scratch server");
    std::stop_source stop;
    const std::stop_callback outer(work_.stop, [&] { stop.request_stop(); });
    Work work = work_;
    work.stop = stop.get_token();
    const auto stopping_other = [&](auto done) {
      if (!done) stop.request_stop();
      return done;
    };
    auto unpacking =
        std::async(std::launch::async, [&] { return stopping_other(unpack_all(work)); });
    const auto started = stopping_other(timed("scratch", [&] { return scratch_->start(work); }));
    unpacked_ = unpacking.get();
    const bool says_why = !unpacked_ && unpacked_.error().code() != ErrorCode::cancelled;
    return says_why ? Result<>() : started;
  }

  unsigned jobs() const { return static_cast<unsigned>(request_.options.scratch.jobs); }

  Result<Unpacked> unpack_all(const Work& work) {
    TRY(tools_.files.create_folder(request_.folder));
    UnpackRequest what{request_.source, request_.id, request_.manifest_sha256, request_.folder,
                       jobs()};
    what.identity = request_.options.identity;
    return unpack(tools_.files, tools_.processes, tools_.clock, what, work);
  }

  Result<Restored> restored() {
    TRY_ASSIGN(auto unpacked, std::move(unpacked_));
    RestoreRequest restore{request_.source,      request_.id, request_.manifest_sha256,
                           scratch_->database(), bindir(),    jobs()};
    restore.on_scratch = true;
    restore.made_as = scratch_->made_as();
    restore.server_identifier = scratch_->system_identifier();
    restore.identity = request_.options.identity;
    restore.folder = request_.folder;
    return proof::restore(restore, tools_, work_, std::move(unpacked));
  }

  Result<> restore_all() {
    auto restored = this->restored();
    if (!restored && restored.error().code() == ErrorCode::restore_failed && scratch_->doubt())
      restored = fail(*scratch_->doubt());
    note("restore", json::value("equal rows"),
         restored ? json::value("equal rows")
                  : json::value(json::string(restored.error().info().name)),
         restored ? Outcome::passed : ledger::outcome_of(verdict_on_backup(restored.error())));
    if (!restored) return fail(restored.error());
    report_.restored = std::move(*restored);
    manifest_ = report_.restored->manifest;
    note_restored(*report_.restored);
    return {};
  }

  void note_restored(const Restored& restored) {
    const size_t tables = restored.comparison.tables;
    note("rows", tables, tables, Outcome::passed);
    note("fingerprints", tables, tables, Outcome::passed);
    note("large_objects", restored.large_objects, restored.large_objects, Outcome::passed);
    report_.rto = report_.durations["scratch"];
    for (const auto& [step, time] : restored.durations)
      if (step != "compare") report_.rto += time;
    report_.server_version = restored.server_version;
    for (const Error& warning : restored.warnings)
      report_.deviations.push_back(warning.detail(Audience::everybody));
    if (request_.options.scratch.type == ScratchType::server && restored.roles_made > 0)
      report_.deviations.push_back(fmt::format(
          "{} roles of the backup were made on the scratch server, and stay", restored.roles_made));
    if (!restored.owners)
      report_.deviations.emplace_back("the backup holds no roles: owners and rights were left out");
    if (!same_major())
      report_.deviations.push_back(fmt::format("restored into PostgreSQL {}", major()));
    report_.deviations.insert(report_.deviations.end(), restored.left_out.begin(),
                              restored.left_out.end());
  }

  Result<> check() {
    phase("checks");
    TRY_ASSIGN(const auto session,
               tools_.postgres.connect(scratch_->database(), "vigie drill " + work_.run.str(),
                                       work_.limits()));
    const CheckRequest ask{request_.options,
                           manifest_,
                           report_.restored->sequences,
                           report_.restored->sequence_entries,
                           report_.restored->event_triggers,
                           same_major(),
                           report_.restored->owners,
                           tools_.clock.now()};
    TRY_ASSIGN(auto found, check_restored(*session, ask, work_.limits()));
    TRY_ASSIGN(const auto versions, other_extension_versions(*session, manifest_, work_.limits()));
    report_.deviations.insert(report_.deviations.end(), versions.begin(), versions.end());
    for (Assertion& one : found) report_.assertions.push_back(std::move(one));
    return {};
  }

  Result<> look_at_canaries() {
    phase("canaries");
    TRY_ASSIGN(auto found, put_canaries(request_, manifest_, scratch_->database(), tools_, work_));
    for (Assertion& one : found) report_.assertions.push_back(std::move(one));
    return {};
  }

  void note(std::string id, json::value expected, json::value actual, Outcome result) {
    report_.assertions.push_back({std::move(id), std::move(expected), std::move(actual), result});
  }

  // The worst counts: a drill that is broken says nothing, whatever else it found.
  std::optional<Error> judge() const {
    const auto first = [&](bool canary, Outcome result) {
      return std::ranges::find_if(report_.assertions, [&](const Assertion& one) {
        return one.result == result && one.id.starts_with("canary.") == canary;
      });
    };
    const auto none = report_.assertions.end();
    if (const auto one = first(true, Outcome::failed); one != none)
      return Error(ErrorCode::drill_canary,
                   {{"name", request_.options.name}, {"reason", one->id + " was not refused"}});
    if (const auto one = first(false, Outcome::failed); one != none)
      return Error(ErrorCode::drill_checks_failed,
                   {{"backup", request_.id.str()},
                    {"observed", fmt::format("{}", count(Outcome::failed))},
                    {"name", request_.options.name},
                    {"reason", one->id}});
    for (const bool canary : {false, true})
      if (const auto one = first(canary, Outcome::could_not_verify); one != none)
        return Error(ErrorCode::drill_check_unknown, {{"backup", request_.id.str()},
                                                      {"name", request_.options.name},
                                                      {"reason", one->id + " could not be made"}});
    return std::nullopt;
  }
  size_t count(Outcome result) const {
    return static_cast<size_t>(std::ranges::count(report_.assertions, result, &Assertion::result));
  }

  const DrillRequest& request_;
  const RestoreTools& tools_;
  const Work& work_;
  Manifest manifest_;
  std::unique_ptr<Scratch> scratch_;
  Result<Unpacked> unpacked_;
  DrillReport report_;
};

}  // namespace

DrillReport drill(const DrillRequest& request, const RestoreTools& tools, const Work& work) {
  return Drilling(request, tools, work).run();
}

}  // namespace vigie::proof
