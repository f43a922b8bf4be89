// Dumps one database by the stock pg_dump and seals what it writes while it writes it: the
// directory format, uncompressed, in a staging folder that stays small, because what was sealed is
// punched out of it and pg_dump is held back when it gets ahead.
//
// Threads: `jobs` sealing threads beside the caller's, which watches pg_dump; all of them end
// before take_dump returns. Memory: about 4 MiB a sealing thread at level 1 to 3, whatever a row's
// size.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "artefact/manifest.h"
#include "artefact/row_settings.h"
#include "base/work.h"
#include "platform/clock.h"
#include "platform/postgres.h"
#include "platform/postgres_clients.h"
#include "platform/process.h"
#include "store/store.h"

namespace vigie::backup {

// A relation of the source that may have rows in the dump, read under the same snapshot.
struct SourceTable {
  uint32_t oid = 0;
  std::string schema;
  std::string name;
};

struct DumpLimits {
  Bytes ahead = 64_MiB;  // unsealed bytes at which pg_dump is held back
  size_t large_objects = 100'000;
  size_t tables = 100'000;
  bool watches = true;  // false: as where the kernel has no watch (inotify) left for us
};

struct DumpRequest {
  platform::Dsn dsn;
  platform::Clients clients;  // of the server's own major
  // Of pg_export_snapshot(); its transaction must stay open. Empty: pg_dump takes one of its own.
  std::string snapshot;
  std::string application_name;  // the run's id: sessions of an unfinished run are found by it
  std::string correlation_id;    // the children's VIGIE_CORRELATION_ID; empty: none
  unsigned jobs = 2;
  int compression_level = 1;
  Duration lock_wait_timeout = std::chrono::seconds(30);
  bool globals = true;
  bool role_passwords = false;
  artefact::RowSettings row_settings;
  artefact::FingerprintKey fingerprint_key{};
  std::vector<std::string> recipients{};  // whom the files are encrypted for; empty: they are not
  platform::Path age{};                   // the program; with recipients
  platform::Path staging;           // an empty folder; left with toc.dat and emptied files in it
  int server_major = 0;             // 14 and later end a session whose client is gone; 0: not known
  std::vector<SourceTable> tables;  // names for the table entries; any order
  DumpLimits limits;
};

struct DumpProgress {
  Bytes raw;  // sealed so far
  Bytes stored;
};

struct DumpMeasures {
  Duration dump{};  // pg_dump, from start to end
  Duration seal{};  // from its start to the last sealed byte
  Duration globals{};
  Bytes peak_staging;      // the most that was written and not given back to the file system
  uint64_t held_back = 0;  // how often pg_dump was stopped
  bool punches = true;     // false: the file system of the staging folder cannot punch holes
  bool watches = true;     // false: it could not be watched; large objects were sealed once whole
};

struct DumpResult {
  std::vector<artefact::FileEntry> files;    // all that was put into the artefact
  std::vector<artefact::TableEntry> tables;  // one for each data file
  DumpMeasures measures;
};

struct DumpTools {
  platform::ProcessRunner& runner;
  const platform::Clock& clock;
  std::function<void(const DumpProgress&)> progress;  // from the caller's thread; may be empty
  ProgramEnded program_ended{};                       // the same
};

// Leaves sealed files in `out`, without cover or manifest. Errors: dump_failed, dump_incomplete,
// globals_failed, lock_wait_timeout, large_objects_limit, tables_limit, disk_full, file_*,
// cancelled, deadline_exceeded, those of artefact::AgePipe. After any of them no process is left;
// what lies in `out` and in the staging folder is the caller's to remove.
Result<DumpResult> take_dump(const DumpRequest& request, const DumpTools& tools,
                             store::ArtefactWriter& out, const CallLimits& limits);

}  // namespace vigie::backup
