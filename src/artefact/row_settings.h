// The session settings under which equal rows give equal COPY text, in the dump, in the source and
// in a restored database (docs/formats/artefact-1.md, Fingerprint).
#pragma once

#include <string>

#include "artefact/manifest.h"

namespace vigie::artefact {

struct RowSettings {
  std::string encoding;     // the server's: it is the text's encoding too
  std::string lc_monetary;  // the database's own
};

RowSettings row_settings(const Server& server);

// Statements for a session that will say COPY … TO STDOUT WITH (ENCODING the server's): its own
// client_encoding is that of the names in its statements.
std::string row_settings_sql(const RowSettings& settings);
// For PGOPTIONS of pg_dump, beside its --encoding: those that it does not set itself.
std::string row_settings_pgoptions(const RowSettings& settings);

}  // namespace vigie::artefact
