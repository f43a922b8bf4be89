#include "proof/unpack.h"

#include <algorithm>
#include <optional>

#include "proof/backup_key.h"

namespace vigie::proof {
namespace {

using artefact::FileEntry;
using artefact::FileKind;

constexpr std::string_view kArchive = "archive";
constexpr std::string_view kGlobals = "globals.sql";

// "dump/3456.dat.zst" and "dump/3456.dat.zst.age" are 3456.dat. Empty: it is not for pg_restore.
platform::Path unpacked_path(const platform::Path& folder, const FileEntry& entry) {
  if (entry.kind == FileKind::card || entry.kind == FileKind::key) return {};
  if (entry.kind == FileKind::globals) return folder / kGlobals;
  platform::Path name = platform::Path(entry.name).filename();
  if (entry.encrypted()) name.replace_extension();
  if (entry.codec != artefact::Codec::none) name.replace_extension();
  return folder / kArchive / name;
}

// A manifest that cannot be read is the verification's to judge.
std::optional<artefact::Manifest> peek(const UnpackRequest& request) {
  const auto text =
      artefact::read_stored(request.source, artefact::kManifestName, artefact::kMaxManifestBytes);
  if (!text) return std::nullopt;
  auto manifest = artefact::Manifest::parse(*text, request.id);
  return manifest ? std::optional(std::move(*manifest)) : std::nullopt;
}

Result<> look_at_space(platform::FileSystem& files, const UnpackRequest& request,
                       const artefact::Manifest& manifest) {
  // Who refuses at the first finding unpacks next to nothing.
  if (request.first_finding_ends) return {};
  TRY_ASSIGN(const platform::Space space, files.space(request.folder));
  if (manifest.raw() <= space.available) return {};
  return fail(ErrorCode::restore_space, {{"backup", request.id.str()},
                                         {"expected", format_bytes(manifest.raw())},
                                         {"observed", format_bytes(space.available)}});
}

bool is_stranger(const Error& finding) {
  return finding.code() == ErrorCode::artefact_extra_file;
}

// Damage before what only kept it from being seen: a full disk says nothing of the backup.
Result<> judge(const artefact::VerifyReport& report, bool strangers_are_fine) {
  const auto& findings = report.findings;
  const auto damage = std::ranges::find_if(findings, [&](const Error& one) {
    return one.info().error_class == "integrity" && !(strangers_are_fine && is_stranger(one));
  });
  if (damage != findings.end()) return fail(*damage);
  const auto other =
      std::ranges::find_if(findings, [](const Error& one) { return !is_stranger(one); });
  if (other != findings.end()) return fail(*other);
  if (report.contents_opened) return {};
  // At the first look, when its key was to be found, the manifest could not be read.
  return fail(ErrorCode::file_io, {{"path", std::string(artefact::kManifestName)},
                                   {"reason", "it could not be read at first"}});
}

}  // namespace

Result<Unpacked> unpack(platform::FileSystem& files, platform::ProcessRunner& processes,
                        const platform::Clock& clock, const UnpackRequest& request,
                        const Work& work) {
  const MonoTime began = clock.monotonic();
  std::unique_ptr<BackupKey> key;
  if (const auto manifest = peek(request)) {
    TRY(look_at_space(files, request, *manifest));
    TRY_ASSIGN(key, BackupKey::of(*manifest, request.identity, files, processes, work.limits()));
  }
  TRY(files.create_folder(request.folder / kArchive));
  artefact::VerifyRequest verify;
  verify.id = request.id;
  verify.expected_manifest_sha256 = request.expected_manifest_sha256;
  verify.workers = request.workers;
  verify.first_finding_ends = request.first_finding_ends;
  verify.deadline = work.deadline;
  verify.stop = work.stop;
  verify.decryption = decryption_of(key);
  verify.progress = [&](const artefact::VerifyProgress& progress) {
    work.progress({"unpack", request.id.str(), progress.done, progress.total});
  };
  verify.unpack_to =
      [&](const FileEntry& entry) -> Result<std::unique_ptr<platform::WritableFile>> {
    const platform::Path path = unpacked_path(request.folder, entry);
    if (path.empty()) return nullptr;
    return files.create(path);
  };
  TRY_ASSIGN(auto report, artefact::verify(request.source, clock, verify));
  TRY(judge(report, request.strangers_are_fine));
  Unpacked out{std::move(*report.manifest), report.manifest_sha256, request.folder / kArchive, {}};
  out.strangers = std::move(report.findings);
  for (const FileEntry& entry : out.manifest.files) {
    if (entry.kind == FileKind::globals) out.globals = request.folder / kGlobals;
  }
  out.took = std::chrono::duration_cast<Duration>(clock.monotonic() - began);
  return out;
}

}  // namespace vigie::proof
