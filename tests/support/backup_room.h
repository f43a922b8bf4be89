// The room with its real store, ledger and catalogue in a folder, and artefacts that the real
// sealer sealed; no PostgreSQL. For the tests of what happens to artefacts once they are there.
#pragma once

#include <gtest/gtest.h>

#include <atomic>

#include "artefact/artefact_for_test.h"
#include "backup/room.h"
#include "ledger/ledger.h"
#include "store/local/local_store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_folder.h"

namespace vigie::backup {

inline BackupId night(unsigned day, std::string job = "nightly") {
  return {std::move(job), "app",
          SystemTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / day)) +
              std::chrono::hours(2)};
}

// One job, in UTC, and one store of that name.
inline std::shared_ptr<Setup> setup_of(const BackupJobOptions& job,
                                       std::shared_ptr<store::Store> store, std::string name) {
  auto setup = std::make_shared<Setup>();
  setup->jobs.push_back({job, platform::TimeZone()});
  store::StoreOptions options;
  options.name = std::move(name);
  options.reserve.bytes = 1_MiB;
  setup->stores.push_back({options, std::move(store)});
  return setup;
}

// A disk that keeps what a test names.
class StubbornFiles final : public platform::ForwardingFileSystem {
 public:
  StubbornFiles() : ForwardingFileSystem(platform::real_file_system()) {}
  Result<> remove_file(const platform::Path& path) override {
    if (before_remove) before_remove(path);
    if (is(kept, path)) return fail(platform::file_error(EIO, path));
    return ForwardingFileSystem::remove_file(path);
  }
  Result<std::unique_ptr<platform::ReadableFile>> open_read(const platform::Path& path) override {
    if (before_read) before_read(path);
    if (silent || is(unread, path)) return fail(platform::file_error(EIO, path));
    return ForwardingFileSystem::open_read(path);
  }

  Result<platform::FileInfo> info(const platform::Path& path) override {
    if (is(hidden, path)) return fail(platform::file_error(EIO, path));
    return ForwardingFileSystem::info(path);
  }

  Result<std::vector<platform::Entry>> list(const platform::Path& path) override {
    auto entries = ForwardingFileSystem::list(path);
    if (entries)
      std::erase_if(*entries, [this](const auto& one) { return is(unlisted, one.name); });
    return entries;
  }

  std::function<void(const platform::Path&)> before_read;  // what happens just before it is opened
  std::function<void(const platform::Path&)> before_remove;
  std::atomic<bool> silent = false;  // nothing can be opened; may be set while others read
  std::string kept;                  // no file with this in its path can be removed
  std::string unread;                // or opened
  std::string hidden;                // or asked for
  std::string unlisted;              // it is there, and no list of its folder shows it

 private:
  static bool is(const std::string& part, const platform::Path& path) {
    return !part.empty() && path.string().find(part) != std::string::npos;
  }
};

class RoomForTest {
 public:
  RoomForTest() {
    job_.name = "nightly";
    job_.databases = {"app"};
    job_.store = "local";
    job_.retention = {.keep_last = 1, .daily = 0, .weekly = 0, .monthly = 0, .min_good = 1};
    clock.jump_to(night(28).started_at);
    std::filesystem::create_directory(state());
    open();
  }

  platform::Path root() const { return folder_ / "artefacts"; }
  platform::Path offsite_root() const { return folder_ / "offsite"; }
  store::Store& offsite() { return *offsite_; }
  // The job copies into a second store, which lies off the host; in force at once.
  void copy_offsite() {
    job_.copies = {{"offsite", std::nullopt, {}}};
    configure();
  }
  // The same, but the second store is the first one under another name.
  void copy_into_itself() {
    offsite_ = store::make_local_store(offsite_files, "offsite", root());
    copy_offsite();
  }
  platform::Path state() const { return folder_ / state_; }
  BackupJobOptions& job() { return job_; }  // in force after configure()
  // In force after configure() as well: the same folder.
  void name_store(const std::string& name) {
    store_name_ = name;
    store_ = store::make_local_store(files, name, root());
  }
  // As a process that dies when it has decided, and before it has removed anything.
  void leave_expiring(const std::vector<BackupId>& ids) {
    room_.reset();
    EXPECT_TRUE((*Catalogue::open(state() / "state.db"))->begin_expiry(ids));
    open();
  }
  void configure() { room().configure(setup()); }
  void close() {
    room_.reset();
    ledger_.reset();
  }
  // Another life of the process; on another state folder, when it is named.
  void open(const std::string& state = "") {
    close();
    if (!state.empty()) state_ = state;
    std::filesystem::create_directory(this->state());
    ledger_ = *ledger::Ledger::open(files_, this->state() / "ledger", clock);
    room_ = *BackupRoom::open(tools(), this->state() / "state.db", setup());
  }

  BackupRoom& room() { return *room_; }
  store::Store& store() { return *store_; }
  static Work work() {
    Work work;
    work.correlation = new_correlation_id();
    work.trigger = {"human", "test", "because", ""};
    return work;
  }
  void reconcile() { EXPECT_TRUE(room().reconcile(work())); }
  Outcome verify(const BackupId& id) { return room().verify(id, VerifyMode::full, work()); }

  // As a run that died before it could say so: what it published lies in the store.
  std::string publish(const BackupId& id, int rows = 100) {
    artefact::Manifest manifest = artefact::test_manifest();
    manifest.id = id;
    if (!system_identifier.empty()) manifest.server.system_identifier = system_identifier;
    manifest.started_at = manifest.snapshot.at = id.started_at;
    manifest.sealed_at = id.started_at + std::chrono::seconds(9);
    artefact::MemoryArtefact made;
    seal_into(made, manifest, "dump/toc.dat.zst", artefact::FileKind::toc, "PGDMP, not really");
    std::string text;
    for (int row = 0; row < rows; ++row) text += std::to_string(row) + "\trow\n";
    const auto sealed = seal_into(made, manifest, "dump/1.dat.zst", artefact::FileKind::data,
                                  text + "\\.\n\n\n", 4096);
    manifest.tables.push_back({16412, "public", "docs", "dump/1.dat.zst", *sealed.rows});
    cover_with(made, manifest);
    const std::string name(artefact::kManifestName);
    put(id, made, made.files[name]);
    return sha256_hex(made.files[name]);
  }
  void put(const BackupId& id, const artefact::MemoryArtefact& made, const std::string& manifest) {
    ASSERT_TRUE(room_->setup()->stores.at(0).store->probe(""));  // as each run does: it marks it
    const auto writer = store_->begin(id);
    ASSERT_TRUE(writer);
    for (const auto& [name, bytes] : made.files) {
      if (name == artefact::kManifestName) continue;
      ASSERT_TRUE(store::write_file(**writer, name, bytes));
    }
    ASSERT_TRUE((*writer)->publish(manifest));
  }
  // Published, found, and verified.
  void good(const BackupId& id, int rows = 100) {
    publish(id, rows);
    reconcile();
    EXPECT_EQ(verify(id).verdict, Verdict::passed);
  }
  void spoil_manifest(const BackupId& id) {
    const auto path = store_->artefact_path(id) / artefact::kManifestName;
    EXPECT_TRUE(platform::write_file_replace(files_, path, "not a manifest"));
  }

  std::optional<ArtefactView> find(const BackupId& id) const {
    for (const ArtefactView& one : room_->view()->artefacts) {
      if (one.id == id) return one;
    }
    return std::nullopt;
  }
  std::optional<PlausibilityAlarm> alarm() const {
    return room_->view()->jobs.at(0).databases.at(0).alarm;
  }
  std::vector<BackupId> expired() const { return room_->plan(std::nullopt).at(0).expired(); }
  // The entries of a kind, oldest first.
  std::vector<json::object> entries(std::string_view kind) const {
    std::vector<json::object> found;
    ledger::Filter filter;
    filter.kind = std::string(kind);
    EXPECT_TRUE(ledger_->for_each(filter, [&](const json::object& entry) {
      found.push_back(entry);
      return true;
    }));
    return found;
  }
  void record(const ledger::Entry& entry) { EXPECT_TRUE(ledger_->append(entry)); }

  testing::FakeClock clock;
  StubbornFiles files;  // of the store
  StubbornFiles offsite_files;
  Bytes offsite_reserve{1};
  bool keep_offsite = false;  // configured as a store also when the job does not name it
  int warnings = 0;
  std::string system_identifier;       // of the server of what is published; empty: the usual
  std::optional<Error> ledger_reads;   // what reading it fails with
  std::optional<Error> ledger_writes;  // what writing it fails with

 private:
  RoomTools tools() {
    return {{files_, *processes_, *postgres_, clock, "test"},
            *http_,
            [this](const ledger::Entry& entry) -> Result<> {
              if (ledger_writes) return fail(*ledger_writes);
              TRY(ledger_->append(entry));
              return {};
            },
            [this](const BackupId& id) { return recorded(id); },
            [this](std::string_view, const Error&) { ++warnings; },
            state() / "staging"};
  }
  Result<std::optional<std::string>> recorded(const BackupId& id) const {
    if (ledger_reads) return fail(*ledger_reads);
    std::optional<std::string> sha256;
    ledger::Filter filter;
    filter.backup = id.str();
    TRY(ledger_->for_each(filter, [&](const json::object& entry) {
      const std::string_view kind = entry.at("kind").as_string();
      const bool says = kind == ledger::kind::kBackup || kind == ledger::kind::kRecovered;
      if (says && entry.at("result").as_string() == "passed")
        sha256 = entry.at("artefacts").as_array().at(0).as_object().at("sha256").as_string();
      return !sha256;
    }));
    return sha256;
  }
  SetupPtr setup() {
    auto setup = setup_of(job_, store_, store_name_);
    store::StoreOptions options;
    options.name = "offsite";
    options.off_host = true;
    options.reserve.bytes = offsite_reserve;
    if (keep_offsite || !job_.copies.empty()) setup->stores.push_back({options, offsite_});
    return setup;
  }

  testing::TempFolder folder_;
  platform::FileSystem& files_ = platform::real_file_system();
  std::string state_ = "state";
  std::string store_name_ = "local";
  BackupJobOptions job_;
  std::unique_ptr<platform::ProcessRunner> processes_ = platform::make_process_runner();
  std::unique_ptr<platform::PgConnector> postgres_ = platform::make_pg_connector();
  std::unique_ptr<platform::HttpClient> http_ = platform::make_http_client();
  std::shared_ptr<store::Store> store_ = store::make_local_store(files, "local", root());
  std::shared_ptr<store::Store> offsite_ =
      store::make_local_store(offsite_files, "offsite", offsite_root());
  std::unique_ptr<ledger::Ledger> ledger_;
  std::unique_ptr<BackupRoom> room_;
};

}  // namespace vigie::backup
