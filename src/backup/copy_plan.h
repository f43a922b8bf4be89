// Which artefacts of a job and database a further store should hold, and which it may give up: by
// retention alone, as in the first store. Pure.
#pragma once

#include <span>
#include <vector>

#include "backup/catalogue.h"
#include "backup/options.h"
#include "backup/setup.h"
#include "backup/view.h"
#include "platform/time_zone.h"

namespace vigie::backup {

// The artefacts of a job and database that can be copied into `store`: in reach, not expiring,
// known to be good, and not lying there already. Sorted by id.
std::vector<ArtefactView> good_originals(const Catalogue& catalogue, const Setup& setup,
                                         const BackupJobOptions& job, const std::string& database,
                                         std::string_view store);

// Each copy is read again within it: reading from elsewhere costs more than from a disk.
inline constexpr Duration kCopyScrub = std::chrono::days(35);
// And one beside which somebody has put a file, which may be gone by now.
inline constexpr Duration kCopyLookAgain = std::chrono::days(1);

// Nobody knows how it is, or it was read long ago.
bool is_to_be_read(const CopyView& copy, SystemTime now);

struct CopyFacts {
  std::vector<ArtefactView> good;  // that can be copied from: in reach and known to be good
  std::span<const CopyView> copies;
  std::vector<BackupId> held{};  // that somebody wants kept
  RetentionOptions retention;
  platform::TimeZone zone;
};

// To be copied, newest first: what retention would keep of the good ones and the good copies
// together, and is not there or is damaged there. What would go again at once is not copied.
std::vector<BackupId> missing_copies(const CopyFacts& facts);

// What may go: decided among the good copies alone, so that nothing goes for the sake of what is
// elsewhere. A damaged one that is not held goes when every good one that is kept is newer, as in
// the first store; a copy that nobody has verified stays.
std::vector<BackupId> expired_copies(const CopyFacts& facts);

}  // namespace vigie::backup
