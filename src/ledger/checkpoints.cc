#include "ledger/checkpoints.h"

#include <algorithm>

#include "ledger/segments.h"

namespace vigie::ledger {
namespace {

constexpr Duration kTryAgain = std::chrono::minutes(1);

// The hash of the entry of this seq; empty: it is not there.
Result<std::string> hash_of(const Ledger& ledger, uint64_t seq, const std::stop_token& stop) {
  std::string hash;
  Filter filter;
  filter.after_seq = seq - 1;
  TRY(ledger.for_each(
      filter,
      [&](const json::object& entry) {
        const json::value* number = find_value(entry, "seq");
        json::error_code error;
        if (number == nullptr || number->to_number<uint64_t>(error) != seq) return false;
        if (const json::string* found = find_string(entry, "entry_hash"))
          hash = std::string(*found);
        return false;
      },
      stop));
  return hash;
}

// An entry that is lost, and whose loss was recorded and acknowledged, is no news.
std::string_view misfit_of(const CheckpointPoint& point, std::string_view hash,
                           const LedgerView& ledger) {
  const bool known = !ledger.damages.empty() && !ledger.damaged();
  if (hash.empty() && known) return {};
  if (hash.empty()) return point.size > ledger.last_seq ? kEndsBefore : kNotThere;
  return hex_encode(point.head) == hash ? std::string_view() : kAnotherEntry;
}

}  // namespace

std::optional<Error> finding_of(const CheckpointFile& file) {
  if (file.problems.empty()) return std::nullopt;
  const Problem& first = file.problems.front();
  const bool known = first.seq > 0;
  return Error(
      ErrorCode::checkpoint_invalid,
      {{"size", known ? std::to_string(first.seq) : "unknown"},
       {"reason", known ? first.what : "line " + std::to_string(first.line) + ": " + first.what}});
}

Checkpoints::Checkpoints(platform::FileSystem& files, const platform::Path& folder,
                         const platform::Clock& clock, bool read_only)
    : files_(files),
      path_(folder.parent_path() / kCheckpointsName),
      clock_(clock),
      read_only_(read_only),
      keys_(files, folder.parent_path()) {
  publish();
}

Result<> Checkpoints::open() {
  const std::lock_guard lock(mutex_);
  TRY(noted(load()));
  if (misfit_) return fail(*misfit_);
  return {};
}

Result<> Checkpoints::load() {
  TRY_ASSIGN(file_, read_checkpoints(files_, path_, {}, Signatures::last));
  misfit_ = damage_ = finding_of(file_);
  const Duration age = clock_.now() - file_.chain.newest().at;
  const bool fresh = age >= Duration(0) && age < kCheckpointPeriod;
  made_at_ = clock_.monotonic() - (fresh ? age : kCheckpointPeriod);
  return read_only_ ? Result<>() : settle_key();
}

Result<> Checkpoints::settle_key() {
  key_.reset();
  // What an append that failed has left may be read, and not be durable: nothing is built on it.
  if (file_.whole.count > 0) TRY(files_.sync_files({path_}));
  const bool first = file_.chain.lines() == 0;
  TRY_ASSIGN(SigningKey key, first ? first_key() : key_in_use());
  if (first) TRY(introduce(key, key));
  TRY(keys_.publish(key.public_key()));
  key_ = std::move(key);
  return {};
}

Result<SigningKey> Checkpoints::first_key() {
  TRY_ASSIGN(auto there, keys_.current());
  TRY(keys_.drop_next());
  if (!there) return keys_.make_first();
  TRY(files_.sync_folder(path_.parent_path()));  // whoever made it may not have come so far
  return std::move(*there);
}

Result<SigningKey> Checkpoints::key_in_use() {
  const auto& listed = file_.chain.keys();
  const auto is_in_use = [&](const std::optional<SigningKey>& key) {
    return key && !listed.empty() && key->public_key() == listed.back();
  };
  TRY_ASSIGN(auto current, keys_.current());
  if (is_in_use(current)) {
    TRY(keys_.drop_next());  // it was not introduced
    return std::move(*current);
  }
  TRY_ASSIGN(auto next, keys_.next());
  if (is_in_use(next)) {
    TRY(keys_.promote());
    return std::move(*next);
  }
  const char* const reason =
      current ? "it is not the key that the checkpoints say is in use" : "it is missing";
  return fail(ErrorCode::signing_key_invalid,
              {{"path", (path_.parent_path() / kKeyName).string()}, {"reason", reason}});
}

Result<> Checkpoints::introduce(const SigningKey& new_key, const SigningKey& key) {
  return append(file_.chain.introduction(new_key, clock_.now(), key));
}

Result<> Checkpoints::append(const std::string& line) {
  const std::string text = file_.open_line ? "\n" + line : line;
  TRY(append_checkpoint(files_, path_, file_.whole, text));
  file_.there = true;
  file_.open_line = false;
  file_.whole += Bytes{text.size()};
  (void)file_.chain.judge(std::string_view(line).substr(0, line.size() - 1));  // it is our own
  return {};
}

Result<> Checkpoints::ready() {
  if (key_) return {};
  if (read_only_)
    return fail(ErrorCode::signing_key_invalid,
                {{"path", path_.string()}, {"reason", "it was opened to look only"}});
  return load();
}

Result<> Checkpoints::make_locked(const LedgerView& ledger) {
  TRY(ready());
  if (ledger.last_seq <= file_.chain.newest().size) return {};
  TRY(append(file_.chain.next(ledger.last_seq, ledger.head, clock_.now(), *key_)));
  made_at_ = clock_.monotonic();
  return {};
}

Result<> Checkpoints::make(const LedgerView& ledger) {
  const std::lock_guard lock(mutex_);
  return noted(make_locked(ledger));
}

Result<> Checkpoints::make_when_due(const LedgerView& ledger) {
  const std::lock_guard lock(mutex_);
  const MonoTime now = clock_.monotonic();
  const uint64_t covered = file_.chain.newest().size;
  const bool grown = ledger.last_seq >= covered + kCheckpointEntries;
  const bool late = ledger.last_seq > covered && now - made_at_ >= kCheckpointPeriod;
  const bool wanted = grown || late || !key_;
  if (!wanted || now < next_try_) return {};
  auto done = noted(make_locked(ledger));
  if (!done) next_try_ = now + kTryAgain;
  return done;
}

Result<KeyChange> Checkpoints::rotate() {
  const std::lock_guard lock(mutex_);
  TRY(noted(ready()));
  TRY_ASSIGN(SigningKey next, keys_.make_next());
  const KeyChange change{key_->public_key().id(), next.public_key().id()};
  TRY(noted(introduce(next, *key_)));
  // From here on it is the key in use, whatever becomes of its file: the next start goes on.
  const auto promoted = keys_.promote();
  key_ = std::move(next);
  TRY(noted(promoted));
  TRY(noted(keys_.publish(key_->public_key())));
  return change;
}

std::vector<KeyChange> Checkpoints::rotations() const {
  const std::lock_guard lock(mutex_);
  const auto& keys = file_.chain.keys();
  std::vector<KeyChange> changes;
  for (size_t i = 1; i < keys.size(); ++i) changes.push_back({keys[i - 1].id(), keys[i].id()});
  return changes;
}

// Reads without the lock: only what is there by now is compared, and nothing of it changes.
Result<> Checkpoints::verify(const Ledger& ledger, const std::stop_token& stop) {
  TRY_ASSIGN(CheckpointFile file, read_checkpoints(files_, path_, stop));
  const auto damage = finding_of(file);
  const LedgerViewPtr view = ledger.view();
  for (const CheckpointPoint& point : file.points) {
    TRY_ASSIGN(const std::string hash, hash_of(ledger, point.size, stop));
    const std::string_view problem = misfit_of(point, hash, *view);
    if (!problem.empty()) file.problem(point.line, point.size, problem);
  }
  const std::lock_guard lock(mutex_);
  damage_ = damage;
  misfit_ = finding_of(file);
  publish();
  if (misfit_) return fail(*misfit_);
  return {};
}

Bytes Checkpoints::written() const {
  const std::lock_guard lock(mutex_);
  return file_.whole;
}

std::optional<Error> Checkpoints::damage() const {
  const std::lock_guard lock(mutex_);
  return damage_;
}

std::vector<PublicKey> Checkpoints::keys() const {
  const std::lock_guard lock(mutex_);
  return file_.chain.keys();
}

Mark Checkpoints::newest() const {
  const std::lock_guard lock(mutex_);
  return {file_.chain.newest().size, file_.chain.newest().head};
}

Result<> Checkpoints::noted(Result<> done) {
  failure_ = done ? std::nullopt : std::optional(done.error());
  failed_at_ = done ? std::nullopt : std::optional(clock_.now());
  publish();
  return done;
}

void Checkpoints::publish() {
  auto view = std::make_shared<CheckpointsView>();
  const Checkpoint& newest = file_.chain.newest();
  view->observed_at = clock_.now();
  view->size = newest.size;
  view->head = newest.head;
  if (newest.size > 0) view->at = newest.at;
  if (!file_.chain.keys().empty()) view->key_id = file_.chain.keys().back().id();
  const std::optional<Error>& error = failure_ ? failure_ : misfit_;
  if (error) view->error_code = error->info().name;
  view->failed_at = failed_at_;
  const std::lock_guard lock(view_mutex_);
  view_ = std::move(view);
}

CheckpointsViewPtr Checkpoints::view() const {
  const std::lock_guard lock(view_mutex_);
  return view_;
}

Result<std::optional<FoundCheckpoint>> find_checkpoint(platform::FileSystem& files,
                                                       const platform::Path& path, uint64_t at_most,
                                                       std::stop_token stop) {
  std::optional<FoundCheckpoint> found;
  TRY_ASSIGN(const CheckpointFile file, read_checkpoints(files, path, stop, Signatures::last));
  const auto beyond = std::ranges::upper_bound(file.points, at_most, {}, &CheckpointPoint::size);
  if (beyond == file.points.begin()) return found;
  const CheckpointPoint& point = *std::prev(beyond);
  TRY_ASSIGN(const auto opened, files.open_read(path));
  const auto take = [&](const RawLine& raw) {
    if (raw.number != point.line) return;
    auto parsed = parse_json(raw.text, {.max_bytes = kMaxCheckpointLine.count});
    const auto line = read_checkpoint(raw.text);
    const PublicKey* const key = line ? file.chain.key(line->checkpoint.key_id) : nullptr;
    if (parsed && key != nullptr) found = {std::move(parsed->as_object()), key->pem()};
  };
  TRY(scan_lines(*opened, take, std::move(stop)));
  return found;
}

}  // namespace vigie::ledger
