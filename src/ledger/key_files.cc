#include "ledger/key_files.h"

#include "platform/log.h"

namespace vigie::ledger {
namespace {

constexpr std::string_view kNextName = "ledger.key.next";
constexpr Bytes kMaxKeyFile = 4_KiB;
constexpr unsigned kOthers = 077;

tl::unexpected<Error> invalid(const platform::Path& path, std::string reason) {
  return fail(ErrorCode::signing_key_invalid,
              {{"path", path.string()}, {"reason", std::move(reason)}});
}

// Its base64: what must never be in a log or in evidence.
void keep_secret(std::string_view pem) {
  const size_t start = pem.find('\n');
  const size_t end = pem.find("\n-----END");
  if (start >= end || end == std::string_view::npos) return;
  platform::known_secrets().add(Secret(std::string(pem.substr(start + 1, end - start - 1))));
}

}  // namespace

Result<std::optional<SigningKey>> KeyFiles::read(std::string_view name) const {
  const platform::Path path = folder_ / name;
  const auto info = files_.info(path);
  if (!info && info.error().code() == ErrorCode::file_not_found) return std::optional<SigningKey>();
  if (!info) return fail(info.error());
  if ((info->mode & kOthers) != 0) return invalid(path, "others may read it: chmod 600");
  TRY_ASSIGN(std::string text, platform::read_file(files_, path, kMaxKeyFile));
  const Secret held(std::move(text));
  auto key = SigningKey::from_pem(held.reveal());
  if (!key) return invalid(path, "it is no Ed25519 private key in PEM without a password");
  keep_secret(held.reveal());
  return std::optional(std::move(*key));
}

Result<std::optional<SigningKey>> KeyFiles::current() const {
  return read(kKeyName);
}

Result<std::optional<SigningKey>> KeyFiles::next() const {
  return read(kNextName);
}

Result<SigningKey> KeyFiles::make_first() {
  SigningKey key = SigningKey::generate();
  const Secret pem = key.pem();
  keep_secret(pem.reveal());
  TRY(platform::write_file_new(files_, folder_ / kKeyName, pem.reveal(), 0600));
  return key;
}

Result<SigningKey> KeyFiles::make_next() {
  SigningKey key = SigningKey::generate();
  const Secret pem = key.pem();
  keep_secret(pem.reveal());
  TRY(platform::write_file_replace(files_, folder_ / kNextName, pem.reveal(), 0600));
  return key;
}

Result<> KeyFiles::promote() {
  TRY(files_.rename_replace(folder_ / kNextName, folder_ / kKeyName));
  return files_.sync_folder(folder_);
}

Result<> KeyFiles::drop_next() {
  const auto removed = files_.remove_file(folder_ / kNextName);
  if (!removed && removed.error().code() != ErrorCode::file_not_found) return fail(removed.error());
  return {};
}

Result<> KeyFiles::publish(const PublicKey& key) {
  const std::string pem = key.pem();
  const auto there = platform::read_file(files_, folder_ / kPublicKeyName, kMaxKeyFile);
  if (there && *there == pem) return {};
  return platform::write_file_replace(files_, folder_ / kPublicKeyName, pem, 0644);
}

}  // namespace vigie::ledger
