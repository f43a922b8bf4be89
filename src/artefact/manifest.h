// The manifest vigie.artefact/1: what a sealed backup is and holds. The format is
// docs/formats/artefact-1.md. Plain values; parse() trusts nothing that it reads.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "artefact/copy_rows.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "base/ids.h"
#include "base/result.h"

namespace vigie::artefact {

inline constexpr std::string_view kManifestName = "manifest.json";
inline constexpr std::string_view kSumsName = "SHA256SUMS";
inline constexpr std::string_view kCardName = "RECOVER.md";
inline constexpr std::string_view kKeyName = "fingerprint.key.zst.age";
inline constexpr Bytes kMaxManifestBytes = 64_MiB;
inline constexpr std::string_view kAgeFormat = "age-encryption.org/v1";
inline constexpr size_t kMaxRecipients = 20;
inline constexpr std::string_view kFingerprintAlgorithm = "siphash-1-3-128-sum";
// Of an encrypted artefact: each sum with its mask added (fingerprint_mask).
inline constexpr std::string_view kMaskedFingerprintAlgorithm = "siphash-1-3-128-sum-masked";

// key: of an encrypted artefact, the fingerprint's key.
enum class FileKind : unsigned char { toc, data, blobs_toc, blob, globals, card, key };
// zstd_age: zstd frames, and these encrypted in the age format.
enum class Codec : unsigned char { none, zstd, zstd_age };

std::string_view to_string(FileKind kind);
std::string_view to_string(Codec codec);

struct FileEntry {
  std::string name;  // as stored: "dump/3456.dat.zst"
  FileKind kind = FileKind::data;
  Codec codec = Codec::zstd;
  Bytes raw;
  Sha256Digest raw_sha256{};  // nothing of an encrypted file: it would confirm a guess
  Bytes stored;
  Sha256Digest stored_sha256{};

  bool encrypted() const { return codec == Codec::zstd_age; }
};

struct TableEntry {
  uint32_t oid = 0;
  std::string schema;
  std::string name;
  std::string file;  // the FileEntry's name
  RowSummary rows;
  // Of a table that inherits: a restore may give its columns another order, and then the rows of
  // COPY are other lines. Empty: in the table's order.
  std::vector<std::string> columns{};
  // Of a table that an extension brings with rows of its own: the dump has the others alone, and a
  // restore has both.
  bool part_of_rows = false;
};

struct Server {
  std::string version;  // "15.14 (Debian 15.14-0+deb12u1)"
  int version_num = 0;  // 150014
  std::string system_identifier;
  std::string database;  // its name inside PostgreSQL
  std::string encoding;
  std::string collate;
  std::string ctype;
  std::string locale_provider;
  std::string collation_version;  // empty: none
  std::string lc_monetary;
  std::string preload{};  // shared_preload_libraries; empty: none, or the role may not read it
  Bytes database_size{};  // on its disk, shortly before the snapshot; 0: not known
};

struct Snapshot {
  SystemTime at;
  std::string lsn;  // "0/1A2B3C4"
};

struct Versioned {
  std::string name;
  std::string version;
};

struct NotIncluded {
  std::string kind;    // "subscription", "user mapping", …
  std::string object;  // its name; may be empty
  std::string reason;
};

// What the source itself said under the same snapshot.
struct SourceCheck {
  std::string mode = "none";    // none, counts, full
  std::string result = "none";  // none, passed, failed, could_not_verify
};

// Objects of one kind, without those that an extension brought.
struct ObjectCount {
  std::string kind;  // "tables", "indexes", "grants", …
  uint64_t count = 0;
  // SHA-256 over a line for each, sorted: its name and what of it the same major version always
  // says alike (docs/formats/artefact-1.md, inventory).
  Sha256Digest digest{};

  bool operator==(const ObjectCount&) const = default;
};

struct Manifest {
  BackupId id;
  std::string vigie_version;
  std::string run_id;
  std::string correlation_id;
  SystemTime started_at;
  SystemTime sealed_at;
  std::map<std::string, Duration> durations;  // stage -> time
  Server server;
  std::string client_version;
  Snapshot snapshot;
  std::vector<std::string> recipients{};  // public keys that it is encrypted for; empty: it is not
  // Of an encrypted artefact it lies in a file of its own, encrypted, and is all zeros until that
  // is read: whoever has it can guess at rows.
  FingerprintKey fingerprint_key{};
  // Fingerprints of tables and digests of the inventory have their masks on, and say nothing: of an
  // encrypted artefact until its key is read.
  bool masked = false;
  std::vector<FileEntry> files;    // any order; written sorted by name
  std::vector<TableEntry> tables;  // any order; written sorted by oid
  std::vector<Versioned> extensions;
  std::vector<Versioned> collations;
  std::vector<NotIncluded> not_included;
  uint64_t not_included_more = 0;  // than are named
  std::vector<std::string> roles_without_password;
  SourceCheck source_check;
  std::vector<ObjectCount> inventory;  // under the dump's snapshot; empty: not known

  bool encrypted() const { return !recipients.empty(); }
  // Sets the key, and takes the masks off.
  void unmask(const FingerprintKey& key);
  Bytes raw() const;  // sums over files
  Bytes stored() const;
  uint64_t rows() const;
  const FileEntry* file(std::string_view name) const;  // linear

  // Canonical JSON and a newline.
  std::string to_json() const;
  // `expected` is what the folder says. Errors: manifest_invalid, manifest_newer.
  static Result<Manifest> parse(std::string_view text, const BackupId& expected);
};

// One or two components of [A-Za-z0-9_][A-Za-z0-9_.-]*, at most 100 bytes each; not a name that
// the format reserves (manifest.json, SHA256SUMS).
bool is_stored_name(std::string_view name);

// The three texts beside the sealed files, made from one manifest, to whose `files`
// the card is added.
// Write card and sums as they are, then publish the manifest's text.
struct Cover {
  std::string card;      // RECOVER.md
  std::string sums;      // SHA256SUMS
  std::string manifest;  // manifest.json
  std::string manifest_sha256;
};
Cover make_cover(Manifest& manifest);

// SHA256SUMS as it must be beside a manifest of these bytes.
std::string sums_text(const Manifest& manifest, std::string_view manifest_text);

}  // namespace vigie::artefact
