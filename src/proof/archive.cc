#include "proof/archive.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>

#include "platform/client_trouble.h"
#include "platform/file_system.h"
#include "platform/process_output.h"
#include "proof/sql_script.h"

namespace vigie::proof {
namespace {

using platform::ClientTrouble;
using platform::ProcessEnd;

constexpr Bytes kMaxList = 64_MiB;
constexpr std::string_view kList = "entries";

// Takes a number and the blanks behind it off the front.
std::optional<long> take_number(std::string_view& text) {
  long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return value;
}

std::optional<ArchiveEntry> parse_line(std::string_view line) {
  ArchiveEntry entry{0, line, line};
  const auto id = take_number(entry.what);
  if (!id || !entry.what.starts_with("; ")) return std::nullopt;
  entry.what.remove_prefix(2);
  for (int oids = 0; oids < 2; ++oids) {
    if (!take_number(entry.what) || !entry.what.starts_with(' ')) return std::nullopt;
    entry.what.remove_prefix(1);
  }
  entry.id = static_cast<int>(*id);
  return entry;
}

// What pg_restore's own words mean; everything else is its failure.
Error error_of(const ProcessEnd& end, const BackupId& id, const std::string& database,
               bool superuser = false) {
  ClientTrouble trouble =
      end.signalled
          ? ClientTrouble::killed
          : platform::client_trouble(platform::first_message(end.error_text, "pg_restore"));
  // An owner within the archive lacks it, and will on any server.
  if (superuser && trouble == ClientTrouble::permission) trouble = ClientTrouble::other;
  const std::string reason(platform::words_for(trouble));
  switch (trouble) {
    case ClientTrouble::role:
      return Error(ErrorCode::restore_role_missing, {{"database", database}, {"reason", reason}});
    case ClientTrouble::permission:
      return Error(ErrorCode::restore_rights,
                   {{"database", database},
                    {"reason", "pg_restore was refused a right that its role does not have"}});
    case ClientTrouble::connection:
      return Error(ErrorCode::database_unreachable, {{"database", database}, {"reason", reason}});
    case ClientTrouble::server_full:
    case ClientTrouble::disk_full:
    case ClientTrouble::unsupported:
    case ClientTrouble::memory:
    case ClientTrouble::stopped:
    case ClientTrouble::killed:
      return Error(ErrorCode::restore_environment, {{"backup", id.str()}, {"reason", reason}});
    default:
      return Error(ErrorCode::restore_failed, {{"backup", id.str()},
                                               {"code", fmt::format("{}", end.status)},
                                               {"reason", reason + "."}});
  }
}

void tell(const Work& work, const ProcessEnd& end) {
  if (work.program_ended)
    work.program_ended("pg_restore", end.status, platform::redacted_output(end.error_text));
}

platform::Command command_of(const Archive& archive, std::vector<std::string> arguments) {
  platform::Command command;
  command.program = archive.clients.program("pg_restore");
  command.arguments = std::move(arguments);
  command.arguments.push_back(archive.folder.string());
  command.folder = archive.work_folder;
  return command;
}

// A role whose sessions are read-only by its own setting could not restore; and without the second
// one a session works on, on an index for hours, when its client was killed.
std::string session_options(int server_version) {
  constexpr int kFirstThatLooks = 140000;
  std::string options = "-c default_transaction_read_only=off";
  if (server_version >= kFirstThatLooks) options += " -c client_connection_check_interval=2s";
  return options;
}

Result<std::string> said(const Archive& archive, std::vector<std::string> arguments,
                         platform::ProcessRunner& runner, const BackupId& id, const Work& work) {
  TRY_ASSIGN(auto text, platform::run_for_text(runner, command_of(archive, std::move(arguments)),
                                               kMaxList, work.deadline, work.stop));
  tell(work, text.end);
  if (text.end.status != 0) return fail(error_of(text.end, id, id.database));
  return std::move(text.output);
}

// For --use-list; replaces the one before.
Result<std::string> use_list(const Archive& archive, std::string_view lines) {
  const platform::Path path = archive.work_folder / kList;
  TRY(platform::write_file_replace(platform::real_file_system(), path, lines));
  return "--use-list=" + path.string();
}

// The text of a literal: each quote in it stands twice.
std::string unquoted(std::string text) {
  for (size_t at = text.find("''"); at != std::string::npos; at = text.find("''", at + 1))
    text.erase(at, 1);
  return text;
}

template <class Wanted>
std::string lines_of(std::string_view list, Wanted wanted) {
  std::string lines;
  for (const ArchiveEntry& entry : parse_archive_list(list))
    if (wanted(entry)) lines += std::string(entry.line) + "\n";
  return lines;
}

}  // namespace

bool ArchiveEntry::speaks_of_database() const {
  constexpr std::array<std::string_view, 5> kBeginnings{"DATABASE - ", "DATABASE PROPERTIES - ",
                                                        "ACL - DATABASE ", "COMMENT - DATABASE ",
                                                        "SECURITY LABEL - DATABASE "};
  return std::ranges::any_of(kBeginnings,
                             [&](std::string_view begin) { return what.starts_with(begin); });
}

std::vector<ArchiveEntry> parse_archive_list(std::string_view list) {
  std::vector<ArchiveEntry> entries;
  while (!list.empty()) {
    const size_t end = std::min(list.find('\n'), list.size());
    if (const auto entry = parse_line(list.substr(0, end))) entries.push_back(*entry);
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return entries;
}

std::vector<SequenceValue> parse_sequence_values(std::string_view script) {
  constexpr std::string_view kCall = "SELECT pg_catalog.setval('";
  std::vector<SequenceValue> values;
  const auto statements = split_statements(script);
  if (!statements) return values;
  for (const std::string& statement : *statements) {
    if (!statement.starts_with(kCall)) continue;
    const size_t end = statement.rfind("', ");
    const size_t comma = statement.rfind(", ");
    if (end == std::string::npos || comma <= end) continue;
    values.push_back({unquoted(statement.substr(kCall.size(), end - kCall.size())),
                      statement.substr(end + 3, comma - end - 3),
                      statement.substr(comma + 2) == "true)"});
  }
  return values;
}

Result<std::string> archive_list(const Archive& archive, platform::ProcessRunner& runner,
                                 const BackupId& id, const Work& work) {
  return said(archive, {"--create", "--list"}, runner, id, work);
}

Result<std::string> database_sql(const Archive& archive, std::string_view list,
                                 platform::ProcessRunner& runner, const BackupId& id,
                                 const Work& work) {
  TRY_ASSIGN(std::string option,
             use_list(archive, lines_of(list, std::mem_fn(&ArchiveEntry::speaks_of_database))));
  return said(archive, {"--create", "--no-tablespaces", std::move(option), "--file=-"}, runner, id,
              work);
}

Result<std::vector<SequenceValue>> sequence_values(const Archive& archive, std::string_view list,
                                                   platform::ProcessRunner& runner,
                                                   const BackupId& id, const Work& work) {
  const std::string lines = lines_of(
      list, [](const ArchiveEntry& entry) { return entry.what.starts_with("SEQUENCE SET "); });
  if (lines.empty()) return std::vector<SequenceValue>();
  TRY_ASSIGN(std::string option, use_list(archive, lines));
  TRY_ASSIGN(const std::string script,
             said(archive, {std::move(option), "--file=-"}, runner, id, work));
  return parse_sequence_values(script);
}

Result<> restore_into(const Archive& archive, const platform::Dsn& dsn,
                      const RestoreOptions& options, platform::ProcessRunner& runner,
                      const BackupId& id, const Work& work) {
  TRY_ASSIGN(auto access,
             platform::client_access(dsn, archive.work_folder.string(), options.application_name));
  // The database is named by PGDATABASE: a name that holds "=" would be taken for more than that.
  std::vector<std::string> arguments{"--exit-on-error", "--no-tablespaces", "--no-password",
                                     fmt::format("--jobs={}", options.jobs),
                                     "--dbname=" + access.conninfo};
  if (!options.owners) arguments.insert(arguments.end(), {"--no-owner", "--no-privileges"});
  if (!options.use_list.empty()) {
    TRY_ASSIGN(std::string option, use_list(archive, options.use_list));
    arguments.push_back(std::move(option));
  }
  platform::Command command = command_of(archive, std::move(arguments));
  command.environment = std::move(access.environment);
  command.environment.emplace_back("PGOPTIONS", session_options(options.server_version));
  TRY_ASSIGN(const ProcessEnd end, platform::run_to_end(runner, command, work.deadline, work.stop));
  tell(work, end);
  if (end.status != 0) return fail(error_of(end, id, dsn.name, options.superuser));
  return {};
}

}  // namespace vigie::proof
