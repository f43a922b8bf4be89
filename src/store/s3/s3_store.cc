#include "store/s3/s3_store.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>

#include "artefact/manifest.h"
#include "platform/failpoint.h"
#include "store/s3/client.h"
#include "store/s3/evidence_objects.h"
#include "store/s3/object_file.h"
#include "store/s3/object_writer.h"

namespace vigie::store {
namespace {

using s3::Client;
using s3::Object;

constexpr std::string_view kMarkerName = ".vigie-store";
constexpr std::string_view kProbeName = ".vigie-probe-";

// Drawn once: what carries another was left by a process that is gone.
const std::string& probes_of_this_process() {
  static const std::string name = std::string(kProbeName) + new_run_id().str();
  return name;
}

std::string new_probe_name() {
  static std::atomic<uint64_t> count = 0;
  return probes_of_this_process() + "-" + std::to_string(++count);
}

s3::Body body_of(std::string_view text) {
  return std::make_shared<const std::string>(text);
}

// What is there of an artefact goes, its manifest first.
Result<> remove_artefact(const Client& client, const std::string& folder) {
  TRY(client.remove(folder + std::string(artefact::kManifestName)));
  platform::failpoint("store.remove.manifest");
  TRY_ASSIGN(const auto uploads, client.uploads(folder));
  for (const s3::Upload& upload : uploads) TRY(client.abort(upload));
  std::vector<std::string> keys;
  TRY(client.each(folder, [&](Object object) { keys.push_back(std::move(object.key)); }));
  TRY(client.remove_all(keys));
  platform::failpoint("store.remove.files");
  return {};
}

// What was written, as the server answered. Thread-safe.
class Written {
 public:
  void add(Object object) {
    const std::lock_guard lock(mutex_);
    objects_.insert_or_assign(object.key, std::move(object));
  }
  std::map<std::string, Object> all() const {
    const std::lock_guard lock(mutex_);
    return objects_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Object> objects_;  // guarded by mutex_
};

class S3ArtefactWriter final : public ArtefactWriter {
 public:
  S3ArtefactWriter(Client client, std::string folder)
      : client_(std::move(client)), folder_(std::move(folder)) {}

  Result<std::unique_ptr<FileWriter>> create(std::string_view name) override {
    if (!artefact::is_stored_name(name) && name != artefact::kSumsName)
      return fail(ErrorCode::internal_error, {{"reason", "not a name of a stored file"}});
    const std::string key = folder_ + std::string(name);
    const std::lock_guard lock(mutex_);
    if (!begun_.insert(key).second) return fail(ErrorCode::file_exists, {{"path", key}});
    return writer_of(key);
  }

  Result<> publish(std::string_view manifest) override {
    platform::failpoint("store.publish.begin");
    TRY(compare());
    TRY(abort_strays());
    platform::failpoint("store.publish.files");
    const auto file = writer_of(folder_ + std::string(artefact::kManifestName));
    TRY(file->append(as_bytes(manifest)));
    TRY(file->close());
    platform::failpoint("store.publish.done");
    return {};
  }

  // Also after the work was stopped.
  Result<> discard() override { return remove_artefact(client_.for_cleaning(), folder_); }

 private:
  std::unique_ptr<s3::ObjectWriter> writer_of(const std::string& key) {
    return std::make_unique<s3::ObjectWriter>(
        client_, key, [written = written_](Object object) { written->add(std::move(object)); });
  }

  // Each file is there, with the size and the ETag that it had when it was written, and nothing
  // else.
  Result<> compare() const {
    auto expected = written_->all();
    size_t others = 0;
    TRY(client_.each(folder_, [&](const Object& found) {
      const auto one = expected.find(found.key);
      const bool same =
          one != expected.end() && one->second.size == found.size && one->second.etag == found.etag;
      if (same)
        expected.erase(one);
      else
        ++others;
    }));
    if (expected.empty() && others == 0) return {};
    return fail(ErrorCode::store_unreachable,
                {{"store", client_.store()},
                 {"reason", "it does not list the files that it took as they were sent"}});
  }

  // Begun by a request whose answer was lost.
  Result<> abort_strays() const {
    TRY_ASSIGN(const auto uploads, client_.uploads(folder_));
    for (const s3::Upload& upload : uploads) TRY(client_.abort(upload));
    return {};
  }

  const Client client_;
  const std::string folder_;  // with a slash at its end
  const std::shared_ptr<Written> written_ = std::make_shared<Written>();
  std::mutex mutex_;
  std::set<std::string> begun_;  // keys; guarded by mutex_
};

class S3Source final : public artefact::ArtefactSource {
 public:
  S3Source(Client client, std::string folder)
      : client_(std::move(client)), folder_(std::move(folder)) {}

  Result<std::vector<artefact::StoredFile>> list() override {
    std::vector<artefact::StoredFile> out;
    TRY(client_.each(folder_, [&](const Object& object) {
      const std::string name = object.key.substr(folder_.size());
      // What consoles make so that a folder shows.
      if (!name.empty()) out.push_back({name, object.size, !name.ends_with('/')});
    }));
    std::ranges::sort(out, {}, &artefact::StoredFile::name);
    return out;
  }

  Result<std::unique_ptr<platform::ReadableFile>> open(std::string_view name) override {
    return s3::open_object(client_, folder_ + std::string(name));
  }

 private:
  const Client client_;
  const std::string folder_;  // with a slash at its end
};

class S3Store final : public Store {
 public:
  S3Store(std::string name, std::string prefix, Client client)
      : name_(std::move(name)), prefix_(std::move(prefix)), client_(std::move(client)) {}

  const std::string& name() const override { return name_; }
  Features features() const override {
    return {.off_host = true, .knows_space = false, .local_path = false};
  }
  std::shared_ptr<Store> within(const CallLimits& limits) const override {
    return std::make_shared<S3Store>(name_, prefix_, client_.within(limits));
  }

  Result<std::unique_ptr<ArtefactWriter>> begin(const BackupId& id) override {
    const std::string folder = folder_of(id);
    TRY_ASSIGN(const auto object, client_.first(folder));
    TRY_ASSIGN(const auto uploads, client_.uploads(folder));
    if (object || !uploads.empty()) return fail(ErrorCode::file_exists, {{"path", folder}});
    return std::make_unique<S3ArtefactWriter>(client_, folder);
  }

  Result<bool> exists(const BackupId& id) override {
    TRY_ASSIGN(const auto manifest,
               client_.find(folder_of(id) + std::string(artefact::kManifestName)));
    return manifest.has_value();
  }

  Result<std::vector<BackupId>> list() override {
    TRY_ASSIGN(const auto ids, ids_with_objects());
    return chosen(ids, true);
  }
  Result<std::vector<BackupId>> debris() override {
    TRY_ASSIGN(auto ids, ids_with_objects());
    TRY_ASSIGN(const auto uploads, client_.uploads(prefix_));
    for (const s3::Upload& upload : uploads)
      if (const auto id = id_of(upload.key)) ids.insert(*id);
    return chosen(ids, false);
  }

  Result<std::unique_ptr<artefact::ArtefactSource>> open(const BackupId& id) override {
    TRY_ASSIGN(const bool there, exists(id));
    if (!there) return fail(ErrorCode::backup_not_found, {{"backup", id.str()}});
    return std::make_unique<S3Source>(client_, folder_of(id));
  }

  Result<> remove(const BackupId& id) override { return remove_artefact(client_, folder_of(id)); }

  Result<std::optional<std::string>> marker() override {
    TRY_ASSIGN(auto piece, client_.get_small(key_of(kMarkerName), kMaxMarkerBytes));
    if (!piece) return std::optional<std::string>();
    // Nobody writes one as long as that: it is there, and says nothing.
    if (piece->total > kMaxMarkerBytes) return std::optional(std::string());
    return std::optional(std::move(piece->bytes));
  }
  Result<> mark(std::string_view text, bool replace) override {
    const std::string key = key_of(kMarkerName);
    if (!replace) {
      TRY_ASSIGN(const auto there, client_.find(key));
      if (there) return fail(ErrorCode::file_exists, {{"path", key}});
    }
    TRY(client_.put(key, body_of(text)));
    return {};
  }

  Result<std::vector<EvidenceFile>> evidence() override { return objects().list(); }
  Result<std::unique_ptr<platform::ReadableFile>> open_evidence(std::string_view name) override {
    return objects().open(name);
  }
  Result<EvidenceFile> put_evidence(std::string_view name, const platform::ReadableFile& from,
                                    Bytes size) override {
    return objects().put(name, from, size);
  }

  Result<> probe(std::string_view) override {
    remove_old_probes();
    const std::string key = key_of(new_probe_name());
    constexpr std::string_view kText = "vigie probe\n";
    TRY(client_.put(key, body_of(kText)));
    const auto piece = client_.get_small(key, 1_KiB);
    TRY(client_.remove(key));
    if (!piece) return fail(piece.error());
    if (*piece && (*piece)->bytes == kText) return {};
    return fail(ErrorCode::file_io, {{"path", key}, {"reason", "it reads otherwise"}});
  }
  // S3 says nothing of rights before they are used.
  Result<> look(std::string_view) override {
    TRY(client_.first(prefix_));
    return {};
  }
  Result<platform::Space> space() override {
    return fail(ErrorCode::internal_error, {{"reason", "a bucket does not say its space"}});
  }
  platform::Path artefact_path(const BackupId&) const override { return {}; }

 private:
  s3::EvidenceObjects objects() const {
    return {client_, key_of(std::string(kEvidenceFolder) + "/")};
  }
  std::string key_of(std::string_view name) const { return prefix_ + std::string(name); }
  std::string folder_of(const BackupId& id) const {
    return prefix_ + id.job + "/" + id.str() + "/";
  }

  // Of "<prefix><job>/<id>/…".
  std::optional<BackupId> id_of(std::string_view key) const {
    if (!key.starts_with(prefix_)) return std::nullopt;
    key.remove_prefix(prefix_.size());
    const size_t job_end = key.find('/');
    if (job_end == std::string_view::npos) return std::nullopt;
    const size_t id_end = key.find('/', job_end + 1);
    if (id_end == std::string_view::npos) return std::nullopt;
    const auto id = BackupId::parse(key.substr(job_end + 1, id_end - job_end - 1));
    return id && id->job == key.substr(0, job_end) ? std::optional(*id) : std::nullopt;
  }

  Result<std::set<BackupId>> ids_with_objects() const {
    std::set<BackupId> ids;
    TRY_ASSIGN(const auto jobs, client_.folders(prefix_));
    for (const std::string& job : jobs) {
      if (!is_name(job)) continue;
      TRY_ASSIGN(const auto folders, client_.folders(prefix_ + job + "/"));
      for (const std::string& folder : folders) {
        const auto id = BackupId::parse(folder);
        if (id && id->job == job) ids.insert(*id);
      }
    }
    return ids;
  }

  Result<std::vector<BackupId>> chosen(const std::set<BackupId>& ids, bool published) {
    std::vector<BackupId> out;
    for (const BackupId& id : ids) {
      TRY_ASSIGN(const bool there, exists(id));
      if (there == published) out.push_back(id);
    }
    return out;
  }

  // What a crash left. Best effort: it is in nobody's way.
  void remove_old_probes() {
    std::vector<std::string> old;
    const auto looked = client_.each(key_of(kProbeName), [&](Object object) {
      if (!object.key.starts_with(key_of(probes_of_this_process())))
        old.push_back(std::move(object.key));
    });
    if (looked) (void)client_.remove_all(old);
  }

  const std::string name_;
  const std::string prefix_;  // empty, or with a slash at its end
  const Client client_;
};

}  // namespace

std::unique_ptr<Store> make_s3_store(std::string name, const S3Options& options,
                                     std::shared_ptr<platform::HttpClient> http,
                                     const platform::Clock& clock) {
  const auto exchange = std::make_shared<s3::Exchange>(name, options, std::move(http), clock);
  const std::string prefix = options.prefix.empty() ? "" : options.prefix + "/";
  return std::make_unique<S3Store>(std::move(name), prefix,
                                   Client(exchange, {MonoTime::max(), {}}));
}

}  // namespace vigie::store
