#include "artefact/age.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "platform/log.h"
#include "platform/process_output.h"
#include "platform/secret_file.h"

namespace vigie::artefact {
namespace {

using platform::Command;
using platform::ProcessEnd;

constexpr Bytes kMaxIdentity = 64_KiB;

Error unavailable(std::string_view reason) {
  return Error(ErrorCode::encryption_unavailable,
               {{"command", "age"}, {"reason", std::string(reason)}});
}

bool says(const ProcessEnd& end, std::string_view words) {
  return end.error_text.find(words) != std::string::npos;
}

// What it says may hold what it was given: only its meaning goes further.
Error not_encrypted(const ProcessEnd& end) {
  if (end.signalled) return unavailable("it was killed");
  const bool recipient = says(end, "recipient");
  return Error(ErrorCode::encryption_failed,
               {{"code", fmt::format("{}", end.status)},
                {"reason", recipient ? "it refuses a recipient." : "it does not say why."}});
}

Error not_decrypted(const ProcessEnd& end, const BackupId& backup, const std::string& member) {
  const auto refused = [&](std::string_view reason) {
    return Error(ErrorCode::identity_refused,
                 {{"backup", backup.str()}, {"reason", std::string(reason)}});
  };
  if (end.signalled) return refused("age was killed before it had opened it");
  if (says(end, "no identity matched")) return refused("it was encrypted for other keys");
  if (says(end, "unknown identity type") || says(end, "no secret keys found") ||
      says(end, "malformed secret key") || says(end, "failed to read \"/proc/"))
    return refused("the identity is not one of age");
  if (says(end, "passphrase")) return refused("the identity itself is encrypted");
  const bool changed = says(end, "failed to read header") || says(end, "failed to decrypt") ||
                       says(end, "bad header MAC") || says(end, "unexpected EOF");
  if (!changed) return refused("age does not open it, and does not say why");
  return Error(ErrorCode::artefact_decrypt, {{"backup", backup.str()},
                                             {"job", backup.job},
                                             {"member", member},
                                             {"reason", "it was changed or cut off"}});
}

bool is_age_key(std::string_view text) {
  constexpr std::string_view kStart = "age1";
  const auto in_bech32 = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return text.starts_with(kStart) && text.size() > kStart.size() && text.size() <= 200 &&
         std::ranges::all_of(text, in_bech32);
}

bool is_ssh_key(std::string_view text) {
  const auto printable_ascii = [](char c) { return c >= ' ' && c <= '~'; };
  return (text.starts_with("ssh-ed25519 ") || text.starts_with("ssh-rsa ")) &&
         text.size() <= 4096 && std::ranges::all_of(text, printable_ascii);
}

// Of a text only the whole is known as a secret, and a key is one line of it.
void add_known(const Secret& identity) {
  std::string_view text = identity.reveal();
  bool named = false;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.starts_with("AGE-SECRET-KEY-") && !line.starts_with("AGE-PLUGIN-")) continue;
    platform::known_secrets().add(Secret(std::string(line)));
    named = true;
  }
  if (!named) platform::known_secrets().add(identity);
}

}  // namespace

bool is_recipient(std::string_view text) {
  return is_age_key(text) || is_ssh_key(text);
}

Result<platform::Path> find_age(platform::FileSystem& files) {
  for (const std::string_view path : {"/usr/bin/age", "/usr/local/bin/age"})
    if (files.info(path)) return platform::Path(path);
  return fail(unavailable("it is not installed"));
}

Result<Identity> Identity::from_file(const platform::Path& path) {
  TRY_ASSIGN(const Secret key, platform::read_secret_file(path, kMaxIdentity));
  add_known(key);
  TRY_ASSIGN(auto file, platform::MemoryFile::make(key));
  return Identity(std::move(file));
}

Result<Identity> Identity::from_command(platform::ProcessRunner& runner,
                                        const std::vector<std::string>& command,
                                        const CallLimits& limits) {
  Command what;
  what.program = command.front();
  what.arguments.assign(command.begin() + 1, command.end());
  TRY_ASSIGN(auto said, platform::run_for_text(runner, std::move(what), kMaxIdentity,
                                               limits.deadline, limits.stop));
  const Secret key(std::move(said.output));
  add_known(key);
  if (said.end.status != 0 || key.empty())
    return fail(ErrorCode::process_failed,
                {{"command", platform::Path(command.front()).filename().string()},
                 {"code", fmt::format("{}", said.end.status)},
                 {"reason", "it gave no identity"}});
  TRY_ASSIGN(auto file, platform::MemoryFile::make(key));
  return Identity(std::move(file));
}

Result<AgePipe> AgePipe::start(platform::ProcessRunner& runner, Command command,
                               const CallLimits& limits, Judge judge) {
  auto filter = platform::Filter::start(runner, std::move(command), limits);
  if (filter) return AgePipe(std::move(*filter), std::move(judge));
  const bool absent = filter.error().code() == ErrorCode::process_spawn;
  return fail(absent ? unavailable("it cannot be started") : filter.error());
}

Result<AgePipe> AgePipe::encrypt(const Encryption& encryption) {
  Command command;
  command.program = encryption.program;
  command.arguments = {"--encrypt"};
  for (const std::string& recipient : encryption.recipients) {
    command.arguments.emplace_back("--recipient");
    command.arguments.push_back(recipient);
  }
  return start(encryption.runner, std::move(command), encryption.limits, not_encrypted);
}

Result<AgePipe> AgePipe::decrypt(const Decryption& decryption, const CallLimits& limits,
                                 const BackupId& backup, std::string member) {
  Command command;
  command.program = decryption.program;
  command.arguments = {"--decrypt", "--identity", decryption.identity.path().string()};
  return start(decryption.runner, std::move(command), limits,
               [backup, member = std::move(member)](const ProcessEnd& end) {
                 return not_decrypted(end, backup, member);
               });
}

Result<> AgePipe::push(ByteSpan bytes, const Sink& sink) {
  TRY_ASSIGN(const bool more, filter_->push(bytes, sink));
  if (more) return {};
  TRY_ASSIGN(const ProcessEnd end, filter_->finish(sink));
  return fail(judge_(end));
}

Result<> AgePipe::finish(const Sink& sink) {
  TRY_ASSIGN(const ProcessEnd end, filter_->finish(sink));
  if (end.status != 0) return fail(judge_(end));
  return {};
}

Result<> try_encryption(const Encryption& encryption) {
  TRY_ASSIGN(auto pipe, AgePipe::encrypt(encryption));
  return pipe.finish([](ByteSpan) { return Result<>(); });
}

}  // namespace vigie::artefact
