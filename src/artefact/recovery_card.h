// RECOVER.md: what this artefact is, what is needed to open it without Vigie, and the exact
// commands. Tests take the commands out of the card and run them.
#pragma once

#include <string>

#include "artefact/manifest.h"

namespace vigie::artefact {

// Markdown. Each command block is fenced by ```sh. It assumes `cd` into the artefact's folder, the
// environment's PGHOST and PGUSER, and asks for nothing else.
std::string recovery_card(const Manifest& manifest);

}  // namespace vigie::artefact
