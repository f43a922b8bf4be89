// Links: vigie_store vigie_ledger vigie_jobs
//
// Any files as the copies of ledgers in a store, below .vigie-evidence/: read as `vigie evidence
// verify --from` reads them. A copy passes under a key only when that key has signed its newest
// checkpoint; nobody can sign here, so that it is one of the corpus.
//
// An input is a list of files: a line "== NAME", and its bytes up to the next such line.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "jobs/kept_logs.h"
#include "ledger/named_log.h"
#include "ledger/signed_verify.h"
#include "store/evidence_files.h"
#include "store/local/local_store.h"

namespace {

using namespace vigie;
using platform::Path;

constexpr std::string_view kBegins = "== ";
constexpr std::string_view kRoot = "/store";
// The key of the corpus; the private one is gone.
constexpr std::string_view kKey =
    "05f5ce316139bbc9107e62a7e2c2bc9fac52d15e3fe6bfa30e55b0546fa7a5bc";
constexpr std::array<std::string_view, 2> kSignedHeads{
    "a9347ebbf811b060b48f078db22d723d9646337bebb99ee8dab4d206c3ff1cba",
    "ee5bbfe5fc277e3a7fc1c924577fd156246933ecbd1f648864ab44c25757d4cb"};

void require(bool holds) {
  if (!holds) std::abort();
}

class Memory final : public platform::ReadableFile {
 public:
  explicit Memory(std::string_view bytes) : bytes_(bytes) {}
  Result<size_t> read_at(uint64_t offset, std::span<unsigned char> into) const override {
    if (offset >= bytes_.size()) return size_t{0};
    const size_t size = std::min<size_t>(into.size(), bytes_.size() - offset);
    std::memcpy(into.data(), bytes_.data() + offset, size);
    return size;
  }
  Result<Bytes> size() const override { return Bytes{bytes_.size()}; }

 private:
  std::string_view bytes_;
};

// The files of an input, which must outlive it, below the root of a store.
class StoredFiles final : public platform::ForwardingFileSystem {
 public:
  explicit StoredFiles(std::string_view text) : ForwardingFileSystem(platform::real_file_system()) {
    while (text.starts_with(kBegins)) {
      text.remove_prefix(kBegins.size());
      const std::string_view name = text.substr(0, text.find('\n'));
      text.remove_prefix(std::min(name.size() + 1, text.size()));
      const std::string_view bytes = text.substr(0, end_of_file(text));
      text.remove_prefix(bytes.size());
      add(name, bytes);
    }
  }
  Result<std::unique_ptr<platform::ReadableFile>> open_read(const Path& path) override {
    const auto found = files_.find(name_of(path));
    if (found == files_.end()) return fail(platform::file_error(ENOENT, path));
    return std::make_unique<Memory>(found->second);
  }
  Result<std::vector<platform::Entry>> list(const Path& path) override {
    const auto found = folders_.find(name_of(path));
    if (found == folders_.end()) return fail(platform::file_error(ENOENT, path));
    std::vector<platform::Entry> entries;
    entries.reserve(found->second.size());
    for (const auto& [name, kind] : found->second) entries.push_back({name, kind});
    return entries;
  }
  Result<platform::FileInfo> info(const Path& path) override {
    if (const auto found = files_.find(name_of(path)); found != files_.end())
      return platform::FileInfo{.kind = platform::EntryKind::file,
                                .size = Bytes{found->second.size()}};
    if (folders_.contains(name_of(path)))
      return platform::FileInfo{.kind = platform::EntryKind::folder};
    return fail(platform::file_error(ENOENT, path));
  }

 private:
  static std::string name_of(const Path& path) {
    return (path.has_filename() ? path : path.parent_path()).string();  // without a last slash
  }
  static size_t end_of_file(std::string_view text) {
    if (text.starts_with(kBegins)) return 0;
    const size_t next = text.find("\n== ");
    return next == std::string_view::npos ? text.size() : next + 1;
  }
  // As a file system would have it: no empty part, "." or "..".
  void add(std::string_view name, std::string_view bytes) {
    const Path below = Path(name).lexically_normal();
    const bool fits = below.is_relative() && below.has_filename() && *below.begin() != ".." &&
                      below != "." && name.find('\0') == std::string_view::npos;
    const Path path = Path(kRoot) / store::kEvidenceFolder / below;
    if (!fits || !files_.emplace(path.string(), bytes).second) return;
    platform::EntryKind kind = platform::EntryKind::file;
    for (Path at = path; at.has_relative_path(); at = at.parent_path()) {
      folders_[at.parent_path().string()].emplace(at.filename().string(), kind);
      kind = platform::EntryKind::folder;
    }
  }

  std::map<std::string, std::string_view> files_;
  std::map<std::string, std::map<std::string, platform::EntryKind>> folders_;
};

void check_copy(platform::FileSystem& files, const std::string& owner,
                const std::optional<ledger::PublicKey>& key) {
  const Path folder = Path("/") / owner;
  const jobs::LogFolders logs = jobs::LogFolders::of(folder);
  const ledger::LedgerPlace place = ledger::place_of(files, folder);
  (void)ledger::read_public_key(files, place.public_key);
  const auto report =
      ledger::verify_signed(files, place, key, {}, [&](const ledger::LineView& entry) {
        const auto named = ledger::named_log(entry);
        if (!named) return;
        (void)jobs::check_run_log(files, logs, named->run, named->log.bytes, named->log.sha256);
      });
  if (!report) return;
  const ledger::CheckpointReport& checkpoints = report->checkpoints;
  require(checkpoints.matched <= checkpoints.checkpoints);
  require(checkpoints.problems.size() <= checkpoints.problem_count);
  require(report->ledger.problems.size() <= report->ledger.problem_count);
  if (report->verdict() != Verdict::passed) return;
  require(report->ledger.entries > 0 && report->ledger.problem_count == 0);
  if (!key) return;
  require(checkpoints.trusted && checkpoints.newest.size <= report->ledger.last_seq);
  require(std::ranges::find(kSignedHeads, checkpoints.newest.head) != kSignedHeads.end());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto key = ledger::PublicKey::from_hex(kKey);
  require(key.has_value());
  StoredFiles stored({reinterpret_cast<const char*>(data), size});
  const std::shared_ptr<store::Store> store = store::make_local_store(stored, "fuzz", Path(kRoot));
  const auto copies = store::evidence_files(store);
  if (!copies) return 0;
  for (const std::string& owner : store::evidence_owners(**copies)) {
    require(store::is_evidence_name(owner));
    check_copy(**copies, owner, key);
    check_copy(**copies, owner, std::nullopt);
  }
  return 0;
}
