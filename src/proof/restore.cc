#include "proof/restore.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <unordered_set>

#include "platform/client_trouble.h"
#include "platform/failpoint.h"
#include "platform/postgres_clients.h"
#include "proof/archive.h"
#include "proof/fill_watch.h"
#include "proof/globals.h"
#include "proof/large_objects.h"
#include "proof/restore_judge.h"
#include "proof/sql_script.h"
#include "proof/target.h"
#include "proof/unpack.h"

namespace vigie::proof {
namespace {

using artefact::Manifest;
using artefact::TableEntry;

constexpr Bytes kMaxDatabaseSql = 16_MiB;

// N of dump/N.dat.zst is the entry's number.
std::optional<int> entry_of(const TableEntry& table) {
  const std::string name = platform::Path(table.file).filename().string();
  int id = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
  return error == std::errc() ? std::optional(id) : std::nullopt;
}

std::vector<const TableEntry*> wanted_tables(const Manifest& manifest,
                                             const std::vector<std::string>& names) {
  std::vector<const TableEntry*> out;
  for (const TableEntry& one : manifest.tables)
    if (names.empty() || is_named(one, names)) out.push_back(&one);
  return out;
}

template <class LeftOut>
std::string list_without(std::string_view list, LeftOut left_out) {
  std::string lines;
  for (const ArchiveEntry& entry : parse_archive_list(list))
    if (!entry.speaks_of_database() && !left_out(entry)) lines += std::string(entry.line) + "\n";
  return lines;
}

bool speaks_of_what_is_left_out(std::string_view what) {
  return what.starts_with("ACL - LARGE OBJECT ") || what.starts_with("COMMENT - LARGE OBJECT ") ||
         what.starts_with("SECURITY LABEL - LARGE OBJECT ") ||
         (what.starts_with("COMMENT ") && what.find(" CONSTRAINT ") != std::string_view::npos);
}

// All that is not rows, but foreign keys: what they point to is not there.
std::string list_without_rows_of_others(std::string_view list,
                                        const std::vector<const TableEntry*>& wanted) {
  std::unordered_set<int> ids;
  for (const TableEntry* one : wanted)
    if (const auto id = entry_of(*one)) ids.insert(*id);
  return list_without(list, [&](const ArchiveEntry& entry) {
    const bool rows = entry.what.starts_with("TABLE DATA ");
    return entry.what.starts_with("FK CONSTRAINT ") || entry.what.starts_with("BLOB") ||
           speaks_of_what_is_left_out(entry.what) || (rows && !ids.contains(entry.id));
  });
}

size_t count_sequences(std::string_view list) {
  return static_cast<size_t>(std::ranges::count_if(
      parse_archive_list(list),
      [](const ArchiveEntry& entry) { return entry.what.starts_with("SEQUENCE SET "); }));
}

// The object itself, and what is said of it.
bool is_of_kind(const ArchiveEntry& entry, std::string_view kind) {
  std::string_view what = entry.what;
  for (const std::string_view about : {"COMMENT - ", "SECURITY LABEL - "})
    if (what.starts_with(about)) what.remove_prefix(about.size());
  return what.starts_with(kind);
}

// A subscription connects when it is enabled; an event trigger runs whatever it likes at the next
// statement of a superuser, ours among them; a materialised view may be filled from a foreign
// server, and nothing says of which table it is; a foreign table is asked for by whatever the user
// checks, and without a user mapping nobody lets it in.
struct ReachesOut {
  bool subscriptions = false;
  size_t event_triggers = 0;
  bool user_mappings = false;
  bool foreign = false;

  explicit ReachesOut(std::string_view list) {
    for (const ArchiveEntry& entry : parse_archive_list(list)) {
      subscriptions = subscriptions || is_of_kind(entry, "SUBSCRIPTION ");
      event_triggers += entry.what.starts_with("EVENT TRIGGER ") ? 1 : 0;
      user_mappings = user_mappings || is_of_kind(entry, "USER MAPPING ");
      foreign = foreign || entry.what.starts_with("FOREIGN TABLE ") ||
                entry.what.starts_with("EXTENSION - dblink");
    }
  }
  bool operator()(const ArchiveEntry& entry) const {
    return is_of_kind(entry, "SUBSCRIPTION ") || is_of_kind(entry, "EVENT TRIGGER ") ||
           is_of_kind(entry, "USER MAPPING ") ||
           (foreign && entry.what.starts_with("MATERIALIZED VIEW DATA "));
  }
  std::vector<std::string> sentences() const {
    std::vector<std::string> out;
    if (subscriptions) out.emplace_back("subscriptions were left out");
    if (event_triggers > 0) out.emplace_back("event triggers were left out");
    if (user_mappings) out.emplace_back("user mappings of foreign servers were left out");
    if (foreign)
      out.emplace_back("materialised views were not filled: there are foreign tables or dblink");
    return out;
  }
};

// Among what is said of a database: its owner, its rights, and what is set for one role in it.
bool names_a_role(std::string_view statement) {
  return statement.starts_with("GRANT ") || statement.starts_with("REVOKE ") ||
         (statement.starts_with("ALTER ROLE ") && !statement.starts_with("ALTER ROLE ALL ")) ||
         (statement.starts_with("ALTER DATABASE ") &&
          statement.find(" OWNER TO ") != std::string_view::npos);
}

// The server has heard it, and has done nothing.
bool was_refused(const Error& statement) {
  return statement.code() == ErrorCode::database_query ||
         statement.code() == ErrorCode::restore_rights;
}

class Restoring {
 public:
  Restoring(const RestoreRequest& request, const RestoreTools& tools, const Work& work,
            Target target, std::optional<Unpacked> unpacked)
      : request_(request),
        tools_(tools),
        work_(work),
        target_(std::move(target)),
        given_(std::move(unpacked)) {}

  Result<Restored> run() {
    auto done = all_steps();
    (void)platform::remove_tree(tools_.files, request_.folder);  // also emptied at start
    if (!done && made_) done = fail(undone(done.error()));
    if (!done && restored_.roles_made > 0 && !request_.on_scratch)
      done.error().with("roles", fmt::format("{}", restored_.roles_made));
    return done;
  }

 private:
  // Our database is dropped. What ended the restore, or that it is left.
  Error undone(Error ended) {
    const auto dropped = target_.drop(database_, Target::last_acts());
    // A scratch server goes as a whole.
    if (dropped || request_.on_scratch) return ended;
    // What speaks against the backup must not be lost.
    if (verdict_on_backup(ended) == Verdict::failed) {
      ended.with("left_behind", database_);
      return ended;
    }
    return Error(
        ErrorCode::restore_left_behind,
        {{"name", database_},
         {"reason", fmt::format("{}; the restore had ended before: {}",
                                dropped.error().parameter("reason"), ended.info().title)}});
  }

  Result<Restored> all_steps() {
    TRY(look_at_target());
    TRY(tell_what_was_left());
    TRY(take_unpacked());
    TRY(look_at_server());
    TRY(restore_roles());
    TRY(timed("restore", [&] { return restore_database(); }));
    TRY(timed("compare", [&] { return compare(); }));
    platform::failpoint("proof.restore.compared");
    TRY(timed("put_in_place", [&] { return put_in_place(); }));
    return std::move(restored_);
  }

  template <class Step>
  Result<> timed(const char* name, Step step) {
    const MonoTime began = tools_.clock.monotonic();
    auto done = step();
    restored_.durations[name] =
        std::chrono::duration_cast<Duration>(tools_.clock.monotonic() - began);
    return done;
  }
  void report(std::string_view phase) const {
    work_.progress({phase, request_.id.str(), {}, std::nullopt});
  }

  // What nobody would find otherwise is told by the next restore.
  Result<> tell_what_was_left() {
    TRY_ASSIGN(const auto names, target_.left_behind(work_));
    for (const std::string& name : names)
      restored_.warnings.push_back(Error(ErrorCode::restore_interrupted, {{"name", name}}));
    return {};
  }

  // Also at the end: what was empty may not be any more.
  Result<> look_at_target() {
    TRY_ASSIGN(const TargetState state, target_.look(target_.name(), work_));
    if (judge_target(target_, state, request_, nullptr)) return {};
    // Not verified yet: it only says whether this is the very source.
    const auto manifest = stored_manifest(request_);
    return judge_target(target_, state, request_, manifest ? &*manifest : nullptr);
  }

  Result<> take_unpacked() {
    if (given_) {
      unpacked_ = std::move(*given_);
    } else {
      TRY_ASSIGN(unpacked_, unpack_all());
    }
    restored_.durations["unpack"] = unpacked_.took;
    std::ranges::move(unpacked_.strangers, std::back_inserter(restored_.warnings));
    restored_.manifest = unpacked_.manifest;
    restored_.manifest_sha256 = unpacked_.manifest_sha256;
    return {};
  }

  Result<Unpacked> unpack_all() {
    TRY(tools_.files.create_folder(request_.folder));
    UnpackRequest what{request_.source, request_.id, request_.expected_manifest_sha256,
                       request_.folder, request_.jobs};
    what.identity = request_.identity;
    what.strangers_are_fine = !request_.on_scratch;
    return unpack(tools_.files, tools_.processes, tools_.clock, what, work_);
  }

  Result<> look_at_server() {
    TRY_ASSIGN(clients_, judge_server(target_, unpacked_.manifest, request_, tools_, work_));
    restored_.system_identifier = target_.system_identifier();
    restored_.server_version = fmt::format("{}", target_.server_version());
    return {};
  }

  Result<> restore_roles() {
    if (!(request_.globals || request_.on_scratch) || unpacked_.globals.empty()) return {};
    report("roles");
    TRY_ASSIGN(const RolesRestored roles,
               restore_globals(tools_.files, unpacked_.globals, target_, work_));
    restored_.roles_made = roles.made;
    restored_.roles_kept = roles.kept;
    return {};
  }

  Result<> restore_database() {
    report("restore");
    const Archive archive{unpacked_.archive, request_.folder, clients_};
    TRY_ASSIGN(const std::string list, archive_list(archive, tools_.processes, request_.id, work_));
    TRY_ASSIGN(const auto statements, database_statements(archive, list));
    TRY(target_.execute(encoding_, work_));
    TRY(make_database(statements));
    TRY(fill_database(archive, options_for(list)));
    // Last: a setting that makes every session read-only would keep the rows out.
    for (size_t i = 1; i < statements.size(); ++i)
      if (restored_.owners || !(request_.on_scratch || names_a_role(statements[i])))
        TRY(set_property(statements[i]));
    if (request_.on_scratch) {
      TRY_ASSIGN(restored_.sequences,
                 sequence_values(archive, list, tools_.processes, request_.id, work_));
      restored_.sequence_entries = count_sequences(list);
    }
    return target_.execute("reset client_encoding", work_);
  }

  Result<> fill_database(const Archive& archive, const RestoreOptions& options) {
    const auto guess = [this](Bytes empty) {
      return expected_growth(unpacked_.manifest, wanted_tables(unpacked_.manifest, request_.tables),
                             empty);
    };
    const auto tell = [this](Bytes grown, std::optional<Bytes> of) {
      work_.progress({"restore", request_.id.str(), grown, of});
    };
    const FillWatch watch(target_, database_, tools_.clock, guess, tell, work_.stop);
    return restore_into(archive, target_.dsn_of(database_), options, tools_.processes, request_.id,
                        work_);
  }

  RestoreOptions options_for(std::string_view list) {
    RestoreOptions options;
    options.jobs = request_.jobs;
    options.owners = restored_.owners =
        request_.owners && !(request_.on_scratch && unpacked_.globals.empty());
    options.superuser = target_.superuser();
    options.server_version = target_.server_version();
    options.application_name = work_.run.str();
    if (!request_.tables.empty())
      options.use_list =
          list_without_rows_of_others(list, wanted_tables(unpacked_.manifest, request_.tables));
    const ReachesOut reaches_out(list);
    restored_.event_triggers = reaches_out.event_triggers;
    restored_.left_out = request_.on_scratch ? reaches_out.sentences() : std::vector<std::string>();
    if (!restored_.left_out.empty()) options.use_list = list_without(list, reaches_out);
    return options;
  }

  Result<> set_property(const std::string& statement) {
    auto set = target_.execute(statement, work_);
    constexpr std::string_view kUndefinedObject = "42704";
    if (set || set.error().parameter("sqlstate") != kUndefinedObject || !names_a_role(statement))
      return set;
    return fail(ErrorCode::restore_role_missing,
                {{"database", target_.name()},
                 {"reason", std::string(platform::words_for(platform::ClientTrouble::role))}});
  }

  // CREATE DATABASE is the first.
  Result<std::vector<std::string>> database_statements(const Archive& archive,
                                                       std::string_view list) {
    TRY_ASSIGN(const std::string sql,
               database_sql(archive, list, tools_.processes, request_.id, work_));
    TRY_ASSIGN(auto statements, split_statements(sql));
    // Beside the encoding of the text, what pg_restore sets for its own session means nothing here.
    std::erase_if(statements, [this](const std::string& one) {
      if (one.starts_with("SET client_encoding ")) encoding_ = one;
      return one.starts_with("SET ") || one.starts_with("SELECT pg_catalog.set_config");
    });
    database_ = request_.made_as.empty() ? restore_database_name(work_.run) : request_.made_as;
    if (statements.empty() || !statements.front().starts_with("CREATE DATABASE "))
      return fail(ErrorCode::sql_unreadable);
    // As the archive writes it, which need not be the manifest's encoding.
    const std::string called = name_after(statements.front(), "database");
    for (std::string& one : statements) one = with_database_renamed(one, called, database_);
    if (name_after(statements.front(), "database") != database_)
      return fail(ErrorCode::sql_unreadable);
    return statements;
  }

  Result<> make_database(const std::vector<std::string>& statements) {
    const auto made = target_.execute(statements.front(), work_);
    made_ = made.has_value() || !was_refused(made.error());
    if (made) return {};
    constexpr std::string_view kNoSuchLocale = "42809";
    if (made.error().parameter("sqlstate") != kNoSuchLocale) return made;
    return fail(ErrorCode::restore_locale, {{"value", unpacked_.manifest.server.collate},
                                            {"sqlstate", std::string(kNoSuchLocale)}});
  }

  Result<> compare() {
    report("compare");
    TRY_ASSIGN(restored_.comparison,
               compare_rows(tools_.postgres,
                            {unpacked_.manifest, wanted_tables(unpacked_.manifest, request_.tables),
                             target_.dsn_of(database_), work_.run.str(), request_.jobs},
                            work_));
    const auto& differences = restored_.comparison.differences;
    if (!differences.empty()) return differ(differences.size(), differences.front().table);
    return request_.tables.empty() ? look_at_large_objects() : Result<>();
  }

  Result<> look_at_large_objects() {
    const LargeObjectsRequest what{unpacked_.manifest, unpacked_.archive, target_.dsn_of(database_),
                                   work_.run.str()};
    TRY_ASSIGN(const auto compared,
               compare_large_objects(tools_.postgres, tools_.files, what, work_));
    restored_.large_objects = compared.count;
    if (compared.differ.empty()) return {};
    return differ(compared.differ.size(), fmt::format("large object {}", compared.differ.front()));
  }

  Result<> differ(size_t count, std::string first) const {
    return fail(ErrorCode::restore_rows_differ, {{"backup", request_.id.str()},
                                                 {"observed", fmt::format("{}", count)},
                                                 {"object", std::move(first)}});
  }

  Result<> put_in_place() {
    report("put in place");
    TRY(look_at_target());
    const std::string before = replaced_database_name(target_.name(), tools_.clock.now());
    TRY_ASSIGN(const bool replaced, target_.put_in_place(database_, before, work_));
    made_ = false;
    restored_.database = target_.name();
    if (replaced) dispose_of(before);
    return {};
  }

  // All is done: whatever goes wrong here is told, and ends nothing.
  void dispose_of(const std::string& before) {
    restored_.kept = before;
    if (request_.keep_replaced) return;
    // It was empty when it was looked at.
    const auto state = target_.look(before, work_);
    if (!may_overwrite(target_, request_) && (!state || *state == TargetState::in_use)) return;
    if (const auto dropped = target_.drop(before, work_.limits()); !dropped) {
      restored_.warnings.push_back(dropped.error());
    } else {
      restored_.kept.clear();
    }
  }

  const RestoreRequest& request_;
  const RestoreTools& tools_;
  const Work& work_;
  Target target_;
  platform::Clients clients_;
  std::optional<Unpacked> given_;
  Unpacked unpacked_;
  std::string database_;                            // the one of our own
  std::string encoding_ = "reset client_encoding";  // the statement that sets that of the archive
  bool made_ = false;                               // it may be there
  Restored restored_;
};

}  // namespace

Result<Restored> restore(const RestoreRequest& request, const RestoreTools& tools, const Work& work,
                         std::optional<Unpacked> unpacked) {
  TRY_ASSIGN(auto target, Target::open(tools.postgres, request.target, work));
  if (!request.server_identifier.empty() && request.server_identifier != target.system_identifier())
    return fail(
        ErrorCode::restore_environment,
        {{"backup", request.id.str()},
         {"reason", "its connection leads to another server than the one that was marked"}});
  return Restoring(request, tools, work, std::move(target), std::move(unpacked)).run();
}

json::object to_json(const Restored& restored) {
  json::object result{{"database", restored.database},
                      {"tables", restored.comparison.tables},
                      {"rows", restored.comparison.rows},
                      {"rows_compared", "equal"}};
  if (restored.large_objects > 0) result["large_objects"] = restored.large_objects;
  if (!restored.kept.empty()) result["replaced_is_kept_as"] = restored.kept;
  if (restored.roles_made + restored.roles_kept > 0) {
    result["roles_made"] = restored.roles_made;
    result["roles_that_existed"] = restored.roles_kept;
  }
  for (const auto& [step, time] : restored.durations) result[step + "_s"] = to_seconds(time);
  json::array warnings;
  for (const Error& one : restored.warnings) warnings.emplace_back(one.detail(Audience::operators));
  if (!warnings.empty()) result["warnings"] = std::move(warnings);
  return result;
}

json::object what_stays(const Error& error) {
  const std::string_view roles = error.parameter("roles");
  uint64_t made = 0;
  (void)std::from_chars(roles.data(), roles.data() + roles.size(), made);
  json::object stays;
  if (made > 0) stays["roles_made"] = made;
  if (const auto left = error.parameter("left_behind"); !left.empty())
    stays["left_on_the_server"] = left;
  return stays;
}

}  // namespace vigie::proof
