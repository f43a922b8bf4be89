#include "backup/take.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <stop_token>
#include <thread>

#include "backup/encryption.h"
#include "backup/give_way.h"
#include "backup/source_session.h"
#include "platform/failpoint.h"
#include "platform/placement.h"
#include "store/discard.h"

namespace vigie::backup {
namespace {

using namespace std::chrono_literals;

// A run may take hours; a server that does not say what it holds within half a minute is hung.
CallLimits asking_limits(const TakeTools& tools, const Work& work) {
  return {std::min(work.deadline, tools.clock.monotonic() + 30s), work.stop};
}

SpaceNeed space_need(const TakeRequest& request, const platform::Space& space,
                     Bytes database_size) {
  // Without an earlier artefact: text compresses to about a third, and indexes are not dumped at
  // all.
  const bool known = request.previous && request.previous->is_read();
  const Bytes estimate = known ? request.previous->stored : Bytes{database_size.count / 3};
  return {request.store.name(), space.total, space.available, request.reserve.of(space.total),
          estimate};
}

void add_all(std::vector<Finding>& to, std::vector<Finding> from) {
  std::ranges::move(from, std::back_inserter(to));
}

// A standing warning: one broken disk must not take the database and its backups.
std::optional<Finding> judge_place(const TakeRequest& request, const TakeTools& tools,
                                   const SourceFacts& facts) {
  if (!request.store.features().local_path || facts.data_directory.empty()) return std::nullopt;
  const auto data = tools.files.info(facts.data_directory);
  const auto store =
      tools.files.info(request.store.artefact_path({request.job.name, request.database.name, {}})
                           .parent_path()
                           .parent_path());
  if (!data || !store || data->device != store->device) return std::nullopt;
  return Finding{Error(ErrorCode::store_beside_data,
                       {{"store", request.store.name()}, {"database", request.database.name}}),
                 false};
}

// Never in the clear in its place: what cannot be encrypted is not dumped.
Result<> judge_encryption(const TakeRequest& request, const TakeTools& tools, const Work& work) {
  if (!request.job.encryption.wanted()) return {};
  TRY_ASSIGN(auto key, recipients_of(request.job.encryption, tools.files));
  return artefact::try_encryption({tools.processes, std::move(key.program),
                                   std::move(key.recipients), asking_limits(tools, work)});
}

Result<std::vector<Finding>> find_all(const TakeRequest& request, const TakeTools& tools,
                                      const Work& work, const SourceFacts& facts,
                                      const Result<>& store) {
  const PreflightInput input{request.database.name, request.database.bindir,
                             static_cast<uint64_t>(request.job.large_objects_limit)};
  std::vector<Finding> findings = judge_source(facts, input);
  if (auto finding =
          judge_clients(tools.files, tools.processes, facts.major(), input.bindir, work.limits())) {
    findings.push_back(std::move(*finding));
  }
  if (const auto fine = judge_encryption(request, tools, work); !fine)
    findings.push_back({fine.error()});
  if (!store) findings.push_back({store.error()});
  if (auto finding = judge_place(request, tools, facts)) findings.push_back(std::move(*finding));
  if (store && request.store.features().knows_space) {
    const auto space = request.store.space();
    // A store that is not there yet says nothing of its space.
    if (!space && space.error().code() != ErrorCode::file_not_found) return fail(space.error());
    if (space) add_all(findings, judge_space(space_need(request, *space, facts.database_size)));
  }
  return findings;
}

// What a restore will do to their rows, as far as it is not what one would think.
void describe_tables(const SourceFacts& facts, std::vector<artefact::TableEntry>& tables) {
  std::set<uint32_t> in_part;
  for (const SourceRelation& one : facts.tables)
    if (one.part_of_rows) in_part.insert(one.oid);
  for (artefact::TableEntry& table : tables) {
    table.part_of_rows = in_part.contains(table.oid);
    const auto found = facts.inherited_columns.find(table.oid);
    if (found != facts.inherited_columns.end()) table.columns = found->second;
  }
}

std::vector<SourceTable> names_of(const std::vector<SourceRelation>& relations) {
  std::vector<SourceTable> out;
  out.reserve(relations.size());
  for (const SourceRelation& one : relations) out.push_back({one.oid, one.schema, one.name});
  return out;
}

// One attempt after another on one artefact; holds what they share.
class Taking {
 public:
  Taking(const TakeRequest& request, const TakeTools& tools, const Work& work)
      : request_(request), tools_(tools), work_(work) {}

  Result<Taken> run();

 private:
  struct Attempt {
    SourceSession source;
    DumpResult dump;
    artefact::SourceCheck check;
    artefact::FingerprintKey key;
    std::vector<std::string> recipients;
    std::string client_version;
    std::vector<artefact::ObjectCount> inventory{};
  };

  Result<std::unique_ptr<store::ArtefactWriter>> begin();
  Result<Taken> take_into(store::ArtefactWriter& out);
  Result<Attempt> attempt(store::ArtefactWriter& out);
  Result<> judge(const SourceFacts& facts);
  struct Dumped {
    DumpResult dump;
    Result<SourceRows> rows;  // what the source says of them
  };
  Result<Dumped> dump(SourceSession& source, const artefact::FingerprintKey& key,
                      const Recipients& recipients, store::ArtefactWriter& out);
  std::jthread read_beside(SourceSession& source, const artefact::FingerprintKey& key,
                           std::stop_token stop, Result<SourceRows>& rows) const;
  Result<artefact::SourceCheck> check(SourceSession& source, const Dumped& dumped) const;
  platform::Clients clients_of(const SourceSession& source) const;
  DumpRequest dump_request(const SourceSession& source, const artefact::FingerprintKey& key) const;
  Result<Recipients> recipients() const;
  void watch_reserve(std::stop_source& stop);
  Result<Taken> publish(Attempt attempt, store::ArtefactWriter& out);
  artefact::Manifest manifest_of(Attempt& attempt) const;
  void report(std::string_view phase, Bytes done = {},
              std::optional<Bytes> total = std::nullopt) const {
    work_.progress({phase, request_.database.name, done, total});
  }

  const TakeRequest& request_;
  const TakeTools& tools_;
  const Work& work_;
  BackupId id_;
  SystemTime started_at_;
  std::vector<Error> warnings_;
  int gave_way_ = 0;
  bool watched_ = true;
  bool check_gave_way_ = false;
  std::optional<Error> below_reserve_;
  Bytes estimate_;  // of the raw bytes, for progress
  MonoTime next_look_{};
};

// Two backups of one job and database in one second: the later one waits its turn by name. So does
// one whose name is that of debris which could not be removed, or was used before.
Result<std::unique_ptr<store::ArtefactWriter>> Taking::begin() {
  for (int tries = 0; tries < 10; ++tries, id_.started_at += 1s) {
    if (request_.is_used && request_.is_used(id_)) continue;
    auto writer = request_.store.begin(id_);
    if (writer || writer.error().code() != ErrorCode::file_exists) return writer;
  }
  return fail(ErrorCode::run_conflict, {{"name", id_.str()}, {"run", "an earlier one"}});
}

Result<> Taking::judge(const SourceFacts& facts) {
  TRY_ASSIGN(const auto findings,
             find_all(request_, tools_, work_, facts, request_.store.probe(request_.job.name)));
  if (const Finding* finding = blocking(findings)) return fail(finding->error);
  warnings_.clear();
  for (const Finding& finding : findings) warnings_.push_back(finding.error);
  return {};
}

// A dump is given up before the file system of the store fills.
void Taking::watch_reserve(std::stop_source& stop) {
  if (!request_.store.features().knows_space || tools_.clock.monotonic() < next_look_) return;
  next_look_ = tools_.clock.monotonic() + 1s;
  const auto space = request_.store.space();
  if (!space) return;
  const Bytes reserve = request_.reserve.of(space->total);
  if (space->available >= reserve) return;
  below_reserve_ = Error(ErrorCode::space_reserve, {{"store", request_.store.name()},
                                                    {"observed", format_bytes(space->available)},
                                                    {"expected", format_bytes(reserve)}});
  stop.request_stop();
}

// Preflight has found them.
platform::Clients Taking::clients_of(const SourceSession& source) const {
  return platform::find_clients(tools_.files, source.facts().major(), request_.database.bindir)
      .value_or(platform::Clients{});
}

DumpRequest Taking::dump_request(const SourceSession& source,
                                 const artefact::FingerprintKey& key) const {
  DumpRequest dump;
  dump.dsn = request_.database.dsn;
  dump.clients = clients_of(source);
  dump.snapshot = source.id();
  dump.application_name = work_.run.str();
  dump.correlation_id = work_.correlation.str();
  dump.jobs = static_cast<unsigned>(request_.job.jobs);
  dump.compression_level = request_.job.compression_level;
  dump.lock_wait_timeout = request_.job.lock_wait_timeout;
  dump.globals = request_.job.globals != Globals::none;
  dump.role_passwords = request_.job.globals == Globals::with_passwords;
  dump.row_settings = artefact::row_settings(source.facts().server);
  dump.fingerprint_key = key;
  dump.staging = request_.staging;
  dump.server_major = source.facts().major();
  dump.tables = names_of(source.facts().tables);
  dump.limits.large_objects = static_cast<size_t>(request_.job.large_objects_limit);
  return dump;
}

std::jthread Taking::read_beside(SourceSession& source, const artefact::FingerprintKey& key,
                                 std::stop_token stop, Result<SourceRows>& rows) const {
  if (request_.job.source_check == SourceCheck::none) return {};
  return std::jthread([this, &source, &key, &rows, limits = CallLimits{work_.deadline, stop}] {
    rows = read_source_rows(source, request_.job.source_check, key, limits);
  });
}

Result<Recipients> Taking::recipients() const {
  if (!request_.job.encryption.wanted()) return Recipients{};
  return recipients_of(request_.job.encryption, tools_.files);
}

Result<Taking::Dumped> Taking::dump(SourceSession& source, const artefact::FingerprintKey& key,
                                    const Recipients& recipients, store::ArtefactWriter& out) {
  std::stop_source stop;
  const std::stop_callback outer(work_.stop, [&] { stop.request_stop(); });
  std::optional<GiveWayWatch> watch;
  if (request_.job.give_way.after > 0s) {
    watch.emplace(tools_.postgres, request_.database.dsn, work_.run, request_.job.give_way.after,
                  tools_.clock, stop);
  }
  const DumpTools tools{tools_.processes, tools_.clock,
                        [&](const DumpProgress& progress) {
                          report("dump", progress.raw, estimate_);
                          watch_reserve(stop);
                        },
                        work_.program_ended};
  Result<SourceRows> rows;
  std::jthread reading = read_beside(source, key, stop.get_token(), rows);
  DumpRequest request = dump_request(source, key);
  request.recipients = recipients.recipients;
  request.age = recipients.program;
  auto result = take_dump(request, tools, out, {work_.deadline, stop.get_token()});
  if (!result) stop.request_stop();
  if (result && reading.joinable()) report("source check");
  reading = {};
  if (watch && watch->blind()) watched_ = false;
  check_gave_way_ = result && !rows && watch && watch->gave_way();
  if (result) return Dumped{std::move(*result), std::move(rows)};
  if (work_.stop.stop_requested()) return fail(result.error());
  if (watch && watch->gave_way()) {
    return fail(ErrorCode::dump_gave_way, {{"database", request_.database.name},
                                           {"observed", fmt::format("{}", gave_way_ + 1)}});
  }
  return fail(below_reserve_.value_or(result.error()));
}

Result<artefact::SourceCheck> Taking::check(SourceSession& source, const Dumped& dumped) const {
  if (request_.job.source_check == SourceCheck::none) return artefact::SourceCheck{};
  return compare_with_source(source, request_.database.name, request_.job.source_check, dumped.rows,
                             dumped.dump.tables, work_.limits());
}

Result<Taking::Attempt> Taking::attempt(store::ArtefactWriter& out) {
  report("preflight");
  const SystemTime before = tools_.clock.now();
  TRY_ASSIGN(auto source,
             SourceSession::open(tools_.postgres, request_.database.dsn, "vigie " + work_.run.str(),
                                 tools_.clock, asking_limits(tools_, work_)));
  const SystemTime after = tools_.clock.now();
  TRY(judge(source.facts()));
  // What is taken under a wrong clock has a wrong date.
  if (const auto finding =
          judge_clock(request_.database.name, before, source.snapshot().at, after)) {
    warnings_.push_back(finding->error);
  }
  // What is dumped is less than what lies on the disk (indexes) or more (text): last time's is
  // nearer.
  estimate_ = request_.previous ? request_.previous->raw : source.facts().database_size;
  TRY(platform::remove_tree(tools_.files, request_.staging));
  platform::spread_subfolders(request_.staging.parent_path());
  TRY(tools_.files.create_folder(request_.staging, 0700));
  // After the snapshot: whoever writes rows cannot have known it.
  const artefact::FingerprintKey key = artefact::new_fingerprint_key();
  // At once: what definitions say is of now, whatever the snapshot.
  auto inventory = source.inventory(asking_limits(tools_, work_));
  if (!inventory)
    warnings_.push_back(Error(ErrorCode::inventory_unknown,
                              {{"database", request_.database.name},
                               {"reason", std::string(inventory.error().info().title)}}));
  TRY_ASSIGN(auto recipients, this->recipients());
  TRY_ASSIGN(auto dumped, dump(source, key, recipients, out));
  TRY_ASSIGN(auto checked, check(source, dumped));
  source.close();  // it holds back what VACUUM may remove, and publishing takes its time
  TRY_ASSIGN(auto version,
             platform::client_version(tools_.processes, clients_of(source), work_.limits()));
  return Attempt{std::move(source),
                 std::move(dumped.dump),
                 std::move(checked),
                 key,
                 std::move(recipients.recipients),
                 std::move(version),
                 std::move(inventory).value_or(std::vector<artefact::ObjectCount>())};
}

Result<Taken> Taking::take_into(store::ArtefactWriter& out) {
  TRY_ASSIGN(auto done, attempt(out));
  return publish(std::move(done), out);
}

// Moves out of the attempt: of 10,000 tables there must not be two lists.
artefact::Manifest Taking::manifest_of(Attempt& attempt) const {
  const SourceFacts& facts = attempt.source.facts();
  artefact::Manifest manifest;
  manifest.id = id_;
  manifest.vigie_version = tools_.vigie_version;
  manifest.run_id = work_.run.str();
  manifest.correlation_id = work_.correlation.str();
  manifest.started_at = started_at_;
  manifest.sealed_at = tools_.clock.now();
  const DumpMeasures& measures = attempt.dump.measures;
  manifest.durations = {
      {"dump", measures.dump}, {"seal", measures.seal}, {"globals", measures.globals}};
  manifest.server = facts.server;
  manifest.server.database_size = facts.database_size;
  manifest.client_version = attempt.client_version;
  manifest.snapshot = attempt.source.snapshot();
  manifest.fingerprint_key = attempt.key;
  manifest.recipients = std::move(attempt.recipients);
  manifest.files = std::move(attempt.dump.files);
  manifest.tables = std::move(attempt.dump.tables);
  manifest.extensions = facts.extensions;
  manifest.collations = facts.collations;
  manifest.not_included = facts.not_included;
  manifest.not_included_more = facts.not_included_more;
  if (request_.job.globals != Globals::with_passwords)
    manifest.roles_without_password = facts.login_roles;
  manifest.source_check = attempt.check;
  manifest.inventory = std::move(attempt.inventory);
  describe_tables(facts, manifest.tables);
  return manifest;
}

Result<Taken> Taking::publish(Attempt attempt, store::ArtefactWriter& out) {
  report("publish");
  artefact::Manifest manifest = manifest_of(attempt);
  const auto drill = tools_.last_drill
                         ? tools_.last_drill(request_.job.name, request_.database.name)
                         : std::nullopt;
  const artefact::Cover cover = artefact::make_cover(manifest, drill);
  // What could not be read again must not become an artefact.
  TRY(artefact::Manifest::parse(cover.manifest, id_));
  TRY(store::write_file(out, artefact::kCardName, cover.card));
  TRY(store::write_file(out, artefact::kSumsName, cover.sums));
  if (work_.stop.stop_requested()) return fail(ErrorCode::cancelled, {{"reason", "asked for"}});
  platform::failpoint("backup.before_publish");
  TRY(out.publish(cover.manifest));
  platform::failpoint("backup.after_publish");
  ArtefactView view;
  view.id = id_;
  view.store = request_.store.name();
  view.started_at = started_at_;
  view.ended_at = tools_.clock.now();
  view.raw = manifest.raw();
  view.stored = manifest.stored();
  view.rows = manifest.rows();
  view.tables = manifest.tables.size();
  view.correlation_id = work_.correlation.str();
  view.manifest_sha256 = cover.manifest_sha256;
  view.source_check = manifest.source_check.result;
  return Taken{std::move(view), std::move(manifest), attempt.dump.measures, warnings_, gave_way_,
               watched_,        check_gave_way_};
}

Result<Taken> Taking::run() {
  started_at_ = tools_.clock.now();
  id_ = {request_.job.name, request_.database.name,
         std::chrono::floor<std::chrono::seconds>(started_at_)};
  while (true) {
    TRY_ASSIGN(auto out, begin());
    auto taken = take_into(*out);
    (void)platform::remove_tree(tools_.files, request_.staging);  // also emptied at start
    if (taken) return taken;
    // The error that ended the attempt is the one to report; debris goes at the next start as well.
    store::discard_unpublished(*out, request_.store, id_, tools_.clock);
    const bool again = taken.error().code() == ErrorCode::dump_gave_way &&
                       gave_way_ < request_.job.give_way.retries;
    if (!again) return taken;
    ++gave_way_;
    // Whoever waited gets time to do what he waited for.
    tools_.clock.sleep_until(tools_.clock.monotonic() + request_.job.give_way.after, work_.stop);
    if (work_.stop.stop_requested()) return fail(ErrorCode::cancelled, {{"reason", "asked for"}});
  }
}

}  // namespace

Result<Taken> take_backup(const TakeRequest& request, const TakeTools& tools, const Work& work) {
  const MonoTime began = tools.clock.monotonic();
  auto taken = Taking(request, tools, work).run();
  if (taken) return taken;
  Error error = taken.error();
  // The run's deadline stops the work as anybody does who asks, and bounds what PostgreSQL is
  // asked: nobody has asked here, and which of the two was noticed first says nothing.
  const bool ended_early =
      error.code() == ErrorCode::cancelled || error.code() == ErrorCode::database_timeout;
  if (ended_early && tools.clock.monotonic() >= work.deadline) {
    const auto spent = std::chrono::round<std::chrono::seconds>(tools.clock.monotonic() - began);
    error = Error(ErrorCode::deadline_exceeded,
                  {{"name", request.job.name}, {"seconds", fmt::format("{}", spent.count())}});
  }
  error.with("database", request.database.name)
      .with("job", request.job.name)
      .with("run", work.run.str());
  return fail(std::move(error));
}

Result<std::vector<Finding>> preflight(const TakeRequest& request, const TakeTools& tools,
                                       const Work& work) {
  const SystemTime before = tools.clock.now();
  TRY_ASSIGN(const auto source,
             SourceSession::open(tools.postgres, request.database.dsn, "vigie preflight",
                                 tools.clock, asking_limits(tools, work)));
  const SystemTime after = tools.clock.now();
  TRY_ASSIGN(auto findings,
             find_all(request, tools, work, source.facts(), request.store.look(request.job.name)));
  if (auto finding = judge_clock(request.database.name, before, source.snapshot().at, after))
    findings.push_back(std::move(*finding));
  return findings;
}

}  // namespace vigie::backup
