// What others may see of the backup room: plain immutable values, published anew when something
// changes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/time.h"
#include "base/verdict.h"

namespace vigie::backup {

enum class VerifyMode : unsigned char { quick, full };

struct Verification {
  Verdict result = Verdict::could_not_verify;
  VerifyMode mode = VerifyMode::quick;
  SystemTime at;
  std::string error_code;  // empty when passed
  // The store was there, and did not give up the bytes: nobody can restore from them now.
  bool unreadable() const {
    return result == Verdict::could_not_verify && mode == VerifyMode::full &&
           (error_code == "file_io" || error_code == "file_permission");
  }
};

// failed when the last verification failed; passed when one passed, none has failed since, and it
// can still be read; else nobody knows.
inline Verdict standing_verdict(const std::optional<Verification>& last,
                                const std::optional<SystemTime>& fully_verified_at) {
  if (!last || last->unreadable()) return Verdict::could_not_verify;
  if (last->result == Verdict::failed) return Verdict::failed;
  const bool passed = last->result == Verdict::passed || fully_verified_at;
  return passed ? Verdict::passed : Verdict::could_not_verify;
}

// An artefact that is dated later than this from now was taken under a wrong clock: its date says
// nothing of its age.
inline constexpr Duration kFutureTolerated = std::chrono::minutes(2);

// Why an artefact is kept beside its retention.
struct Hold {
  std::string kind;    // pin, read, drill
  std::string reason;  // words of whoever set it
  SystemTime since;
};

// One published artefact.
struct ArtefactView {
  BackupId id;
  std::string store;
  SystemTime started_at;  // to the microsecond; the id has whole seconds
  SystemTime ended_at;
  Bytes raw;
  Bytes stored;
  uint64_t rows = 0;
  uint64_t tables = 0;
  std::string correlation_id;
  std::string manifest_sha256;
  std::string
      source_check;  // what its manifest says: passed, could_not_verify, none; empty: unread
  std::optional<Verification> last_verification;  // of any mode
  std::optional<SystemTime> fully_verified_at;    // the last full one that passed
  std::vector<Hold> holds;
  // A job of the configuration in force takes backups of its database, and its store is one of it.
  bool configured = true;
  // Its manifest was read. When it could not be, only its id, store and start are known of it.
  bool is_read() const { return !manifest_sha256.empty(); }
  std::optional<Bytes> known_stored() const {
    return is_read() ? std::optional(stored) : std::nullopt;
  }
  bool unreadable() const { return last_verification && last_verification->unreadable(); }
  bool is_of_the_future(SystemTime now) const { return id.started_at > now + kFutureTolerated; }
  Verdict verdict() const { return standing_verdict(last_verification, fully_verified_at); }
};

// What is waiting for a human: nothing of the job and database expires until it is acknowledged.
struct PlausibilityAlarm {
  BackupId backup;
  std::vector<std::string> reasons;
  SystemTime since;
  std::string error_code = "plausibility";  // or plausibility_unknown: it could not be judged
};

// A kept artefact that vanished from its store: it stands until somebody acknowledges it, or it is
// back.
struct LossView {
  BackupId id;
  std::string store;
  SystemTime since;  // when it was found
};

// A published artefact, once more in another store.
struct CopyView {
  BackupId id;
  std::string store;
  SystemTime copied_at;
  Bytes stored;
  std::string manifest_sha256;
  std::optional<Verification> last_verification;
  std::optional<SystemTime> fully_verified_at;
  bool expiring = false;  // its removal was decided, and may have begun
  bool given_up = false;  // somebody has said that it is of no use: the next run removes it

  // One that nobody has read is not known to be good.
  Verdict verdict() const { return standing_verdict(last_verification, fully_verified_at); }
  // Whoever put a file beside it has not changed a byte of it.
  bool is_damaged() const {
    return verdict() == Verdict::failed && last_verification->error_code != "artefact_extra_file";
  }
};

// The last attempt to bring the copies of a job and database in one store up to date.
struct CopyAttempt {
  std::string job;
  std::string database;
  std::string store;
  SystemTime at;
  std::string error_code;            // empty: all is there
  std::optional<BackupId> newest{};  // the newest good original when it looked
};

struct DatabaseView {
  std::string name;
  std::optional<SystemTime> last_success;  // start (the data's time) of the newest good artefact
  std::optional<PlausibilityAlarm> alarm;
  // The newest good artefact is of a time that is still to come: a clock was wrong when it was
  // taken, or is now, and nobody knows how old the data are.
  bool dated_ahead = false;
};

struct StoreView {
  std::string name;
  std::string type;         // local, s3
  bool knows_space = true;  // a bucket does not
  // Of a store that is reachable, and knows them.
  Bytes total;
  Bytes available;
  Bytes reserve;
  bool reachable = false;
  std::string error_code;                 // why it is not
  std::optional<SystemTime> observed_at;  // nothing: nobody has looked at it yet
  bool off_host = false;
};

struct BackupJobView {
  std::string name;
  std::string store;
  std::vector<std::string> copies;  // further stores
  std::string retention;            // as words: "last 3, 7 daily, 5 weekly, 12 monthly, at least 3"
  Duration rpo_target{};
  Duration scrub_period{};  // each kept artefact is verified again within it; 0: never
  bool verify_after_backup = true;
  std::vector<DatabaseView> databases;
  // When the catalogue was last compared with the job's store; nothing: not since the start.
  std::optional<SystemTime> reconciled_at;
};

// Artefacts are sorted by id: job, database, time.
struct BackupsView {
  SystemTime observed_at;
  bool reconciled = false;  // the catalogue was compared with the stores since the start
  std::vector<BackupJobView> jobs;
  std::vector<ArtefactView> artefacts;
  std::vector<StoreView> stores;
  std::vector<LossView> losses;            // sorted by id
  std::vector<CopyView> copies;            // sorted by id, then store
  std::vector<CopyAttempt> copy_attempts;  // sorted by job, database, store
  // Copies that were whole and lost their manifest: what is left of them lies in its store until
  // somebody gives it up.
  std::vector<BackupId> copy_remains;

  // There is a copy of it, or what remains of one.
  bool has_copy(const BackupId& id) const {
    return std::ranges::count(copies, id, &CopyView::id) > 0 ||
           std::ranges::count(copy_remains, id) > 0;
  }
  bool is_off_host(std::string_view store) const {
    const auto found = std::ranges::find(stores, store, &StoreView::name);
    return found != stores.end() && found->off_host;
  }
  // It was verified and is whole, or its job verifies none and nothing is known against it.
  bool is_good(const ArtefactView& artefact) const {
    if (artefact.verdict() == Verdict::passed) return !artefact.unreadable();
    const auto job = std::ranges::find(jobs, artefact.id.job, &BackupJobView::name);
    const bool unverified_counts = job != jobs.end() && !job->verify_after_backup;
    return unverified_counts && artefact.verdict() != Verdict::failed && artefact.is_read() &&
           !artefact.unreadable();
  }
};

using BackupsViewPtr = std::shared_ptr<const BackupsView>;

}  // namespace vigie::backup
