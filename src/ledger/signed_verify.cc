#include "ledger/signed_verify.h"

#include <algorithm>

#include "ledger/checkpoint_file.h"
#include "ledger/entry.h"
#include "ledger/key_files.h"
#include "ledger/survey.h"

namespace vigie::ledger {
namespace {

constexpr Bytes kMaxKeyFile = 4_KiB;

Verdict worse(Verdict a, Verdict b) {
  const auto rank = [](Verdict verdict) {
    return verdict == Verdict::failed ? 2 : verdict == Verdict::could_not_verify ? 1 : 0;
  };
  return rank(a) >= rank(b) ? a : b;
}

bool lists(const CheckpointChain& chain, const PublicKey& key) {
  return std::ranges::find(chain.keys(), key) != chain.keys().end();
}

// What concerns the file as a whole. Whoever gives a key expects signatures: then the ledger's word
// that there was a key is enough.
void judge_whole(CheckpointFile& file, CheckpointReport& report,
                 const std::optional<PublicKey>& key, bool ledger_names_a_key) {
  if (file.chain.lines() == 0 && (report.public_key || (key && ledger_names_a_key)))
    file.problem(0, 0, "the checkpoints are missing");
  if (key && file.chain.lines() > 0 && !lists(file.chain, *key))
    file.problem(0, 0, "no line is signed with the given key");
  report.trusted = key && lists(file.chain, *key);
}

CheckpointReport report_of(CheckpointFile& file, const CheckpointMatcher& matcher,
                           CheckpointReport report) {
  report.there = file.there;
  report.checkpoints = file.chain.checkpoints();
  report.matched = matcher.matched();
  report.newest = file.chain.newest();
  if (!file.chain.keys().empty()) report.key_id = file.chain.keys().back().id();
  report.problems = std::move(file.problems);
  report.problem_count = file.problem_count;
  return report;
}

}  // namespace

Verdict CheckpointReport::verdict(bool key_given) const {
  if (problem_count > 0) return Verdict::failed;
  return key_given && matched == 0 ? Verdict::could_not_verify : Verdict::passed;
}

Verdict SignedReport::verdict() const {
  return worse(ledger.verdict(), checkpoints.verdict(key_given));
}

LedgerPlace place_of(platform::FileSystem& files, const platform::Path& given) {
  const auto inner = files.info(given / "ledger");
  const bool outer = inner && inner->kind == platform::EntryKind::folder;
  platform::Path ledger = outer ? given / "ledger" : given;
  if (!ledger.has_filename()) ledger = ledger.parent_path();  // "copy/"
  const platform::Path beside = ledger.parent_path();
  return {ledger, beside / kCheckpointsName, beside / kPublicKeyName};
}

Result<PublicKey> read_public_key(platform::FileSystem& files, const platform::Path& path) {
  TRY_ASSIGN(const std::string text, platform::read_file(files, path, kMaxKeyFile));
  const auto key = PublicKey::from_pem(text);
  if (key) return *key;
  return fail(ErrorCode::signing_key_invalid,
              {{"path", path.string()}, {"reason", "it is no Ed25519 public key in PEM"}});
}

Result<SignedReport> verify_signed(platform::FileSystem& files, const LedgerPlace& place,
                                   const std::optional<PublicKey>& key, std::stop_token stop,
                                   const SeeEntry& see) {
  SignedReport report;
  report.key_given = key.has_value();
  platform::FileSystem& beside = place.beside == nullptr ? files : *place.beside;
  report.checkpoints.public_key = beside.info(place.public_key).has_value();
  // Before the mark and the entries, to which a writer adds meanwhile.
  TRY_ASSIGN(CheckpointFile file, read_checkpoints(beside, place.checkpoints, stop));
  const Mark mark = read_mark(files, place.ledger);
  CheckpointMatcher matcher(file);
  bool names_a_key = false;
  TRY_ASSIGN(Survey found, survey(files, place.ledger, Rows::no, mark, std::move(stop),
                                  [&](const LineView& entry) {
                                    matcher.see(entry.seq, entry.entry_hash);
                                    names_a_key |= entry.kind == kind::kSigningKey;
                                    if (see) see(entry);
                                  }));
  matcher.end();
  judge_whole(file, report.checkpoints, key, names_a_key);
  report.ledger = ledger::report_of(found);
  report.checkpoints = report_of(file, matcher, std::move(report.checkpoints));
  return report;
}

}  // namespace vigie::ledger
