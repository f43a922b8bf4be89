#include "artefact/recovery_card.h"

#include <fmt/format.h>

#include <algorithm>

namespace vigie::artefact {
namespace {

bool is_plain(std::string_view text) {
  return !text.empty() && text.front() != '-' && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

// A word for bash. Names come from the database: one must not be able to close the quotes, nor the
// fence that the command stands in.
std::string shell_word(std::string_view text) {
  if (is_plain(text)) return std::string(text);
  std::string out = "$'";
  for (const char c : text) {
    const bool kept = is_plain({&c, 1}) || c == ' ' || c == '=' || c == '-';
    out += kept ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return out + "'";
}

// For -d, which takes some names for connection strings.
std::string database_word(const std::string& database) {
  if (is_plain(database)) return database;
  std::string quoted;
  for (const char c : database) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return shell_word("dbname='" + quoted + "'");
}

std::string shown(std::string_view text) {
  std::string out = printable(text);
  std::ranges::replace(out, '`', '\'');
  return out;
}

bool has_globals(const Manifest& manifest) {
  return std::ranges::any_of(manifest.files,
                             [](const FileEntry& f) { return f.kind == FileKind::globals; });
}

int major_version(const Manifest& manifest) {
  return manifest.server.version_num / 10000;
}

std::string head(const Manifest& m) {
  return fmt::format(
      "# Recovery card: {}\n\n"
      "This folder holds the database `{}` of the PostgreSQL server {} (system identifier {}),\n"
      "as it was at {} (UTC), WAL position {}. {} tables, {} rows; {} as files, {} stored.\n"
      "It is not point-in-time recovery: what was committed later is not in it.\n\n",
      m.id.str(), shown(m.server.database), shown(m.server.version),
      shown(m.server.system_identifier), format_rfc3339(m.snapshot.at), shown(m.snapshot.lsn),
      m.tables.size(), m.rows(), format_bytes(m.raw()), format_bytes(m.stored()));
}

std::string needs_key(const Manifest& m) {
  if (!m.encrypted()) return {};
  std::string out =
      "- age (https://age-encryption.org), and the private key of one of those whom it is "
      "encrypted "
      "for:\n";
  for (const std::string& recipient : m.recipients)
    out += fmt::format("  `{}`\n", shown(recipient));
  return out;
}

std::string needs(const Manifest& m) {
  return fmt::format(
      "## What is needed\n\n"
      "- a PostgreSQL server, version {0} or later, and a superuser of it. PGHOST and PGUSER say "
      "which;\n"
      "- the client programs of version {0} or later (Debian: `postgresql-client-{0}`), zstd, "
      "coreutils;\n"
      "- {1} of free space under $TMPDIR (else /var/tmp) beside the server's own.\n"
      "{2}\n"
      "Run the commands in bash, in this folder.{3}\n\n",
      major_version(m), format_bytes(m.raw()), needs_key(m),
      m.encrypted() ? " KEY says where the private key is." : "");
}

std::string how_long(const std::optional<MeasuredDrill>& drill) {
  if (!drill) return {};
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(drill->rto);
  const std::string size =
      drill->raw.count == 0 ? "" : fmt::format(" ({} as files)", format_bytes(drill->raw));
  return fmt::format(
      "## How long will it take?\n\n"
      "The last restore drill before this backup was made ended at {} (UTC). It had a database of "
      "the backup `{}`{}\n"
      "after {}: from the stored bytes to an answer, on a server made for speed. Count on "
      "more.\n\n",
      format_rfc3339(drill->at), drill->backup.str(), size, format_duration(seconds));
}

std::string check_step() {
  return "## 1. Is it undamaged?\n\n```sh\nsha256sum --quiet --check SHA256SUMS\n```\n\n";
}

std::string passwords(const Manifest& m) {
  if (m.roles_without_password.empty()) return {};
  std::string out =
      "These roles may log in and have no password after it; set one with `\\password` in "
      "psql:\n\n";
  for (const std::string& role : m.roles_without_password) {
    out += fmt::format("- `{}`\n", shown(role));
  }
  return out + "\n";
}

std::string globals_step(const Manifest& m) {
  if (!has_globals(m)) {
    return "## 2. Roles\n\nThe roles were not backed up: the commands below leave owners and "
           "rights out.\n\n";
  }
  return "## 2. Roles\n\nWhat exists already is reported as an error and left as it is.\n\n"
         "```sh\n" +
         std::string(m.encrypted() ? "age -d -i \"$KEY\" globals.sql.zst.age | zstd -dc"
                                   : "zstd -dc globals.sql.zst") +
         " | psql -X -q -d postgres\n```\n\n" + passwords(m);
}

std::string options_of(const Manifest& m) {
  return fmt::format("--exit-on-error --no-tablespaces {}--jobs=2",
                     has_globals(m) ? "" : "--no-owner --no-privileges ");
}

// The archive makes the database itself, with its locale, owner, rights and settings. A setting
// that makes every session of the database read-only would keep the rows out.
std::string restore_command(const Manifest& m, std::string_view folder) {
  return fmt::format(
      "PGOPTIONS='-c default_transaction_read_only=off' pg_restore --create {} -d postgres {}\n",
      options_of(m), folder);
}

std::string unpack(const Manifest& m) {
  return fmt::format(
      "WORK=$(mktemp -d \"${{TMPDIR:-/var/tmp}}/restore-XXXXXX\")\n"
      "{}",
      m.encrypted()
          ? "for FILE in dump/*; do\n"
            "  age -d -i \"$KEY\" \"$FILE\" | zstd -q -d -o \"$WORK/$(basename \"$FILE\" "
            ".zst.age)\"\n"
            "done\n"
          : "find dump -name '*.zst' -exec zstd -q -d --output-dir-flat \"$WORK\" {} +\n");
}

std::string restore_step(const Manifest& m) {
  return fmt::format(
      "## 3. The database\n\n"
      "It must not exist yet; under another name: see below.\n\n```sh\n"
      "{0}{1}"
      "rm -r \"$WORK\"\n"
      "psql -X -q -d {2} -c ANALYZE\n```\n\n"
      "Tablespaces are left out: everything goes into the server's default one. Where they exist, "
      "leave `--no-tablespaces` away.{3}\n\n",
      unpack(m), restore_command(m, "\"$WORK\""), database_word(m.server.database),
      has_globals(m) ? ""
                     : " A role that a setting or a policy names must exist: `CREATE ROLE` it "
                       "first.");
}

std::string short_way(const Manifest& m) {
  if (m.encrypted()) return {};
  return "With client programs of version 16 or later (built with zstd, as Debian's are), "
         "pg_restore reads the "
         "files as they are, and step 3 is only:\n\n    " +
         restore_command(m, "dump") + "\n";
}

// Only for libc can the locale be said in two options.
std::string other_name(const Manifest& m) {
  const Server& s = m.server;
  std::string options = fmt::format("--template=template0 --encoding={}", shell_word(s.encoding));
  const bool libc = s.locale_provider == "libc" || s.locale_provider.empty();
  if (libc) {
    options +=
        fmt::format(" --lc-collate={} --lc-ctype={}", shell_word(s.collate), shell_word(s.ctype));
  }
  return fmt::format(
      "## Under another name\n\n"
      "Beside the database, say, to look into it. Its own owner, rights and settings (`ALTER "
      "DATABASE`) are then not set.{}\n\n```bash\n"
      "{}createdb {} -- restored\n"
      "pg_restore {} -d restored \"$WORK\"\n"
      "rm -r \"$WORK\"\n```\n\n",
      libc ? ""
           : fmt::format(" Its locale is of {}: say it too (`createdb --help`).",
                         shown(s.locale_provider)),
      unpack(m), options, options_of(m));
}

std::string tail(const Manifest& m) {
  std::string out =
      "## What is right afterwards\n\n"
      "`tables` in `manifest.json` says how many rows each table has.\n";
  if (m.not_included.empty()) return out;
  out += "\n## What is not in it\n\n";
  for (const NotIncluded& item : m.not_included) {
    out += fmt::format("- {} `{}`: {}\n", shown(item.kind), shown(item.object), shown(item.reason));
  }
  if (m.not_included_more > 0)
    out += fmt::format("- and {} more that are not named here\n", m.not_included_more);
  return out;
}

}  // namespace

std::string recovery_card(const Manifest& manifest, const std::optional<MeasuredDrill>& drill) {
  return head(manifest) + needs(manifest) + how_long(drill) + check_step() +
         globals_step(manifest) + restore_step(manifest) + short_way(manifest) +
         other_name(manifest) + tail(manifest);
}

}  // namespace vigie::artefact
