#include "store/local/local_store.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>

#include "artefact/manifest.h"
#include "platform/failpoint.h"
#include "platform/placement.h"
#include "platform/system_info.h"
#include "store/local/evidence_folder.h"

namespace vigie::store {
namespace {

using platform::Entry;
using platform::EntryKind;
using platform::FileSystem;
using platform::Path;

constexpr std::string_view kMarkerName = ".vigie-store";
constexpr std::string_view kProbeName = ".vigie-probe-";
constexpr uint64_t kWritebackEvery = uint64_t{8} << 20;

// Drawn once: what carries another was left by a process that is gone.
const std::string& probes_of_this_process() {
  static const std::string name = std::string(kProbeName) + new_run_id().str();
  return name;
}

// Two runs may probe one store at once.
std::string new_probe_name() {
  static std::atomic<uint64_t> count = 0;
  return probes_of_this_process() + "-" + std::to_string(++count);
}

// Also one that has its temporary name still.
bool is_probe(std::string_view name, std::string_view prefix) {
  return name.starts_with(prefix) || (name.starts_with('.') && name.substr(1).starts_with(prefix));
}

bool is_missing(const Error& error) {
  return error.code() == ErrorCode::file_not_found;
}

Result<bool> is_there(FileSystem& files, const Path& path) {
  const auto info = files.info(path);
  if (info) return true;
  if (is_missing(info.error())) return false;
  return fail(info.error());
}

tl::unexpected<Error> no_such_backup(const BackupId& id) {
  return fail(ErrorCode::backup_not_found, {{"backup", id.str()}});
}

class LocalFileWriter final : public FileWriter {
 public:
  explicit LocalFileWriter(std::unique_ptr<platform::WritableFile> file) : file_(std::move(file)) {}

  Result<> append(ByteSpan bytes) override {
    TRY(file_->append(bytes));
    unwritten_ += bytes.size();
    if (unwritten_ >= kWritebackEvery) {
      file_->start_writeback();
      unwritten_ = 0;
    }
    return {};
  }
  Result<> close() override { return file_->close(); }

 private:
  std::unique_ptr<platform::WritableFile> file_;
  uint64_t unwritten_ = 0;
};

class LocalArtefactWriter final : public ArtefactWriter {
 public:
  LocalArtefactWriter(FileSystem& files, Path root, Path folder)
      : files_(files), root_(std::move(root)), folder_(std::move(folder)) {}

  Result<std::unique_ptr<FileWriter>> create(std::string_view name) override {
    if (!artefact::is_stored_name(name) && name != artefact::kSumsName) {
      return fail(ErrorCode::internal_error, {{"reason", "not a name of a stored file"}});
    }
    const Path path = folder_ / name;
    TRY(make_parent(path.parent_path()));
    TRY_ASSIGN(auto file, files_.create(path));
    const std::lock_guard lock(mutex_);
    written_.push_back(path);
    return std::make_unique<LocalFileWriter>(std::move(file));
  }

  Result<> publish(std::string_view manifest) override {
    platform::failpoint("store.publish.begin");
    TRY(files_.sync_files(written_));
    platform::failpoint("store.publish.files");
    for (const Path& path : folders_) TRY(files_.sync_folder(path));
    for (const Path& path : {folder_, folder_.parent_path(), root_, root_.parent_path()}) {
      TRY(files_.sync_folder(path));
    }
    platform::failpoint("store.publish.folders");
    TRY(platform::write_file_new(files_, folder_ / artefact::kManifestName, manifest));
    platform::failpoint("store.publish.done");
    return {};
  }

  Result<> discard() override { return platform::remove_tree(files_, folder_); }

 private:
  Result<> make_parent(const Path& parent) {
    const std::lock_guard lock(mutex_);
    if (parent == folder_ || !folders_.insert(parent).second) return {};
    // A store that has gone since must not be made anew where it was: beneath a mount point.
    TRY(files_.info(folder_));
    return files_.create_folder(parent);
  }
  FileSystem& files_;
  const Path root_;
  const Path folder_;
  std::mutex mutex_;
  std::vector<Path> written_;  // guarded by mutex_ until publish()
  std::set<Path> folders_;     // below folder_; likewise
};

class LocalSource final : public artefact::ArtefactSource {
 public:
  LocalSource(FileSystem& files, Path folder) : files_(files), folder_(std::move(folder)) {}

  Result<std::vector<artefact::StoredFile>> list() override {
    std::vector<artefact::StoredFile> out;
    TRY_ASSIGN(const std::vector<Entry> top, files_.list(folder_));
    for (const Entry& entry : top) {
      TRY(entry.kind == EntryKind::folder ? add_folder(entry.name, out)
                                          : add(entry.name, entry.kind, out));
    }
    std::ranges::sort(out, {}, &artefact::StoredFile::name);
    return out;
  }

  Result<std::unique_ptr<platform::ReadableFile>> open(std::string_view name) override {
    return files_.open_read(folder_ / name);
  }

 private:
  Result<> add_folder(const std::string& name, std::vector<artefact::StoredFile>& out) {
    TRY_ASSIGN(const std::vector<Entry> entries, files_.list(folder_ / name));
    for (const Entry& entry : entries) TRY(add(name + "/" + entry.name, entry.kind, out));
    return {};
  }
  Result<> add(const std::string& name, EntryKind kind, std::vector<artefact::StoredFile>& out) {
    TRY_ASSIGN(const platform::FileInfo info, files_.info(folder_ / name));
    out.push_back({name, info.size, kind == EntryKind::file});
    return {};
  }

  FileSystem& files_;
  const Path folder_;
};

class LocalStore final : public Store {
 public:
  LocalStore(FileSystem& files, std::string name, Path root)
      : files_(files), name_(std::move(name)), root_(std::move(root)), evidence_(files, root_) {}

  const std::string& name() const override { return name_; }
  Features features() const override {
    return {.off_host = false, .knows_space = true, .local_path = true};
  }
  std::shared_ptr<Store> within(const CallLimits&) const override {
    return std::make_shared<LocalStore>(files_, name_, root_);
  }

  Result<std::unique_ptr<ArtefactWriter>> begin(const BackupId& id) override {
    const Path folder = artefact_path(id);
    TRY(of_the_store(make_artefact_folder(folder)));
    return std::make_unique<LocalArtefactWriter>(files_, root_, folder);
  }

  Result<bool> exists(const BackupId& id) override {
    return is_there(files_, artefact_path(id) / artefact::kManifestName);
  }
  Result<std::vector<BackupId>> list() override { return find(true); }
  Result<std::vector<BackupId>> debris() override { return find(false); }

  Result<std::unique_ptr<artefact::ArtefactSource>> open(const BackupId& id) override {
    TRY_ASSIGN(const bool there, exists(id));
    if (!there) return no_such_backup(id);
    return std::make_unique<LocalSource>(files_, artefact_path(id));
  }

  Result<> remove(const BackupId& id) override {
    const Path folder = artefact_path(id);
    const auto removed = files_.remove_file(folder / artefact::kManifestName);
    if (!removed && !is_missing(removed.error())) return removed;
    platform::failpoint("store.remove.manifest");
    // Also when it is gone already: whoever removed it may not have come to this.
    const auto synced = files_.sync_folder(folder);
    if (!synced && (removed || !is_missing(synced.error()))) return synced;
    platform::failpoint("store.remove.synced");
    TRY(platform::remove_tree(files_, folder));
    platform::failpoint("store.remove.files");
    TRY_ASSIGN(const bool there, is_there(files_, folder.parent_path()));
    return there ? files_.sync_folder(folder.parent_path()) : Result<>();
  }

  Result<std::optional<std::string>> marker() override {
    auto text = platform::read_file(files_, root_ / kMarkerName, kMaxMarkerBytes);
    if (text) return std::optional(std::move(*text));
    if (is_missing(text.error())) return std::optional<std::string>();
    // Nobody writes one as long as that: it is there, and says nothing.
    if (text.error().code() == ErrorCode::limit_exceeded) return std::optional(std::string());
    return fail(text.error());
  }
  Result<> mark(std::string_view text, bool replace) override {
    return of_the_store(write_marker(text, replace));
  }

  Result<std::vector<EvidenceFile>> evidence() override { return evidence_.list(); }
  Result<std::unique_ptr<platform::ReadableFile>> open_evidence(std::string_view name) override {
    return evidence_.open(name);
  }
  Result<EvidenceFile> put_evidence(std::string_view name, const platform::ReadableFile& from,
                                    Bytes size) override {
    auto written = evidence_.put(name, from, size);
    if (!written) TRY(of_the_store(fail(written.error())));
    return written;
  }

  Result<> probe(std::string_view job) override {
    TRY(of_the_store(write_probe()));
    return look_at_job(job);
  }
  Result<> look(std::string_view job) override {
    TRY(of_the_store(look_at_root()));
    return look_at_job(job);
  }
  Result<platform::Space> space() override { return files_.space(root_); }

  Path artefact_path(const BackupId& id) const override { return root_ / id.job / id.str(); }

 private:
  static std::string reason_of(const Error& error) {
    return std::string(error.parameter("reason"));
  }
  tl::unexpected<Error> not_writable(std::string reason) const {
    return fail(ErrorCode::store_not_writable, {{"store", name_}, {"reason", std::move(reason)}});
  }
  // What the rights or a read-only mount refuse is no matter of the one file that met it first.
  Result<> of_the_store(Result<> done) const {
    if (done || done.error().code() != ErrorCode::file_permission) return done;
    return not_writable(reason_of(done.error()));
  }

  Result<> make_artefact_folder(const Path& folder) {
    TRY(make_root());
    TRY_ASSIGN(const bool there, is_there(files_, folder));
    if (there) return fail(ErrorCode::file_exists, {{"path", folder.string()}});
    TRY(files_.create_folder(folder.parent_path()));
    platform::spread_subfolders(folder.parent_path());
    return files_.create_folder(folder);
  }

  Result<> look_at_root() {
    TRY_ASSIGN(const bool there, is_there(files_, root_));
    const Path folder = there ? root_ : root_.parent_path();
    if (!there) TRY(files_.info(folder));
    const auto access = platform::check_folder_access(folder);
    return access ? Result<>() : not_writable(reason_of(access.error()));
  }
  // Others made it, when somebody ran a backup as root.
  Result<> look_at_job(std::string_view job) {
    if (job.empty()) return {};
    TRY_ASSIGN(const bool there, is_there(files_, root_ / job));
    if (!there) return {};
    // A list does not follow it: what lies behind it would be taken and never found again.
    TRY_ASSIGN(const auto info, files_.info(root_ / job));
    if (info.kind != EntryKind::folder)
      return not_writable("its folder " + std::string(job) +
                          " is a link or a file: mount there "
                          "what is to hold it (mount --bind)");
    const auto access = platform::check_folder_access(root_ / job);
    if (access) return {};
    return not_writable("its folder " + std::string(job) + ": " + reason_of(access.error()));
  }

  Result<> write_marker(std::string_view text, bool replace) {
    TRY(make_root());
    TRY(files_.sync_folder(root_.parent_path()));
    const Path path = root_ / kMarkerName;
    return replace ? platform::write_file_replace(files_, path, text)
                   : platform::write_file_new(files_, path, text);
  }

  Result<> write_probe() {
    TRY(make_root());
    remove_old_probes();
    const Path path = root_ / new_probe_name();
    constexpr std::string_view kText = "vigie probe\n";
    // As a manifest is written. What fails leaves nothing behind, as far as it can be removed.
    TRY(platform::write_file_new(files_, path, kText));
    const auto text = platform::read_file(files_, path, 1_KiB);
    TRY(files_.remove_file(path));
    if (!text) return fail(text.error());
    if (*text == kText) return {};
    return fail(ErrorCode::file_io, {{"path", path.string()}, {"reason", "it reads otherwise"}});
  }

  Result<> make_root() {
    TRY_ASSIGN(const bool there, is_there(files_, root_));
    if (there) return {};
    TRY(files_.info(root_.parent_path()));
    return files_.create_folder(root_);
  }

  // What a crash left. Best effort: it is in nobody's way.
  void remove_old_probes() {
    const auto entries = files_.list(root_);
    if (!entries) return;
    for (const Entry& entry : *entries) {
      const bool old =
          is_probe(entry.name, kProbeName) && !is_probe(entry.name, probes_of_this_process());
      if (old && entry.kind == EntryKind::file) (void)files_.remove_file(root_ / entry.name);
    }
  }

  // A folder of somebody else that we may not even look into: no artefact of ours can be there.
  bool is_closed_to_us(const Path& folder, const Error& error) {
    if (error.code() != ErrorCode::file_permission) return false;
    const auto info = files_.info(folder);
    return info && info->owner != ::geteuid();
  }

  // The ids whose folder has a manifest, or has none. A root that is not there yet is empty.
  Result<std::vector<BackupId>> find(bool published) {
    std::vector<BackupId> out;
    const auto jobs = files_.list(root_);
    if (!jobs && is_missing(jobs.error())) {
      TRY(files_.info(root_.parent_path()));
      return out;
    }
    if (!jobs) return fail(jobs.error());
    for (const Entry& job : *jobs) {
      if (job.kind == EntryKind::folder && is_name(job.name))
        TRY(find_in(job.name, published, out));
    }
    std::ranges::sort(out);
    return out;
  }

  Result<> find_in(const std::string& job, bool published, std::vector<BackupId>& out) {
    const auto entries = files_.list(root_ / job);
    if (!entries && is_closed_to_us(root_ / job, entries.error())) return {};
    if (!entries) return fail(entries.error());
    for (const Entry& entry : *entries) {
      const auto id = BackupId::parse(entry.name);
      if (entry.kind != EntryKind::folder || !id || id->job != job) continue;
      TRY_ASSIGN(const bool there, exists(*id));
      if (there == published) out.push_back(*id);
    }
    return {};
  }

  FileSystem& files_;
  const std::string name_;
  const Path root_;
  const EvidenceFolder evidence_;
};

}  // namespace

std::unique_ptr<Store> make_local_store(platform::FileSystem& files, std::string name,
                                        platform::Path root) {
  return std::make_unique<LocalStore>(files, std::move(name), std::move(root));
}

}  // namespace vigie::store
