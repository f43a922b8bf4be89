// RECOVER.md: what this artefact is, what is needed to open it without Vigie, and the exact
// commands. Tests take the commands out of the card and run them.
#pragma once

#include <optional>
#include <string>

#include "artefact/manifest.h"

namespace vigie::artefact {

// A drill that passed, and how long it took: the best guess at how long a restore will take.
struct MeasuredDrill {
  BackupId backup;  // that was restored: an earlier one of the same job and database
  SystemTime at;
  Duration rto{};  // from the stored bytes to a database that answers
  Bytes raw;       // of that backup; 0: not known
};

// Markdown. Each command block is fenced by ```sh. It assumes `cd` into the artefact's folder, the
// environment's PGHOST and PGUSER, and asks for nothing else.
std::string recovery_card(const Manifest& manifest,
                          const std::optional<MeasuredDrill>& drill = std::nullopt);

// As make_cover() of manifest.h; the card tells of the drill.
Cover make_cover(Manifest& manifest, const std::optional<MeasuredDrill>& drill);

}  // namespace vigie::artefact
