// One thing that happened, before it is written: what the other rooms fill and hand to
// Ledger::append(). docs/formats/evidence-1.md says what each key means.
//
// Free text that people or other programs wrote is allowed in `reason`, `reference`, `deviations`,
// `follow_up` and in strings of the objects; a conninfo's password and a URL's user part are struck
// out of all of them before anything is written (redact.h), and what this process knows to be a
// secret out of the free texts. Never put a row's values or SQL with
// values anywhere.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/time.h"
#include "base/verdict.h"

namespace vigie::ledger {

enum class Outcome : unsigned char { passed, failed, could_not_verify, skipped };

std::string_view to_string(Outcome outcome);
Outcome outcome_of(Verdict verdict);

// The kinds that this release writes: [a-z][a-z0-9_]{0,62}.
namespace kind {
inline constexpr std::string_view kBackup = "backup";
inline constexpr std::string_view kBackupVerify = "backup_verify";
inline constexpr std::string_view kBackupCopy = "backup_copy";  // into a further store
inline constexpr std::string_view kCopyVerify = "copy_verify";  // of one that lies off the host
inline constexpr std::string_view kRetention = "retention";     // one for an expiry run
inline constexpr std::string_view kScrub = "scrub";             // one for a round
inline constexpr std::string_view kMissedRun = "missed_run";
inline constexpr std::string_view kHold = "hold";                  // pin and unpin
inline constexpr std::string_view kPlausibility = "plausibility";  // an alarm was raised
inline constexpr std::string_view kAcknowledgement = "acknowledgement";
inline constexpr std::string_view kConfigReload = "config_reload";
inline constexpr std::string_view kClock = "clock";              // the wall clock was set back
inline constexpr std::string_view kToken = "token";              // created, revoked
inline constexpr std::string_view kRecovered = "recovered";      // published, found unrecorded
inline constexpr std::string_view kInterrupted = "interrupted";  // a run ended with the process
inline constexpr std::string_view kPreflight = "preflight";      // before a window
inline constexpr std::string_view kRunEnded = "run_ended";       // whose parts do not tell how
inline constexpr std::string_view kEvidenceVerify = "evidence_verify";
inline constexpr std::string_view kSigningKey = "signing_key";      // of checkpoints; replaced
inline constexpr std::string_view kRestore = "restore";             // of a backup, for real
inline constexpr std::string_view kRestoreDrill = "restore_drill";  // into a server of our own
// The same from a copy off the host, beside it.
inline constexpr std::string_view kRestoreDrillOffsite = "restore_drill_offsite";
inline constexpr std::string_view kDurabilityProof = "durability_proof";
inline constexpr std::string_view kDurabilityProofNode = "durability_proof_node";  // the machine
inline constexpr std::string_view kAmcheck = "amcheck";  // of a database that is backed up
inline constexpr std::string_view kLedgerDamage = "ledger_damage";  // written by the ledger itself
// What the program finds when it looks at itself.
inline constexpr std::string_view kStatusContract = "status_contract";
inline constexpr std::string_view kErrorContract = "error_contract";
inline constexpr std::string_view kCanary = "canary";
inline constexpr std::string_view kHealthLatency = "health_latency";
inline constexpr std::string_view kMatrix = "matrix";  // of the requirements
// All of them.
inline constexpr std::array kEvery{
    kBackup,        kBackupVerify,   kRetention,       kScrub,
    kMissedRun,     kHold,           kPlausibility,    kAcknowledgement,
    kConfigReload,  kClock,          kToken,           kRecovered,
    kInterrupted,   kPreflight,      kRunEnded,        kEvidenceVerify,
    kSigningKey,    kRestore,        kRestoreDrill,    kRestoreDrillOffsite,
    kBackupCopy,    kCopyVerify,     kDurabilityProof, kDurabilityProofNode,
    kLedgerDamage,  kStatusContract, kErrorContract,   kCanary,
    kHealthLatency, kMatrix,         kAmcheck};
}  // namespace kind

struct Trigger {
  std::string by;     // schedule, human, daemon
  std::string actor;  // "socket:uid=0", "token:…"; empty for the daemon's own
  CorrelationId correlation_id;
  RunId run_id;  // empty: not the work of a run
};

struct Assertion {
  std::string id;
  json::value expected;
  json::value actual;
  Outcome result = Outcome::could_not_verify;
};

struct ArtefactRef {
  std::string name;    // of a backup: its id
  std::string sha256;  // of its manifest; empty: not known
  std::optional<Bytes> bytes;
};

struct Entry {
  std::string kind;
  std::vector<std::string> requirement_ids;  // empty: those of the kind (requirements.h)
  SystemTime started_at;
  SystemTime ended_at;
  Outcome result = Outcome::could_not_verify;
  std::string error_code;  // why not passed; empty: none
  Trigger trigger;
  json::object subject;      // {job, database, store, backup, …}: what `backup` filters look at
  json::object environment;  // versions, host facts
  json::object measures;     // numbers
  std::vector<Assertion> assertions;
  std::vector<ArtefactRef> artefacts;
  std::vector<std::string> deviations;
  std::string follow_up;  // what is to be done; empty: nothing
  std::string reason;     // of a human act
  std::string reference;  // of a human act: a ticket

  // Result, error code and follow-up of work that ended with `error`; after `trigger` is set.
  void ended_with(const Error& error);
};

}  // namespace vigie::ledger
