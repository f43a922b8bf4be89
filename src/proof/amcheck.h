// Is the database itself damaged? The stock pg_amcheck looks at every table and B-tree index of the
// source: a dump holds what is still readable, and a restore makes every index anew, so neither a
// backup nor a drill would show it.
//
// It takes the locks of a SELECT, and reads everything. What it names is asked for once more in a
// session of our own, since only an SQLSTATE tells damage from a lock that was not granted.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "proof/options.h"
#include "proof/restore.h"

namespace vigie::proof {

struct AmcheckRequest {
  const AmcheckOptions& options;
  platform::Dsn database;
  platform::Path bindir;  // of the server's own programs; empty: Debian's
  platform::Path folder;  // this run's own; need not exist; gone afterwards
  Duration lock_timeout = std::chrono::seconds(30);  // of each relation
};

struct AmcheckReport {
  // source_corrupt: it is damaged. Else why that is not known.
  std::optional<Error> error;
  std::string server_version;
  uint64_t tables = 0;   // that there were to look at; with materialised views and TOAST
  uint64_t indexes = 0;  // B-trees
  uint64_t damaged = 0;  // of both
  Duration took{};

  // A server that does not answer, or a deadline, says nothing of the data.
  Verdict verdict() const {
    if (!error) return Verdict::passed;
    return error->code() == ErrorCode::source_corrupt ? Verdict::failed : Verdict::could_not_verify;
  }
};

// Never fails as a call. What is damaged is named in the run's log alone: the names are the
// database's.
AmcheckReport amcheck(const AmcheckRequest& request, const RestoreTools& tools, const Work& work);

// The relations that pg_amcheck's output names, as it writes them ("app.public.by_time"), each
// once. In bounded memory, whatever comes.
class NamedRelations {
 public:
  void append(std::string_view output);
  // Those of whole lines.
  const std::vector<std::string>& names() const { return names_; }

 private:
  void take_line();

  std::string line_;
  bool cut_ = false;  // the line is longer than a name can make it
  std::vector<std::string> names_;
};

}  // namespace vigie::proof
