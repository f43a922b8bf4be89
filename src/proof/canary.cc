#include "proof/canary.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "artefact/sealer.h"
#include "artefact/unseal.h"
#include "proof/backup_key.h"
#include "proof/drill.h"
#include "proof/session_settings.h"
#include "proof/tampered_source.h"
#include "proof/unpack.h"

namespace vigie::proof {
namespace {

using artefact::FileEntry;
using artefact::FileKind;
using artefact::Manifest;
using artefact::TableEntry;
using ledger::Assertion;
using ledger::Outcome;

constexpr std::string_view kRefused = "refused";
constexpr Bytes kNearItsBegin = 64_KiB;  // found there without reading the rest
constexpr Bytes kLargestTable = 16_MiB;  // that is held in memory to take a row out of

// The smallest that has rows; nullptr when none has.
const TableEntry* smallest_table(const Manifest& manifest) {
  const TableEntry* smallest = nullptr;
  uint64_t size = 0;
  for (const TableEntry& table : manifest.tables) {
    const bool fits = table.rows.rows > 0 && !table.part_of_rows;
    const FileEntry* const file = fits ? manifest.file(table.file) : nullptr;
    if (file == nullptr || (smallest != nullptr && file->raw.count >= size)) continue;
    smallest = &table;
    size = file->raw.count;
  }
  return smallest;
}

// From a table that is published (by FOR ALL TABLES, say) and has no key nothing may be deleted.
constexpr std::string_view kPublishNothing = R"sql(
do $$
declare published text;
begin
  for published in select pubname from pg_catalog.pg_publication loop
    execute pg_catalog.format('drop publication %I', published);
  end loop;
end $$;)sql";

// What is read first, and in full before anything is believed.
const FileEntry& largest_file(const Manifest& manifest) {
  return *std::ranges::max_element(manifest.files, {},
                                   [](const FileEntry& file) { return file.raw.count; });
}

// COPY's rows end with "\." and two empty lines. The last row goes.
std::string without_last_row(const std::string& copy) {
  constexpr std::string_view kEnd = "\\.\n";
  const size_t end = copy.rfind(kEnd);
  if (end == std::string::npos || end == 0) return copy;
  const size_t begin = end < 2 ? std::string::npos : copy.rfind('\n', end - 2);
  return copy.substr(0, begin == std::string::npos ? 0 : begin + 1) + copy.substr(end);
}

Result<std::string> sealed_again(const std::string& raw, FileEntry& entry,
                                 const artefact::Encryption* encryption) {
  std::string stored;
  artefact::Sealer sealer(1, artefact::Sealer::kDefaultFrameBytes, encryption);
  TRY(sealer.begin(
      [&](ByteSpan bytes) {
        stored.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        return Result<>();
      },
      std::nullopt));
  TRY(sealer.update(as_bytes(raw)));
  TRY_ASSIGN(const auto sealed, sealer.finish());
  entry.raw = sealed.raw;
  entry.raw_sha256 = sealed.raw_sha256;
  entry.stored = sealed.stored;
  entry.stored_sha256 = sealed.stored_sha256;
  return stored;
}

class Canaries {
 public:
  Canaries(const DrillRequest& request, const Manifest& manifest, const platform::Dsn& database,
           const RestoreTools& tools, const Work& work)
      : request_(request),
        manifest_(manifest),
        database_(database),
        tools_(tools),
        work_(work),
        table_(smallest_table(manifest)) {}

  Result<std::vector<Assertion>> run() {
    TRY(stored("one_flipped_bit", [this](TamperedSource& source) {
      const FileEntry& file = largest_file(manifest_);
      source.flip(file.name, std::min(file.stored.count / 2, kNearItsBegin.count));
    }));
    TRY(stored("truncated_file", [this](TamperedSource& source) {
      const FileEntry& file = largest_file(manifest_);
      source.cut(file.name, {file.stored.count / 2});
    }));
    TRY(stored("missing_file", [this](TamperedSource& source) {
      source.hide(table_ == nullptr ? largest_file(manifest_).name : table_->file);
    }));
    TRY(rows_removed_under_new_checksums());
    TRY(restored("row_removed_after_restore", remove_row_sql(), 1));
    TRY(restored("table_removed_after_restore",
                 table_ == nullptr
                     ? ""
                     // An event trigger of the source's may guard its tables.
                     : "set session_replication_role = replica; drop table " + name() + " cascade",
                 0));
    return std::move(assertions_);
  }

 private:
  void note(std::string_view id, std::string_view actual, Outcome result) {
    assertions_.push_back({fmt::format("canary.{}", id), json::value(json::string(kRefused)),
                           json::value(json::string(actual)), result});
  }
  std::string name() const {
    return platform::quote_identifier(table_->schema) + "." +
           platform::quote_identifier(table_->name);
  }

  // Damage that is found is of the bytes; a disk that is full has refused nothing.
  Result<> judge(std::string_view id, const Result<>& done) {
    if (done) {
      note(id, "not refused", Outcome::failed);
    } else if (done.error().info().error_class == "integrity") {
      note(id, kRefused, Outcome::passed);
    } else if (work_.stop.stop_requested()) {
      return done;
    } else {
      note(id, done.error().info().name, Outcome::could_not_verify);
    }
    return {};
  }

  // A copy with damage on the way of every restore.
  Result<> stored(std::string_view id, const std::function<void(TamperedSource&)>& damage) {
    TamperedSource source(request_.source);
    damage(source);
    return judge(id, unpacked(source, request_.manifest_sha256));
  }

  Result<> unpacked(artefact::ArtefactSource& source, const std::string& manifest_sha256) {
    const platform::Path folder = request_.folder / "canary";
    TRY(tools_.files.create_folder(folder));
    UnpackRequest unpack{source, request_.id, manifest_sha256, folder,
                         static_cast<unsigned>(request_.options.scratch.jobs)};
    unpack.first_finding_ends = true;
    unpack.identity = request_.options.identity;
    auto done = proof::unpack(tools_.files, tools_.processes, tools_.clock, unpack, work_);
    TRY(platform::remove_tree(tools_.files, folder));
    if (done) return {};
    return fail(done.error());
  }

  // The copy holds the table of contents and this table alone: only its rows are to be judged.
  Result<> rows_removed_under_new_checksums() {
    constexpr std::string_view kId = "row_removed_under_new_checksums";
    const FileEntry* const file = table_ == nullptr ? nullptr : manifest_.file(table_->file);
    if (file == nullptr || file->raw > kLargestTable) {
      note(kId, "no table is small enough", Outcome::skipped);
      return {};
    }
    TamperedSource source(request_.source);
    if (const auto made = forge(source, *file); !made) return judge(kId, made);
    return judge(kId, unpacked(source, {}));
  }

  static bool stays(const FileEntry& file) {
    return file.kind == FileKind::toc || file.kind == FileKind::key;
  }

  Result<> forge(TamperedSource& source, const FileEntry& file) {
    TRY_ASSIGN(const auto key, BackupKey::of(manifest_, request_.options.identity, tools_.files,
                                             tools_.processes, work_.limits()));
    TRY_ASSIGN(const std::string raw,
               artefact::read_unsealed(request_.source, manifest_, file, kLargestTable,
                                       decryption_of(key), work_.limits()));
    FileEntry entry = file;
    // Whoever can write into the store knows the recipients too.
    std::optional<artefact::Encryption> encryption;
    if (key)
      encryption.emplace(artefact::Encryption{tools_.processes, key->decryption().program,
                                              manifest_.recipients, work_.limits()});
    TRY_ASSIGN(std::string bytes,
               sealed_again(without_last_row(raw), entry, encryption ? &*encryption : nullptr));
    Manifest forged = manifest_;
    forged.tables = {*table_};
    std::erase_if(forged.files, [](const FileEntry& one) { return !stays(one); });
    forged.files.push_back(entry);
    for (const FileEntry& one : manifest_.files)
      if (!stays(one) && one.kind != FileKind::card && one.name != entry.name)
        source.hide(one.name);
    const artefact::Cover cover = artefact::make_cover(forged);
    source.replace(std::string(artefact::kCardName), cover.card);
    source.replace(std::string(artefact::kSumsName), cover.sums);
    source.replace(std::string(artefact::kManifestName), cover.manifest);
    source.replace(entry.name, std::move(bytes));
    return {};
  }

  std::string remove_row_sql() const {
    if (table_ == nullptr) return {};
    return fmt::format(
        "set session_replication_role = replica; {1} delete from only {0} where ctid = (select "
        "ctid from only {0} limit 1) returning 1",
        name(), kPublishNothing);
  }

  // Why the damage could not be done; empty: it is. A trigger that is enabled always may keep a
  // row, or put it back, and an undamaged table is not refused. Damage answers with `rows`.
  Result<std::string> damaged(platform::PgConnection& session, const std::string& damage,
                              size_t rows) const {
    const auto done = session.query(damage, work_.limits());
    if (!done && done.error().code() != ErrorCode::database_query) return fail(done.error());
    if (!done) return "SQLSTATE " + std::string(done.error().parameter("sqlstate"));
    if ((*done)->rows() != rows) return std::string("nothing could be removed");
    if (rows == 0) return std::string();
    TRY_ASSIGN(const auto left,
               session.query("select count(*) from only " + name(), work_.limits()));
    const bool whole = static_cast<uint64_t>(left->integer(0, 0)) >= table_->rows.rows;
    return std::string(whole ? "what was removed is there again" : "");
  }

  // The same comparison must see it.
  Result<> restored(std::string_view id, const std::string& damage, size_t rows) {
    if (damage.empty()) {
      note(id, "no table has rows", Outcome::skipped);
      return {};
    }
    TRY_ASSIGN(const auto session,
               tools_.postgres.connect(database_, "vigie canary", work_.limits()));
    TRY(free_session(*session, manifest_.server, work_.limits()));
    TRY_ASSIGN(const std::string hindrance, damaged(*session, damage, rows));
    if (!hindrance.empty()) {
      note(id, hindrance, Outcome::could_not_verify);
      return {};
    }
    TRY_ASSIGN(
        const auto comparison,
        compare_rows(tools_.postgres, {manifest_, {table_}, database_, work_.run.str(), 1}, work_));
    const bool seen = comparison.differences.size() == 1;
    note(id, seen ? kRefused : "not refused", seen ? Outcome::passed : Outcome::failed);
    return {};
  }

  const DrillRequest& request_;
  const Manifest& manifest_;
  const platform::Dsn& database_;
  const RestoreTools& tools_;
  const Work& work_;
  const TableEntry* const table_;
  std::vector<Assertion> assertions_;
};

}  // namespace

Result<std::vector<Assertion>> put_canaries(const DrillRequest& request, const Manifest& manifest,
                                            const platform::Dsn& database,
                                            const RestoreTools& tools, const Work& work) {
  return Canaries(request, manifest, database, tools, work).run();
}

}  // namespace vigie::proof
