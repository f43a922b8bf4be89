// Which artefact is read again next, so that each is read within its job's scrub period and no
// night reads more than its share. Pure.
//
// Reading is the nights' work (22:00 to 6:00 in the job's zone): what falls due within the next day
// is read in the night before. What is a day late is read at any hour, and so is all of a job whose
// period is shorter than two days. Between two there is a pause, so that a pile that falls due at
// once (a store that was adopted, a daemon that stood still) is spread over a whole period.
#pragma once

#include <optional>
#include <span>

#include "base/ids.h"
#include "base/time.h"
#include "platform/time_zone.h"

namespace vigie::backup {

struct ScrubCandidate {
  BackupId id;
  SystemTime last_read;
  Duration period{};  // more than zero
  platform::TimeZone zone;
};

// The one that falls due first, of those that may be read at `now`; nothing while the pause since
// `last_scrub` lasts, or when none is due.
std::optional<BackupId> due_scrub(std::span<const ScrubCandidate> candidates, SystemTime now,
                                  const std::optional<SystemTime>& last_scrub);

}  // namespace vigie::backup
