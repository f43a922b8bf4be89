// A small artefact in memory, sealed by the real sealer: what the tests of this room damage.
#pragma once

#include <map>
#include <string>

#include "artefact/manifest.h"
#include "artefact/sealer.h"
#include "artefact/source.h"

namespace vigie::artefact {

// Files by name. Also a source, so that a test can change any byte of any file.
class MemoryArtefact final : public ArtefactSource {
 public:
  std::map<std::string, std::string, std::less<>> files;

  Result<std::vector<StoredFile>> list() override {
    std::vector<StoredFile> out;
    for (const auto& [name, bytes] : files) out.push_back({name, {bytes.size()}, true});
    return out;
  }
  Result<std::unique_ptr<platform::ReadableFile>> open(std::string_view name) override {
    const auto found = files.find(name);
    if (found == files.end()) {
      return fail(ErrorCode::file_not_found, {{"path", std::string(name)}});
    }
    return std::make_unique<MemoryFile>(found->second);
  }

 private:
  class MemoryFile final : public platform::ReadableFile {
   public:
    explicit MemoryFile(const std::string& bytes) : bytes_(bytes) {}
    Result<size_t> read_at(uint64_t offset, std::span<unsigned char> into) const override {
      if (offset >= bytes_.size()) return size_t{0};
      return bytes_.copy(reinterpret_cast<char*>(into.data()), into.size(), offset);
    }
    Result<Bytes> size() const override { return Bytes{bytes_.size()}; }

   private:
    const std::string& bytes_;
  };
};

inline BackupId test_id() {
  return {
      "nightly", "app",
      SystemTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 20)) + std::chrono::hours(2)};
}

inline Manifest test_manifest() {
  Manifest m;
  m.id = test_id();
  m.vigie_version = "0.1.0";
  m.run_id = "0123456789abcdef0123456789abcdef";
  m.correlation_id = "c0";
  m.started_at = m.id.started_at;
  m.sealed_at = m.id.started_at + std::chrono::seconds(9);
  m.durations = {{"dump", std::chrono::milliseconds(1500)}};
  m.server = {"15.14", 150014, "7300000000000000001", "app", "UTF8", "C.UTF-8", "C.UTF-8", "libc",
              "",      "C"};
  m.client_version = "pg_dump (PostgreSQL) 15.14";
  m.snapshot = {m.started_at, "0/1A2B3C4"};
  m.fingerprint_key = {1, 2, 3};
  m.extensions = {{"plpgsql", "1.0"}};
  m.collations = {{"und-x-icu", "153.120"}};
  m.not_included = {{"subscription", "s", "needs a superuser"}};
  m.roles_without_password = {"app"};
  m.source_check = {"counts", "passed"};
  return m;
}

// Seals `raw` under `name`, in frames of `frame_bytes`.
inline Sealed seal_into(MemoryArtefact& artefact, Manifest& manifest, const std::string& name,
                        FileKind kind, std::string_view raw, size_t frame_bytes = 64,
                        const Encryption* encryption = nullptr) {
  Sealer sealer(1, frame_bytes, encryption);
  std::string& stored = artefact.files[name];
  (void)sealer.begin(
      [&](ByteSpan bytes) -> Result<> {
        stored.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        return {};
      },
      kind == FileKind::data ? std::optional(manifest.fingerprint_key) : std::nullopt);
  (void)sealer.update(as_bytes(raw));
  const Sealed sealed = sealer.finish().value();
  const Codec codec = encryption == nullptr ? Codec::zstd : Codec::zstd_age;
  manifest.files.push_back(
      {name, kind, codec, sealed.raw, sealed.raw_sha256, sealed.stored, sealed.stored_sha256});
  return sealed;
}

inline void cover_with(MemoryArtefact& artefact, Manifest manifest) {
  const Cover cover = make_cover(manifest);
  artefact.files[std::string(kCardName)] = cover.card;
  artefact.files[std::string(kSumsName)] = cover.sums;
  artefact.files[std::string(kManifestName)] = cover.manifest;
}

// A table of contents, and a table of three rows that spans three frames.
inline MemoryArtefact test_artefact(const Encryption* encryption = nullptr) {
  MemoryArtefact artefact;
  Manifest manifest = test_manifest();
  const std::string end = encryption == nullptr ? ".zst" : ".zst.age";
  const auto seal = [&](const std::string& name, FileKind kind, std::string_view raw) {
    return seal_into(artefact, manifest, name + end, kind, raw, 64, encryption);
  };
  seal("dump/toc.dat", FileKind::toc, "PGDMP, not really");
  const std::string rows = "1\tone\n2\t" + std::string(120, 'x') + "\n3\t\\N\n\\.\n\n\n";
  const Sealed sealed = seal("dump/3456.dat", FileKind::data, rows);
  manifest.tables.push_back({16412, "public", "docs", "dump/3456.dat" + end, *sealed.rows});
  if (encryption != nullptr) {
    manifest.recipients = encryption->recipients;
    const auto& key = manifest.fingerprint_key;
    seal("fingerprint.key", FileKind::key, {reinterpret_cast<const char*>(key.data()), key.size()});
  }
  cover_with(artefact, manifest);
  return artefact;
}

}  // namespace vigie::artefact
