#include "artefact/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "artefact/unseal.h"
#include "platform/patience.h"

namespace vigie::artefact {
namespace {

// The findings and progress of all workers. Thread-safe.
class Journal {
 public:
  Journal(const VerifyRequest& request, VerifyReport& report)
      : request_(request), report_(report) {}

  void found(Error error) {
    const std::lock_guard lock(mutex_);
    ++report_.findings_total;
    // Damage is a finding about the bytes. A disk or a permission that keeps them from us proves
    // nothing about them.
    const bool damage = error.info().error_class == "integrity";
    failed_ = failed_ || damage;
    report_.findings.push_back(std::move(error));
    if (report_.findings.size() > 2 * kMaxFindings) cut();
  }
  bool any() {
    const std::lock_guard lock(mutex_);
    return report_.findings_total > 0;
  }
  void expect(Bytes total) { progress_.total = total; }
  void read(Bytes stored, Bytes raw) {
    const std::lock_guard lock(mutex_);
    report_.stored_read += stored;
    report_.raw_read += raw;
    progress_.done += stored;
    if (request_.progress) request_.progress(progress_);
  }
  void finish() {
    const std::lock_guard lock(mutex_);
    cut();
    report_.result = failed_                    ? Verdict::failed
                     : report_.findings.empty() ? Verdict::passed
                                                : Verdict::could_not_verify;
  }

 private:
  // Workers find things in any order; the report does not depend on it. Files that are not its own
  // come last: they must not hide damage.
  void cut() {
    std::ranges::stable_sort(report_.findings, {}, [](const Error& e) {
      return std::pair(e.code() == ErrorCode::artefact_extra_file,
                       std::string(e.parameter("member")));
    });
    if (report_.findings.size() > kMaxFindings) {
      report_.findings.erase(report_.findings.begin() + kMaxFindings, report_.findings.end());
    }
  }

  const VerifyRequest& request_;
  std::mutex mutex_;
  VerifyReport& report_;     // guarded by mutex_
  VerifyProgress progress_;  // guarded by mutex_
  bool failed_ = false;      // guarded by mutex_
};

class Verifying {
 public:
  Verifying(ArtefactSource& source, const platform::Clock& clock, const VerifyRequest& request)
      : source_(source),
        request_(request),
        patience_("the verification", {request.deadline, request.stop}, clock),
        journal_(request, report_) {}

  Result<VerifyReport> run() {
    TRY(patience_.may_go_on());
    if (read_manifest()) {
      check_presence();
      if (request_.depth == VerifyDepth::full && !is_enough()) TRY(check_all_contents());
    }
    journal_.finish();
    return std::move(report_);
  }

 private:
  Error about(ErrorCode code, std::string file, Parameters more = {}) const {
    more.insert(more.begin(), {{"backup", request_.id.str()}, {"job", request_.id.job}});
    if (!file.empty()) more.emplace_back("member", std::move(file));
    return Error(code, std::move(more));
  }

  // What a failed reading of `name` means.
  Error reading_failed(Error error, std::string_view name) const {
    if (error.code() == ErrorCode::file_not_found) {
      return about(ErrorCode::artefact_missing_file, std::string(name));
    }
    const bool of_a_text = name == kManifestName || name == kSumsName;
    if (of_a_text && error.code() == ErrorCode::limit_exceeded) {
      return about(ErrorCode::manifest_invalid, std::string(name), {{"reason", "it is too long"}});
    }
    return error.with("member", std::string(name));
  }

  bool is_enough() { return request_.first_finding_ends && journal_.any(); }

  // False when there is nothing that the rest could be compared with.
  bool read_manifest() {
    auto text = read_stored(source_, kManifestName, kMaxManifestBytes);
    if (!text) {
      journal_.found(reading_failed(text.error(), kManifestName));
      return false;
    }
    report_.manifest_sha256 = sha256_hex(*text);
    if (!request_.expected_manifest_sha256.empty() &&
        request_.expected_manifest_sha256 != report_.manifest_sha256) {
      journal_.found(about(ErrorCode::manifest_changed, std::string(kManifestName)));
    }
    auto manifest = Manifest::parse(*text, request_.id);
    if (!manifest) {
      journal_.found(manifest.error().with("member", std::string(kManifestName)));
      check_manifest_alone();
      return false;
    }
    report_.manifest = std::move(*manifest);
    check_sums(*text);
    return true;
  }

  // One that cannot be understood may be of a newer release, or damaged: the sums know.
  void check_manifest_alone() {
    const auto sums = read_stored(source_, kSumsName, kMaxManifestBytes);
    const std::string line = fmt::format("{}  {}\n", report_.manifest_sha256, kManifestName);
    if (!sums) {
      journal_.found(reading_failed(sums.error(), kSumsName));
    } else if (sums->find(line) == std::string::npos) {
      journal_.found(about(ErrorCode::artefact_hash, std::string(kManifestName)));
    }
  }

  // The sums are a function of the manifest: this finds a changed bit in either.
  void check_sums(std::string_view manifest_text) {
    const std::string expected = sums_text(*report_.manifest, manifest_text);
    const auto sums = read_stored(source_, kSumsName, {expected.size() + 1});
    if (sums && *sums == expected) return;
    const bool differs = sums || sums.error().code() == ErrorCode::limit_exceeded;
    journal_.found(differs ? about(ErrorCode::artefact_hash, std::string(kSumsName))
                           : reading_failed(sums.error(), kSumsName));
  }

  // Compares names and sizes; keeps the files that are worth reading.
  void check_presence() {
    auto list = source_.list();
    if (!list) return journal_.found(list.error());
    std::unordered_map<std::string_view, const StoredFile*> there;
    for (const StoredFile& file : *list) there[file.name] = &file;
    for (const FileEntry& entry : report_.manifest->files) {
      const auto found = there.find(entry.name);
      if (found != there.end()) check_size(entry, *found->second);
      if (found == there.end()) {
        journal_.found(about(ErrorCode::artefact_missing_file, entry.name));
      } else {
        there.erase(found);
      }
    }
    there.erase(kManifestName);
    there.erase(kSumsName);
    for (const auto& [name, file] : there) {
      journal_.found(about(ErrorCode::artefact_extra_file, printable(name)));
    }
  }

  void check_size(const FileEntry& entry, const StoredFile& file) {
    if (!file.regular) {
      journal_.found(about(ErrorCode::artefact_missing_file, entry.name));
    } else if (file.size != entry.stored) {
      journal_.found(about(ErrorCode::artefact_size, entry.name,
                           {{"observed", fmt::format("{}", file.size.count)},
                            {"expected", fmt::format("{}", entry.stored.count)}}));
    } else {
      to_read_.push_back(&entry);
    }
  }

  Result<> check_all_contents() {
    const bool encrypted = report_.manifest->encrypted();
    report_.contents_opened = !encrypted || request_.decryption != nullptr;
    // A key that does not open one file opens none.
    if (encrypted && request_.decryption != nullptr && !open_key()) return {};
    return check_contents();
  }

  bool open_key() {
    const auto opened = read_key(source_, *report_.manifest, *request_.decryption,
                                 {request_.deadline, request_.stop});
    if (!opened) journal_.found(Error(opened.error()).with("member", std::string(kKeyName)));
    return opened.has_value();
  }

  Result<> check_contents() {
    for (const TableEntry& table : report_.manifest->tables) tables_[table.file] = &table;
    // The largest first, so that no worker is left alone with one at the end.
    std::ranges::stable_sort(to_read_, std::greater(), [](auto* f) { return f->raw.count; });
    Bytes total;
    for (const FileEntry* entry : to_read_) total += entry->stored;
    journal_.expect(total);
    {
      std::vector<std::jthread> workers;
      for (unsigned i = 1; i < request_.workers; ++i) workers.emplace_back([this] { work(); });
      work();
    }
    return may_go_on_;
  }

  void work() {
    Unsealer unsealer(request_.decryption, {request_.deadline, request_.stop});
    for (size_t i = next_++; i < to_read_.size() && !is_enough(); i = next_++) {
      if (!check_content(unsealer, *to_read_[i])) return;
    }
  }

  // False when the work as a whole has to end.
  bool check_content(Unsealer& unsealer, const FileEntry& entry) {
    Bytes before;
    const auto between = [&](Bytes so_far) -> Result<> {
      journal_.read({so_far.count - before.count}, {});
      before = so_far;
      if (is_enough()) return fail(ErrorCode::cancelled, {{"reason", "damage was found"}});
      return patience_.may_go_on();
    };
    const auto checked = read_content(unsealer, entry, between);
    if (!checked && is_enough()) return false;  // another worker's finding is told
    if (checked && (report_.contents_opened || !entry.encrypted())) journal_.read({}, entry.raw);
    return checked || keep(checked.error(), entry);
  }

  Result<> read_content(Unsealer& unsealer, const FileEntry& entry, const BetweenPieces& between) {
    const auto table = tables_.find(entry.name);
    const auto file = source_.open(entry.name);
    if (!file) return fail(reading_failed(file.error(), entry.name));
    std::unique_ptr<platform::WritableFile> out;
    if (request_.unpack_to && report_.contents_opened) {
      TRY_ASSIGN(out, request_.unpack_to(entry));
    }
    TRY(unsealer.check(
        request_.id, **file, entry, table == tables_.end() ? nullptr : table->second,
        report_.manifest->fingerprint_key, between,
        out ? RawSink([&out](ByteSpan raw) { return out->append(raw); }) : RawSink()));
    return out ? out->close() : Result<>();
  }

  bool keep(const Error& error, const FileEntry& entry) {
    const bool over =
        error.code() == ErrorCode::cancelled || error.code() == ErrorCode::deadline_exceeded;
    if (!over) {
      journal_.found(Error(error).with("member", entry.name));
      return true;
    }
    const std::lock_guard lock(mutex_);
    may_go_on_ = fail(error);
    next_ = to_read_.size();
    return false;
  }

  ArtefactSource& source_;
  const VerifyRequest& request_;
  const platform::Patience patience_;
  VerifyReport report_;
  Journal journal_;
  std::vector<const FileEntry*> to_read_;
  std::unordered_map<std::string_view, const TableEntry*> tables_;  // by stored name
  std::atomic<size_t> next_{0};
  std::mutex mutex_;
  Result<> may_go_on_;  // guarded by mutex_ while workers run
};

}  // namespace

Result<VerifyReport> verify(ArtefactSource& source, const platform::Clock& clock,
                            const VerifyRequest& request) {
  return Verifying(source, clock, request).run();
}

}  // namespace vigie::artefact
